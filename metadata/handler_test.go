package metadata_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/metadata"
)

// start serves h and returns the address.
func start(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func newHandler(t *testing.T, docs ...metadata.Document) *metadata.Handler {
	t.Helper()
	h, err := metadata.NewHandler(docs...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// send sends a request without a client, which would normalize its path. It returns the status,
// the sorted header without Date and Connection, and the body.
func send(t *testing.T, address, method, target string, header ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: evil.example", "Connection: close"}, header...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Header.Del("Date")
	resp.Header.Del("Connection")
	var b strings.Builder
	fmt.Fprintln(&b, resp.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, value := range resp.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	return b.String() + "\n" + string(body)
}

const (
	minimalBody = `{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://as.example"]}`

	documentHead = `200
Access-Control-Allow-Origin: *
Cache-Control: public, max-age=300
Content-Length: 89
Content-Type: application/json
X-Content-Type-Options: nosniff

`
	preflight = `204
Access-Control-Allow-Headers: Accept, Authorization, Content-Type, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID
Access-Control-Allow-Methods: GET, HEAD, OPTIONS
Access-Control-Allow-Origin: *
Access-Control-Max-Age: 3600

`
	notAllowed = `405
Access-Control-Allow-Origin: *
Allow: GET, HEAD, OPTIONS
Content-Length: 19
Content-Type: text/plain; charset=utf-8
X-Content-Type-Options: nosniff

method not allowed
`
	notFound = `404
Access-Control-Allow-Origin: *
Content-Length: 10
Content-Type: text/plain; charset=utf-8
X-Content-Type-Options: nosniff

not found
`
)

// RFC 9728 §3.1, §3.2.
func TestHandler(t *testing.T) {
	const root, inserted = "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"
	address := start(t, newHandler(t, minimal()))
	for _, row := range []struct {
		name, method, target string
		header               []string
		want                 string
	}{
		{"GET at the inserted path", "GET", inserted, nil, documentHead + minimalBody},
		{"GET at the root path", "GET", root, nil, documentHead + minimalBody},
		{"HEAD", "HEAD", inserted, nil, documentHead},
		{"a query", "GET", inserted + "?resource=https://evil.example", nil, documentHead + minimalBody},
		{"an absolute target", "GET", "http://other.example" + inserted, nil, documentHead + minimalBody},
		{"forwarding headers", "GET", inserted, []string{"X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http", "X-Forwarded-Prefix: /evil", "Forwarded: host=evil.example", "X-Original-URL: /evil"}, documentHead + minimalBody},
		{"an origin", "GET", inserted, []string{"Origin: https://evil.example"}, documentHead + minimalBody},
		{"another Accept", "GET", inserted, []string{"Accept: text/html"}, documentHead + minimalBody},
		{"a range", "GET", inserted, []string{"Range: bytes=0-3"}, documentHead + minimalBody},
		{"a bad token", "GET", inserted, []string{"Authorization: Bearer nonsense"}, documentHead + minimalBody},
		{"a preflight", "OPTIONS", inserted, []string{"Origin: https://inspector.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: mcp-protocol-version"}, preflight},
		{"a preflight at the root path", "OPTIONS", root, nil, preflight},
		{"POST", "POST", inserted, []string{"Content-Length: 0"}, notAllowed},
		{"PUT", "PUT", inserted, []string{"Content-Length: 0"}, notAllowed},
		{"DELETE", "DELETE", inserted, nil, notAllowed},
		{"an unknown method", "BREW", inserted, nil, notAllowed},
		{"method in lower case", "get", inserted, nil, notAllowed},
		{"a terminal slash", "GET", inserted + "/", nil, notFound},
		{"the root path with a slash", "GET", root + "/", nil, notFound},
		{"another path", "GET", root + "/other", nil, notFound},
		{"a longer path", "GET", inserted + "/x", nil, notFound},
		{"the path of the resource", "GET", "/mcp", nil, notFound},
		{"an escaped slash", "GET", root + "%2Fmcp", nil, notFound},
		{"an escaped letter", "GET", root + "/%6Dcp", nil, notFound},
		{"an escaped dot", "GET", "/%2Ewell-known/oauth-protected-resource/mcp", nil, notFound},
		{"dot segments", "GET", root + "/x/../mcp", nil, notFound},
		{"escaped dot segments", "GET", root + "/x/%2e%2e/mcp", nil, notFound},
		{"a double slash", "GET", root + "//mcp", nil, notFound},
		{"a double slash at the beginning", "GET", "/" + inserted, nil, notFound},
		{"another case", "GET", root + "/MCP", nil, notFound},
		{"a path parameter", "GET", inserted + ";x", nil, notFound},
		{"a zero byte", "GET", inserted + "%00", nil, notFound},
		{"another well-known document", "GET", "/.well-known/oauth-authorization-server", nil, notFound},
		{"OPTIONS at another path", "OPTIONS", "/mcp", nil, notFound},
		{"HEAD at another path", "HEAD", "/", nil, strings.TrimSuffix(notFound, "not found\n")},
	} {
		wantEqual(t, row.name, send(t, address, row.method, row.target, row.header...), row.want)
	}
}

func TestHandlerWithSeveralDocuments(t *testing.T) {
	other := minimal()
	other.Resource = "https://other.example.com/a%2Fb/"
	address := start(t, newHandler(t, minimal(), other))
	const root = "/.well-known/oauth-protected-resource"
	otherBody := strings.Replace(minimalBody, "https://mcp.example.com/mcp", other.Resource, 1)
	wantEqual(t, "the first document", send(t, address, "GET", root+"/mcp"), documentHead+minimalBody)
	wantEqual(t, "the second document", send(t, address, "GET", root+"/a%2Fb/"), strings.Replace(documentHead, "89", fmt.Sprint(len(otherBody)), 1)+otherBody)
	wantEqual(t, "the second document, unescaped path", send(t, address, "GET", root+"/a/b/"), notFound)
	wantEqual(t, "the root location, which is ambiguous", send(t, address, "GET", root), notFound)

	wantEqual(t, "the second document, without its terminal slash", send(t, address, "GET", root+"/a%2Fb"), strings.Replace(documentHead, "89", fmt.Sprint(len(otherBody)), 1)+otherBody)

	slash := minimal()
	slash.Resource += "/"
	slashBody := strings.Replace(minimalBody, "/mcp\"", "/mcp/\"", 1)
	slashHead := strings.Replace(documentHead, "89", "90", 1)
	address = start(t, newHandler(t, slash))
	for _, path := range []string{root + "/mcp/", root + "/mcp", root} {
		wantEqual(t, "a single document with a terminal slash, "+path, send(t, address, "GET", path), slashHead+slashBody)
	}
	for _, docs := range [][]metadata.Document{{minimal(), slash}, {slash, minimal()}} {
		address = start(t, newHandler(t, docs...))
		wantEqual(t, "two documents that differ in the terminal slash, without slash", send(t, address, "GET", root+"/mcp"), documentHead+minimalBody)
		wantEqual(t, "two documents that differ in the terminal slash, with slash", send(t, address, "GET", root+"/mcp/"), slashHead+slashBody)
		wantEqual(t, "two documents that differ in the terminal slash, root location", send(t, address, "GET", root), notFound)
	}

	atRoot := minimal()
	atRoot.Resource = "https://mcp.example.com"
	address = start(t, newHandler(t, minimal(), atRoot))
	rootBody := strings.Replace(minimalBody, "/mcp\"", "\"", 1)
	wantEqual(t, "a resource without a path", send(t, address, "GET", root), strings.Replace(documentHead, "89", "85", 1)+rootBody)
	wantEqual(t, "a second resource with a path", send(t, address, "GET", root+"/mcp"), documentHead+minimalBody)
}

func TestLocations(t *testing.T) {
	slash, other := minimal(), minimal()
	slash.Resource += "/"
	other.Resource = "https://mcp.example.com/a%2Fb"
	const root = "/.well-known/oauth-protected-resource"
	wantEqual(t, "one document", strings.Join(newHandler(t, slash).Locations(), " "), root+" "+root+"/mcp "+root+"/mcp/")
	wantEqual(t, "two documents", strings.Join(newHandler(t, minimal(), other).Locations(), " "), root+"/a%2Fb "+root+"/mcp")
	wantEqual(t, "the zero Handler", len(new(metadata.Handler).Locations()), 0)
}

// A change of a document after NewHandler has no effect.
func TestHandlerEncodesOnce(t *testing.T) {
	d := minimal()
	address := start(t, newHandler(t, d))
	d.AuthorizationServers[0] = "https://evil.example"
	wantEqual(t, "after a change", send(t, address, "GET", "/.well-known/oauth-protected-resource"), documentHead+minimalBody)
}

func TestOwns(t *testing.T) {
	h := newHandler(t, minimal())
	for _, row := range []struct {
		method, target string
		want           bool
	}{
		{"GET", "/.well-known/oauth-protected-resource/mcp", true},
		{"DELETE", "/.well-known/oauth-protected-resource/mcp?x=y", true},
		{"OPTIONS", "/.well-known/oauth-protected-resource", true},
		{"GET", "/.well-known/oauth-protected-resource/mcp/", false},
		{"GET", "/.well-known/oauth-protected-resource%2Fmcp", false},
		{"GET", "/.well-known/oauth-protected-resource/%6dcp", false},
		{"GET", "/.well-known/x/../oauth-protected-resource", false},
		{"GET", "/mcp", false},
		{"OPTIONS", "*", false},
	} {
		req := httptest.NewRequest(row.method, row.target, nil)
		wantEqual(t, row.method+" "+row.target, h.Owns(req), row.want)
		wantEqual(t, "the zero Handler, "+row.target, new(metadata.Handler).Owns(req), false)
	}
	wantEqual(t, "the zero Handler", send(t, start(t, new(metadata.Handler)), "GET", "/.well-known/oauth-protected-resource"), notFound)
}

func TestNewHandlerRejects(t *testing.T) {
	duplicate, noServer, plainHTTP := minimal(), minimal(), minimal()
	duplicate.Resource = "http://mcp.example.com/mcp" // the same value of Host
	duplicate.AllowHTTP = true
	noServer.AuthorizationServers = nil
	plainHTTP.Resource = "http://x.example"
	for _, row := range []struct {
		name string
		docs []metadata.Document
		want string
	}{
		{"no document", nil, "metadata: a handler needs at least one document"},
		{"two documents at one path and host", []metadata.Document{minimal(), duplicate}, `metadata: resource "http://mcp.example.com/mcp": "/.well-known/oauth-protected-resource/mcp" is already the location of another document for this host: use different paths, or a separate handler for each resource`},
		{"two invalid documents", []metadata.Document{noServer, plainHTTP}, "metadata: authorization_servers is empty: name at least one issuer\n" + `metadata: resource identifier "http://x.example": must begin with https://: http is for loopback hosts, or with AllowHTTP`},
	} {
		_, err := metadata.NewHandler(row.docs...)
		wantEqual(t, row.name, text(err), row.want)
	}
}
