package resource_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// urlTest sends requests with a token and a proof.
type urlTest struct {
	*fixture
	key *resourcetest.ProofKey
}

func newURLTest(t *testing.T, identifier string, more []string, base string) urlTest {
	return urlTest{newFixture(t, func(c *resource.Config, k *jwks.Config) {
		acceptDPoP(c, k)
		c.Identifier, c.Identifiers, c.HTTP.BasePath = identifier, more, base
	}), resourcetest.NewProofKey("")}
}

// send returns the reason of the rejection; "" if the request was accepted.
func (u urlTest) send(req *http.Request, audience, htu string) resource.Reason {
	u.t.Helper()
	token := u.token(resourcetest.Token{Audience: audience, ProofKey: u.key})
	req.Header.Set("Authorization", "DPoP "+token)
	req.Header.Set("DPoP", u.key.Proof(resourcetest.Proof{Token: token, Claims: map[string]any{"htu": htu}}))
	u.log.take()
	if u.sendProof(req).status == http.StatusOK {
		return ""
	}
	return loggedReason(u.log.take())
}

const wrongURL = resource.ReasonDPoPURL

// RFC 9449 §4.3, number 9: htu is the URL of the request without query and fragment, normalized by
// RFC 3986 §6.2.2 and §6.2.3. The URL of the request is the public one, whatever Host is.
func TestProofURL(t *testing.T) {
	u := newURLTest(t, identifier, nil, "")
	const host = "https://mcp.example.test"
	for _, row := range []struct {
		name, target, htu string
		want              resource.Reason
	}{
		{"the identifier", "/mcp", identifier, ""},
		{"a query of the request", "/mcp?a=b", identifier, ""},
		{"a query of htu", "/mcp", identifier + "?a=b", ""},
		{"a fragment of htu", "/mcp", identifier + "#a", ""},
		{"an empty query and fragment", "/mcp", identifier + "?#", ""},
		{"a query that looks like a path", "/mcp", "https://mcp.example.test/mc?/mcp", wrongURL},
		{"the scheme in another case", "/mcp", "HTTPS://mcp.example.test/mcp", ""},
		{"the host in another case", "/mcp", "https://MCP.Example.TEST/mcp", ""},
		{"the default port", "/mcp", "https://mcp.example.test:443/mcp", ""},
		{"an empty port", "/mcp", "https://mcp.example.test:/mcp", ""},
		{"a letter percent-encoded", "/mcp", host + "/%6dcp", ""},
		{"dot segments in htu", "/mcp", host + "/a/../b/./../mcp", ""},
		{"percent-encoded dot segments in htu", "/mcp", host + "/a/%2e%2E/mcp", ""},
		{"more dot segments than segments", "/mcp", host + "/../../mcp", ""},

		{"http", "/mcp", "http://mcp.example.test/mcp", wrongURL},
		{"http with the port of https", "/mcp", "http://mcp.example.test:443/mcp", wrongURL},
		{"another port", "/mcp", "https://mcp.example.test:8443/mcp", wrongURL},
		{"a port with a zero", "/mcp", "https://mcp.example.test:0443/mcp", wrongURL},
		{"another host", "/mcp", "https://evil.example.test/mcp", wrongURL},
		{"a longer host", "/mcp", "https://mcp.example.test.evil.test/mcp", wrongURL},
		{"a dot behind the host", "/mcp", "https://mcp.example.test./mcp", wrongURL},
		{"a user name", "/mcp", "https://a@mcp.example.test/mcp", wrongURL},
		{"a user name that is the host", "/mcp", "https://mcp.example.test@evil.test/mcp", wrongURL},
		{"a user name with the path", "/mcp", "https://mcp.example.test/mcp@evil.test", wrongURL},
		{"a backslash", "/mcp", `https://mcp.example.test\mcp`, wrongURL},
		{"a percent-encoded host", "/mcp", "https://%6dcp.example.test/mcp", wrongURL},
		{"a letter outside of ASCII", "/mcp", "https://mcp.example.te\u017ft/mcp", wrongURL},
		{"a full-width letter", "/mcp", host + "/\uff4dcp", wrongURL},
		{"no scheme", "/mcp", "//mcp.example.test/mcp", wrongURL},
		{"only a path", "/mcp", "/mcp", wrongURL},
		{"no slashes", "/mcp", "https:mcp.example.test/mcp", wrongURL},
		{"a space in front", "/mcp", " " + identifier, wrongURL},
		{"a space behind", "/mcp", identifier + " ", wrongURL},
		{"a line break", "/mcp", identifier + "\n", wrongURL},
		{"a null character", "/mcp", identifier + "\x00", wrongURL},
		{"the path in another case", "/mcp", host + "/MCP", wrongURL},
		{"a slash behind the path", "/mcp", identifier + "/", wrongURL},
		{"two slashes", "/mcp", host + "//mcp", wrongURL},
		{"a percent-encoded slash", "/mcp", host + "%2Fmcp", wrongURL},
		{"a path parameter", "/mcp", identifier + ";a=b", wrongURL},
		{"an invalid percent-encoding", "/mcp", identifier + "%zz", wrongURL},
		{"half a percent-encoding", "/mcp", identifier + "%6", wrongURL},
		{"a path below", "/mcp", identifier + "/x", wrongURL},
		{"a path above", "/mcp", host + "/", wrongURL},
		{"no path", "/mcp", host, wrongURL},
		{"a dot segment at the end", "/mcp", identifier + "/.", wrongURL},
		{"a dot segment that leaves the path", "/mcp", identifier + "/..", wrongURL},

		{"a request with a slash behind the path", "/mcp/", identifier + "/", ""},
		{"a request with a slash, htu without", "/mcp/", identifier, wrongURL},
		{"below", "/mcp/x/y", identifier + "/x/y", ""},
		{"below, htu of the identifier", "/mcp/x/y", identifier, wrongURL},
		{"below, with a letter percent-encoded in the request", "/mcp/%78", identifier + "/x", ""},
		{"below, with a letter percent-encoded in both", "/mcp/%78", identifier + "/%78", ""},
		{"below, with hexadecimal digits in another case", "/mcp/%c3%a4", identifier + "/%C3%A4", ""},
		{"below, a percent-encoded slash", "/mcp/a%2fb", identifier + "/a%2Fb", ""},
		{"below, a percent-encoded slash is not a slash", "/mcp/a%2Fb", identifier + "/a/b", wrongURL},
		{"below, a slash is not a percent-encoded slash", "/mcp/a/b", identifier + "/a%2Fb", wrongURL},
		{"below, an empty segment", "/mcp//x", identifier + "//x", ""},
		{"below, an empty segment is not nothing", "/mcp//x", identifier + "/x", wrongURL},
		{"below, a path parameter", "/mcp/x;a=b", identifier + "/x;a=b", ""},
		{"below, a path parameter in htu only", "/mcp/x", identifier + "/x;a=b", wrongURL},
		{"below, a plus sign is not a space", "/mcp/a+b", identifier + "/a%20b", wrongURL},
		{"below, a percent sign is decoded only once", "/mcp/%2578", identifier + "/x", wrongURL},
		{"below, dot segments in the request", "/mcp/a/../b", identifier + "/b", ""},
		{"below, dot segments, htu of the identifier", "/mcp/a/../b", identifier, wrongURL},
		{"below, a bracket, htu of the identifier", "/mcp/[x]", identifier, wrongURL},
		{"below, a bracket, which RFC 3986 does not allow", "/mcp/[x]", identifier + "/[x]", wrongURL},
		{"a percent-encoded slash behind the path, htu of the identifier", "/mcp%2Fadmin", identifier, wrongURL},
		{"a percent-encoded slash behind the path", "/mcp%2Fadmin", identifier + "%2Fadmin", ""},
		{"a path that a proxy has changed", "/", identifier, ""},
		{"a path that a proxy has changed, with its own URL", "/other", host + "/other", wrongURL},
		{"a path that only begins like that of the identifier", "/mcpx", identifier, ""},
		{"another Host", "https://evil.test/mcp", identifier, ""},
		{"another Host and its htu", "https://evil.test/mcp", "https://evil.test/mcp", wrongURL},
	} {
		if got := u.send(httptest.NewRequest(http.MethodPost, row.target, nil), identifier, row.htu); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
	// Forwarding headers never count.
	req := post(identifier)
	for _, name := range []string{"Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL"} {
		req.Header.Set(name, "evil.test")
	}
	if got := u.send(req, identifier, "https://evil.test/mcp"); got != wrongURL {
		t.Errorf("forwarding headers: got %q", got)
	}
	// RFC 9112 §3.2.4: the asterisk form, which has no path.
	req = httptest.NewRequest(http.MethodOptions, identifier, nil)
	req.URL = &url.URL{Path: "*"}
	token := u.token(resourcetest.Token{ProofKey: u.key})
	req.Header.Set("Authorization", "DPoP "+token)
	req.Header.Set("DPoP", u.key.Proof(resourcetest.Proof{Token: token, Method: "OPTIONS", URL: host + "/*"}))
	u.expectProof("OPTIONS *", u.sendProof(req), refusedDPoP(401, invalidProof))
}

// Identifiers with several paths or origins, and behind a proxy that removes a part of the path.
func TestProofURLOfIdentifiers(t *testing.T) {
	const port = "https://mcp.example.test:8443/mcp"
	for _, row := range []struct {
		name        string
		identifiers []string
		base        string
		target      string // of the request, with the Host
		audience    int
		htu         string
		want        resource.Reason
	}{
		{"the first of a family", []string{identifier, memberA}, "", identifier, 0, identifier, ""},
		{"a member", []string{identifier, memberA}, "", memberA, 1, memberA, ""},
		{"a member, htu of the first", []string{identifier, memberA}, "", memberA, 1, identifier, wrongURL},
		{"below a member", []string{identifier, memberA}, "", memberA + "/x", 1, memberA + "/x", ""},
		{"below a member, htu of the member", []string{identifier, memberA}, "", memberA + "/x", 1, memberA, wrongURL},
		{"a member with a slash", []string{identifier, memberA}, "", memberA + "/", 1, memberA + "/", ""},
		{"a member, proof for another", []string{identifier, memberA, memberB}, "", memberA, 1, memberB, wrongURL},
		{"a member, token of another", []string{identifier, memberA, memberB}, "", memberA, 2, memberA, resource.ReasonAudience},
		{"the first origin", []string{originA, originB}, "", originA, 0, originA, ""},
		{"the second origin", []string{originA, originB}, "", originB, 1, originB, ""},
		{"the second origin, htu of the first", []string{originA, originB}, "", originB, 1, originA, wrongURL},
		{"the first origin, htu of the second", []string{originA, originB}, "", originA, 0, originB, wrongURL},
		{"the second origin, token of the first", []string{originA, originB}, "", originB, 0, originB, resource.ReasonAudience},
		{"an unknown origin is the first", []string{originA, originB}, "", "https://evil.test/mcp", 0, originA, ""},
		{"an unknown origin, its htu", []string{originA, originB}, "", "https://evil.test/mcp", 0, "https://evil.test/mcp", wrongURL},
		{"below the second origin", []string{originA, originB}, "", originB + "/x", 1, originB + "/x", ""},
		{"a path that is not below the second origin", []string{originA, originB}, "", "https://b.example.test:8443/x", 1, originB, ""},
		{"another port of one host", []string{identifier, port}, "", port, 1, port, ""},
		{"another port, htu without it", []string{identifier, port}, "", port, 1, identifier, wrongURL},

		{"no path", []string{"https://mcp.example.test"}, "", "/", 0, "https://mcp.example.test/", ""},
		{"no path, htu without a slash", []string{"https://mcp.example.test"}, "", "/", 0, "https://mcp.example.test", ""},
		{"no path, below", []string{"https://mcp.example.test"}, "", "/x", 0, "https://mcp.example.test/x", ""},
		{"no path, below, htu of the identifier", []string{"https://mcp.example.test"}, "", "/x", 0, "https://mcp.example.test", wrongURL},
		{"a slash only", []string{"https://mcp.example.test/"}, "", "/", 0, "https://mcp.example.test", ""},
		{"a slash at the end", []string{identifier + "/"}, "", "/mcp/", 0, identifier + "/", ""},
		{"a slash at the end, request without it", []string{identifier + "/"}, "", "/mcp", 0, identifier, ""},
		{"a slash at the end, request without it, htu with it", []string{identifier + "/"}, "", "/mcp", 0, identifier + "/", wrongURL},
		{"IPv6", []string{"https://[2001:db8::1]:8443/mcp"}, "", "/mcp", 0, "https://[2001:DB8::1]:8443/mcp", ""},
		{"IPv6 in another spelling", []string{"https://[2001:db8::1]:8443/mcp"}, "", "/mcp", 0, "https://[2001:db8:0::1]:8443/mcp", wrongURL},
		{"IDN", []string{"https://xn--bcher-kva.example/mcp"}, "", "/mcp", 0, "https://XN--bcher-kva.example/mcp", ""},
		{"IDN in Unicode", []string{"https://xn--bcher-kva.example/mcp"}, "", "/mcp", 0, "https://b\u00fccher.example/mcp", wrongURL},
		{"an octet that is percent-encoded", []string{"https://mcp.example.test/%C3%A4"}, "", "/%c3%a4", 0, "https://mcp.example.test/%c3%A4", ""},

		{"base path: kept", []string{"https://mcp.example.test/prod/mcp"}, "/prod", "/prod/mcp", 0, "https://mcp.example.test/prod/mcp", ""},
		{"base path: removed", []string{"https://mcp.example.test/prod/mcp"}, "/prod", "/mcp", 0, "https://mcp.example.test/prod/mcp", ""},
		{"base path: below, removed", []string{"https://mcp.example.test/prod/mcp"}, "/prod", "/mcp/x", 0, "https://mcp.example.test/prod/mcp/x", ""},
		{"base path: below, kept", []string{"https://mcp.example.test/prod/mcp"}, "/prod", "/prod/mcp/x", 0, "https://mcp.example.test/prod/mcp/x", ""},
		{"base path: htu without it", []string{"https://mcp.example.test/prod/mcp"}, "/prod", "/mcp", 0, "https://mcp.example.test/mcp", wrongURL},
		{"base path: twice", []string{"https://mcp.example.test/prod/mcp"}, "/prod", "/prod/prod/mcp", 0, "https://mcp.example.test/prod/mcp", ""},
		{"base path: a percent-encoded slash", []string{"https://mcp.example.test/prod/mcp"}, "/prod", "/prod/mcp%2Fx", 0, "https://mcp.example.test/prod/mcp", wrongURL},
		{"base path: it is the whole path, and kept", []string{"https://mcp.example.test/prod"}, "/prod", "/prod", 0, "https://mcp.example.test/prod", ""},
		{"base path: it is the whole path, and removed", []string{"https://mcp.example.test/prod"}, "/prod", "/", 0, "https://mcp.example.test/prod", ""},
		{"base path: it is the whole path, removed, below", []string{"https://mcp.example.test/prod"}, "/prod", "/x", 0, "https://mcp.example.test/prod/x", ""},
		{"base path of one of two", []string{identifier, "https://mcp.example.test/prod/mcp2"}, "/prod", "/mcp2", 1, "https://mcp.example.test/prod/mcp2", ""},
		{"base path of the other", []string{identifier, "https://mcp.example.test/prod/mcp2"}, "/prod", "/mcp", 0, identifier, ""},
	} {
		u := newURLTest(t, row.identifiers[0], row.identifiers[1:], row.base)
		req := httptest.NewRequest(http.MethodPost, row.target, nil)
		if got := u.send(req, row.identifiers[row.audience], row.htu); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
