package sdktest_test

import "testing"

// The property, for every trick that is known, on every kind of server.
func TestTricks(t *testing.T) {
	for _, s := range sites(t, rules) {
		passed, refused := 0, 0
		for _, l := range seeds() {
			s.hold(t, l)
			if s.watch.latest.passed {
				passed++
			} else {
				refused++
			}
		}
		if passed < 100 || refused < 100 { // else the tricks test nothing
			t.Errorf("%s: %d passed and %d were refused", s.name, passed, refused)
		}
	}
}
