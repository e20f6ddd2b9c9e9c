package nethttp_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

func TestDeleteSession(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		ended  bool
	}{
		{"200", 200, true},
		{"204", 204, true},
		{"an empty response, which is 200", 0, true},
		{"405: the server does not support DELETE", 405, false},
		{"500", 500, false},
	} {
		server := &unboundServer{deleteStatus: row.status}
		f := newSessionFixture(t, nethttp.SessionConfig{}, server)
		session := f.open(f.alice())
		if response, _ := f.send("DELETE", "/", f.bob(), session); response.StatusCode != 404 {
			t.Errorf("%s: DELETE by another caller: got %d, want 404", row.name, response.StatusCode)
		}
		f.expect(row.name+": after DELETE by another caller", f.alice(), session, served)
		f.send("DELETE", "/", f.alice(), session)
		want := served
		if row.ended {
			want = noSession
		}
		f.expect(row.name+": after DELETE", f.alice(), session, want)
	}
}

func TestSessionLimits(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{MaxSessions: 4, MaxPerCaller: 2}, new(unboundServer))
	first, second := f.open(f.alice()), f.open(f.alice())
	f.expect("the first session", f.alice(), first, served)
	third := f.open(f.alice())
	f.expect("after a third: the least recently used one is removed", f.alice(), second, noSession)
	f.expect("after a third: the other one remains", f.alice(), first, served)
	bobs, namesakes := f.open(f.bob()), f.open(f.namesake())
	for range 10 { // a caller that opens many sessions removes only its own
		f.open(f.bob())
	}
	f.expect("bob's first session", f.bob(), bobs, noSession)
	f.expect("the session of the other alice", f.namesake(), namesakes, served)
	f.expect("alice's least recently used session", f.alice(), third, noSession)
	f.expect("a removed session is not available to others", f.bob(), third, noSession)

	f = newSessionFixture(t, nethttp.SessionConfig{MaxSessions: 1, MaxPerCaller: 1}, new(unboundServer))
	alices := f.open(f.alice())
	bobs = f.open(f.bob())
	f.expect("limit 1: alice's session", f.alice(), alices, noSession)
	f.expect("limit 1: bob's session", f.bob(), bobs, served)
}

func TestAdoptUnknown(t *testing.T) {
	server := new(unboundServer)
	f := newSessionFixture(t, nethttp.SessionConfig{AdoptUnknown: true}, server)
	f.expect("a session of another replica: the first caller", f.alice(), "s99", served)
	f.expect("a session of another replica: another caller", f.bob(), "s99", noSession)
	f.expect("a session of another replica: the first caller with another token", f.alice(), "s99", served)
	f.expect("a session that was opened here", f.bob(), f.open(f.alice()), noSession)
}

// TestSessionWithoutBody checks that a response without a body can open a session.
func TestSessionWithoutBody(t *testing.T) {
	for name, respond := range map[string]func(http.ResponseWriter){
		"nothing written": func(http.ResponseWriter) {},
		"a status":        func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
	} {
		f := newSessionFixture(t, nethttp.SessionConfig{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Mcp-Session-Id", "bare")
			respond(w)
		}))
		f.send("POST", "/", f.alice(), "")
		for token, want := range map[string]bool{f.alice(): true, f.bob(): false} {
			if response, _ := f.send("POST", "/", token, "bare"); (response.StatusCode != 404) != want {
				t.Errorf("%s: got %d, want an accepted request: %v", name, response.StatusCode, want)
			}
		}
	}
}

// TestServerReusesSessionID checks that a session does not get a second owner if the server
// gives its id to another caller.
func TestServerReusesSessionID(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{}, &unboundServer{nextID: func(int) string { return "same" }})
	f.open(f.alice())
	f.open(f.alice()) // the same caller may get it again
	response, body := f.send("POST", "/", f.bob(), "")
	if response.StatusCode != 200 || body != "served" || response.Header.Values("Mcp-Session-Id") != nil {
		t.Errorf("got %d %q with %v, want 200 without a session", response.StatusCode, body, response.Header)
	}
	f.expect("bob", f.bob(), "same", noSession)
	f.expect("alice", f.alice(), "same", served)
	if log := f.log.take(); !strings.Contains(log, `level=ERROR msg="session rejected" why="the server gave the session to two callers"`) {
		t.Errorf("log: %s", log)
	}
}

func TestConcurrentSessions(t *testing.T) {
	f := newSessionFixture(t, nethttp.SessionConfig{MaxSessions: 20, MaxPerCaller: 15}, new(unboundServer))
	tokens := []string{f.alice(), f.bob(), f.namesake()}
	var all sync.WaitGroup
	for i, token := range tokens {
		for range 3 {
			all.Go(func() {
				for range 20 {
					session := f.open(token)
					if response, _ := f.send("POST", "/", tokens[(i+1)%3], session); response.StatusCode != 404 {
						t.Errorf("another caller: got %d, want 404", response.StatusCode)
					}
					if response, _ := f.send("DELETE", "/", token, session); response.StatusCode != 200 && response.StatusCode != 404 {
						t.Errorf("DELETE: got %d, want 200 or 404", response.StatusCode)
					}
				}
			})
		}
	}
	all.Wait()
}

func TestSessionConfigMistakesPanic(t *testing.T) {
	res := newResource(t, newIssuer(t), "https://mcp.example.test/mcp")
	for name, bind := range map[string]func(){
		"negative MaxSessions":    func() { nethttp.BindSessions(res, nethttp.SessionConfig{MaxSessions: -1}) },
		"negative MaxPerCaller":   func() { nethttp.BindSessions(res, nethttp.SessionConfig{MaxPerCaller: -1}) },
		"negative MaxBodyBytes":   func() { nethttp.BindSessions(res, nethttp.SessionConfig{MaxBodyBytes: -1}) },
		"an empty allowed method": func() { nethttp.BindSessions(res, nethttp.SessionConfig{AllowedWithoutSession: []string{""}}) },
		"nil resource":            func() { nethttp.BindSessions(nil, nethttp.SessionConfig{}) },
		"zero Resource":           func() { nethttp.BindSessions(new(resource.Resource), nethttp.SessionConfig{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			bind()
		}()
	}
}
