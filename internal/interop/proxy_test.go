package interop_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// nginxVariable has the path of the nginx program. .ci/interop sets it.
const nginxVariable = "WARDER_NGINX"

// basePath is the path below which the proxies pass on requests. They respond with 404 to others.
const basePath = "/prod"

// A proxyProgram starts a proxy at an address. The backend is the URL of the server behind it.
type proxyProgram func(t *testing.T, address, backend string, removesBasePath bool)

// anyProxy is nginx if it is available, and the reverse proxy of the standard library otherwise.
func anyProxy(t *testing.T, address, backend string, removesBasePath bool) {
	t.Helper()
	if os.Getenv(nginxVariable) == "" {
		startReverseProxy(t, address, backend, removesBasePath)
		return
	}
	startNginx(t, address, backend, removesBasePath)
}

func startReverseProxy(t *testing.T, address, backend string, removesBasePath bool) {
	t.Helper()
	target, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	var proxy http.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1}
	if removesBasePath {
		proxy = http.StripPrefix(basePath, proxy)
	}
	mux := http.NewServeMux()
	mux.Handle(basePath+"/", proxy)
	listener, err := net.Listen("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	web := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux, ReadHeaderTimeout: timeout}}
	web.Start()
	t.Cleanup(func() {
		web.CloseClientConnections() // streams
		web.Close()
	})
}

// nginxConfig has a placeholder for the server.
const nginxConfig = `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	server {%s}
}
`

// nginxBelowBase has placeholders for the port and for proxy_pass. With a path in proxy_pass, nginx
// replaces the path of the location by it.
const nginxBelowBase = `
		listen 127.0.0.1:%s;
		location ` + basePath + `/ {
			proxy_pass %s;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffering off;
		}
		location / {
			default_type text/plain;
			return 404 "404 page not found";
		}
`

func startNginx(t *testing.T, address, backend string, removesBasePath bool) {
	t.Helper()
	if removesBasePath {
		backend += "/"
	}
	host := strings.TrimPrefix(address, "http://")
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	runNginx(t, t.TempDir(), host, fmt.Sprintf(nginxBelowBase, port, backend))
}

// runNginx runs nginx in a folder, with the content of a server block that listens at host.
func runNginx(t *testing.T, dir, host, server string) {
	t.Helper()
	program := os.Getenv(nginxVariable)
	if program == "" {
		t.Skipf("Skipped: %s is not set. Run .ci/interop, which uses nginx or gets Debian's package.", nginxVariable)
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, server), 0o600); err != nil {
		t.Fatal(err)
	}
	output := &lockedBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "-e", "stderr", "-p", dir, "-c", file)
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // returns an error because the process was killed
		if t.Failed() {
			t.Logf("output of nginx:\n%s", output)
		}
	})
	for end := time.Now().Add(timeout); ; waitUntil(t.Context(), time.Now().Add(20*time.Millisecond)) {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nginx does not listen: %v\n%s", err, output)
		}
	}
}

// startBehindProxy starts an MCP server with a tool whoami behind a proxy. It returns the URL of
// the proxy.
func startBehindProxy(t *testing.T, start proxyProgram, removesBasePath bool, dpop resource.DPoP) (proxy string, issuer *resourcetest.Issuer) {
	t.Helper()
	proxy, issuer = freeAddress(t), resourcetest.Start(t)
	quiet := slog.New(slog.DiscardHandler)
	verifier, err := jwks.New(jwks.Config{Issuer: issuer.Identifier(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{
		Identifier: proxy + basePath + "/mcp", Scopes: []string{"mcp:read"}, Logger: quiet,
		HTTP: resource.HTTPOptions{BasePath: basePath}, Issuers: []resource.Issuer{{Verifier: verifier}},
		Credentials: resource.Credentials{DPoP: dpop},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &mcpServer{}
	server := mcp.NewServer(&mcp.Implementation{Name: "interop", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "whoami", Description: "Returns the caller."}, m.tool)
	web := httptest.NewServer(mcpsdk.Handler(res, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)))
	t.Cleanup(func() {
		web.CloseClientConnections() // streams
		web.Close()
	})
	start(t, proxy, web.URL, removesBasePath)
	return proxy, issuer
}

var proxyPrograms = []struct {
	name    string
	start   proxyProgram
	removes bool
}{
	{"the standard library, removes the base path", startReverseProxy, true},
	{"the standard library, keeps the base path", startReverseProxy, false},
	{"nginx, removes the base path", startNginx, true},
	{"nginx, keeps the base path", startNginx, false},
}

// A proxy passes on only /prod. The challenge leads to the metadata (RFC 9728 §5.1), and clients that
// get nothing but the URL log in through the proxy.
func TestProxies(t *testing.T) {
	for _, row := range proxyPrograms {
		t.Run(row.name, func(t *testing.T) {
			proxy, issuer := startBehindProxy(t, row.start, row.removes, noDPoP)
			status, challenge, _ := sendWithoutToken(t, http.MethodPost, proxy+basePath+"/mcp")
			metadataURL := proxy + basePath + "/.well-known/oauth-protected-resource/mcp"
			check(t, row.name+": status without a token", "401", fmt.Sprint(status))
			check(t, row.name+": challenge", normalize(`Bearer resource_metadata="`+metadataURL+`", scope="mcp:read"`), normalize(challenge))
			status, _, body := sendWithoutToken(t, http.MethodGet, metadataURL)
			document := `{"resource":"` + proxy + basePath + `/mcp","authorization_servers":["` + issuer.Identifier() + `"],"scopes_supported":["mcp:read"],"bearer_methods_supported":["header"]}`
			check(t, row.name+": metadata", normalize("200 "+document), normalize(fmt.Sprint(status)+" "+string(body)))
			status, _, _ = sendWithoutToken(t, http.MethodGet, proxy+"/.well-known/oauth-protected-resource"+basePath+"/mcp")
			check(t, row.name+": the path of RFC 9728 §3.1 is out of reach", "404", fmt.Sprint(status))
			for _, client := range []struct {
				program     clientProgram
				metadataURL string
				want        string
			}{
				{goSDK, "", "whoami for alice with mcp:read, <nil>, 1 logins"},
				{mcpGo, metadataURL, "whoami for alice with mcp:read, <nil>, 1 logins"},
			} {
				settings := clientSettings{url: proxy + basePath + "/mcp", registration: dynamic, redirect: freeAddress(t) + "/oauth/callback", metadataURL: client.metadataURL, user: &user{}}
				text, err := client.program.open(t, settings).call("whoami")
				check(t, row.name+": login with "+client.program.name, client.want, fmt.Sprintf("%s, %v, %d logins", text, err, settings.user.loginCount()))
			}
		})
	}
}

// sendWithoutToken sends a request without a token.
func sendWithoutToken(t *testing.T, method, address string) (status int, challenge string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, strings.Join(res.Header.Values("WWW-Authenticate"), "\n"), body
}
