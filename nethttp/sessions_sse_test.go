package nethttp_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// sseTest has a server of the SSE transport behind BindSessions, in a synctest bubble. Tokens are
// opaque: see tokenOfSubject.
type sseTest struct {
	*testing.T
	res       *resource.Resource
	handler   http.Handler
	first     string      // event of the stream
	write     chan string // to the stream of the server
	ended     atomic.Bool // the handler of the stream has returned
	revoked   atomic.Bool // Hooks.Revocations
	withdrawn atomic.Bool // the verification no longer holds
}

const (
	endpointEvent = "event: endpoint\ndata: /message?sessionId=s1\n\n"
	lateResult    = `event: message` + "\n" + `data: {"jsonrpc":"2.0","id":7,"result":{"content":[]}}` + "\n\n"
	lateError     = `event: message` + "\n" + `data: {"jsonrpc":"2.0","id":8,"error":{"code":1,"message":"no"}}` + "\n\n"
	notification  = `event: message` + "\n" + `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"result":1}}` + "\n\n"
	sampling      = `event: message` + "\n" + `data: {"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}` + "\n\n"
)

// tokenOfSubject accepts every token until a time. The subject is before the slash, the scopes
// are after it.
type tokenOfSubject struct {
	expiry    time.Time
	withdrawn *atomic.Bool
}

func (tokenOfSubject) Issuer() string { return "https://opaque.example.test" }

func (v tokenOfSubject) Verify(_ context.Context, token *resource.Token) (*resource.Claims, error) {
	subject, scope, _ := strings.Cut(token.Raw(), "/")
	return &resource.Claims{Issuer: v.Issuer(), Subject: subject, Scopes: strings.Fields(scope), Audience: []string{"https://mcp.example.test/mcp"}, Expiry: v.expiry,
		StillValid: func(time.Time) bool { return !v.withdrawn.Load() }}, nil
}

func inSSETest(t *testing.T, c nethttp.SessionConfig, rules resource.Operations, test func(s *sseTest)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &sseTest{T: t, first: endpointEvent, write: make(chan string)}
		res, err := resource.New(resource.Config{
			Identifier: "https://mcp.example.test/mcp", Opaque: &resource.Issuer{Verifier: tokenOfSubject{time.Now().Add(time.Minute), &s.withdrawn}},
			Limits: resource.Limits{Leeway: -1}, Logger: slog.New(slog.DiscardHandler), Operations: rules,
			Hooks: resource.Hooks{Revocations: resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return s.revoked.Load(), nil })},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.res, c.Logger = res, slog.New(slog.DiscardHandler)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /sse", s.serveStream)
		mux.HandleFunc("POST /message", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
		mux.Handle("POST /required/message", nethttp.Require(res, "deploy")(http.NotFoundHandler()))
		s.handler = nethttp.Handler(res, nethttp.BindSessions(res, c)(mux))
		test(s)
	})
}

// serveStream writes the pieces from s.write until the request ends.
func (s *sseTest) serveStream(w http.ResponseWriter, req *http.Request) {
	defer func() { s.ended.Store(true) }()
	w.Header().Set("Content-Type", "text/event-stream")
	for piece := s.first; ; {
		if _, err := w.Write([]byte(piece)); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case piece = <-s.write:
		case <-req.Context().Done():
			return
		}
	}
}

// open opens a stream. Read its response only after synctest.Wait.
func (s *sseTest) open(token string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(s.Context(), http.MethodGet, "/sse", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	go s.handler.ServeHTTP(w, req)
	synctest.Wait()
	return w
}

// post sends a message and returns the status.
func (s *sseTest) post(token, path, body string) int {
	status, _ := s.exchange(token, path, body)
	return status
}

// exchange sends a message and returns the status and the body of the response.
func (s *sseTest) exchange(token, path, body string) (status int, answer string) {
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	s.handler.ServeHTTP(w, req)
	synctest.Wait()
	return w.Code, w.Body.String()
}

// send writes to the stream of the server, unless its handler has returned.
func (s *sseTest) send(text string) {
	synctest.Wait()
	if !s.ended.Load() {
		s.write <- text
		synctest.Wait()
	}
}

// After the token of a stream has expired, the stream passes on the results of calls that were
// accepted before, and nothing else, until the grace has passed.
func TestResultAfterExpiry(t *testing.T) {
	const half = len(notification) / 2
	for _, row := range []struct {
		name         string
		grace        time.Duration
		before       string   // written just before the token expires
		after        []string // written one second after
		want         string   // received after the endpoint event
		open, closed time.Duration
	}{
		{"a result and an error", 0, "", []string{lateResult, lateError}, lateResult + lateError, 89 * time.Second, 90 * time.Second},
		{"a longer grace", 3 * time.Minute, "", []string{lateResult}, lateResult, 239 * time.Second, 240 * time.Second},
		{"no grace", -1, notification, []string{lateResult}, notification, 59 * time.Second, 60 * time.Second},
		{"other messages", 0, notification, []string{notification, sampling, ": ping\n\n", lateResult}, notification + lateResult, 89 * time.Second, 90 * time.Second},
		{"several events in one write", 0, "", []string{notification + lateResult + sampling + lateError}, lateResult + lateError, 89 * time.Second, 90 * time.Second},
		{"a result in pieces", 0, "", []string{lateResult[:20], lateResult[20:40], lateResult[40:]}, lateResult, 89 * time.Second, 90 * time.Second},
		{"an event that began before", 0, notification[:half], []string{notification[half:] + notification, lateResult}, notification + lateResult, 89 * time.Second, 90 * time.Second},
		{"carriage returns", 0, "", []string{strings.ReplaceAll(notification+lateResult+notification, "\n", "\r\n")}, strings.ReplaceAll(lateResult, "\n", "\r\n"), 89 * time.Second, 90 * time.Second},
		{"an event without an end", 0, "", []string{lateResult[:len(lateResult)-1]}, "", 89 * time.Second, 90 * time.Second},
		{"data that is not JSON", 0, "", []string{"data: result\n\n", `data: {"result":1,"method":"x"}` + "\n\n", `data: [{"result":1}]` + "\n\n"}, "", 89 * time.Second, 90 * time.Second},
		{"an event that is too large", 0, "", []string{"data: " + strings.Repeat("a", 16<<20)}, "", 60 * time.Second, 62 * time.Second},
	} {
		inSSETest(t, nethttp.SessionConfig{ResultGrace: row.grace}, resource.Operations{}, func(s *sseTest) {
			start := time.Now()
			stream := s.open("alice/")
			time.Sleep(59 * time.Second)
			if status := s.post("alice/", "/message?sessionId=s1", message("tools/call", `{"name":"x"}`)); status != 202 {
				s.Errorf("%s: got %d for the call, want 202", row.name, status)
			}
			if row.before != "" {
				s.send(row.before)
			}
			time.Sleep(2 * time.Second)
			for _, text := range row.after {
				s.send(text)
			}
			time.Sleep(time.Until(start.Add(row.open)))
			if synctest.Wait(); row.open > 61*time.Second && s.ended.Load() {
				s.Errorf("%s: the stream ended within %v", row.name, row.open)
			}
			time.Sleep(time.Until(start.Add(row.closed + time.Millisecond)))
			synctest.Wait()
			if got := stream.Body.String(); !s.ended.Load() || got != endpointEvent+row.want {
				s.Errorf("%s: ended %v, got %q\nwant %q", row.name, s.ended.Load(), got, endpointEvent+row.want)
			}
			if status := s.post("alice/", "/message?sessionId=s1", message("ping", "{}")); status != 401 {
				s.Errorf("%s: got %d with the expired token, want 401", row.name, status)
			}
		})
	}
}

// A stream whose token is revoked, or whose key is withdrawn, ends without grace, also if the token
// expires before the next check.
func TestNoResultAfterRevocation(t *testing.T) {
	for name, row := range map[string]struct {
		at  time.Duration
		end func(*sseTest)
	}{
		"revoked":                     {20 * time.Second, func(s *sseTest) { s.revoked.Store(true) }},
		"revoked before it expires":   {59 * time.Second, func(s *sseTest) { s.revoked.Store(true) }},
		"withdrawn before it expires": {59 * time.Second, func(s *sseTest) { s.withdrawn.Store(true) }},
	} {
		inSSETest(t, nethttp.SessionConfig{}, resource.Operations{}, func(s *sseTest) {
			stream := s.open("alice/")
			time.Sleep(row.at)
			row.end(s)
			time.Sleep(11 * time.Second)
			s.send(lateResult)
			if got := stream.Body.String(); !s.ended.Load() || got != endpointEvent {
				s.Errorf("%s: ended %v, got %q", name, s.ended.Load(), got)
			}
		})
	}
}

// A stream whose client disconnects ends at once, also after its token has expired.
func TestNoGraceAfterDisconnect(t *testing.T) {
	for name, after := range map[string]time.Duration{"before the token expires": time.Second, "after the token has expired": 61 * time.Second} {
		inSSETest(t, nethttp.SessionConfig{}, resource.Operations{}, func(s *sseTest) {
			ctx, disconnect := context.WithCancel(s.Context())
			req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/sse", nil)
			req.Header.Set("Authorization", "Bearer alice/")
			go s.handler.ServeHTTP(httptest.NewRecorder(), req)
			time.Sleep(after)
			synctest.Wait()
			if s.ended.Load() {
				s.Errorf("%s: the stream ended before the client disconnected", name)
			}
			disconnect()
			if synctest.Wait(); !s.ended.Load() {
				s.Errorf("%s: the handler still runs", name)
			}
		})
	}
}

// A stream has its grace also if the middleware is mounted twice.
func TestGraceWithTwoMiddlewares(t *testing.T) {
	for _, mounts := range []int{2, 3} {
		inSSETest(t, nethttp.SessionConfig{}, resource.Operations{}, func(s *sseTest) {
			for range mounts - 1 {
				s.handler = nethttp.Middleware(s.res)(s.handler)
			}
			stream := s.open("alice/")
			time.Sleep(61 * time.Second)
			s.send(lateResult)
			if got := stream.Body.String(); s.ended.Load() || got != endpointEvent+lateResult {
				s.Errorf("%d: ended %v, got %q", mounts, s.ended.Load(), got)
			}
			time.Sleep(30 * time.Second)
			if synctest.Wait(); !s.ended.Load() {
				s.Errorf("%d: the stream has not ended", mounts)
			}
		})
	}
}

// A stalledClient reads one write. Every further one waits until the write deadline is set.
type stalledClient struct {
	*httptest.ResponseRecorder
	begun    bool
	at       time.Time // the write deadline
	deadline chan struct{}
}

func (c *stalledClient) Write(p []byte) (int, error) {
	if c.begun {
		<-c.deadline
		return 0, os.ErrDeadlineExceeded
	}
	c.begun = true
	return c.ResponseRecorder.Write(p)
}

func (c *stalledClient) SetWriteDeadline(at time.Time) error {
	c.at = at
	close(c.deadline)
	return nil
}

// The request of a stream ends at most one second after its token expires, although the client does
// not read the error of a rejected call.
func TestEndOfStalledStream(t *testing.T) {
	rules := resource.Operations{Methods: map[string][]string{"ping": {"ping"}}}
	inSSETest(t, nethttp.SessionConfig{ResultGrace: -1}, rules, func(s *sseTest) {
		opened := time.Now()
		req := httptest.NewRequestWithContext(s.Context(), http.MethodGet, "/sse", nil)
		req.Header.Set("Authorization", "Bearer alice/")
		client, returned := &stalledClient{ResponseRecorder: httptest.NewRecorder(), deadline: make(chan struct{})}, make(chan struct{})
		go func() {
			s.handler.ServeHTTP(client, req)
			close(returned)
		}()
		synctest.Wait()
		if status := s.post("alice/", "/message?sessionId=s1", message("ping", "{}")); status != 403 {
			s.Errorf("got %d, want 403", status)
		}
		<-returned
		if ended, deadline := time.Since(opened), client.at.Sub(opened); ended != time.Minute || deadline != 61*time.Second {
			s.Errorf("the request ended after %v with the write deadline %v, want 1m0s and 1m1s", ended, deadline)
		}
	})
}

// rejected returns the event for the answer to a rejected call.
func rejected(answer string) string {
	return "event: message\ndata: " + strings.TrimSpace(answer) + "\n\n"
}

// A rejected call of the SSE transport gets its error on the stream of the session too, and only
// the owner of the session can cause that.
func TestRejectedCallOnStream(t *testing.T) {
	rules := resource.Operations{Tools: map[string][]string{"delete": {"admin"}}, PublicTools: []string{"status"}}
	call := func(id, tool string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `"}}`
	}
	for _, row := range []struct {
		name, token, path, body string
		status                  int
		onStream                bool // whether the stream gets the error
	}{
		{"a call without a scope", "alice/", "/message?sessionId=s1", call("7", "delete"), 403, true},
		{"an id that is a string", "alice/", "/message?sessionId=s1", call(`"a\u003cb"`, "delete"), 403, true},
		{"the scope", "alice/admin", "/message?sessionId=s1", call("7", "delete"), 202, false},
		{"another caller", "bob/", "/message?sessionId=s1", call("7", "delete"), 403, false},
		{"no credentials", "", "/message?sessionId=s1", call("7", "delete"), 401, false},
		{"no credentials, a public tool", "", "/message?sessionId=s1", call("7", "status"), 404, false},
		{"another session", "alice/", "/message?sessionId=s2", call("7", "delete"), 403, false},
		{"another path", "alice/", "/other?sessionId=s1", call("7", "delete"), 403, false},
		{"the session in the header", "alice/", "/message", call("7", "delete"), 403, false},
		{"two sessions", "alice/", "/message?sessionId=s1&session_id=s1", call("7", "delete"), 403, false},
		{"no id", "alice/", "/message?sessionId=s1", `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete"}}`, 403, false},
		{"a batch", "alice/", "/message?sessionId=s1", "[" + call("7", "delete") + "," + call("8", "delete") + "]", 403, false},
	} {
		inSSETest(t, nethttp.SessionConfig{}, rules, func(s *sseTest) {
			stream := s.open("alice/")
			status, answer := s.exchange(row.token, row.path, row.body)
			if status != row.status {
				s.Errorf("%s: got %d, want %d", row.name, status, row.status)
			}
			want := endpointEvent
			if row.onStream {
				want += rejected(answer)
			}
			if got := stream.Body.String(); got != want {
				s.Errorf("%s: got %q\nwant %q", row.name, got, want)
			}
		})
	}
}

// Require rejects a request whose body no rule has read. The id is read then, from a short body.
func TestCallRejectedByRequire(t *testing.T) {
	for name, row := range map[string]struct {
		body     string
		onStream bool
	}{
		"a call":                {message("tools/call", `{"name":"x"}`), true},
		"a body that is longer": {message("tools/call", `{"name":"x","arguments":{"a":"`+strings.Repeat("a", 64<<10)+`"}}`), false},
		"a body with two ids":   {`{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}`, false},
		"not JSON":              {`x`, false},
		"no body":               {``, false},
	} {
		inSSETest(t, nethttp.SessionConfig{}, resource.Operations{}, func(s *sseTest) {
			s.first = "event: endpoint\ndata: /required/message?sessionId=s1\n\n"
			stream := s.open("alice/")
			status, answer := s.exchange("alice/", "/required/message?sessionId=s1", row.body)
			want := s.first
			if row.onStream {
				want += rejected(strings.Replace(answer, `"id":null`, `"id":7`, 1))
			}
			if got := stream.Body.String(); status != 403 || got != want {
				s.Errorf("%s: got %d and %q\nwant 403 and %q", name, status, got, want)
			}
		})
	}
}

// An error is written between two events of the server, and few of them wait.
func TestRejectedCallBetweenEvents(t *testing.T) {
	rules := resource.Operations{Tools: map[string][]string{"delete": {"admin"}}}
	inSSETest(t, nethttp.SessionConfig{}, rules, func(s *sseTest) {
		stream := s.open("alice/")
		s.send(lateResult[:30])
		answer := ""
		for range 20 {
			_, answer = s.exchange("alice/", "/message?sessionId=s1", message("tools/call", `{"name":"delete"}`))
		}
		if got := stream.Body.String(); got != endpointEvent+lateResult[:30] {
			s.Errorf("within an event: got %q", got)
		}
		s.send(lateResult[30:])
		if got, want := stream.Body.String(), endpointEvent+lateResult+strings.Repeat(rejected(answer), 16); got != want {
			s.Errorf("after the event: got %q\nwant %q", got, want)
		}
	})
}

// A rejected call after the end of its stream is answered with 403 only.
func TestRejectedCallAfterEndOfStream(t *testing.T) {
	rules := resource.Operations{Tools: map[string][]string{"delete": {"admin"}}}
	inSSETest(t, nethttp.SessionConfig{}, rules, func(s *sseTest) {
		ctx, disconnect := context.WithCancel(s.Context())
		req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/sse", nil)
		req.Header.Set("Authorization", "Bearer alice/")
		w := httptest.NewRecorder()
		go s.handler.ServeHTTP(w, req)
		synctest.Wait()
		disconnect()
		synctest.Wait()
		if got := s.post("alice/", "/message?sessionId=s1", message("tools/call", `{"name":"delete"}`)); got != 403 || w.Body.String() != endpointEvent {
			s.Errorf("got %d and %q", got, w.Body)
		}
	})
}

// blockingWriter is a ResponseWriter whose client does not read: Write blocks.
type blockingWriter struct {
	*httptest.ResponseRecorder
	blocked chan struct{} // closed when the client reads again
	block   atomic.Bool
}

func (w *blockingWriter) Write(p []byte) (int, error) {
	if w.block.Load() {
		<-w.blocked
	}
	return w.ResponseRecorder.Write(p)
}

// A client that does not read its stream delays neither the responses to its rejected calls nor the
// end of its stream. It gets the errors when it reads again.
func TestRejectedCallsOfSlowClient(t *testing.T) {
	rules := resource.Operations{Tools: map[string][]string{"delete": {"admin"}}}
	inSSETest(t, nethttp.SessionConfig{}, rules, func(s *sseTest) {
		w := &blockingWriter{ResponseRecorder: httptest.NewRecorder(), blocked: make(chan struct{})}
		req := httptest.NewRequestWithContext(s.Context(), http.MethodGet, "/sse", nil)
		req.Header.Set("Authorization", "Bearer alice/")
		go s.handler.ServeHTTP(w, req)
		synctest.Wait()
		w.block.Store(true)
		s.write <- notification // the handler blocks in Write
		synctest.Wait()
		answer := ""
		for range 3 {
			var status int
			if status, answer = s.exchange("alice/", "/message?sessionId=s1", message("tools/call", `{"name":"delete"}`)); status != 403 {
				s.Errorf("got %d, want 403", status)
			}
		}
		time.Sleep(61 * time.Second) // the token expires
		close(w.blocked)
		w.block.Store(false)
		synctest.Wait()
		s.send(notification)
		s.send(lateResult)
		if got, want := w.Body.String(), endpointEvent+notification+strings.Repeat(rejected(answer), 3)+lateResult; got != want {
			s.Errorf("got %q\nwant %q", got, want)
		}
		time.Sleep(nethttp.DefaultResultGrace) // the stream ends
	})
}
