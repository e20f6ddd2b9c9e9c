package nethttp_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

func TestEndOfASession(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		over   bool
	}{
		{"200", 200, true},
		{"204", 204, true},
		{"nothing written is 200", 0, true},
		{"405: the server lets nobody end it", 405, false},
		{"500", 500, false},
	} {
		server := &trusting{deleteStatus: row.status}
		h := newHall(t, nethttp.SessionConfig{}, server)
		session := h.begin(h.alice())
		if response, _ := h.ask("DELETE", "/", h.bob(), session); response.StatusCode != 404 {
			t.Errorf("%s: another's DELETE got %d", row.name, response.StatusCode)
		}
		h.expect(row.name+": after another's DELETE", h.alice(), session, served)
		h.ask("DELETE", "/", h.alice(), session)
		want := served
		if row.over {
			want = noSession
		}
		h.expect(row.name+": after DELETE", h.alice(), session, want)
	}
}

func TestLimitsOfSessions(t *testing.T) {
	h := newHall(t, nethttp.SessionConfig{MaxSessions: 4, MaxPerCaller: 2}, new(trusting))
	first, second := h.begin(h.alice()), h.begin(h.alice())
	h.expect("used", h.alice(), first, served)
	third := h.begin(h.alice())
	h.expect("a third: the one used longest ago went", h.alice(), second, noSession)
	h.expect("a third: the other stayed", h.alice(), first, served)
	bobs, namesakes := h.begin(h.bob()), h.begin(h.namesake())
	for range 10 { // one who floods pushes out his own only
		h.begin(h.bob())
	}
	h.expect("bob's first", h.bob(), bobs, noSession)
	h.expect("the namesake's", h.namesake(), namesakes, served)
	h.expect("alice's, used longest ago", h.alice(), third, noSession)
	h.expect("a foreign one has not become open to all", h.bob(), third, noSession)

	h = newHall(t, nethttp.SessionConfig{MaxSessions: 1, MaxPerCaller: 1}, new(trusting))
	alices := h.begin(h.alice())
	bobs = h.begin(h.bob())
	h.expect("one at a time: alice's", h.alice(), alices, noSession)
	h.expect("one at a time: bob's", h.bob(), bobs, served)
}

func TestAdoptUnknown(t *testing.T) {
	server := new(trusting)
	h := newHall(t, nethttp.SessionConfig{AdoptUnknown: true}, server)
	h.expect("of another replica: the first caller gets it", h.alice(), "s99", served)
	h.expect("and keeps it", h.bob(), "s99", noSession)
	h.expect("over a refresh", h.alice(), "s99", served)
	h.expect("bound here", h.bob(), h.begin(h.alice()), noSession)
}

// An answer without a body, or with nothing but a header, opens a session like others.
func TestSessionInABareAnswer(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"nothing written": func(http.ResponseWriter) {},
		"a status":        func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
	} {
		h := newHall(t, nethttp.SessionConfig{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Mcp-Session-Id", "bare")
			answer(w)
		}))
		h.ask("POST", "/", h.alice(), "")
		for token, want := range map[string]bool{h.alice(): true, h.bob(): false} {
			if response, _ := h.ask("POST", "/", token, "bare"); (response.StatusCode != 404) != want {
				t.Errorf("%s: got %d, passes: %v", name, response.StatusCode, want)
			}
		}
	}
}

// A server that gives one session to two callers would join them.
func TestServerThatRepeatsASession(t *testing.T) {
	h := newHall(t, nethttp.SessionConfig{}, &trusting{next: func(int) string { return "same" }})
	h.begin(h.alice())
	h.begin(h.alice()) // to the same caller it may
	response, body := h.ask("POST", "/", h.bob(), "")
	if response.StatusCode != 200 || body != "served" || response.Header.Values("Mcp-Session-Id") != nil {
		t.Errorf("got %d %q with %v, want an answer without a session", response.StatusCode, body, response.Header)
	}
	h.expect("bob", h.bob(), "same", noSession)
	h.expect("alice", h.alice(), "same", served)
	if log := h.log.take(); !strings.Contains(log, `level=ERROR msg="session refused" why="the server gave it to two callers"`) {
		t.Errorf("log: %s", log)
	}
}

func TestManySessionsAtOnce(t *testing.T) {
	h := newHall(t, nethttp.SessionConfig{MaxSessions: 20, MaxPerCaller: 15}, new(trusting))
	tokens := []string{h.alice(), h.bob(), h.namesake()}
	var all sync.WaitGroup
	for i, token := range tokens {
		for range 3 {
			all.Go(func() {
				for range 20 {
					session := h.begin(token)
					if response, _ := h.ask("POST", "/", tokens[(i+1)%3], session); response.StatusCode != 404 {
						t.Errorf("another caller: got %d", response.StatusCode)
					}
					if response, _ := h.ask("DELETE", "/", token, session); response.StatusCode != 200 && response.StatusCode != 404 {
						t.Errorf("DELETE: got %d", response.StatusCode)
					}
				}
			})
		}
	}
	all.Wait()
}

func TestMistakesInSessionConfig(t *testing.T) {
	res := newResource(t, newIssuer(t), "https://mcp.example.test/mcp")
	for name, make := range map[string]func(){
		"MaxSessions":  func() { nethttp.BindSessions(res, nethttp.SessionConfig{MaxSessions: -1}) },
		"MaxPerCaller": func() { nethttp.BindSessions(res, nethttp.SessionConfig{MaxPerCaller: -1}) },
		"nil":          func() { nethttp.BindSessions(nil, nethttp.SessionConfig{}) },
		"zero value":   func() { nethttp.BindSessions(new(resource.Resource), nethttp.SessionConfig{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			make()
		}()
	}
}
