package adaptertest_test

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

const (
	gateway         = "https://gw.example.test"
	gatewayDocument = `{"resource":"` + gateway + `/prod/mcp","authorization_servers":["https://auth.example.test"],"bearer_methods_supported":["header"]}`
)

// startProxy starts a proxy that passes on only requests below /prod. It responds with 404 to all
// others.
func startProxy(t *testing.T, backend string, removesBasePath bool) string {
	t.Helper()
	target, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	var proxy http.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	if removesBasePath {
		proxy = http.StripPrefix("/prod", proxy)
	}
	mux := http.NewServeMux()
	mux.Handle("/prod/", proxy)
	return serve(t, mux)
}

// followChallenge requests a path without a token. It returns the challenge, and the response to a
// request for the metadata URL in it. Requests for the gateway are sent to the proxy.
func followChallenge(t *testing.T, proxy, path string) (challenge, metadata string) {
	t.Helper()
	response, _ := do(t, request(t, "POST", proxy+path, "", nil))
	challenge = strings.Join(response.Header.Values("WWW-Authenticate"), "\n")
	found := regexp.MustCompile(`resource_metadata="` + gateway + `([^"]+)"`).FindStringSubmatch(challenge)
	if found == nil {
		t.Fatalf("status %d, challenge %q: no metadata URL of the gateway", response.StatusCode, challenge)
	}
	response, metadata = do(t, request(t, "GET", proxy+found[1], "", nil))
	return challenge, response.Status + " " + metadata
}

// A client behind a proxy that passes on only /prod follows the challenge to the metadata (RFC 9728
// §5.1), whether the proxy removes /prod or not.
func TestBasePath(t *testing.T) {
	for _, row := range []struct {
		name    string
		removes bool
	}{{"the proxy removes the base path", true}, {"the proxy keeps the base path", false}} {
		t.Run(row.name, func(t *testing.T) {
			onEachAdapter(t, func(t *testing.T, a adapter) {
				issuer := newIssuer(t)
				set := func(c *resource.Config) { c.Identifier, c.HTTP.BasePath = gateway+"/prod/mcp", "/prod" }
				proxy := startProxy(t, serve(t, a.handler(newResource(t, issuer, set), http.HandlerFunc(whoami))), row.removes)
				challenge, metadata := followChallenge(t, proxy, "/prod/mcp")
				if want := `Bearer resource_metadata="` + gateway + `/prod` + wellKnown + `/mcp"`; challenge != want {
					t.Errorf("challenge:\n got %s\nwant %s", challenge, want)
				}
				if want := "200 OK " + gatewayDocument; metadata != want {
					t.Errorf("metadata:\n got %s\nwant %s", metadata, want)
				}
				token := issuer.Token(resourcetest.Token{Audience: gateway + "/prod/mcp"})
				if response, body := do(t, request(t, "POST", proxy+"/prod/mcp", token, nil)); response.StatusCode != 200 || body != "alice" {
					t.Errorf("with a token: got %d %s", response.StatusCode, body)
				}
				response, _ := do(t, request(t, "OPTIONS", proxy+"/prod"+wellKnown+"/mcp", "", nil))
				if got := response.Header.Get("Access-Control-Allow-Origin"); response.StatusCode != 204 || got != "*" {
					t.Errorf("preflight: got %d and origin %q, want 204 and *", response.StatusCode, got)
				}
			})
		})
	}
}

// Without BasePath, the metadata is out of reach behind such a proxy.
func TestNoBasePath(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		proxy := startProxy(t, serve(t, a.handler(newResource(t, newIssuer(t), at(gateway+"/prod/mcp")), http.HandlerFunc(whoami))), true)
		challenge, metadata := followChallenge(t, proxy, "/prod/mcp")
		if want := `Bearer resource_metadata="` + gateway + wellKnown + `/prod/mcp"`; challenge != want || metadata != "404 Not Found 404 page not found\n" {
			t.Errorf("got %s, %s", challenge, metadata)
		}
	})
}

// MetadataURL and MetadataPaths are for proxies that rewrite paths in another way. The paths in
// this test are special for the router of Echo.
func TestMetadataPaths(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		paths := []string{"/m:x/*", "/m%2Fy", "/prod/metadata/"}
		set := func(c *resource.Config) {
			c.Identifier, c.HTTP.MetadataURL, c.HTTP.MetadataPaths = gateway+"/prod/mcp", gateway+"/prod/metadata/", paths
		}
		url := serve(t, a.handler(newResource(t, newIssuer(t), set), http.HandlerFunc(whoami)))
		challenge, metadata := followChallenge(t, startProxy(t, url, false), "/prod/mcp")
		if want := `Bearer resource_metadata="` + gateway + `/prod/metadata/"`; challenge != want || metadata != "200 OK "+gatewayDocument {
			t.Errorf("got %s, %s", challenge, metadata)
		}
		for _, path := range append(paths, wellKnown, wellKnown+"/prod/mcp") {
			if response, body := do(t, request(t, "GET", url+path, "", nil)); response.StatusCode != 200 || body != gatewayDocument {
				t.Errorf("%s: got %d %s", path, response.StatusCode, body)
			}
			if response, body := do(t, request(t, "POST", url+path, "", nil)); response.StatusCode != 405 || body != "method not allowed\n" {
				t.Errorf("POST %s: got %d %s", path, response.StatusCode, body)
			}
		}
		for _, path := range []string{"/mx/*", "/m/y", "/m%2fy", "/prod/metadata", "/metadata/", "/prod" + wellKnown + "/mcp"} {
			if response, body := do(t, request(t, "GET", url+path, "", nil)); response.StatusCode != 401 || body != missing {
				t.Errorf("%s: got %d %s, want 401", path, response.StatusCode, body)
			}
		}
		// The star is a wildcard for the router of Echo, which responds with its own 404.
		if response, body := do(t, request(t, "GET", url+"/m:x/y", "", nil)); response.StatusCode != 401 && response.StatusCode != 404 {
			t.Errorf("/m:x/y: got %d %s, want 401 or 404", response.StatusCode, body)
		}
	})
}

// Several servers share the base path, and each has its own metadata below it.
func TestBasePathOfSeveralResources(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		below := func(path string) *resource.Resource {
			return newResource(t, issuer, func(c *resource.Config) { c.Identifier, c.HTTP.BasePath = gateway+path, "/prod" })
		}
		files, mail := below("/prod/files/mcp"), below("/prod/mail/mcp")
		proxy := startProxy(t, serve(t, a.routes([]*resource.Resource{files, mail}, map[string]route{
			"/files/mcp": {[]guard{{res: files}}, http.HandlerFunc(whoami)},
			"/mail/mcp":  {[]guard{{res: mail}}, http.HandlerFunc(whoami)},
		})), true)
		for _, path := range []string{"/files/mcp", "/mail/mcp"} {
			challenge, metadata := followChallenge(t, proxy, "/prod"+path)
			if want := `Bearer resource_metadata="` + gateway + `/prod` + wellKnown + path + `"`; challenge != want {
				t.Errorf("challenge:\n got %s\nwant %s", challenge, want)
			}
			if want := "200 OK " + strings.Replace(gatewayDocument, "/prod/mcp", "/prod"+path, 1); metadata != want {
				t.Errorf("metadata:\n got %s\nwant %s", metadata, want)
			}
		}
	})
}

// Two stages that a proxy removes cannot be distinguished, so their metadata cannot either.
func TestBasePathsCollide(t *testing.T) {
	onEachAdapter(t, func(t *testing.T, a adapter) {
		issuer := newIssuer(t)
		stage := func(base string) *resource.Resource {
			return newResource(t, issuer, func(c *resource.Config) { c.Identifier, c.HTTP.BasePath = gateway+base+"/mcp", base })
		}
		defer func() {
			const want = `metadata: resource "` + gateway + `/dev/mcp": "` + wellKnown + `/mcp" is already the location of another document for this host: use different paths, or a separate handler for each resource`
			if err, ok := recover().(error); !ok || err.Error() != want {
				t.Errorf("got panic %v, want %s", err, want)
			}
		}()
		a.routes([]*resource.Resource{stage("/prod"), stage("/dev")}, nil)
	})
}
