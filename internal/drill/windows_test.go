package drill_test

import (
	"net/http"
	"time"
)

// permitted reports whether a rejection is in one of the stated windows:
//
//   - 503 without regard to proofs, from the time at which the copy of the revocations can be too old until the store was
//     read again,
//   - 503 for proofs, from the beginning of the fault until the connection works again, or until the circuit breaker
//     permits the next call if the connection has worked all the time; if proofs can have been lost and nonces are not used, until a new proof was certainly made clockSkew after that,
//   - 401 with a new nonce, if proofs can have been lost, until a new nonce was made clockSkew after that,
//   - 503 of a process that starts, until it is ready.
func (j *judge) permitted(a answer) bool {
	if a.status == http.StatusServiceUnavailable && j.isDown(a) {
		return true
	}
	for _, f := range j.faults {
		switch {
		case a.status == http.StatusServiceUnavailable && j.revocationsUnknown(a, f),
			a.status == http.StatusServiceUnavailable && a.kind.proves() && j.proofsUnknown(a, f),
			a.status == http.StatusUnauthorized && a.why == "use_dpop_nonce" && j.nonceNeeded(a, f):
			return true
		}
	}
	return false
}

// within reports whether a request was in progress between two times.
func (j *judge) within(a answer, from, to time.Time) bool {
	return !a.end.Before(from.Add(-j.limits.slack)) && !a.begin.After(to.Add(j.limits.slack))
}

func (j *judge) revocationsUnknown(a answer, f fault) bool {
	if !f.what.reads {
		return false
	}
	from := f.begin.Add(maxAge - readInterval - readTime)
	for _, d := range j.downtimes {
		if d.process == a.process && !d.begin.Before(f.begin) && d.begin.Before(f.back.Add(reconnect)) {
			from = d.begin
		}
	}
	return from.Before(f.back.Add(reconnect)) && j.within(a, from, f.back.Add(reconnect))
}

func (j *judge) proofsUnknown(a answer, f fault) bool {
	to := f.back.Add(reconnect)
	if f.what.stays {
		to = f.back.Add(coolDown + nextCall)
	}
	if f.what.lost && !j.limits.nonces {
		to = to.Add(clockSkew + j.limits.window + wholeSecond)
	}
	return (f.what.proofs || f.what.lost) && j.within(a, f.begin, to)
}

func (j *judge) nonceNeeded(a answer, f fault) bool {
	to := f.back.Add(reconnect + clockSkew + wholeSecond)
	return f.what.lost && j.limits.nonces && a.kind.proves() && j.within(a, f.begin, to)
}
