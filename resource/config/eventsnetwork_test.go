package config_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// networked returns a server that uses the network and not a transport of the test. The keys of
// the tokens are in keys.json.
func networked(t *testing.T, issuer *resourcetest.Issuer, files map[string]string, lines ...string) *testServer {
	t.Helper()
	s := &testServer{t: t, dir: t.TempDir(), issuer: issuer, log: new(bytes.Buffer)}
	keys := httptest.NewRecorder()
	issuer.ServeHTTP(keys, httptest.NewRequest(http.MethodGet, issuer.URL(resourcetest.JWKS), nil))
	s.write("keys.json", keys.Body.String())
	for name, text := range files {
		s.write(name, text)
	}
	s.write("a.yaml", s.settings(lines...))
	live, err := config.New(config.Config{File: filepath.Join(s.dir, "a.yaml"), Environ: []string{}, Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.use(live)
	return s
}

// The keys of the events are fetched with the current ca_file of the issuer.
func TestCAFileAppliesToTheKeysOfEvents(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	url, own := serveKeys(t, issuer)
	s := networked(t, issuer, map[string]string{"ca.pem": certificate}, "  ca_file: ca.pem", events("jwks_uri: "+url), "  jwks_file: keys.json")
	for _, row := range []struct {
		name, ca string
		status   int
	}{{"another CA", certificate, 503}, {"the CA of the server", own, 202}, {"another CA again", certificate, 503}} {
		s.write("ca.pem", row.ca)
		if err := s.live.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.push(issuer, resourcetest.SecurityEvent{}, ""); got != row.status {
			t.Errorf("%s: got %d, want %d; log: %s", row.name, got, row.status, s.log)
		}
	}
}

// first returns the first value of a channel that has one already.
func first(values <-chan string) string {
	select {
	case value := <-values:
		return value
	default:
		return "nothing"
	}
}

// The keys of the events are fetched through the current proxy_url of the issuer.
func TestProxyURLAppliesToTheKeysOfEvents(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	called := make(chan string, 8)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		called <- req.Method + " " + req.RequestURI + " " + req.Header.Get("Proxy-Authorization")
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	lines := func(user string) []string {
		return []string{"  proxy_url: http://" + user + "@" + proxy.Listener.Addr().String(), "  jwks_file: keys.json", events("jwks_uri: https://events.example.test/keys")}
	}
	s := networked(t, issuer, nil, lines("a:b")...)
	if got := s.push(issuer, resourcetest.SecurityEvent{}, ""); got != 503 {
		t.Errorf("got %d, want 503", got)
	}
	if got, want := first(called), "CONNECT events.example.test:443 Basic YTpi"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := s.reload(lines("c:d")...); got != "" { // it fetches the keys
		t.Fatal(got)
	}
	if got, want := first(called), "CONNECT events.example.test:443 Basic Yzpk"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
