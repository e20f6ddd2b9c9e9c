package resourcetest

import (
	"net/http"
	"testing"
	"testing/synctest"
)

// close returns when the last connection is closed, and not before. A test with sockets could
// detect an early return only by chance.
func TestCloseWaitsForConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{server: &http.Server{}}
		l.count(nil, http.StateNew)
		l.count(nil, http.StateNew)
		returned := false
		go func() { l.close(); returned = true }()
		for _, state := range []http.ConnState{http.StateActive, http.StateIdle, http.StateClosed, http.StateHijacked} {
			synctest.Wait()
			if returned {
				t.Fatalf("close returned before %v", state)
			}
			l.count(nil, state)
		}
		synctest.Wait()
		if !returned {
			t.Error("close did not return after the last connection was closed")
		}
	})
}
