package oauthendpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/clientauth"
	"github.com/warder-go/warder/internal/oauthendpoint"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

const (
	issuer   = "https://as.example"
	document = issuer + "/.well-known/oauth-authorization-server"
)

// A server is an authorization server, by URL.
type server map[string]func(*http.Request) (status int, body string)

func (s server) RoundTrip(req *http.Request) (*http.Response, error) {
	answer := s[req.URL.String()]
	if answer == nil {
		return nil, io.EOF // the connection ends
	}
	status, body := answer(req)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "Retry-After": {"7"}, "Location": {"https://other.example"}}
	return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

func constant(status int, body string) func(*http.Request) (int, string) {
	return func(*http.Request) (int, string) { return status, body }
}

func newEndpoint(s server, change func(*oauthendpoint.Config)) *oauthendpoint.Endpoint {
	c := oauthendpoint.Config{
		Issuer: issuer, Member: metadata.TokenEndpoint, URLSetting: "the URL setting", AuthSetting: "the credentials setting",
		Auth: clientauth.Config{ClientID: "id", ClientSecret: "s3cret"}, Outbound: outbound.Config{Transport: s},
		Timeout: time.Second, MaxBytes: 100, MaxConcurrent: 1,
	}
	if change != nil {
		change(&c)
	}
	return oauthendpoint.New(c)
}

// The URL is that in the configured member, and the issuer of the document must be exactly the
// configured one (RFC 8414 §3.3).
func TestURL(t *testing.T) {
	for _, row := range []struct {
		name, document string
		change         func(*oauthendpoint.Config)
		want           string
	}{
		{"token endpoint", `{"issuer":"https://as.example","token_endpoint":"https://as.example/t","introspection_endpoint":1}`, nil, "https://as.example/t"},
		{"introspection endpoint", `{"issuer":"https://as.example","token_endpoint":1,"introspection_endpoint":"https://as.example/i"}`, func(c *oauthendpoint.Config) { c.Member = metadata.IntrospectionEndpoint }, "https://as.example/i"},
		{"configured", `{}`, func(c *oauthendpoint.Config) { c.URL = "https://as.example/other" }, "https://as.example/other"},
		{"absent", `{"issuer":"https://as.example","introspection_endpoint":"https://as.example/i"}`, nil, `metadata of issuer "https://as.example" at "https://as.example/.well-known/oauth-authorization-server" has no token_endpoint: set the URL setting`},
		{"another issuer", `{"issuer":"https://as.example/","token_endpoint":"https://as.example/t"}`, nil, "issuer mismatch"},
		{"over http", `{"issuer":"https://as.example","token_endpoint":"http://as.example/t"}`, nil, `member "token_endpoint": "http://as.example/t" must begin with https://`},
	} {
		t.Run(row.name, func(t *testing.T) {
			e := newEndpoint(server{document: constant(200, row.document)}, row.change)
			got, err := e.URL(t.Context())
			if err != nil && strings.Contains(err.Error(), row.want) {
				return
			}
			fresh, freshErr := e.FreshURL(t.Context())
			if got != row.want || err != nil || fresh != row.want || freshErr != nil || e.KnownURL() != row.want {
				t.Errorf("got %q, %v, fresh %q, %v, known %q; want %q", got, err, fresh, freshErr, e.KnownURL(), row.want)
			}
		})
	}
}

// RefreshSoon makes a discovery due in a second. The URL in use stays in use meanwhile.
func TestRefreshSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		e := newEndpoint(server{document: func(*http.Request) (int, string) {
			n++
			return 200, fmt.Sprintf(`{"issuer":"https://as.example","token_endpoint":"https://as.example/%d"}`, n)
		}}, nil)
		expect := func(want string) {
			t.Helper()
			if got, err := e.URL(t.Context()); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
			synctest.Wait()
		}
		expect("https://as.example/1")
		e.RefreshSoon()
		expect("https://as.example/1")
		time.Sleep(time.Second)
		expect("https://as.example/1") // the discovery runs meanwhile
		expect("https://as.example/2")
	})
}

// Post sends the form and our credentials. The Exchange has what is needed to explain a failure.
func TestPost(t *testing.T) {
	var got string
	s := server{"https://as.example/t?p=hunter2": func(req *http.Request) (int, string) {
		body, _ := io.ReadAll(req.Body)
		got = fmt.Sprintf("%s %s %s %s %s", req.Method, req.Header.Get("Content-Type"), req.Header.Get("Accept"), req.Header.Get("Authorization"), body)
		return 401, `{"error":"invalid_client"}`
	}}
	e := newEndpoint(s, func(c *oauthendpoint.Config) { c.Auth.ClientID = "id " })
	x, f := e.Post(t.Context(), "https://as.example/t?p=hunter2", "application/json", url.Values{"grant_type": {"a b"}})
	if f != nil {
		t.Fatal(f.Err)
	}
	if want := "POST application/x-www-form-urlencoded application/json Basic aWQrOnMzY3JldA== grant_type=a+b"; got != want { // id+:s3cret
		t.Errorf("request (-want +got)\n- %s\n+ %s", want, got)
	}
	code := oauthendpoint.ErrorCode(x.Response, []string{"invalid_client"})
	outcome := oauthendpoint.StatusOutcome(x.Response, code)
	if got, want := x.Explain(outcome, code, nil).Error(), "the endpoint rejects our credentials: check the credentials setting; the client ID ends in white space, method client_secret_basic: POST https://as.example/t?...: status 401, content type \"application/json\", error invalid_client"; got != want {
		t.Errorf("explanation (-want +got)\n- %s\n+ %s", want, got)
	}
	x.Response.Status = 404
	if got, want := x.Explain(oauthendpoint.BadStatus, "", errors.New("cause")).Error(), "POST https://as.example/t?...: status 404, content type \"application/json\": check the URL setting: cause"; got != want {
		t.Errorf("explanation (-want +got)\n- %s\n+ %s", want, got)
	}
	if x.ReceivedAt.Before(x.SentAt) || x.SentAt.IsZero() || e.Method() != clientauth.ClientSecretBasic || e.ClientID() != "id " {
		t.Errorf("got times %s, %s, method %q, client %q", x.SentAt, x.ReceivedAt, e.Method(), e.ClientID())
	}
}

// An exchange without a response has an outcome and a class. Redirects are never followed.
func TestPostFails(t *testing.T) {
	noToken := func(c *oauthendpoint.Config) {
		c.Auth = clientauth.Config{Method: clientauth.Bearer, BearerTokenFunc: func(context.Context) (string, error) { return "", errors.New("vault is closed") }}
	}
	for _, row := range []struct {
		name   string
		answer func(*http.Request) (int, string)
		change func(*oauthendpoint.Config)
		want   oauthendpoint.Outcome
		class  callguard.Class
		text   string
	}{
		{"no connection", nil, nil, oauthendpoint.Unreachable, callguard.Suspect, "check the URL setting"},
		{"redirect", constant(307, ""), nil, oauthendpoint.Redirected, callguard.Suspect, "check the URL setting"},
		{"large body", constant(200, strings.Repeat("x", 101)), nil, oauthendpoint.TooLarge, callguard.Neutral, "100"},
		{"no credentials", constant(200, ""), noToken, oauthendpoint.Credentials, callguard.Credentials, "our credentials are not available: vault is closed"},
		{"no certificate", constant(200, ""), func(c *oauthendpoint.Config) { c.CertificateFile, c.CertificateKeyFile = "missing.pem", "missing.pem" }, oauthendpoint.Credentials, callguard.Credentials, "our client certificate is not available: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			x, f := newEndpoint(server{"https://as.example/t": row.answer}, row.change).Post(t.Context(), "https://as.example/t", "application/json", url.Values{})
			if f == nil || f.Outcome != row.want || f.Class() != row.class || !strings.Contains(f.Err.Error(), row.text) || x.Response != nil {
				t.Errorf("got %+v, want outcome %q, class %d, and an error with %q", f, row.want, row.class, row.text)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		slow := server{"https://as.example/t": func(req *http.Request) (int, string) { <-req.Context().Done(); return 200, "" }}
		began := time.Now()
		_, f := newEndpoint(slow, nil).Post(t.Context(), "https://as.example/t", "application/json", url.Values{})
		if took := time.Since(began); f == nil || f.Outcome != oauthendpoint.TimedOut || f.Class() != callguard.Failure || took != time.Second {
			t.Errorf("got %+v after %s, want a timeout after 1s", f, took)
		}
	})
}

// The outcome of each status that does not depend on what the endpoint is for.
func TestStatuses(t *testing.T) {
	known := []string{"invalid_client", "unauthorized_client", "access_denied"}
	challenge := http.Header{"Www-Authenticate": {"Bearer"}}
	for _, row := range []struct {
		status int
		body   string
		header http.Header
		want   oauthendpoint.Outcome
		code   string
		retry  time.Duration
	}{
		{400, `{"error":"invalid_client"}`, nil, oauthendpoint.Credentials, "invalid_client", 0},
		{400, `{"error":"unauthorized_client"}`, nil, oauthendpoint.Credentials, "unauthorized_client", 0},
		{400, `{"error":"access_denied"}`, nil, oauthendpoint.Unknown4xx, "access_denied", 0},
		{400, `{"error":"s3cret"}`, nil, oauthendpoint.Unknown4xx, oauthendpoint.OtherErrorCode, 0},
		{400, `{"error":"invalid_client","error":"access_denied"}`, nil, oauthendpoint.Unknown4xx, oauthendpoint.NoErrorCode, 0},
		{400, `<html>`, nil, oauthendpoint.Unknown4xx, oauthendpoint.NoErrorCode, 0},
		{401, ``, nil, oauthendpoint.Credentials, oauthendpoint.NoErrorCode, 0},
		{403, ``, nil, oauthendpoint.Forbidden, oauthendpoint.NoErrorCode, 0},
		{403, `{"error":"blocked"}`, nil, oauthendpoint.Forbidden, oauthendpoint.OtherErrorCode, 0},
		{403, `{"error":"access_denied"}`, nil, oauthendpoint.Credentials, "access_denied", 0},
		{403, ``, challenge, oauthendpoint.Credentials, oauthendpoint.NoErrorCode, 0},
		{404, `{"error":"invalid_client"}`, nil, oauthendpoint.BadStatus, "", 7 * time.Second},
		{408, ``, nil, oauthendpoint.BadStatus, "", 7 * time.Second},
		{413, ``, nil, oauthendpoint.Unknown4xx, "", 0},
		{422, ``, nil, oauthendpoint.Unknown4xx, "", 0},
		{429, `{"error":"invalid_client"}`, nil, oauthendpoint.RateLimited, "", 7 * time.Second},
		{500, ``, nil, oauthendpoint.BadStatus, "", 7 * time.Second},
		{503, ``, nil, oauthendpoint.BadStatus, "", 7 * time.Second},
		{204, ``, nil, oauthendpoint.BadStatus, "", 7 * time.Second},
	} {
		header := http.Header{"Retry-After": {"7"}}
		maps.Copy(header, row.header)
		r := &outbound.Response{Status: row.status, Header: header, Body: []byte(row.body)}
		code := oauthendpoint.ErrorCode(r, known)
		got := oauthendpoint.StatusOutcome(r, code)
		if retry := oauthendpoint.RetryAfter(r, got.Class()); got != row.want || code != row.code || retry != row.retry {
			t.Errorf("%d %s: got %q, code %q, Retry-After %s; want %q, %q, %s", row.status, row.body, got, code, retry, row.want, row.code, row.retry)
		}
	}
	long := &outbound.Response{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}
	if got := oauthendpoint.RetryAfter(long, callguard.Failure); got != 30*time.Second {
		t.Errorf("Retry-After of an hour: got %s, want 30s", got)
	}
}

// Rejected credentials are suspect only if the endpoint has rejected them in a response.
func TestFailureClasses(t *testing.T) {
	var none *oauthendpoint.Failure
	if none.Class() != callguard.Success || none.RetryDelay() != 0 {
		t.Error("a nil Failure is not a success")
	}
	f := oauthendpoint.NewFailure(oauthendpoint.Credentials, oauthendpoint.Credentials.Class(), errors.New("no file"))
	if f.Class() != callguard.Credentials {
		t.Errorf("missing credentials: class %d", f.Class())
	}
	f.Response = "POST https://as.example/t: 401 Unauthorized"
	if f.Class() != callguard.SuspectCredentials {
		t.Errorf("rejected credentials: class %d", f.Class())
	}
	f = f.BlameToken()
	if got := f.Err.Error(); f.Class() != callguard.Neutral || f.Outcome != oauthendpoint.Unknown4xx || !strings.HasPrefix(got, f.Response+": taken to be about the token") {
		t.Errorf("got %+v", f)
	}
	if own := oauthendpoint.NewFailure("own", callguard.Suspect, nil); own.Class() != callguard.Suspect || own.Outcome.Class() != callguard.Neutral {
		t.Errorf("got %+v", own)
	}
	for err, want := range map[error]oauthendpoint.Outcome{
		callguard.ErrCircuitOpen: oauthendpoint.CircuitOpen, callguard.ErrCredentialsRejected: oauthendpoint.Credentials,
		callguard.ErrOverloaded: oauthendpoint.Overloaded, callguard.ErrAbandoned: oauthendpoint.Abandoned,
	} {
		if f := oauthendpoint.RefusalFailure(&callguard.Refusal{Err: err, RetryAfter: time.Second}); f.Outcome != want || f.RetryAfter != time.Second || !errors.Is(f.Err, err) {
			t.Errorf("refusal %v: got %+v, want %q", err, f, want)
		}
	}
}

// The Retry-After of the metadata server is honored, up to 30 seconds.
func TestDiscoveryFailure(t *testing.T) {
	_, err := newEndpoint(server{document: constant(503, "")}, nil).URL(t.Context())
	if f := oauthendpoint.DiscoveryFailure(err); f.Outcome != oauthendpoint.Discovery || f.Class() != callguard.Failure || f.RetryAfter != 7*time.Second {
		t.Errorf("got %+v", f)
	}
}
