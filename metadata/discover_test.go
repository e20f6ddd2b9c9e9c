package metadata_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

// fakeServer is a transport with a fixed response for each URL, and 404 for others.
type fakeServer struct {
	responses map[string]response
	requested []string // URLs
}

type response struct {
	status int
	body   string
	err    error // instead of a response
}

func (f *fakeServer) RoundTrip(r *http.Request) (*http.Response, error) {
	f.requested = append(f.requested, r.URL.String())
	if accept := r.Header.Get("Accept"); accept != "application/json" {
		return nil, fmt.Errorf("Accept is %q", accept)
	}
	resp, ok := f.responses[r.URL.String()]
	switch {
	case resp.err != nil:
		return nil, resp.err
	case !ok:
		resp = response{status: 404, body: "404 page not found"}
	}
	rec := httptest.NewRecorder()
	if resp.status == 429 {
		rec.Header().Set("Retry-After", "30")
	}
	rec.WriteHeader(resp.status)
	io.WriteString(rec, resp.body)
	return rec.Result(), nil
}

func (f *fakeServer) discover(t *testing.T, issuer string) (*metadata.AuthorizationServer, error) {
	t.Helper()
	return metadata.Discover(t.Context(), outbound.New(outbound.Config{Transport: f, AllowHTTP: true}), issuer, metadata.JWKSURI, metadata.IntrospectionEndpoint)
}

// ok returns a response with status 200.
func ok(body string) response { return response{status: 200, body: body} }

// with returns the document of issuer with further members.
func with(issuer string, members ...string) response {
	return ok("{" + strings.Join(append([]string{fmt.Sprintf(`"issuer":%q`, issuer)}, members...), ",") + "}")
}

const (
	tenant        = "https://as.example/t/1"
	oauthInserted = "https://as.example/.well-known/oauth-authorization-server/t/1"
	oidcInserted  = "https://as.example/.well-known/openid-configuration/t/1"
	oidcAppended  = "https://as.example/t/1/.well-known/openid-configuration"
)

// The order is that of MCP authorization, with RFC 8414 §3.1, §5 and OpenID Connect Discovery §4.
func TestDiscoveryOrder(t *testing.T) {
	for _, row := range []struct {
		name, issuer string
		requested    []string
	}{
		{"an issuer with a path", tenant, []string{oauthInserted, oidcInserted, oidcAppended}},
		{"a terminal slash after the path", tenant + "/", []string{oauthInserted, oidcInserted, oidcAppended}},
		{"an issuer without a path", "https://as.example", []string{"https://as.example/.well-known/oauth-authorization-server", "https://as.example/.well-known/openid-configuration"}},
		{"a slash as the path", "https://as.example/", []string{"https://as.example/.well-known/oauth-authorization-server", "https://as.example/.well-known/openid-configuration"}},
		{"a port and an escaped path", "https://as.example:8443/a%20b", []string{"https://as.example:8443/.well-known/oauth-authorization-server/a%20b", "https://as.example:8443/.well-known/openid-configuration/a%20b", "https://as.example:8443/a%20b/.well-known/openid-configuration"}},
	} {
		none := &fakeServer{}
		if _, err := none.discover(t, row.issuer); err == nil {
			t.Errorf("%s: got a document, want an error", row.name)
		}
		wantEqual(t, row.name, strings.Join(none.requested, "\n"), strings.Join(row.requested, "\n"))
		for i, u := range row.requested {
			one := &fakeServer{responses: map[string]response{u: with(row.issuer)}}
			server, err := one.discover(t, row.issuer)
			if err != nil {
				t.Errorf("%s, document at %s: %v", row.name, u, err)
				continue
			}
			wantServer(t, row.name, server, metadata.AuthorizationServer{URL: u, Issuer: row.issuer})
			wantEqual(t, row.name, strings.Join(one.requested, "\n"), strings.Join(row.requested[:i+1], "\n"))
		}
	}
}

func wantServer(t *testing.T, name string, got *metadata.AuthorizationServer, want metadata.AuthorizationServer) {
	t.Helper()
	if got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%s (-want +got)\n- %+v\n+ %+v", name, want, got)
	}
}

func TestDiscoverReadsAllMembers(t *testing.T) {
	fake := &fakeServer{responses: map[string]response{oidcInserted: with(tenant, `"jwks_uri":"https://keys.example/k?v=1"`,
		`"introspection_endpoint":"https://as.example/i"`, `"registration_endpoint":null`, `"token_endpoint":"http://as.example/t"`,
		`"scopes_supported":["a"]`, `"unknown":{"a":[null]}`, `"null":null`)}}
	server, err := fake.discover(t, tenant)
	wantEqual(t, "error", text(err), "ok")
	wantServer(t, "server", server, metadata.AuthorizationServer{
		URL:                   oidcInserted,
		Issuer:                tenant,
		JWKSURI:               "https://keys.example/k?v=1",
		IntrospectionEndpoint: "https://as.example/i",
	})
}

// After a failure that concerns the host, and after the end of the context, Discover does not
// request the other URLs.
func TestDiscoveryStops(t *testing.T) {
	for _, outcome := range []outbound.Outcome{outbound.BadURL, outbound.RefusedAddress, outbound.DNS, outbound.TLS, outbound.Canceled} {
		fake := &fakeServer{responses: map[string]response{oauthInserted: {err: &outbound.Error{Outcome: outcome, Err: errors.New("no")}}, oidcAppended: with(tenant)}}
		_, err := fake.discover(t, tenant)
		wantEqual(t, string(outcome), strings.Join(fake.requested, "\n"), oauthInserted)
		if e, ok := errors.AsType[*outbound.Error](err); !ok || e.Outcome != outcome {
			t.Errorf("outcome (-want +got)\n- %s\n+ %v", outcome, err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	fake := &fakeServer{}
	get := getter(func(ctx context.Context, u string) (*outbound.Response, error) {
		fake.requested = append(fake.requested, u)
		cancel()
		return &outbound.Response{Status: 404}, nil
	})
	if _, err := metadata.Discover(ctx, get, tenant); err == nil {
		t.Error("got a document, want an error")
	}
	wantEqual(t, "after the end of the context", strings.Join(fake.requested, "\n"), oauthInserted)
}

// getter is a function that implements metadata.Getter.
type getter func(ctx context.Context, u string) (*outbound.Response, error)

func (g getter) Get(ctx context.Context, u string, _ http.Header) (*outbound.Response, error) {
	return g(ctx, u)
}

func TestDiscoveryError(t *testing.T) {
	fake := &fakeServer{responses: map[string]response{oauthInserted: {status: 429}, oidcInserted: with("https://evil.example")}}
	_, err := fake.discover(t, tenant)
	failed, isTyped := errors.AsType[*metadata.DiscoveryError](err)
	if !isTyped {
		t.Fatalf("the error is a %T", err)
	}
	wantEqual(t, "issuer", failed.Issuer, tenant)
	wantEqual(t, "RetryAfter", failed.RetryAfter(), 30*time.Second)
	wantEqual(t, "is a mismatch", errors.Is(err, metadata.ErrIssuerMismatch), true)
	var urls []string
	var statuses []int
	for _, a := range failed.Attempts {
		urls, statuses = append(urls, a.URL), append(statuses, a.Status)
	}
	wantEqual(t, "URLs", strings.Join(urls, "\n"), strings.Join([]string{oauthInserted, oidcInserted, oidcAppended}, "\n"))
	wantEqual(t, "statuses", slices.Equal(statuses, []int{429, 200, 404}), true)
	wantEqual(t, "first RetryAfter", failed.Attempts[0].RetryAfter, 30*time.Second)

	_, err = (&fakeServer{}).discover(t, tenant)
	wantEqual(t, "is a mismatch without a document", errors.Is(err, metadata.ErrIssuerMismatch), false)
}

func TestDiscoverMalformedIssuer(t *testing.T) {
	for _, issuer := range []string{"", "as.example", "https://as.example?x", "https://as.example#x", "https://u@as.example", "ftp://as.example", "https://login.example/{tenant}/v2.0"} {
		fake := &fakeServer{}
		if _, err := fake.discover(t, issuer); err == nil || fake.requested != nil {
			t.Errorf("issuer %q: %v, requested %q", issuer, err, fake.requested)
		}
	}
}

// A document may contain http URLs only if it was retrieved over http, and only on certain hosts.
func TestDiscoverOverHTTP(t *testing.T) {
	for _, row := range []struct {
		name, issuer, keys, want string
	}{
		{"loopback, the same host", "http://127.0.0.1:9000", "http://127.0.0.1:9001/k", "ok"},
		{"loopback, another host", "http://localhost:9000", "http://[::1]:9000/k", "ok"},
		{"from loopback to https on another host", "http://localhost:9000", "https://keys.example/k", "ok"},
		{"from loopback to http on another host", "http://localhost:9000", "http://keys.example/k", "rejected"},
		{"the same host", "http://as.internal", "http://as.internal:8080/k", "ok"},
		{"another host", "http://as.internal", "http://keys.internal/k", "rejected"},
		{"from another host to loopback", "http://as.internal", "http://localhost/k", "rejected"},
	} {
		fake := &fakeServer{responses: map[string]response{row.issuer + "/.well-known/oauth-authorization-server": with(row.issuer, fmt.Sprintf(`"jwks_uri":%q`, row.keys))}}
		server, err := fake.discover(t, row.issuer)
		got := "rejected"
		if err == nil {
			got = "ok"
			wantEqual(t, row.name, server.JWKSURI, row.keys)
		}
		wantEqual(t, row.name, got, row.want)
	}
}

// TestDiscoverFromServer uses the guarded client and a server on a port.
func TestDiscoverFromServer(t *testing.T) {
	var issuer string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/t/.well-known/openid-configuration" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, issuer+"/keys")
	}))
	t.Cleanup(server.Close)
	issuer = server.URL + "/t"
	client := outbound.New(outbound.Config{Hosts: []string{"127.0.0.1"}})
	t.Cleanup(client.CloseIdle)
	got, err := metadata.Discover(t.Context(), client, issuer, metadata.JWKSURI)
	wantEqual(t, "error", text(err), "ok")
	wantServer(t, "server", got, metadata.AuthorizationServer{URL: issuer + "/.well-known/openid-configuration", Issuer: issuer, JWKSURI: issuer + "/keys"})
}

// FuzzDiscover checks that no body causes a panic or is accepted as the document of another issuer.
func FuzzDiscover(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"issuer":"https://as.example"}`, `{"issuer":"https://as.example","jwks_uri":"http://as.example"}`, `{"issuer":"https://as.example","Issuer":"x"}`, `{"issuer":"\u0068ttps://as.example"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		get := getter(func(context.Context, string) (*outbound.Response, error) {
			return &outbound.Response{Status: 200, Body: body}, nil
		})
		server, err := metadata.Discover(t.Context(), get, "https://as.example", metadata.JWKSURI)
		if err != nil {
			return
		}
		if server.Issuer != "https://as.example" || server.JWKSURI != "" && !strings.HasPrefix(server.JWKSURI, "https://") {
			t.Errorf("accepted %q as %+v", body, server)
		}
	})
}

// A URL that is null or an empty string is absent. A member that is not used can have any
// value: it does not make the document unusable.
func TestDiscoverIgnoresWhatIsNotUsed(t *testing.T) {
	for _, row := range []struct {
		name, member string
		used         []metadata.Member
		want         metadata.AuthorizationServer
	}{
		{"the used URL is null", `"jwks_uri":null`, []metadata.Member{metadata.JWKSURI}, metadata.AuthorizationServer{}},
		{"the used URL is empty", `"jwks_uri":""`, []metadata.Member{metadata.JWKSURI}, metadata.AuthorizationServer{}},
		{"another is null", `"introspection_endpoint":null`, []metadata.Member{metadata.JWKSURI}, metadata.AuthorizationServer{}},
		{"another is a number", `"introspection_endpoint":1`, []metadata.Member{metadata.JWKSURI}, metadata.AuthorizationServer{}},
		{"another is not https", `"jwks_uri":"http://as.example/k"`, []metadata.Member{metadata.IntrospectionEndpoint}, metadata.AuthorizationServer{}},
		{"another differs in case only", `"Jwks_Uri":"https://as.example/k"`, []metadata.Member{metadata.IntrospectionEndpoint}, metadata.AuthorizationServer{}},
		{"another is valid", `"jwks_uri":"https://as.example/k","introspection_endpoint":"https://as.example/i"`, []metadata.Member{metadata.JWKSURI}, metadata.AuthorizationServer{JWKSURI: "https://as.example/k"}},
		{"the token endpoint is used", `"token_endpoint":"https://as.example/t"`, []metadata.Member{metadata.TokenEndpoint}, metadata.AuthorizationServer{TokenEndpoint: "https://as.example/t"}},
		{"the token endpoint is not used", `"token_endpoint":"http://as.example/t"`, []metadata.Member{metadata.JWKSURI}, metadata.AuthorizationServer{}},
		{"none is used", `"jwks_uri":1`, nil, metadata.AuthorizationServer{}},
	} {
		fake := &fakeServer{responses: map[string]response{oauthInserted: with(tenant, row.member)}}
		server, err := metadata.Discover(t.Context(), outbound.New(outbound.Config{Transport: fake}), tenant, row.used...)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		row.want.URL, row.want.Issuer = oauthInserted, tenant
		wantServer(t, row.name, server, row.want)
	}
}

// A configured address is the only one that is requested. The issuer in the document must still be
// the configured one (RFC 8414 §3.3). A URL in the document can be http only if the address is.
func TestDiscoverAt(t *testing.T) {
	const address = "https://elsewhere.example/metadata?p=hunter2"
	for _, row := range []struct {
		name, address, issuer string
		response              response
		want                  string // jwks_uri, or the error
	}{
		{"an issuer that is not a URL", address, "sso.example", with("sso.example", `"jwks_uri":"https://keys.example/jwks"`), "https://keys.example/jwks"},
		{"an http issuer does not allow http", address, "http://as.example", with("http://as.example", `"jwks_uri":"http://as.example/jwks"`),
			`metadata: no valid document for issuer "http://as.example"; "https://elsewhere.example/metadata?...": status 200: member "jwks_uri": "http://as.example/jwks" must begin with https://; check metadata_url (in Go: MetadataURL), or set x`},
		{"another issuer", address, "sso.example", with("https://as.example"),
			`metadata: no valid document for issuer "sso.example"; "https://elsewhere.example/metadata?...": issuer mismatch: the document has issuer "https://as.example", want "sso.example"`},
		{"an issuer in another case", address, "sso.example", with("SSO.example"),
			`metadata: no valid document for issuer "sso.example"; "https://elsewhere.example/metadata?...": issuer mismatch: the document has issuer "(not shown, it may contain a password)", want "sso.example"`},
		{"not found", address, "https://as.example/.well-known/openid-configuration", response{status: 404},
			`metadata: no valid document for issuer "https://as.example/.well-known/openid-configuration"; "https://elsewhere.example/metadata?...": status 404; check metadata_url (in Go: MetadataURL), or set x`},
		{"not an address", "elsewhere?hunter2", "sso.example", response{}, `metadata: URL "(not shown, it may contain a password)": must be an absolute URL, such as https://host.example.com/path`},
		{"no address: the well-known ones", "", "https://as.example", response{}, `metadata: no valid document for issuer "https://as.example"; "https://as.example/.well-known/oauth-authorization-server": status 404; "https://as.example/.well-known/openid-configuration": status 404; if the issuer publishes no metadata, set x`},
	} {
		fake := &fakeServer{responses: map[string]response{address: row.response}}
		server, err := metadata.DiscoverAt(t.Context(), outbound.New(outbound.Config{Transport: fake, AllowHTTP: true}), row.address, row.issuer, metadata.JWKSURI)
		got := ""
		if err != nil {
			got = metadata.Suggest(err, "x").Error()
		} else if got = server.JWKSURI; server.URL != "https://elsewhere.example/metadata?..." || server.Issuer != row.issuer {
			t.Errorf("%s: got %+v", row.name, server)
		}
		if got = strings.ReplaceAll(got, `, no content type`, ""); got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
		if row.address == address && !slices.Equal(fake.requested, []string{address}) {
			t.Errorf("%s: requested %q", row.name, fake.requested)
		}
	}
}
