package check_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A deployment is a set-up with servers on the loopback interface: an issuer, an MCP server
// behind warder, and optionally a proxy between it and its clients.
type deployment struct {
	t   *testing.T
	dir string

	issuer *resourcetest.Issuer // listens unless issuerTLS is set
	files  map[string]string    // besides the configuration
	lines  []string             // of the configuration, besides issuer_url and resource_server_url
	path   string               // of resource_server_url; "" is /mcp
	iss    string               // issuer_url; "" is the identifier of the issuer

	running func(lines []string) []string             // the lines of the server that runs, if it has others
	mcp     http.Handler                              // the MCP server; nil: fakeMCP
	wrap    func(protected http.Handler) http.Handler // in front of warder in the process of the server
	proxy   func(server http.Handler) http.Handler
	front   *httptest.Server // the public URL
	tls     bool             // the public URL is https

	public bool
	token  string
	change func(*check.Config)
	url    string // resource_server_url
}

// deploy starts the servers that do not depend on the configuration.
func deploy(t *testing.T, c resourcetest.Config) *deployment {
	t.Helper()
	d := &deployment{t: t, dir: t.TempDir(), issuer: resourcetest.Start(t, c), path: "/mcp"}
	d.front = httptest.NewUnstartedServer(nil)
	d.front.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(d.front.Close)
	return d
}

// text returns a configuration. ISSUER and SERVER in its lines are the URLs.
func (d *deployment) text(lines []string) string {
	iss := d.iss
	if iss == "" {
		iss = d.issuer.Identifier()
	}
	all := append([]string{"authorization:", "  issuer_url: " + iss, "  resource_server_url: " + d.url}, lines...)
	return d.expand(strings.Join(all, "\n") + "\n")
}

func (d *deployment) expand(text string) string {
	return strings.NewReplacer("ISSUER", d.issuer.Identifier(), "SERVER", d.origin(), "DIR", d.dir).Replace(text)
}

// origin returns the origin of the public URL.
func (d *deployment) origin() string {
	scheme := "http"
	if d.tls {
		scheme = "https"
	}
	return scheme + "://" + d.front.Listener.Addr().String()
}

// start starts the server and returns what to check.
func (d *deployment) start() check.Config {
	d.t.Helper()
	if d.url == "" {
		d.url = d.origin() + d.path
	}
	for name, text := range d.files {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(d.expand(text)), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	if d.public {
		d.serve()
	}
	file := filepath.Join(d.dir, "authorization.yaml")
	if err := os.WriteFile(file, []byte(d.text(d.lines)), 0o600); err != nil {
		d.t.Fatal(err)
	}
	c := check.Config{Config: config.Config{File: file, Environ: []string{}}, Public: d.public, Token: d.token}
	if d.tls {
		c.TLS = &tls.Config{RootCAs: rootsOf(d.front)}
	}
	if d.change != nil {
		d.change(&c)
	}
	return c
}

// serve starts the MCP server behind warder, and the proxy.
func (d *deployment) serve() {
	lines := d.lines
	if d.running != nil {
		lines = d.running(slices.Clone(lines))
	}
	live, err := config.New(config.Config{Text: []byte(d.text(lines)), Environ: []string{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.t.Fatal(err)
	}
	if d.mcp == nil {
		d.mcp = &fakeMCP{}
	}
	handler := nethttp.Handler(live.Resource(), d.mcp)
	if d.wrap != nil {
		handler = d.wrap(handler)
	}
	if d.proxy != nil {
		back := httptest.NewServer(handler)
		d.t.Cleanup(back.Close)
		target, err := url.Parse(back.URL)
		if err != nil {
			d.t.Fatal(err)
		}
		handler = d.proxy(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }})
	}
	d.front.Config.Handler = handler
	if d.tls {
		d.front.StartTLS()
	} else {
		d.front.Start()
	}
}

// validToken is a token with the audience of the server.
func (d *deployment) validToken(scope string) string {
	return d.issuer.Token(resourcetest.Token{Audience: d.origin() + d.path, Scope: scope})
}

// problems returns the findings that are not ok: each with its ID and its subject.
func (d *deployment) problems(report check.Report, severities ...check.Severity) (list []string) {
	for _, f := range report.Findings {
		if slices.Contains(severities, f.Severity) {
			list = append(list, string(f.ID)+" "+d.shorten(f.Subject))
		}
	}
	return list
}

// shorten replaces what differs from run to run.
func (d *deployment) shorten(text string) string {
	pairs := []string{}
	for _, kid := range d.issuer.KeyIDs() {
		pairs = append(pairs, kid, "KID")
	}
	return strings.NewReplacer(append(pairs, d.issuer.Identifier(), "ISSUER", d.origin(), "SERVER", d.front.Listener.Addr().String(), "HOST", d.dir, "DIR")...).Replace(text)
}

func rootsOf(s *httptest.Server) *x509.CertPool {
	if s.Certificate() == nil { // the server is not started yet
		return nil
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return roots
}

// secure serves a handler over TLS with a certificate that expires after a time. It returns the URL
// and the certificate.
func secure(t *testing.T, s *httptest.Server, lifetime time.Duration) (certificate string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-100 * time.Hour), NotAfter: time.Now().Add(lifetime),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// secureIssuer replaces the issuer of a deployment by one that is served over TLS.
func (d *deployment) secureIssuer(lifetime time.Duration) (certificate string) {
	d.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	certificate = secure(d.t, server, lifetime)
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://" + server.Listener.Addr().String()})
	if err != nil {
		d.t.Fatal(err)
	}
	d.issuer, server.Config.Handler = issuer, issuer
	server.StartTLS()
	d.t.Cleanup(server.Close)
	return certificate
}

// fakeMCP is an MCP server (Streamable HTTP) with the tools whoami and echo.
type fakeMCP struct {
	sse       bool // it answers with events
	pages     bool // one tool in each page
	stateless bool // it does not know initialize
}

func (m *fakeMCP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	text := string(body)
	is := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case err != nil || r.Method == http.MethodDelete:
	case is(`"method":"initialize"`) && m.stateless:
		m.answer(w, 1, `"error":{"code":-32601,"message":"unknown method"}`)
	case is(`"method":"initialize"`):
		w.Header().Set("Mcp-Session-Id", "session-1")
		m.answer(w, 1, `"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"fake","version":"1"}}`)
	case !m.stateless && r.Header.Get("Mcp-Session-Id") != "session-1", m.stateless && r.Header.Get("Mcp-Method") != "tools/list":
		w.WriteHeader(http.StatusBadRequest)
	case is(`"method":"notifications/`):
		w.WriteHeader(http.StatusAccepted)
	case is(`"cursor":"2"`):
		m.answer(w, 3, `"result":{"tools":[{"name":"echo","inputSchema":{}}]}`)
	case m.pages:
		m.answer(w, 2, `"result":{"tools":[{"name":"whoami","inputSchema":{}}],"nextCursor":"2"}`)
	default:
		m.answer(w, 2, `"result":{"tools":[{"name":"whoami","inputSchema":{}},{"name":"echo","inputSchema":{}}]}`)
	}
}

func (m *fakeMCP) answer(w http.ResponseWriter, id int, member string) {
	message := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, id, member)
	if m.sse {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\nid: 7\ndata: "+message+"\n\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, message)
}

// cors is what a CORS library does.
func cors(origin string, exposed ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Origin") == origin && !strings.HasPrefix(r.URL.Path, "/.well-known/") {
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Set("Access-Control-Expose-Headers", strings.Join(exposed, ", "))
				if r.Method == http.MethodOptions {
					w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, MCP-Protocol-Version")
					w.WriteHeader(http.StatusNoContent)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}
