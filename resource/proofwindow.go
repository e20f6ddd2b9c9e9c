package resource

import "time"

// proofWindow is DPoP.Window. A used proof is stored only until its iat leaves the
// window of the configuration that accepted it. So a longer window of a later configuration must
// not apply to this proof: it would be accepted again.
type proofWindow struct {
	length time.Duration // as configured

	// A proof whose iat is at or before the time earlier can have been used while the window was
	// shorter. Until all of them are older than length, the window grows from shorter to length.
	earlier time.Time // zero: there are none
	shorter time.Duration
}

// inFlight is how much longer than Replace a request can be decided by the previous configuration.
const inFlight = time.Minute

// at returns the window that applies at a time.
func (w *proofWindow) at(now time.Time) time.Duration {
	if w.earlier.IsZero() || w.shorter >= w.length {
		return w.length
	}
	grown := now.Sub(w.earlier).Truncate(time.Second) - time.Second // iat has whole seconds
	return min(max(grown, w.shorter), w.length)
}

// continueFrom continues after another window.
func (w *proofWindow) continueFrom(old *proofWindow, now time.Time) {
	w.shorter, w.earlier = old.at(now), now.Add(inFlight+old.length)
}
