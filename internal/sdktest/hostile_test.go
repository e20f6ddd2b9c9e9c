package sdktest_test

import "testing"

// TestHostileRequests tests the property of checkProperty for all known hostile requests, on every
// kind of server.
func TestHostileRequests(t *testing.T) {
	for _, s := range testServers(t, rules) {
		accepted, rejected := 0, 0
		for _, cr := range seeds() {
			s.checkProperty(t, cr)
			if s.observer.latest.accepted {
				accepted++
			} else {
				rejected++
			}
		}
		if accepted < 100 || rejected < 100 { // otherwise the test is not effective
			t.Errorf("%s: %d accepted and %d rejected, want at least 100 of each", s.name, accepted, rejected)
		}
	}
}
