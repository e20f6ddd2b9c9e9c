package onbehalf_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
)

// roundTripper answers requests with a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// closer is a request body that records that it was closed.
type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestTransport(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		var sent []*http.Request
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			sent = append(sent, req)
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		})
		client := &http.Client{Transport: f.exchanger.Transport("calendar", base)}
		ctx := f.accept(f.token("alice")).Context()
		req := newRequest(ctx, calendar+"/events")
		req.Header.Set("Authorization", "Bearer of the handler")
		req.Header.Set("X-Other", "kept")
		response, err := client.Do(req)
		if err != nil {
			f.Fatal(err)
		}
		response.Body.Close()
		issued, _ := f.must(f.caller(f.token("bob")))
		header := sent[0].Header
		if header.Get("X-Other") != "kept" || !strings.HasPrefix(header.Get("Authorization"), "Bearer ey") || header.Get("Authorization") == "Bearer "+issued {
			f.Errorf("got header %v, want the token of alice", header)
		}
		if req.Header.Get("Authorization") != "Bearer of the handler" {
			f.Error("the request of the program was changed")
		}
	})
}

func newRequest(ctx context.Context, url string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	return req
}

// A token is sent only to the origins of the target, also after a redirect.
func TestTransportOrigins(t *testing.T) {
	for _, row := range []struct {
		name, url string
		host      string   // the Host field; "": that of the URL
		origins   []string // Target.Origins
		resource  string   // Target.Resources
		sent      bool
	}{
		{"the origin of the resource", "https://calendar.example.test/x", "", nil, calendar, true},
		{"the same with the default port and another case", "https://CALENDAR.example.test:443/x", "", nil, calendar, true},
		{"another port", "https://calendar.example.test:8443/x", "", nil, calendar, false},
		{"http", "http://calendar.example.test/x", "", nil, calendar, false},
		{"a host that begins with it", "https://calendar.example.test.evil.test/", "", nil, calendar, false},
		{"a subdomain", "https://x.calendar.example.test/", "", nil, calendar, false},
		{"the parent", "https://example.test/", "", nil, calendar, false},
		{"a user name that looks like it", "https://calendar.example.test@evil.test/", "", nil, calendar, false},
		{"a user name", "https://user@calendar.example.test/", "", nil, calendar, false},
		{"a configured origin", "https://api.example.test/", "", []string{"https://api.example.test"}, calendar, true},
		{"the resource, if origins are configured", calendar, "", []string{"https://api.example.test"}, calendar, false},
		{"no origin", calendar, "", []string{}, calendar, false},
		{"a resource that is not a web URL", calendar, "", nil, "urn:example:calendar", false},
		{"another Host field", calendar, "evil.example.test", nil, calendar, false},
		{"the same Host field", calendar, "Calendar.example.test:443", nil, calendar, true},
	} {
		inBubble(t, func(c *config) {
			c.onbehalf.Targets = []onbehalf.Target{{Name: "calendar", Resources: []string{row.resource}, Origins: row.origins}}
		}, func(f *fixture) {
			calls := 0
			transport := f.exchanger.Transport("calendar", roundTripper(func(*http.Request) (*http.Response, error) {
				calls++
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			}))
			req, err := http.NewRequestWithContext(f.accept(f.token("alice")).Context(), http.MethodPost, row.url, nil)
			if err != nil {
				f.Fatal(err)
			}
			if row.host != "" {
				req.Host = row.host
			}
			body := &closer{Reader: strings.NewReader("x")}
			req.Body = body
			_, err = transport.RoundTrip(req)
			if row.sent {
				if err != nil || calls != 1 {
					f.Errorf("%s: got error %v and %d requests", row.name, err, calls)
				}
				return
			}
			f.wantError(row.name, err, onbehalf.KindOtherOrigin, "")
			if calls != 0 || f.exchanges() != 0 || !body.closed {
				f.Errorf("%s: got %d requests, %d exchanges and a closed body %v, want none and true", row.name, calls, f.exchanges(), body.closed)
			}
		})
	}
}

// An http.Client calls its transport for each redirect. The token does not follow to another host.
func TestTransportRedirect(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		var hosts []string
		client := &http.Client{Transport: f.exchanger.Transport("calendar", roundTripper(func(req *http.Request) (*http.Response, error) {
			hosts = append(hosts, req.URL.Host)
			return &http.Response{StatusCode: http.StatusTemporaryRedirect, Header: http.Header{"Location": {"https://evil.example.test/"}}, Body: http.NoBody, Request: req}, nil
		}))}
		req, err := http.NewRequestWithContext(f.accept(f.token("alice")).Context(), http.MethodGet, calendar, nil)
		if err != nil {
			f.Fatal(err)
		}
		_, err = client.Do(req)
		f.wantError("a redirect", err, onbehalf.KindOtherOrigin, "")
		if len(hosts) != 1 || hosts[0] != "calendar.example.test" {
			f.Errorf("got requests to %q, want only the first one", hosts)
		}
	})
}

// The caller is that of WithCaller, otherwise that of the accepted request.
func TestTransportCaller(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		alice, bob := f.accept(f.token("alice")).Context(), f.caller(f.token("bob"))
		for _, row := range []struct {
			name    string
			ctx     context.Context
			subject any // nil: none
		}{
			{"the accepted request", alice, "alice"},
			{"WithCaller", onbehalf.WithCaller(context.Background(), bob), "bob"},
			{"WithCaller in an accepted request", onbehalf.WithCaller(alice, bob), "bob"},
			{"WithCaller with nil in an accepted request", onbehalf.WithCaller(alice, nil), nil},
			{"the context of a session", resource.WithoutHeldToken(alice), nil},
			{"no caller", context.Background(), nil},
		} {
			var subject any
			transport := f.exchanger.Transport("calendar", roundTripper(func(req *http.Request) (*http.Response, error) {
				subject = claimsOf(f, strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))["sub"]
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			}))
			_, err := transport.RoundTrip(newRequest(row.ctx, calendar))
			if row.subject == nil {
				f.wantError(row.name, err, onbehalf.KindNoToken, "")
			} else if err != nil {
				f.Errorf("%s: %v", row.name, err)
			}
			if subject != row.subject {
				f.Errorf("%s: got a token of %v, want %v", row.name, subject, row.subject)
			}
		}
	})
}

func TestTransportOfUnknownTarget(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		_, err := f.exchanger.Transport("unknown", nil).RoundTrip(newRequest(f.accept(f.token("alice")).Context(), calendar))
		f.wantError("unknown", err, onbehalf.KindUnknownTarget, "")
	})
}

// A source of tokens follows the caller's token.
func TestTokenSource(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		caller := f.caller(f.token("alice"))
		source := f.exchanger.TokenSource(caller, "calendar")
		want, _ := f.must(caller)
		token, err := source.Token()
		if err != nil || token.AccessToken() != want {
			f.Errorf("got error %v, want the token of the caller", err)
		}
		if _, err := f.exchanger.TokenSource(nil, "calendar").Token(); !errors.Is(err, resource.ErrNoHeldToken) {
			f.Errorf("got error %v, want ErrNoHeldToken", err)
		}
	})
}

// A field in another spelling is replaced too, so that the target does not get two of them.
func TestTransportReplacesEveryAuthorization(t *testing.T) {
	inBubble(t, nil, func(f *fixture) {
		var sent http.Header
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			sent = req.Header
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		})
		req := newRequest(onbehalf.WithCaller(context.Background(), f.caller(f.token("alice"))), calendar)
		req.Header["authorization"] = []string{"Bearer of the handler"}
		response, err := f.exchanger.Transport("calendar", base).RoundTrip(req)
		if err != nil {
			f.Fatal(err)
		}
		response.Body.Close()
		for name, values := range sent {
			if strings.EqualFold(name, "Authorization") && (len(values) != 1 || !strings.HasPrefix(values[0], "Bearer ey")) {
				f.Errorf("%s: the field of the handler is sent too", name)
			}
		}
		if want := (http.Header{"authorization": {"Bearer of the handler"}}); !reflect.DeepEqual(req.Header, want) {
			f.Error("the request of the program was changed")
		}
	})
}
