package adaptertest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func TestBodiesAndTrailersAreUnchanged(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		h := a.handler(newResource(t, issuer, nil), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Trailer", "X-Sum")
			_, _ = w.Write(body)
			w.Header().Set("X-Sum", fmt.Sprintf("%x %s", sha256.Sum256(body), req.Trailer.Get("X-Sent")))
		}))
		req := request(t, "POST", serve(t, h), issuer.Token(resourcetest.Token{Audience: identifier}), io.MultiReader(bytes.NewReader(big)))
		req.Trailer = http.Header{"X-Sent": {"yes"}}
		response, body := do(t, req)
		if want := fmt.Sprintf("%x yes", sha256.Sum256(big)); body != string(big) || response.Trailer.Get("X-Sum") != want {
			t.Errorf("got %d bytes and trailer %q, want %d and %q", len(body), response.Trailer.Get("X-Sum"), len(big), want)
		}
	})
}

func TestFlushAndResponseController(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		next := make(chan struct{})
		h := a.handler(newResource(t, issuer, nil), http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			control := http.NewResponseController(w)
			for _, err := range []error{
				control.SetReadDeadline(time.Now().Add(time.Hour)),
				control.SetWriteDeadline(time.Now().Add(time.Hour)),
				control.EnableFullDuplex(),
			} {
				if err != nil {
					t.Error(err)
				}
			}
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				if err := control.Flush(); err != nil {
					t.Error(err)
				}
				<-next // the client has read this event
			}
			for _, ok := range []bool{is[http.Flusher](w), is[http.Hijacker](w)} {
				if !ok {
					t.Errorf("the writer %T does not implement Flush and Hijack", w)
				}
			}
		}))
		response, err := http.DefaultClient.Do(request(t, "GET", serve(t, h), issuer.Token(resourcetest.Token{Audience: identifier}), nil))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		for i := range 3 {
			if !lines.Scan() || lines.Text() != fmt.Sprint("data: ", i) || !lines.Scan() {
				t.Fatalf("event %d: got %q", i, lines.Text())
			}
			next <- struct{}{}
		}
	})
}

// is reports whether w implements T.
func is[T any](w http.ResponseWriter) bool {
	_, ok := w.(T)
	return ok
}

func TestHijack(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		h := a.handler(newResource(t, issuer, nil), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 2\r\n\r\nok")
		}))
		response, body := do(t, request(t, "GET", serve(t, h), issuer.Token(resourcetest.Token{Audience: identifier}), nil))
		if response.StatusCode != 299 || body != "ok" {
			t.Errorf("got %d %q, want 299 ok", response.StatusCode, body)
		}
	})
}

// pipeListener accepts connections without sockets, for a server in a synctest bubble.
type pipeListener struct {
	connections chan net.Conn
	done        context.Context
}

func (p pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.done.Done():
		return nil, net.ErrClosed
	}
}
func (p pipeListener) Close() error   { return nil }
func (p pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestQuietStream(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		synctest.Test(t, func(t *testing.T) {
			done, cancel := context.WithCancel(context.Background())
			network := pipeListener{make(chan net.Conn), done}
			h := a.handler(newResource(t, issuer, nil), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for i := range 3 {
					fmt.Fprintf(w, "data: %d\n\n", i)
					w.(http.Flusher).Flush()
					time.Sleep(4 * time.Minute)
				}
			}))
			server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
			go func() { _ = server.Serve(network) }()
			transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				network.connections <- server
				return client, nil
			}}
			began := time.Now()
			response, err := transport.RoundTrip(request(t, "GET", "http://mcp.example.test/mcp", issuer.Token(resourcetest.Token{Audience: identifier}), nil))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if took := time.Since(began); err != nil || string(body) != "data: 0\n\ndata: 1\n\ndata: 2\n\n" || took != 12*time.Minute {
				t.Errorf("got %q, %v after %s", body, err, took)
			}
			response.Body.Close()
			transport.CloseIdleConnections()
			cancel()
			_ = server.Close()
		})
	})
}

// A stream ends when its token expires. The gauge of open streams
// excludes streams whose handler has returned or panicked.
func TestStreamEnd(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		synctest.Test(t, func(t *testing.T) {
			res := newResource(t, issuer, nil)
			token := issuer.Token(resourcetest.Token{Audience: identifier, Lifetime: 10 * time.Minute})
			began := time.Now()
			for _, row := range []struct {
				name    string
				handler func(context.Context)
				took    time.Duration
			}{
				{"a handler that waits for the end of its context", func(ctx context.Context) { <-ctx.Done() }, 10*time.Minute + res.Leeway()},
				{"a handler that returns", func(context.Context) {}, 0},
				{"a handler that panics", func(context.Context) { panic(http.ErrAbortHandler) }, 0},
			} {
				open := -1.0
				h := a.handler(res, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
					open = openStreams(t, res)
					row.handler(req.Context())
				}))
				req := httptest.NewRequest("GET", "/mcp", nil)
				req.Header.Set("Authorization", "Bearer "+token)
				func() {
					defer func() { _ = recover() }()
					h.ServeHTTP(httptest.NewRecorder(), req)
				}()
				if took := time.Since(began); open != 1 || took != row.took {
					t.Errorf("%s: got %v open streams and %s, want 1 and %s", row.name, open, took, row.took)
				}
				if open = openStreams(t, res); open != 0 {
					t.Errorf("%s: got %v open streams afterwards, want 0", row.name, open)
				}
				began = time.Now()
				token = issuer.Token(resourcetest.Token{Audience: identifier})
			}
		})
	})
}

func openStreams(t *testing.T, res *resource.Resource) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(res.Metrics())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "warder_open_streams" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("no gauge warder_open_streams")
	return 0
}
