package drill_test

import (
	"cmp"
	"net/http"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// A row is the result of a scenario.
type row struct {
	name          string
	verdict       verdict
	problems      findings // what else is wrong
	propagation   []time.Duration
	streams       time.Duration // until the last stream ended
	goroutines    [2]float64    // largest numbers of one process: before the first fault, and later
	memory        [2]float64    // bytes, likewise
	delay         [2]time.Duration
	calls, tokens int // introspection calls, and new opaque tokens
	late          time.Duration
}

// Bounds of what the processes need during a fault.
const (
	moreGoroutines = 5*maxConcurrent + 20  // of one process: some for each request that is running
	moreMemory     = 64 << 20              // bytes, of one process
	maxDelay       = 50 * time.Millisecond // p95, if there are minDelays
	minDelays      = 100

	defaultTimeout = 50 * time.Millisecond // timeout_milliseconds
	maxStreamTime  = 2 * time.Second
)

// calls returns the number of introspection calls.
func (f *fleet) calls() int { return f.issuer.Count(resourcetest.Introspection) }

// result judges the answers.
func (d *drill) result(name string, slack time.Duration) row {
	j := judge{
		limits: limits{d.fleet.settings.window, cmp.Or(d.fleet.settings.timeout, defaultTimeout), d.fleet.settings.nonces, slack},
		start:  d.start, measured: d.measured, faults: d.faults.all, downtimes: d.faults.downtimes,
		revocations: map[int]*revocationOf{},
	}
	for _, r := range d.traffic.revocations.list() {
		j.revocations[r.number] = r
	}
	answers := d.record.answers
	slices.SortStableFunc(answers, func(a, b answer) int { return a.end.Compare(b.end) })
	j.judgeAnswers(answers)
	r := row{name: name, verdict: j.verdict, propagation: j.propagation(answers), tokens: int(d.traffic.newTokens.Load())}
	for i, phase := range []string{"steady", "faults"} {
		r.goroutines[i] = d.samples.max(phase, goroutinesMetric)
		r.memory[i] = d.samples.max(phase, memoryMetric)
		r.delay[i] = quantile(j.delays(answers, i == 1), 0.99)
	}
	r.checkDriver(d, &j, answers)
	r.checkProcesses(d, &j, answers, slack)
	return r
}

// checkDriver checks that the driver has measured something.
func (r *row) checkDriver(d *drill, j *judge, answers []answer) {
	if d.record.lost > 0 || d.traffic.skipped.Load() > 0 {
		r.problems.addf("the driver left out %d requests and did not record %d answers", d.traffic.skipped.Load(), d.record.lost)
	}
	for _, metric := range d.samples.lacks() {
		r.problems.addf("examples/server has no metric %s", metric)
	}
	r.checkMeasured(j, answers)
	for _, f := range j.faults {
		if (f.what.proofs && !f.what.may || f.what.lost) && j.verdict.proved.longest == 0 {
			r.problems.addf("a fault had no effect: no proof was rejected")
		}
	}
}

// checkMeasured checks that valid requests were accepted before and after the faults, and that used proofs
// and revoked tokens were sent and rejected. Without such requests, nothing can be wrongly accepted.
func (r *row) checkMeasured(j *judge, answers []answer) {
	before := countExpected(answers, j.measured, j.faults[0].begin)
	after := countExpected(answers, j.faults[len(j.faults)-1].back, answers[len(answers)-1].end)
	for _, k := range []kind{remembered, unseen, opaque, newOpaque, bound, replay, revoked} {
		if before[k] == 0 || after[k] == 0 {
			r.problems.addf("%s: %d requests had the expected answer before the faults, and %d after them", k, before[k], after[k])
		}
	}
}

// countExpected counts the requests between two times that had the answer that is right without a fault.
func countExpected(answers []answer, from, to time.Time) map[kind]int {
	counts := map[kind]int{}
	for _, a := range answers {
		expected := valid[a.kind] && a.accepted() || !valid[a.kind] && a.status == http.StatusUnauthorized
		if expected && a.begin.After(from) && a.begin.Before(to) {
			counts[a.kind]++
		}
	}
	return counts
}

// reasons are those that decisions may have. The first is that of accepted requests.
var reasons = []string{"", "revoked", "revocations_unavailable", "dpop_replayed", "dpop_unavailable", "dpop_time", "dpop_nonce"}

// secretText matches JWTs, the opaque tokens of resourcetest, and the secrets of the configuration.
var secretText = regexp.MustCompile(`\beyJ[\w-]{24,}|\b[A-Z2-7]{52}\b|` + regexp.QuoteMeta(sharedKey) + "|" + regexp.QuoteMeta(eventsSecret) + "|" + passwordText)

// checkProcesses checks what the processes have counted, used and logged.
func (r *row) checkProcesses(d *drill, j *judge, answers []answer, slack time.Duration) {
	for _, reason := range d.samples.decisions() {
		if !slices.Contains(reasons, reason) {
			r.problems.addf("requests were rejected with the reason %s", reason)
		}
	}
	if r.goroutines[1] > r.goroutines[0]+moreGoroutines {
		r.problems.addf("one process had %.0f goroutines, %.0f before the fault", r.goroutines[1], r.goroutines[0])
	}
	if end := d.samples.max("end", goroutinesMetric); end > r.goroutines[0]+maxConcurrent {
		r.problems.addf("one process has %.0f goroutines at the end, %.0f before the fault", end, r.goroutines[0])
	}
	if r.memory[1] > r.memory[0]+moreMemory {
		r.problems.addf("one process needed %.0f MB, %.0f before the fault", r.memory[1]/(1<<20), r.memory[0]/(1<<20))
	}
	delays := j.delays(answers, true)
	if p95 := quantile(delays, 0.95); len(delays) >= minDelays && p95 > maxDelay+slack {
		r.problems.addf("a remembered JWT waited for %s during the fault (p95)", p95)
	}
	share := lateShare
	if slow := j.faults[0].what; slow.may && slow.stays {
		share *= 10 // the delay that the driver adds leaves little time
	}
	if late := r.verdict.late; float64(late.count) > share*float64(r.verdict.requests) {
		r.problems.addf("%d of %d requests were rejected because calls took too long; the first: %s", late.count, r.verdict.requests, late.texts[0])
	}
	for _, p := range d.fleet.processes {
		content, err := os.ReadFile(p.log)
		if found := secretText.Find(content); err != nil || found != nil {
			r.problems.addf("the log of process %d has a secret of %d bytes, or cannot be read: %v", p.number, len(found), err)
		}
	}
	if r.calls > r.tokens*processes {
		r.problems.addf("%d introspection calls for %d tokens", r.calls, r.tokens)
	}
}

func (r *row) checkStreams(early int, took time.Duration, ended bool, slack time.Duration) {
	r.streams = took
	if early > 0 {
		r.problems.addf("%d streams ended although their subject was not revoked", early)
	}
	if !ended || took > maxStreamTime+slack {
		r.problems.addf("streams of a revoked subject were open after %s (all ended: %t)", took, ended)
	}
}

// propagation returns, for each revocation that no fault delayed and for each process, how long
// after Add the first request was rejected.
func (j *judge) propagation(answers []answer) (all []time.Duration) {
	type place struct{ process, item int }
	seen := map[place]bool{}
	for _, a := range answers {
		if a.kind != revoked || a.status != http.StatusUnauthorized || seen[place{a.process, a.item}] {
			continue
		}
		seen[place{a.process, a.item}] = true
		r := j.revocations[a.item]
		if _, disturbed := j.deadline(r); !disturbed && r.err == nil {
			all = append(all, max(0, a.end.Sub(r.added)))
		}
	}
	return all
}

// delays returns how long the answers to remembered JWTs took, before the first fault or during one.
func (j *judge) delays(answers []answer, during bool) (all []time.Duration) {
	for _, a := range answers {
		if a.kind != remembered || !a.accepted() {
			continue
		}
		wanted := !during && a.begin.After(j.measured) && a.end.Before(j.faults[0].begin)
		for _, f := range j.faults {
			wanted = wanted || during && a.begin.After(f.begin) && a.end.Before(f.back)
		}
		if wanted {
			all = append(all, a.end.Sub(a.begin))
		}
	}
	return all
}
