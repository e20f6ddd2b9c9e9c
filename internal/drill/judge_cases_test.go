package drill_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// The judge itself: what it must find, and what it must permit.
func TestJudge(t *testing.T) {
	start := time.Now()
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	outage := func(what effects) []fault { // from 100 s to 110 s
		return []fault{{begin: at(100), gone: at(100.1), end: at(110), back: at(110.1), what: what}}
	}
	ok := func(k kind, process, item int, second float64) answer {
		return answer{kind: k, process: process, item: item, begin: at(second), end: at(second + 0.01), status: 200}
	}
	no := func(k kind, status int, why string, second float64) answer {
		return answer{kind: k, process: 1, item: 9, begin: at(second), end: at(second + 0.01), status: status, why: why}
	}
	added := func(second float64, err error) *revocationOf {
		return &revocationOf{number: 5, added: at(second), err: err}
	}
	failed := errors.New("failed")
	restarted := []downtime{{process: 2, begin: at(102), killed: at(102), end: at(102.5), ready: at(102.5)}}
	const window = 6 * time.Second
	for _, row := range []struct {
		name      string
		faults    []fault
		downtimes []downtime
		revoked   *revocationOf
		nonces    bool
		answers   []answer
		want      string // wrong accepts, fail-open answers, rejections outside and inside
	}{
		{"a proof is accepted once", nil, nil, nil, false, []answer{ok(bound, 1, 1, 50), no(replay, 401, "invalid_dpop_proof", 50.1)}, "0 0 0 0"},
		{"a proof is accepted twice", nil, nil, nil, false, []answer{ok(bound, 1, 1, 50), ok(replay, 2, 1, 50.1)}, "1 0 0 0"},
		{"a proof is accepted twice, first before the measurement", nil, nil, nil, false, []answer{ok(bound, 1, 1, 1), ok(replay, 1, 1, 50)}, "1 0 0 0"},
		{"a replay is accepted after its first use was rejected", outage(away), nil, nil, false, []answer{no(bound, 503, "", 101), ok(replay, 1, 9, 111)}, "0 0 0 1"},
		{"two proofs", nil, nil, nil, false, []answer{ok(bound, 1, 1, 50), ok(bound, 1, 2, 50)}, "0 0 0 0"},

		{"a revocation applies in time", nil, nil, added(50, nil), false, []answer{ok(revoked, 1, 5, 50.9), no(revoked, 401, "invalid_token", 51)}, "0 0 0 0"},
		{"a revocation applies too late", nil, nil, added(50, nil), false, []answer{ok(revoked, 1, 5, 51.1)}, "1 0 0 0"},
		{"within five seconds during an outage", outage(away), nil, added(99.5, nil), false, []answer{ok(revoked, 1, 5, 104.4)}, "0 0 0 0"},
		{"later than five seconds during an outage", outage(effects{proofs: true}), nil, added(99.5, nil), false, []answer{ok(revoked, 1, 5, 104.6)}, "1 0 0 0"},
		{"after lost data, before the driver has added it again", outage(effects{lost: true}), nil, added(99.5, nil), false, []answer{ok(revoked, 1, 5, 114)}, "0 0 0 0"},
		{"after lost data, later", outage(effects{lost: true}), nil, added(99.5, nil), false, []answer{ok(revoked, 1, 5, 114.2)}, "1 0 0 0"},
		{"long before data is lost", outage(effects{lost: true}), nil, added(90, nil), false, []answer{ok(revoked, 1, 5, 111)}, "1 0 0 0"},
		{"List.Add fails without a fault", nil, nil, added(50, failed), false, nil, "0 0 1 0"},
		{"List.Add fails in an outage", outage(away), nil, added(105, failed), false, []answer{no(revoked, 503, "", 107)}, "0 0 0 0"},

		{"a proof is accepted without the store", outage(away), nil, nil, false, []answer{ok(bound, 1, 1, 105)}, "0 1 0 0"},
		{"a proof is accepted while the store fails", outage(away), nil, nil, false, []answer{ok(bound, 1, 1, 100.05)}, "0 0 0 0"},
		{"a proof may be accepted", outage(effects{proofs: true, may: true}), nil, nil, false, []answer{ok(bound, 1, 1, 105)}, "0 0 0 0"},
		{"a token is accepted for five seconds", outage(away), nil, nil, false, []answer{ok(remembered, 1, 0, 105)}, "0 0 0 0"},
		{"a token is accepted for longer", outage(away), nil, nil, false, []answer{ok(remembered, 1, 0, 105.2)}, "0 1 0 0"},
		{"a token is accepted although the list can be read", outage(effects{proofs: true}), nil, nil, false, []answer{ok(remembered, 1, 0, 109)}, "0 0 0 0"},
		{"a token is accepted by a new process", outage(away), restarted, nil, false, []answer{ok(remembered, 2, 0, 103)}, "0 1 0 0"},
		{"a token is accepted by an old process", outage(away), restarted, nil, false, []answer{ok(remembered, 1, 0, 103)}, "0 0 0 0"},

		{"rejected without a fault", nil, nil, nil, false, []answer{no(remembered, 503, "", 50), no(bound, 503, "", 50), no(unseen, 401, "invalid_token", 50), no(opaque, 0, "", 50)}, "0 0 4 0"},
		{"rejected before the measurement", nil, nil, nil, false, []answer{no(bound, 503, "", 5)}, "0 0 0 0"},
		{"503 for a token, too early", outage(away), nil, nil, false, []answer{no(remembered, 503, "", 103)}, "0 0 1 0"},
		{"503 for a token", outage(away), nil, nil, false, []answer{no(remembered, 503, "", 104), no(remembered, 503, "", 113)}, "0 0 0 2"},
		{"503 for a token, too late", outage(away), nil, nil, false, []answer{no(remembered, 503, "", 113.2)}, "0 0 1 0"},
		{"503 for a token although the list can be read", outage(effects{proofs: true}), nil, nil, false, []answer{no(remembered, 503, "", 108)}, "0 0 1 0"},
		{"503 of a new process", outage(away), restarted, nil, false, []answer{{kind: remembered, process: 2, begin: at(102.6), end: at(102.6), status: 503}}, "0 0 0 1"},
		{"503 for a proof", outage(away), nil, nil, false, []answer{no(bound, 503, "", 100), no(bound, 503, "", 113)}, "0 0 0 2"},
		{"503 for a proof, too late", outage(away), nil, nil, false, []answer{no(bound, 503, "", 113.2)}, "0 0 1 0"},
		{"503 for a proof, before the circuit breaker permits a call", outage(effects{proofs: true, stays: true}), nil, nil, false, []answer{no(bound, 503, "", 115.5)}, "0 0 0 1"},
		{"503 for a proof, later", outage(effects{proofs: true, stays: true}), nil, nil, false, []answer{no(bound, 503, "", 115.7)}, "0 0 1 0"},
		{"503 for a proof after lost data", outage(awayEmpty), nil, nil, false, []answer{no(bound, 503, "", 125)}, "0 0 0 1"},
		{"503 for a proof after lost data, too late", outage(awayEmpty), nil, nil, false, []answer{no(bound, 503, "", 125.2)}, "0 0 1 0"},
		{"503 for a proof because of a late call", nil, nil, nil, false, []answer{{kind: bound, begin: at(50), end: at(50.051), status: 503}, {kind: remembered, begin: at(50), end: at(50.051), status: 503}}, "0 0 1 0"},
		{"503 for a replay, too late", outage(awayEmpty), nil, nil, false, []answer{no(replay, 503, "", 125.2)}, "0 0 1 0"},
		{"a new nonce after lost data", outage(awayEmpty), nil, nil, true, []answer{no(bound, 401, "use_dpop_nonce", 119), no(replay, 401, "use_dpop_nonce", 119)}, "0 0 0 1"},
		{"a new nonce after lost data, too late", outage(awayEmpty), nil, nil, true, []answer{no(bound, 401, "use_dpop_nonce", 119.2)}, "0 0 1 0"},
		{"503 after lost data with nonces", outage(awayEmpty), nil, nil, true, []answer{no(bound, 503, "", 113.2)}, "0 0 1 0"},
		{"a new nonce without lost data", outage(away), nil, nil, true, []answer{no(bound, 401, "use_dpop_nonce", 111)}, "0 0 1 0"},
		{"401 for a valid proof", outage(awayEmpty), nil, nil, false, []answer{no(bound, 401, "invalid_dpop_proof", 112)}, "0 0 1 0"},
		{"401 for a revoked token with another error", nil, nil, added(50, nil), false, []answer{no(revoked, 401, "", 52)}, "0 0 1 0"},
		{"a process that the driver has ended", nil, restarted, nil, false, []answer{{kind: remembered, process: 2, begin: at(102.1), end: at(102.2)}}, "0 0 0 0"},
		{"another process does not answer", nil, restarted, nil, false, []answer{{kind: remembered, process: 1, begin: at(102.1), end: at(102.2)}}, "0 0 1 0"},
	} {
		j := judge{limits: limits{window: window, timeout: 50 * time.Millisecond, nonces: row.nonces}, start: start, measured: at(10),
			faults: row.faults, downtimes: row.downtimes, revocations: map[int]*revocationOf{9: added(1, nil)}}
		if row.revoked != nil {
			j.revocations[5] = row.revoked
		}
		for i := range row.answers {
			if row.answers[i].kind == revoked {
				row.answers[i].item = 5
			}
		}
		j.judgeAnswers(row.answers)
		v := j.verdict
		got := slices.Concat(v.wrongAccepts.texts, v.failOpen.texts, v.outside.texts)
		counts := fmt.Sprint(v.wrongAccepts.count, v.failOpen.count, v.outside.count, v.inside)
		if counts != row.want || v.requests != len(row.answers) {
			t.Errorf("%s:\n got %s %s\nwant %s", row.name, counts, strings.Join(got, "; "), row.want)
		}
	}
}

// A scenario with two faults: the longest time of rejections, and how long after the repair the last one was.
func TestJudgeMeasures(t *testing.T) {
	start := time.Now()
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	j := judge{start: start, measured: at(1), faults: []fault{
		{begin: at(10), gone: at(10), end: at(12), back: at(12), what: away},
		{begin: at(50), gone: at(50), end: at(60), back: at(60), what: away},
	}}
	var answers []answer
	for _, second := range []int{10, 11, 13, 52, 58} {
		answers = append(answers, answer{kind: bound, begin: at(second), end: at(second + 1), status: 503})
	}
	j.judgeAnswers(answers)
	if v := j.verdict.proved; v.longest != 7*time.Second || v.after != time.Second {
		t.Errorf("got %s and %s, want 7 s (from 52 to 59) and 1 s (13 after 12)", v.longest, v.after)
	}
}

// A scenario in which no used proof or no revoked token was sent has shown nothing about them.
func TestNothingMeasured(t *testing.T) {
	start := time.Now()
	j := judge{measured: start, faults: []fault{{begin: start.Add(10 * time.Second), back: start.Add(20 * time.Second)}}}
	all := []kind{remembered, unseen, opaque, newOpaque, bound, replay, revoked}
	for _, omitted := range append(all, "") {
		for _, phase := range []time.Duration{5 * time.Second, 25 * time.Second} {
			var answers []answer
			for _, begin := range []time.Duration{5 * time.Second, 25 * time.Second} {
				for _, k := range all {
					a := answer{kind: k, status: 200, begin: start.Add(begin), end: start.Add(30 * time.Second)}
					if !valid[k] {
						a.status = 401
					}
					if k == omitted && begin == phase {
						a.status = 503
					}
					answers = append(answers, a)
				}
			}
			var r row
			r.checkMeasured(&j, answers)
			if want := min(1, len(omitted)); r.problems.count != want {
				t.Errorf("without an answer of %q: %d problems, want %d: %v", omitted, r.problems.count, want, r.problems.texts)
			}
		}
	}
}
