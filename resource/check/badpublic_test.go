package check_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/resourcetest"
)

// changing returns a proxy that changes requests, then responses. Both functions can be nil.
func changing(request func(r *http.Request), response func(path string, w *httptest.ResponseRecorder)) func(http.Handler) http.Handler {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			path := r.URL.Path
			if request != nil {
				request(r)
			}
			recorded := httptest.NewRecorder()
			server.ServeHTTP(recorded, r)
			if response != nil {
				response(path, recorded)
			}
			reply(w, recorded)
		})
	}
}

func reply(w http.ResponseWriter, recorded *httptest.ResponseRecorder) {
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(recorded.Code)
	_, _ = io.Copy(w, bytes.NewReader(recorded.Body.Bytes()))
}

// caching is a proxy that stores responses to GET requests by their URL only.
func caching(server http.Handler) http.Handler {
	var mu sync.Mutex
	stored := map[string]*httptest.ResponseRecorder{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			server.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if stored[r.URL.Path] == nil {
			stored[r.URL.Path] = httptest.NewRecorder()
			server.ServeHTTP(stored[r.URL.Path], r)
		}
		reply(w, stored[r.URL.Path])
	})
}

// onStatus returns a function that changes responses with a status.
func onStatus(status int, change func(w *httptest.ResponseRecorder)) func(string, *httptest.ResponseRecorder) {
	return func(_ string, w *httptest.ResponseRecorder) {
		if w.Code == status {
			change(w)
		}
	}
}

func isWellKnown(path string) bool { return strings.Contains(path, "/.well-known/") }

// behind returns a function that puts a proxy in front of the server.
func behind(proxy func(http.Handler) http.Handler) func(d *deployment) {
	return func(d *deployment) { d.public, d.proxy = true, proxy }
}

var publicMistakes = []mistake{
	{"a server that does not run", resourcetest.Config{}, func(d *deployment) {
		d.public = true
		d.change = func(*check.Config) { d.front.Close() }
	}, []string{"public_unreachable SERVER"}, "start the server"},
	{"a certificate of an unknown CA", resourcetest.Config{}, func(d *deployment) {
		d.public, d.tls = true, true
		d.change = func(c *check.Config) { c.TLS = nil }
	}, []string{"public_tls SERVER"}, "install a certificate"},
	{"http at a URL with https", resourcetest.Config{}, func(d *deployment) {
		d.public, d.url = true, "https://"+d.front.Listener.Addr().String()+"/mcp"
	}, []string{"public_http https://HOST"}, "switch on TLS at the proxy"},
	{"http beside https", resourcetest.Config{}, func(d *deployment) {
		d.public, d.url = true, "https://mcp.example.test/mcp"
		d.change = func(c *check.Config) { c.Transport = twoPorts(d) }
	}, []string{"public_plaintext http://mcp.example.test"}, "close port 80"},
	{"a proxy that redirects to a slash", resourcetest.Config{}, behind(func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/mcp" {
				w.Header().Set("Location", "/mcp/")
				w.WriteHeader(http.StatusMovedPermanently)
				return
			}
			server.ServeHTTP(w, r)
		})
	}), []string{"public_redirect SERVER"}, "stop the redirect at the proxy"},
	{"a proxy that removes the beginning of the path", resourcetest.Config{}, func(d *deployment) {
		d.public, d.path = true, "/prod/mcp"
		d.proxy = func(server http.Handler) http.Handler { return below("/prod", server) }
		d.running = func(lines []string) []string { return append(lines, "  base_path: /prod") }
	}, []string{"public_path SERVER/prod/mcp", "public_challenge_differs SERVER/prod/mcp"}, "set base_path to /prod"},
	{"a proxy that does not pass on the metadata", resourcetest.Config{}, behind(func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isWellKnown(r.URL.Path) {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			server.ServeHTTP(w, r)
		})
	}), []string{"public_metadata_wrong SERVER/.well-known/oauth-protected-resource/mcp"}, "pass requests for /.well-known/oauth-protected-resource/mcp"},
	{"a proxy that wants a token for the metadata", resourcetest.Config{}, behind(changing(nil, func(path string, w *httptest.ResponseRecorder) {
		if isWellKnown(path) {
			w.Code = http.StatusUnauthorized
		}
	})), []string{"public_metadata_wrong SERVER/.well-known/oauth-protected-resource/mcp"}, "permit requests without a token"},
	{"a proxy that rewrites URLs", resourcetest.Config{}, behind(changing(nil, func(path string, w *httptest.ResponseRecorder) {
		if isWellKnown(path) {
			w.Body = bytes.NewBufferString(strings.Replace(w.Body.String(), "/mcp", "/internal", 1))
		}
	})), []string{"public_metadata_differs SERVER/.well-known/oauth-protected-resource/mcp"}, "stop the proxy from changing the document"},
	{"a server with an older configuration", resourcetest.Config{}, func(d *deployment) {
		d.public, d.lines = true, []string{"  required_scopes: [mcp:read]"}
		d.running = func([]string) []string { return nil }
	}, []string{"public_metadata_differs SERVER/.well-known/oauth-protected-resource/mcp", "public_challenge_differs SERVER/mcp"}, "start the server with this configuration"},
	{"a proxy that removes WWW-Authenticate", resourcetest.Config{}, behind(changing(nil, onStatus(401, func(w *httptest.ResponseRecorder) { w.Header().Del("WWW-Authenticate") }))),
		[]string{"public_challenge_missing SERVER/mcp"}, "WWW-Authenticate"},
	{"a proxy that adds a challenge", resourcetest.Config{}, behind(changing(nil, onStatus(401, func(w *httptest.ResponseRecorder) { w.Header()["Www-Authenticate"] = []string{`Basic realm="x"`} }))),
		[]string{"public_challenge_differs SERVER/mcp"}, "authenticating clients itself"},
	{"a server without protection", resourcetest.Config{}, func(d *deployment) {
		d.public, d.mcp = true, &fakeMCP{}
		d.wrap = func(http.Handler) http.Handler { return d.mcp }
	}, []string{"public_metadata_wrong SERVER/.well-known/oauth-protected-resource/mcp", "public_unprotected SERVER/mcp"}, "pass requests"},
	{"a proxy with an error page", resourcetest.Config{}, behind(changing(nil, onStatus(401, func(w *httptest.ResponseRecorder) { w.Code = http.StatusForbidden }))),
		[]string{"public_status SERVER/mcp"}, "without changes"},
	{"a CDN that marks what it stores", resourcetest.Config{}, behind(changing(nil, onStatus(401, func(w *httptest.ResponseRecorder) { w.Header().Set("X-Cache", "HIT from cdn") }))),
		[]string{"public_cached SERVER/mcp"}, "switch off caching"},
	{"a CDN that lets clients store responses", resourcetest.Config{}, behind(changing(nil, onStatus(401, func(w *httptest.ResponseRecorder) { w.Header().Set("Cache-Control", "max-age=60") }))),
		[]string{"public_cached SERVER/mcp"}, "no-store"},
	{"a cache without marks", resourcetest.Config{}, behind(caching), []string{"public_cached SERVER/mcp"}, "switch off caching"},
	{"a proxy that removes Origin", resourcetest.Config{}, behind(changing(func(r *http.Request) { r.Header.Del("Origin") }, nil)),
		[]string{"public_origin SERVER/mcp"}, "removing or changing Origin"},
	{"a proxy that removes the token", resourcetest.Config{}, func(d *deployment) {
		d.token = d.validToken("")
		behind(changing(func(r *http.Request) { r.Header.Del("Authorization") }, nil))(d)
	}, []string{"public_authorization SERVER/mcp"}, "removing Authorization"},
	{"a proxy that removes Authorization, without a token", resourcetest.Config{}, behind(changing(func(r *http.Request) { r.Header.Del("Authorization") }, nil)),
		[]string{"public_authorization SERVER/mcp"}, "removing Authorization"},
	{"a proxy that replaces the token", resourcetest.Config{}, func(d *deployment) {
		d.token = d.validToken("")
		behind(changing(func(r *http.Request) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") {
				r.Header.Set("Authorization", "Bearer of-the-proxy")
			}
		}, nil))(d)
	}, []string{"public_token SERVER/mcp"}, "removing or replacing Authorization"},
	{"a proxy that adds a member in another spelling", resourcetest.Config{}, behind(changing(nil, func(path string, w *httptest.ResponseRecorder) {
		if isWellKnown(path) { // some clients ignore the case of names
			w.Body = bytes.NewBufferString(strings.Replace(w.Body.String(), "}", `,"Authorization_Servers":["https://other.example"]}`, 1))
		}
	})), []string{"public_metadata_differs SERVER/.well-known/oauth-protected-resource/mcp"}, "stop the proxy from changing the document"},
	{"a proxy that changes the type of the metadata", resourcetest.Config{}, behind(changing(nil, func(path string, w *httptest.ResponseRecorder) {
		if isWellKnown(path) {
			w.Header().Set("Content-Type", "text/plain")
		}
	})), []string{"public_metadata_differs SERVER/.well-known/oauth-protected-resource/mcp"}, "stop the proxy from changing the document"},
	{"a server with another clock", resourcetest.Config{}, behind(changing(nil, func(_ string, w *httptest.ResponseRecorder) {
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
	})), []string{"clock_skew SERVER"}, "NTP"},
	{"a misspelled tool", resourcetest.Config{}, func(d *deployment) {
		d.public, d.token, d.lines = true, d.validToken("mcp:admin"), []string{"  tool_scopes: {ehco: [mcp:admin]}"}
	}, []string{"tool_unknown tool_scopes.ehco"}, "the server has echo"},
}

// twoPorts returns a transport for a host whose ports 443 and 80 are both the server of d.
func twoPorts(d *deployment) http.RoundTripper {
	secured := httptest.NewUnstartedServer(d.front.Config.Handler)
	secured.StartTLS()
	d.t.Cleanup(secured.Close)
	return &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: rootsOf(secured), ServerName: "example.com"},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			to := secured.Listener.Addr()
			if strings.HasSuffix(address, ":80") {
				to = d.front.Listener.Addr()
			}
			return new(net.Dialer).DialContext(ctx, network, to.String())
		},
	}
}

var pageLines = []string{"  allowed_origins: [" + appOrigin + "]"}

var browserMistakes = []mistake{
	{"a server without CORS", resourcetest.Config{}, func(d *deployment) { d.public, d.lines = true, pageLines },
		[]string{"cors_preflight SERVER/mcp", "cors_headers SERVER/mcp"}, "CORS library in front of warder"},
	{"CORS for another origin", resourcetest.Config{}, func(d *deployment) { d.public, d.lines, d.wrap = true, pageLines, otherOrigin },
		[]string{"cors_preflight SERVER/mcp", "cors_headers SERVER/mcp"}, "add " + appOrigin},
	{"CORS for the first of two origins", resourcetest.Config{}, func(d *deployment) {
		d.public, d.lines, d.wrap = true, []string{"  allowed_origins: [" + appOrigin + ", https://second.example]"}, cors(appOrigin, "WWW-Authenticate")
	}, []string{"cors_preflight SERVER/mcp", "cors_headers SERVER/mcp"}, "CORS library"},
	{"CORS that does not permit Authorization", resourcetest.Config{}, func(d *deployment) {
		d.public, d.lines, d.wrap = true, pageLines, cors(appOrigin, "WWW-Authenticate")
		d.proxy = changing(nil, onStatus(204, func(w *httptest.ResponseRecorder) { w.Header().Set("Access-Control-Allow-Headers", "*") }))
	}, []string{"cors_preflight SERVER/mcp"}, "add authorization"},
	{"CORS that does not expose the challenge", resourcetest.Config{}, func(d *deployment) { d.public, d.lines, d.wrap = true, pageLines, cors(appOrigin, "Mcp-Session-Id") },
		[]string{"cors_headers SERVER/mcp"}, "add WWW-Authenticate"},
	{"a proxy that removes CORS from the metadata", resourcetest.Config{}, func(d *deployment) {
		d.public, d.lines, d.wrap = true, pageLines, cors(appOrigin, "WWW-Authenticate")
		d.proxy = changing(nil, func(path string, w *httptest.ResponseRecorder) {
			if isWellKnown(path) {
				w.Header().Del("Access-Control-Allow-Origin")
			}
		})
	}, []string{"cors_metadata SERVER/.well-known/oauth-protected-resource/mcp"}, "Access-Control-Allow-Origin"},
}

// otherOrigin answers all preflights for one other origin.
func otherOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://other.example")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
