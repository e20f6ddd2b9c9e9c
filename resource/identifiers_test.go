package resource_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
)

// A token for one member of a family is rejected at every other one, with the challenge of that
// one (RFC 8707 §2, RFC 9728 §5.1), whether the token is cached or not.
func TestFamily(t *testing.T) {
	f := newFamily(t, nil)
	members := []string{identifier, memberA, memberB}
	for _, audience := range members {
		token := f.tokenFor(audience)
		for range 2 {
			for _, member := range members {
				want := acceptedFor(member)
				if member != audience {
					want = invalid.of(member)
				}
				f.expect(audience+" at "+member, f.at(member, token), want)
				f.expect("no token at "+member, f.at(member, ""), noCredentials.of(member))
			}
		}
	}
	both := f.tokenFor(memberA, memberB)
	f.expect("two audiences, at the first", f.at(memberA, both), acceptedFor(memberA))
	f.expect("two audiences, at the second", f.at(memberB, both), acceptedFor(memberB))
	f.expect("two audiences, at another", f.at(identifier, both), invalid)
	f.expect("the transport SSE", f.at(memberA+"/messages?sessionId=1", both), acceptedFor(memberA))
	f.expect("a slash at the end", f.at(memberA+"/", both), acceptedFor(memberA))
	f.expect("an unknown member", f.at(identifier+"/x/c", both), notFound)
	f.expect("an unknown member without a token", f.at(identifier+"/x/c", ""), notFound)
	f.expect("a path below one with members", f.at(identifier+"/messages", f.tokenFor(identifier)), notFound)
}

// Several public origins of one server: Host selects among the configured ones. Every path is
// accepted, as with one identifier.
func TestSeveralHosts(t *testing.T) {
	f := newOrigins(t, nil)
	a, b := f.tokenFor(originA), f.tokenFor(originB)
	for _, row := range []struct {
		name, host string
		want       string // "": rejected, because a server could take it for another host
	}{
		{"the first", "a.example.test", originA},
		{"the second", "b.example.test:8443", originB},
		{"in upper case", "B.Example.Test:8443", originB},
		{"without its port", "b.example.test", ""},
		{"with another port", "b.example.test:9999", ""},
		{"with the default port", "a.example.test:443", originA},
		{"of neither", "evil.example.test", originA},
		{"empty", "", originA},
		{"with user information", "x@b.example.test:8443", ""},
		{"two values in one", "b.example.test:8443, b.example.test:8443", ""},
		{"with a dot at the end", "b.example.test.:8443", ""},
		{"of 1 MB", strings.Repeat("b", 1<<20), ""},
	} {
		for token, audience := range map[string]string{a: originA, b: originB} {
			req := httptest.NewRequest(http.MethodPost, "/elsewhere", nil)
			req.Host = row.host
			req.Header.Set("Authorization", "Bearer "+token)
			for _, name := range []string{"X-Forwarded-Host", "X-Original-Host", "X-Host"} {
				req.Header.Set(name, "b.example.test:8443")
			}
			req.Header.Set("Forwarded", "host=b.example.test:8443")
			f.inner = writeResource
			want := acceptedFor(audience)
			if row.want == "" {
				want = notFound
			} else if audience != row.want {
				want = invalid.of(row.want)
			}
			f.expect(row.name+", a token for "+audience, f.send(req), want)
		}
	}
}

// server serves the fixture with net/http. The handler behind reads paths tolerantly, as some
// servers do, and answers with the member that it took the path for.
func (f *fixture) server() (address string) {
	mux := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		served := req.URL.Path
		for range 3 {
			if decoded, err := url.PathUnescape(served); err == nil {
				served = decoded
			}
		}
		served = strings.ToLower(strings.ReplaceAll(served, `\`, "/"))
		var kept []string
		for segment := range strings.SplitSeq(served, "/") {
			segment, _, _ = strings.Cut(segment, ";")
			switch segment = strings.TrimSpace(segment); segment {
			case "", ".":
			case "..":
				kept = kept[:max(0, len(kept)-1)]
			default:
				kept = append(kept, segment)
			}
		}
		member := "https://mcp.example.test/" + strings.Join(kept[:min(len(kept), 3)], "/")
		caller, _ := resource.FromContext(req.Context())
		fmt.Fprintf(w, "%s as %s", member, caller.Resource())
	})
	server := httptest.NewServer(nethttp.Handler(f.res, mux))
	f.t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// rawRequest sends a request line and header lines as they are. It returns the status and the
// body.
func (f *fixture) rawRequest(address, target, token string, lines ...string) string {
	f.t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // ends a test that hangs
	text := "POST " + target + " HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: Bearer " + token + "\r\n"
	if _, err := io.WriteString(conn, text+strings.Join(append(lines, "", ""), "\r\n")); err != nil {
		f.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(body)))
}

// A token for one member reaches no other one, by whatever path a server behind can take for that
// of the other one (RFC 3986 §6.2).
func TestHostilePathsOfMembers(t *testing.T) {
	f := newFamily(t, nil)
	address := f.server()
	tokens := map[string]string{identifier: f.tokenFor(identifier), memberA: f.tokenFor(memberA), memberB: f.tokenFor(memberB)}
	const unknown = `404 {"error_description":"No protected resource has this path"}`
	for _, row := range []struct {
		target string
		member string // that accepts it; "": none
	}{
		{"/mcp", identifier},
		{"/mcp/", identifier},
		{"/mcp?x=/x/a", identifier},
		{"/mcp/x/a", memberA},
		{"/mcp/x/a/", memberA},
		{"/mcp/x/a?/../b", memberA},
		{"/mcp/x/a/b", memberA},
		{"http://evil.example.test/mcp/x/a", memberA},
		{"http://evil.example.test/../mcp/x/a", ""},
		{"/mcp/x/%61", ""},
		{"/mcp/x/%2561", ""},
		{"/mcp/%78/a", ""},
		{"/mcp/x%2Fa", ""},
		{"/mcp/x%2fa", ""},
		{"/mcp%2Fx%2Fa", ""},
		{"/mcp/x%252Fa", ""},
		{"/mcp/x%5Ca", ""},
		{`/mcp/x\a`, ""},
		{`/mcp/x/b\..\a`, ""},
		{"/mcp//x/a", ""},
		{"//mcp/x/a", ""},
		{"/mcp/x/a//", ""},
		{"/mcp/x/./a", ""},
		{"/mcp/./x/a", ""},
		{"/mcp/x/b/../a", ""},
		{"/mcp/x/b/%2e%2e/a", ""},
		{"/mcp/x/b/.%2e/a", ""},
		{"/mcp/x/b/..;/a", ""},
		{"/mcp/x/b/..%00/a", ""},
		{"/mcp/x/b/../../x/a", ""},
		{"/mcp/../mcp/x/a", ""},
		{"/mcp/x/a;v=1", ""},
		{"/mcp;v=1/x/a", ""},
		{"/mcp/x/a%3Bv=1", ""},
		{"/mcp/x/A", ""},
		{"/MCP/x/a", ""},
		{"/Mcp", ""},
		{"/mcp/x/a%20", ""},
		{"/mcp/x/a%09", ""},
		{"/mcp/x/a%00", ""},
		{"/mcp/x/a%3F", ""},
		{"/mcp/x/a%23", ""},
		{"/mcp/x/\u00e1", ""},
		{"/mcp/x", ""},
		{"/mcp/x/c", ""},
		{"/mcp/messages", ""},
		{"/", ""},
	} {
		for member, token := range tokens {
			got := f.rawRequest(address, row.target, token, "Host: mcp.example.test")
			want := unknown
			switch row.member {
			case "":
			case member:
				want = "200 " + member + " as " + member
			default:
				want = `401 {"error":"invalid_token","error_description":"The access token is invalid"}`
			}
			if got != want {
				t.Errorf("%s with a token for %s:\n got %s\nwant %s", row.target, member, got, want)
			}
		}
	}
}

// The Host of a request line counts, as in net/http, and a request with two of them is malformed
// (RFC 9112 §3.2).
func TestHostileHostsOfOrigins(t *testing.T) {
	f := newOrigins(t, nil)
	address := f.server()
	b := f.tokenFor(originB)
	const served, rejected = "200 https://mcp.example.test/mcp as " + originB, `401 {"error":"invalid_token","error_description":"The access token is invalid"}`
	for _, row := range []struct {
		name, target string
		lines        []string
		want         string
	}{
		{"its Host", "/mcp", []string{"Host: b.example.test:8443"}, served},
		{"another Host", "/mcp", []string{"Host: evil.example.test"}, rejected},
		{"in the request line", "http://b.example.test:8443/mcp", []string{"Host: a.example.test"}, served},
		{"another in the request line", "http://a.example.test/mcp", []string{"Host: b.example.test:8443"}, rejected},
		{"two fields", "/mcp", []string{"Host: a.example.test", "Host: b.example.test:8443"}, "400 400 Bad Request"},
		{"no field", "/mcp", nil, "400 400 Bad Request: missing required Host header"},
		{"forwarded", "/mcp", []string{"Host: a.example.test", "X-Forwarded-Host: b.example.test:8443"}, rejected},
		{"a space before the colon", "/mcp", []string{"Host: a.example.test", "Host : b.example.test:8443"}, "400 400 Bad Request: invalid header name"},
		{"user information", "/mcp", []string{"Host: x@b.example.test:8443"}, "400 400 Bad Request: malformed Host header"},
		{"an underscore for a hyphen", "/mcp", []string{"Host: a.example.test", "X_Forwarded_Host: b.example.test:8443"}, rejected},
	} {
		if got := f.rawRequest(address, row.target, b, row.lines...); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
		}
	}
}

// A path that is written in a second way in the URL of a request is rejected, whichever of the two
// a server behind goes by.
func TestRawPathOfMembers(t *testing.T) {
	f := newFamily(t, nil)
	token := f.tokenFor(memberA)
	for _, raw := range []string{"/mcp/x/%61", "/mcp/x/b", "/mcp/x/a"} {
		req := httptest.NewRequest(http.MethodPost, memberA, nil)
		req.URL.RawPath = raw
		req.Header.Set("Authorization", "Bearer "+token)
		f.expect(raw, f.send(req), notFound)
	}
}

// A program that forwards a request to another member in the same process does not forward the
// acceptance for the first one.
func TestAcceptanceOfAnotherMember(t *testing.T) {
	for name, keep := range map[string]bool{"the header is removed": false, "the header is kept": true} {
		f := newFamily(t, func(c *resource.Config, _ *jwks.Config) { c.HTTP.KeepAuthorization = keep })
		inner := nethttp.Middleware(f.res)(http.HandlerFunc(writeResource))
		outer := nethttp.Middleware(f.res)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			clone := req.Clone(req.Context())
			clone.URL.Path = req.Header.Get("X-To")
			inner.ServeHTTP(w, clone)
		}))
		want := noCredentials
		if keep {
			want = invalid
		}
		for to, want := range map[string]answer{"/mcp/x/a": acceptedFor(memberA), "/mcp/x/b": want.of(memberB), "/a": notFound} {
			recorder, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, memberA, nil)
			req.Header.Set("X-To", to)
			req.Header.Set("Authorization", "Bearer "+f.tokenFor(memberA))
			outer.ServeHTTP(recorder, req)
			f.expect(name+", to "+to, answerOf(t, recorder.Result()), want)
		}
	}
}

// Each configuration is valid except for one change.
func TestIdentifierMistakes(t *testing.T) {
	list := func(all ...string) func(*resource.Config) {
		return func(c *resource.Config) { c.Identifiers = all }
	}
	long := make([]string, 1001)
	for n := range long {
		long[n] = fmt.Sprintf("https://mcp.example.test/mcp/%d", n)
	}
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   string // "" for none
	}{
		{"a family", list(memberA, memberB), ""},
		{"several origins", list(originA, originB), ""},
		{"1000 identifiers", list(long[:1000]...), ""},
		{"one path that is not plain", func(c *resource.Config) {
			c.Identifier, c.Identifiers = "https://a.example.test/%C3%A9;v=1", []string{"https://b.example.test/%C3%A9;v=1"}
		}, ""},
		{"1001 identifiers", list(long...), "Identifiers: 1001 of them; the limit is 1000: use several Resources"},
		{"an empty one", list(memberA, ""), `Identifiers[1]: metadata: resource identifier "": must be an absolute URL, such as https://host.example.com/path`},
		{"another spelling", list("https://mcp.example.test:443/mcp/x"), `Identifiers[0]: metadata: resource identifier "https://mcp.example.test:443/mcp/x": clients or proxies rewrite it: write "https://mcp.example.test/mcp/x"`},
		{"http", list("http://mcp.example.test/mcp/x"), `Identifiers[0]: metadata: resource identifier "http://mcp.example.test/mcp/x": must begin with https://: http is for loopback hosts, or with AllowHTTP`},
		{"the first again", list(identifier), `Identifiers[0]: "https://mcp.example.test/mcp" cannot be distinguished from "https://mcp.example.test/mcp": a request has the same path, without a slash at the end, and the same Host`},
		{"in another case", list(memberA, "https://mcp.example.test/mcp/x/A"), `Identifiers[1]: the path of "https://mcp.example.test/mcp/x/A" differs from that of another identifier only in case; some servers ignore case`},
		{"with a slash", list(memberA, memberA+"/"), `Identifiers[1]: "https://mcp.example.test/mcp/x/a/" cannot be distinguished from "https://mcp.example.test/mcp/x/a": a request has the same path, without a slash at the end, and the same Host`},
		{"another scheme", func(c *resource.Config) {
			c.HTTP.AllowHTTP, c.Identifiers = true, []string{"http://mcp.example.test/mcp"}
		}, `Identifiers[0]: "http://mcp.example.test/mcp" cannot be distinguished from "https://mcp.example.test/mcp": a request has the same path, without a slash at the end, and the same Host`},
		{"a path that is not plain", list(identifier + "/a;v=1"), `Identifiers[0]: the path of "https://mcp.example.test/mcp/a;v=1" has a segment of other characters than letters, digits, "-", ".", "_" and "~", or of dots only; servers read it in different ways, so identifiers with several paths cannot have it`},
		{"a first path that is not plain", func(c *resource.Config) { c.Identifier, c.Identifiers = identifier+"/%C3%A9", []string{identifier} },
			`Identifier: the path of "https://mcp.example.test/mcp/%C3%A9" has a segment of other characters than letters, digits, "-", ".", "_" and "~", or of dots only; servers read it in different ways, so identifiers with several paths cannot have it`},
		{"a segment of dots", list(identifier + "/..."), `Identifiers[0]: the path of "https://mcp.example.test/mcp/..." has a segment of other characters than letters, digits, "-", ".", "_" and "~", or of dots only; servers read it in different ways, so identifiers with several paths cannot have it`},
		{"the audience of a member", func(c *resource.Config) {
			c.Identifiers, c.Issuers[0].Audiences = []string{memberA}, []string{"api://x", memberA}
		}, `Issuers[0].Audiences[1]: "https://mcp.example.test/mcp/x/a" is one of several identifiers, and would be accepted at the others too; remove it: each identifier is accepted anyway`},
		{"the audience of a member without a path", func(c *resource.Config) {
			c.Identifiers, c.Issuers[0].Audiences = []string{"https://mcp.example.test"}, []string{"https://mcp.example.test/"}
		}, `Issuers[0].Audiences[0]: "https://mcp.example.test/" is one of several identifiers, and would be accepted at the others too; remove it: each identifier is accepted anyway`},
		{"the audience of the only identifier", func(c *resource.Config) { c.Issuers[0].Audiences = []string{identifier} }, ""},
		{"signed metadata", func(c *resource.Config) {
			c.Identifiers, c.Metadata.SignedMetadata = []string{memberA}, "eyJ9.e30.AAAA"
		},
			"Metadata.SignedMetadata: it names one resource (RFC 9728 §2.2), and Identifiers has others; leave it empty"},
	} {
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: verifier(t)}}}
		row.change(&c)
		_, err := resource.New(c)
		want := row.want
		if want != "" {
			want = "resource: configuration: " + want
		}
		if got := text(err); got != want {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Without a path, an identifier with and without a slash is the same audience (RFC 3986 §6.2.3).
func TestIdentifierWithoutPath(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Identifiers = []string{"https://mcp.example.test/"} })
	for _, audience := range []string{"https://mcp.example.test", "https://mcp.example.test/"} {
		token := f.tokenFor(audience)
		f.expect(audience, f.at("https://mcp.example.test/", token), acceptedFor("https://mcp.example.test/"))
		f.expect(audience+" at /mcp", f.at(identifier, token), invalid)
		f.expect(audience+" elsewhere", f.at("https://mcp.example.test/x", token), notFound)
	}
}

// The origins of all identifiers are the server's own. Loopback origins are allowed by default
// only if no identifier is public.
func TestOriginsOfIdentifiers(t *testing.T) {
	const local = "http://127.0.0.1:8080/mcp"
	for _, row := range []struct {
		name        string
		identifiers []string
		allowed     []string
		denied      []string
	}{
		{"public", []string{originA, originB}, []string{"https://a.example.test", "https://b.example.test:8443"}, []string{"https://b.example.test", "http://localhost:6274", "https://evil.example.test"}},
		{"public and loopback", []string{originA, local}, []string{"https://a.example.test", "http://127.0.0.1:8080"}, []string{"http://localhost:6274"}},
		{"loopback", []string{local, "http://localhost:8080/mcp"}, []string{"http://127.0.0.1:8080", "http://localhost:6274"}, []string{"https://a.example.test"}},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Identifier, c.Identifiers = row.identifiers[0], row.identifiers[1:]
		})
		for _, identifier := range row.identifiers {
			token := f.tokenFor(identifier)
			for _, list := range []struct {
				origins []string
				status  int
			}{{row.allowed, 200}, {row.denied, 403}} {
				for _, origin := range list.origins {
					req := httptest.NewRequest(http.MethodPost, identifier, nil)
					req.Header.Set("Authorization", "Bearer "+token)
					req.Header.Set("Origin", origin)
					if got := f.send(req).status; got != list.status || f.res.AllowsOrigin(origin) != (list.status == 200) {
						t.Errorf("%s: %s at %s: got %d, want %d", row.name, origin, identifier, got, list.status)
					}
				}
			}
		}
	}
}

// The log does not show the path of a rejected request, which can contain a secret.
func TestUnknownPathInLog(t *testing.T) {
	f := newFamily(t, nil)
	for path, want := range map[string]string{
		"/s3cret":  "the path is not that of an identifier, and not below one that has no other below it",
		"/s3cret;": "the path has characters or segments that servers read in different ways",
	} {
		f.expect(path, f.at("https://mcp.example.test"+path, f.tokenFor(identifier)), notFound)
		if got := f.log.take(); strings.Contains(got, "s3cret") || !strings.Contains(got, `"reason":"path_unknown"`) || !strings.Contains(got, want) {
			t.Errorf("%s: got %s", path, got)
		}
	}
}

// Events and log records name the identifier of the request. Metrics have Config.Identifier only,
// so that the number of series does not depend on the number of identifiers.
func TestIdentifiersOfDecisions(t *testing.T) {
	events := new(eventRecorder)
	f := newFamily(t, func(c *resource.Config, _ *jwks.Config) { c.Hooks.Observers = []resource.Observer{events} })
	for _, row := range []struct{ url, audience, result, resource string }{
		{memberA, memberA, "accepted", memberA},
		{memberA, memberB, "denied", memberA},
		{memberB, memberB, "accepted", memberB},
		{identifier, identifier, "accepted", identifier},
		{identifier + "/x/c", identifier, "denied", identifier},
	} {
		f.log.take()
		f.at(row.url, f.tokenFor(row.audience))
		all := events.take()
		if len(all) != 1 || all[0].Resource != row.resource || all[0].Result != row.result {
			t.Errorf("%s: got %+v", row.url, all)
		}
		if got := f.log.take(); row.result == "denied" && !strings.Contains(got, `"resource":"`+row.resource+`"`) {
			t.Errorf("%s: got %s", row.url, got)
		}
	}
	f.expectSeries(map[string]string{`warder_decisions_total{reason="",result="accepted"}`: "3", `warder_decisions_total{reason="audience",result="denied"}`: "1",
		`warder_decisions_total{reason="path_unknown",result="denied"}`: "1"})
	for name := range f.series() { // without the label resource, if it is Config.Identifier
		if strings.Contains(name, "resource=") {
			t.Errorf("series %s", name)
		}
	}
}

// A caller keeps its identifier and its owner in JSON.
func TestOwner(t *testing.T) {
	family, origins := newFamily(t, nil), newOrigins(t, nil)
	for _, row := range []struct {
		f     *fixture
		url   string
		owner string
	}{
		{family, memberA, "/mcp/x/a/ 25:https://auth.example.test sub:alice"},
		{family, identifier, "/mcp/ 25:https://auth.example.test sub:alice"},
		{origins, originA, "25:https://auth.example.test sub:alice"},
		{origins, originB, "25:https://auth.example.test sub:alice"},
	} {
		c := row.f.callerAt(row.url, row.f.tokenFor(row.url))
		data, err := c.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var decoded resource.Caller
		if err := decoded.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*resource.Caller{c, &decoded} {
			if c.Owner() != row.owner || c.Resource() != row.url || c.ID() != "25:https://auth.example.test sub:alice" {
				t.Errorf("%s: got %q of %s", row.url, c.Owner(), c.Resource())
			}
		}
	}
}

// callerAt returns the caller of a request to a URL.
func (f *fixture) callerAt(url, token string) *resource.Caller {
	f.t.Helper()
	req := httptest.NewRequest(http.MethodGet, url, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	decision, refusal := f.res.Authenticate(req)
	if refusal != nil {
		f.t.Fatal(refusal.Err)
	}
	decision.Done()
	return decision.Caller
}
