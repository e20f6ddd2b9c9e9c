package drill_test

import (
	"fmt"
	"net/http"
	"time"
)

// What docs/machines.md promises. A judge adds nothing to these times but limits.slack.
const (
	maxAge       = 5 * time.Second // max_revocation_age_seconds: the copy of the revocations can be used for so long
	readInterval = time.Second     // from one read of the revocations to the next one
	readTime     = 500 * time.Millisecond
	reconnect    = 3 * time.Second // a second until an attempt to connect, one for the attempt, one until the next read
	coolDown     = 5 * time.Second // of the circuit breaker, which ends earlier if a new connection works
	nextCall     = 500 * time.Millisecond
	clockSkew    = 5 * time.Second // proofs that were made so soon after lost data are rejected too
	seenWithin   = time.Second     // a revocation applies in all processes while the store is well
	wholeSecond  = time.Second     // iat of a proof has no fraction

	// lateShare is the largest share of requests with a call that takes longer than the timeout
	// although the store is well, because the machine did not run the process or the server in
	// time. It is 0 on an idle machine.
	lateShare = 0.001
)

// limits are what a judge has to know about the processes and the machine.
type limits struct {
	window  time.Duration // dpop_window_seconds
	timeout time.Duration // timeout_milliseconds
	nonces  bool
	slack   time.Duration // added to each time that depends on the speed of the machine; 0 in the drill
}

// A judge decides about the answers of a scenario.
type judge struct {
	limits      limits
	start       time.Time // of the scenario
	measured    time.Time // rejections before are not judged: the store was new, and all of its proofs could be lost
	faults      []fault
	downtimes   []downtime
	revocations map[int]*revocationOf
	first       map[int]answer // that accepted a proof, by number
	verdict     verdict
}

// A verdict is the result of a judge.
type verdict struct {
	requests      int
	wrongAccepts  findings
	failOpen      findings
	outside       findings // rejections outside the stated windows, except the next ones
	late          findings // rejections of proofs outside the windows that took longer than the timeout
	inside        int      // rejections of valid requests inside them
	token, proved span     // these rejections, without and with a proof
}

// findings are texts, of which only some are kept.
type findings struct {
	count int
	texts []string
}

func (f *findings) addf(format string, arguments ...any) {
	f.count++
	if len(f.texts) < 8 {
		f.texts = append(f.texts, fmt.Sprintf(format, arguments...))
	}
}

// span is the longest time in which valid requests were rejected because of one fault.
type span struct {
	began   map[int]time.Time // by fault: the first rejection
	longest time.Duration
	after   time.Duration // from the repair to the last rejection
}

// judgeAnswers decides about all answers, which are in the order of their ends.
func (j *judge) judgeAnswers(answers []answer) {
	j.first = map[int]answer{}
	for _, a := range answers {
		j.verdict.requests++
		if a.accepted() {
			j.judgeAccepted(a)
		} else if a.begin.After(j.measured) {
			j.judgeRejected(a)
		}
	}
	for _, r := range j.revocations {
		if _, disturbed := j.deadline(r); r.err != nil && !disturbed {
			j.verdict.outside.addf("revocation %d failed without a fault: %v", r.number, r.err)
		}
	}
}

func (j *judge) judgeAccepted(a answer) {
	if a.kind.proves() {
		if earlier, used := j.first[a.item]; used {
			j.verdict.wrongAccepts.addf("proof %d was accepted twice:\n  %s\n  %s", a.item, earlier.text(j.start), a.text(j.start))
		} else {
			j.first[a.item] = a
		}
	}
	if a.kind == revoked {
		r := j.revocations[a.item]
		if deadline, _ := j.deadline(r); !a.begin.Before(deadline) {
			j.verdict.wrongAccepts.addf("revocation %d, added at %.3f s (%v), was not applied:\n  %s", a.item, r.added.Sub(j.start).Seconds(), r.err, a.text(j.start))
		}
	}
	if why := j.failOpen(a); why != "" {
		j.verdict.failOpen.addf("accepted %s: %s", why, a.text(j.start))
	}
}

// failOpen returns why an accepted request could not be decided, or nothing.
func (j *judge) failOpen(a answer) string {
	for _, f := range j.faults {
		if f.what.may || a.begin.Before(f.gone) || a.end.After(f.end) {
			continue
		}
		if a.kind.proves() && f.what.proofs {
			return "although the store could not store the proof"
		}
		if f.what.reads && !a.begin.Before(f.gone.Add(maxAge)) {
			return "with revocations that were too old"
		}
		for _, d := range j.downtimes {
			if f.what.reads && d.process == a.process && !d.killed.Before(f.gone) && !a.begin.Before(d.killed) {
				return "by a process that had not read the revocations"
			}
		}
	}
	return ""
}

// deadline returns from when on a revoked token must be rejected everywhere, and whether a fault has
// delayed that.
func (j *judge) deadline(r *revocationOf) (at time.Time, disturbed bool) {
	at = r.added.Add(seenWithin + j.limits.slack)
	for _, f := range j.faults {
		if !f.begin.Before(r.added.Add(seenWithin)) || r.added.After(f.back.Add(reconnect)) {
			continue
		}
		disturbed = true
		at = latest(at, r.added.Add(maxAge))
		if f.what.lost || r.err != nil { // the driver adds it again
			at = latest(at, f.back.Add(reconnect+seenWithin+j.limits.slack))
		}
	}
	return at, disturbed
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (j *judge) judgeRejected(a answer) {
	switch {
	case a.kind == revoked && a.status == http.StatusUnauthorized && a.why == "invalid_token":
		return
	case a.kind == replay && a.status == http.StatusUnauthorized && a.why == "invalid_dpop_proof":
		return
	case a.status == 0 && j.isDown(a):
		return
	case !j.permitted(a) && j.isLate(a):
		j.verdict.late.addf("%s", a.text(j.start))
	case !j.permitted(a):
		j.verdict.outside.addf("%s", a.text(j.start))
	case valid[a.kind] && a.kind.proves():
		j.verdict.inside++
		j.measure(&j.verdict.proved, a)
	case valid[a.kind]:
		j.verdict.inside++
		j.measure(&j.verdict.token, a)
	}
}

// isLate reports whether a proof was rejected after a call of the store could have taken too long.
func (j *judge) isLate(a answer) bool {
	return a.kind.proves() && a.status == http.StatusServiceUnavailable && a.end.Sub(a.begin) >= j.limits.timeout
}

// isDown reports whether the driver had ended the process during the request.
func (j *judge) isDown(a answer) bool {
	for _, d := range j.downtimes {
		if d.process == a.process && !a.end.Before(d.begin) && !a.begin.After(d.ready) {
			return true
		}
	}
	return false
}

// measure notes how long a fault has caused rejections.
func (j *judge) measure(s *span, a answer) {
	if s.began == nil {
		s.began = map[int]time.Time{}
	}
	last := -1
	for i, f := range j.faults {
		if !f.begin.After(a.end) {
			last = i
		}
	}
	if last < 0 {
		return
	}
	if s.began[last].IsZero() {
		s.began[last] = a.begin
	}
	s.longest = max(s.longest, a.end.Sub(s.began[last]))
	s.after = max(s.after, a.begin.Sub(j.faults[last].back))
}
