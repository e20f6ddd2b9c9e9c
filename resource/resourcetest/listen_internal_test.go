package resourcetest

import (
	"net/http"
	"testing"
	"testing/synctest"
)

// Close returns when the last connection is closed, and not before. From
// outside this could only be seen by chance.
func TestCloseWaitsForConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{server: &http.Server{}}
		l.count(nil, http.StateNew)
		l.count(nil, http.StateNew)
		closed := false
		go func() { l.close(); closed = true }()
		for _, state := range []http.ConnState{http.StateActive, http.StateIdle, http.StateClosed, http.StateHijacked} {
			synctest.Wait()
			if closed {
				t.Fatalf("closed before %v", state)
			}
			l.count(nil, state)
		}
		synctest.Wait()
		if !closed {
			t.Error("not closed after the last connection")
		}
	})
}
