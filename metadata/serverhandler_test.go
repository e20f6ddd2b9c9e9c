package metadata_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/metadata"
)

const serverPath = "/.well-known/oauth-authorization-server"

// unusual is a document that no JSON encoder writes like that.
const unusual = " \t{ \"x\" : [1.0e+2 ,null],\n\t\"issuer\":\"ISSUER\" , \"\\u0074oken_endpoint\":\"ISSUER\\/token\", \"name\":\"Müller <&>\" }\r\n\n"

// authorizationServer is a server on loopback that answers at one path. It records requests.
type authorizationServer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string // request line and header
}

// startServer replaces ISSUER in the body by the address of the server.
func startServer(t *testing.T, path, body string, header http.Header) *authorizationServer {
	t.Helper()
	s := new(authorizationServer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var head strings.Builder
		fmt.Fprintln(&head, r.Method, r.RequestURI)
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			fmt.Fprintln(&head, name, r.Header[name])
		}
		s.mu.Lock()
		s.requests = append(s.requests, head.String())
		s.mu.Unlock()
		if r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		maps.Copy(w.Header(), header)
		text := []byte(strings.ReplaceAll(body, "ISSUER", s.URL))
		if header.Get("Content-Encoding") == "gzip" {
			text = zipped(text)
		}
		w.Write(text)
	}))
	t.Cleanup(s.Close)
	return s
}

func zipped(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(text)
	w.Close()
	return b.Bytes()
}

func newServerHandler(t *testing.T, c metadata.ServerHandlerConfig) *metadata.ServerHandler {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := metadata.NewServerHandler(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The document is passed on byte for byte, with the header of this package only.
func TestServerHandlerIsByteIdentical(t *testing.T) {
	foreign := http.Header{"Content-Type": {"application/foo"}, "Set-Cookie": {"a=b"}, "Etag": {`"x"`}, "Cache-Control": {"no-store"}, "Access-Control-Allow-Origin": {"https://a.example"}, "Link": {"<x>"}}
	compressed := http.Header{"Content-Encoding": {"gzip"}}
	for _, row := range []struct {
		name, path string
		header     http.Header
	}{
		{"the URL of RFC 8414 §3", serverPath, foreign},
		{"the URL of OpenID Connect Discovery §4", "/.well-known/openid-configuration", foreign},
		{"compressed without being asked to", serverPath, compressed},
	} {
		server := startServer(t, row.path, unusual, row.header)
		address := start(t, newServerHandler(t, metadata.ServerHandlerConfig{Issuer: server.URL}))
		body := strings.ReplaceAll(unusual, "ISSUER", server.URL)
		head := strings.Replace(documentHead, "89", fmt.Sprint(len(body)), 1)
		wantEqual(t, row.name, send(t, address, "GET", serverPath), head+body)
		wantEqual(t, row.name+", again", send(t, address, "GET", serverPath), head+body)
		wantEqual(t, row.name+", HEAD", send(t, address, "HEAD", serverPath), head)
		if n := strings.Count(strings.Join(server.requests, ""), "GET "+row.path+"\n"); n != 1 {
			t.Errorf("%s: got %d requests, want 1", row.name, n)
		}
	}
}

// The document comes from a configured address, and its issuer must be the configured one.
func TestServerHandlerMetadataURL(t *testing.T) {
	const path = "/policy/.well-known/openid-configuration"
	server := startServer(t, path, unusual, nil)
	body := strings.ReplaceAll(unusual, "ISSUER", server.URL)
	head := strings.Replace(documentHead, "89", fmt.Sprint(len(body)), 1)
	address := start(t, newServerHandler(t, metadata.ServerHandlerConfig{Issuer: server.URL, MetadataURL: server.URL + path}))
	wantEqual(t, "at the configured address", send(t, address, "GET", serverPath), head+body)
	if got, want := strings.Join(server.requests, ""), "GET "+path+"\n"; !strings.HasPrefix(got, want) || strings.Count(got, "GET ") != 1 {
		t.Errorf("got requests %q, want one to %s", got, path)
	}
	other := start(t, newServerHandler(t, metadata.ServerHandlerConfig{Issuer: server.URL + "/other", MetadataURL: server.URL + path}))
	if got := send(t, other, "GET", serverPath); !strings.HasPrefix(got, "503\n") {
		t.Errorf("a document of another issuer: got %s, want 503", got)
	}
	_, err := metadata.NewServerHandler(metadata.ServerHandlerConfig{Issuer: server.URL, MetadataURL: "http://as.example/m"})
	if want := `metadata: server handler: metadata: URL "http://as.example/m": must begin with https://: http is for loopback hosts, or with AllowHTTP`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestServerHandlerMethodsAndPaths(t *testing.T) {
	server := startServer(t, serverPath, `{"issuer":"ISSUER"}`, nil)
	h := newServerHandler(t, metadata.ServerHandlerConfig{Issuer: server.URL, Identifiers: []string{"https://mcp.example.com/a%2Fb/", "https://mcp.example.com", "https://mcp.example.com/mcp", "https://other.example.com/mcp"}})
	wantEqual(t, "locations", strings.Join(h.Locations(), " "), serverPath+" "+serverPath+"/a%2Fb "+serverPath+"/mcp")
	wantEqual(t, "issuer", h.Issuer(), server.URL)
	address := start(t, h)
	body := `{"issuer":"` + server.URL + `"}`
	served := strings.Replace(documentHead, "89", fmt.Sprint(len(body)), 1) + body
	for _, row := range []struct {
		name, method, target string
		header               []string
		want                 string
	}{
		{"GET", "GET", serverPath, nil, served},
		{"below the path of a resource", "GET", serverPath + "/mcp", nil, served},
		{"an escaped path", "GET", serverPath + "/a%2Fb", nil, served},
		{"a query", "GET", serverPath + "?issuer=https://evil.example", nil, served},
		{"header fields", "GET", serverPath, []string{"Origin: https://evil.example", "X-Forwarded-Host: evil.example", "Authorization: Bearer S3CR3T", "Accept-Encoding: gzip", "If-None-Match: *"}, served},
		{"a preflight", "OPTIONS", serverPath, []string{"Origin: https://inspector.example", "Access-Control-Request-Method: GET"}, preflight},
		{"POST", "POST", serverPath, []string{"Content-Length: 0"}, notAllowed},
		{"another path", "GET", serverPath + "/other", nil, notFound},
		{"a slash at the end", "GET", serverPath + "/mcp/", nil, notFound},
		{"an unescaped path", "GET", serverPath + "/a/b", nil, notFound},
		{"an unneeded escape", "GET", serverPath + "/%6Dcp", nil, notFound},
		{"another document", "GET", "/.well-known/openid-configuration", nil, notFound},
		{"the document of the resource", "GET", "/.well-known/oauth-protected-resource", nil, notFound},
	} {
		wantEqual(t, row.name, send(t, address, row.method, row.target, row.header...), row.want)
	}
	// No part of these requests reaches the authorization server.
	wantEqual(t, "requests", strings.Join(server.requests, ""), "GET "+serverPath+"\nAccept [application/json]\nAccept-Encoding [identity]\nUser-Agent [warder]\n")

	wantEqual(t, "the zero ServerHandler", send(t, start(t, new(metadata.ServerHandler)), "GET", serverPath), notFound)
	wantEqual(t, "nil", (*metadata.ServerHandler)(nil).Owns(httptest.NewRequest("GET", serverPath, nil)), false)
}

const unavailable = `503
Access-Control-Allow-Origin: *
Cache-Control: no-store
Content-Length: 58
Content-Type: text/plain; charset=utf-8
Retry-After: 5
X-Content-Type-Options: nosniff

the metadata of the authorization server is not available
`

// A document that is not valid for the issuer is not passed on (RFC 8414 §3.3).
func TestServerHandlerRejects(t *testing.T) {
	large := `{"issuer":"ISSUER","x":"` + strings.Repeat("a", 512<<10) + `"}`
	for _, row := range []struct {
		name, body string
		header     http.Header
		logged     string // in the error
	}{
		{"another issuer", `{"issuer":"https://evil.example"}`, nil, "issuer mismatch: the document has issuer \\\"https://evil.example\\\""},
		{"a slash at the end of the issuer", `{"issuer":"ISSUER/"}`, nil, "they differ in the terminal slash only"},
		{"no issuer", `{"a":1}`, nil, "the document has no issuer"},
		{"two issuers", `{"issuer":"ISSUER","issuer":"https://evil.example"}`, nil, "document rejected"},
		{"an issuer in another case", `{"issuer":"ISSUER","Issuer":"https://evil.example"}`, nil, "document rejected"},
		{"not an object", `["ISSUER"]`, nil, "document rejected"},
		{"a login page", `<html>`, http.Header{"Content-Type": {"text/html"}}, "an HTML page"},
		{"more after the document", `{"issuer":"ISSUER"} {}`, nil, "document rejected"},
		{"a large document", large, nil, "too_large"},
		{"a large document, compressed", large, http.Header{"Content-Encoding": {"gzip"}}, "too_large"},
	} {
		server := startServer(t, serverPath, row.body, row.header)
		log := new(bytes.Buffer)
		h := newServerHandler(t, metadata.ServerHandlerConfig{Issuer: server.URL, Logger: slog.New(slog.NewTextHandler(log, nil))})
		wantEqual(t, row.name, send(t, start(t, h), "GET", serverPath), unavailable)
		if !strings.Contains(log.String(), row.logged) || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: log: got %s, want one record with %s", row.name, log, row.logged)
		}
	}
}

func TestNewServerHandlerRejects(t *testing.T) {
	for _, row := range []struct {
		name   string
		config metadata.ServerHandlerConfig
		want   string
	}{
		{"valid", metadata.ServerHandlerConfig{Issuer: "https://as.example/t"}, "ok"},
		{"AllowHTTP", metadata.ServerHandlerConfig{Issuer: "http://as.internal", AllowHTTP: true}, "ok"},
		{"no issuer", metadata.ServerHandlerConfig{}, `metadata: server handler: issuer "": must be an absolute URL, such as https://host.example.com/path`},
		{"http and an invalid identifier", metadata.ServerHandlerConfig{Issuer: "http://as.internal", Identifiers: []string{"https://mcp.example.com:443/mcp"}},
			`metadata: server handler: issuer "http://as.internal": must begin with https://: http is for loopback hosts, or with AllowHTTP` + "\n" +
				`Identifiers: metadata: resource identifier "https://mcp.example.com:443/mcp": clients or proxies rewrite it: write "https://mcp.example.com/mcp"`},
	} {
		_, err := metadata.NewServerHandler(row.config)
		wantEqual(t, row.name, text(err), row.want)
	}
}
