package outbound_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/outbound"
)

// A trace gets each request that was sent, with the header of the response also of a redirect, and
// the body of a response to GET only.
func TestWithTrace(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		w.Header().Set("X-Seen", r.Method)
		if r.URL.Path == "/moved" {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusFound)
			return
		}
		fmt.Fprint(w, "body of "+r.Method)
	})
	client := newClient(t, outbound.Config{Hosts: loopback, Methods: []string{http.MethodOptions}})
	var got []string
	ctx := outbound.WithTrace(t.Context(), func(e outbound.Exchange) {
		if e.Received.Before(e.Sent) || e.Sent.IsZero() {
			t.Errorf("got the times %s and %s", e.Sent, e.Received)
		}
		got = append(got, fmt.Sprintf("%s %s %d %s %q %q", e.Method, strings.TrimPrefix(e.URL, server.URL), e.Status, e.Header.Get("X-Seen"), e.Header.Get("Location"), e.Body))
	})
	send := func(ctx context.Context, method, path string) outbound.Outcome {
		req, err := http.NewRequestWithContext(ctx, method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Do(req)
		return outcomeOf(err)
	}
	wantEqual(t, "GET", send(ctx, http.MethodGet, "/a?secret"), "ok")
	wantEqual(t, "POST", send(ctx, http.MethodPost, "/a"), "ok")
	wantEqual(t, "OPTIONS", send(ctx, http.MethodOptions, "/a"), "ok")
	wantEqual(t, "a redirect", send(ctx, http.MethodGet, "/moved"), outbound.Redirect)
	wantEqual(t, "a method that is not permitted", send(ctx, http.MethodPut, "/a"), outbound.BadURL) // not sent
	wantEqual(t, "without a trace", send(t.Context(), http.MethodGet, "/a"), "ok")
	server.Close()
	client.CloseIdle()
	wantEqual(t, "no server", send(ctx, http.MethodGet, "/a"), outbound.Connect)
	want := `GET /a?secret 200 GET "" "body of GET"
POST /a 200 POST "" ""
OPTIONS /a 200 OPTIONS "" ""
GET /moved 302 GET "/elsewhere" ""
GET /a 0  "" ""`
	wantEqual(t, "trace", strings.Join(got, "\n"), want)
}

// The connection of a request with a trace is not kept open.
func TestTraceClosesConnections(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Close) })
	client := newClient(t, outbound.Config{Hosts: loopback})
	traced := outbound.WithTrace(t.Context(), func(outbound.Exchange) {})
	for _, row := range []struct {
		name, want string
		ctx        context.Context
	}{{"without a trace", "false", t.Context()}, {"with a trace", "true", traced}} {
		response, err := client.Get(row.ctx, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, row.name, string(response.Body), row.want)
	}
}
