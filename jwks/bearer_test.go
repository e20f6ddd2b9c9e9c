package jwks_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// bearerToken is sent with requests for keys.
const bearerToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2VjcmV0"

// apiServer is a server like that of Kubernetes: its metadata and its keys need a token. Its
// metadata names keysURL.
type apiServer struct {
	token    string
	keysURL  string
	set      []byte
	received []string // Authorization of each request, after the URL
}

const cluster = "https://kubernetes.default.svc"

func (s *apiServer) RoundTrip(r *http.Request) (*http.Response, error) {
	authorization := strings.Join(r.Header["Authorization"], ", ")
	s.received = append(s.received, r.URL.String()+" "+authorization)
	recorder := httptest.NewRecorder()
	switch {
	case authorization != "Bearer "+s.token:
		recorder.WriteHeader(http.StatusUnauthorized)
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		fmt.Fprintf(recorder, `{"issuer":%q,"jwks_uri":%q}`, cluster, s.keysURL)
	case strings.HasPrefix(r.URL.Path, "/openid/v1/jwks"):
		_, _ = recorder.Write(s.set)
	default:
		recorder.WriteHeader(http.StatusNotFound)
	}
	return recorder.Result(), nil
}

// withAPIServer runs a test with a verifier whose keys come from an apiServer. ready returns
// the status of Ready and the log.
func withAPIServer(t *testing.T, c jwks.Config, s *apiServer, test func(w *fixture, ready func() (string, string))) {
	t.Helper()
	var log strings.Builder
	change := func(_ *resource.Config, given *jwks.Config) {
		c.Issuer, c.Transport, c.Logger = cluster, s, slog.New(slog.NewTextHandler(&log, nil))
		c.Keys = nil
		*given = c
	}
	withFixtureConfig(t, change, func(w *fixture) {
		s.set = w.set()
		verifier, err := jwks.New(c)
		if err != nil {
			w.Fatal(err)
		}
		test(w, func() (string, string) {
			synctest.Wait()
			log.Reset()
			if err := verifier.Ready(w.Context()); err != nil {
				return err.Error(), log.String()
			}
			return "ok", log.String()
		})
	})
}

func TestBearerTokenOfKeys(t *testing.T) {
	s := &apiServer{token: bearerToken, keysURL: cluster + "/openid/v1/jwks"}
	withAPIServer(t, jwks.Config{BearerToken: bearerToken}, s, func(w *fixture, ready func() (string, string)) {
		if got, log := ready(); got != "ok" || log != "" {
			w.Errorf("got %s, log %s", got, log)
		}
		want := []string{
			cluster + "/.well-known/oauth-authorization-server Bearer " + bearerToken,
			cluster + "/.well-known/openid-configuration Bearer " + bearerToken,
			cluster + "/openid/v1/jwks Bearer " + bearerToken,
		}
		if !slices.Equal(s.received, want) {
			w.Errorf("(-want +got)\n- %q\n+ %q", want, s.received)
		}
	})
}

// The file is read for each fetch. Kubernetes replaces it each hour.
func TestBearerTokenFileRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &apiServer{token: "first", keysURL: cluster + "/openid/v1/jwks"}
	withAPIServer(t, jwks.Config{BearerTokenFile: path}, s, func(w *fixture, ready func() (string, string)) {
		failure := func(content, why string) {
			w.Helper()
			write(content)
			time.Sleep(5 * time.Second)
			synctest.Wait() // for fetches in the background, which read s
			s.received = nil
			got, log := ready()
			want := "jwks: keyset: keys unavailable: last fetch failed: keyset: jwks_bearer_token_file (in Go: BearerTokenFile): " + why
			if got != want || !strings.Contains(log, "outcome=bearer_token") || strings.Contains(got+log, "s3cret") || s.received != nil {
				w.Errorf("%s\n got %s\nwant %s\nlog %s\nrequests %q", content, got, want, log, s.received)
			}
		}
		file := fmt.Sprintf("secret file %q: ", path)
		if got, _ := ready(); !strings.HasSuffix(got, file+"no such file or directory") {
			w.Errorf("without the file: %s", got)
		}
		failure("s3cret\ns3cret", file+"has more than one line")
		failure("", file+"is empty")
		failure("Bearer s3cret\n", "not a b64token (RFC 6750 §2.1)")
		failure("s3cret\x01", "not a b64token (RFC 6750 §2.1)")
		failure(strings.Repeat("s3cret", 11_000), file+"is larger than 65536 bytes")
		write("first\n")
		time.Sleep(5 * time.Second)
		if got, _ := ready(); got != "ok" {
			w.Fatalf("with the file: %s", got)
		}
		write("second\r\n")
		synctest.Wait()
		s.token, s.received = "second", nil
		time.Sleep(16 * time.Minute)
		ready()
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []string{cluster + "/openid/v1/jwks Bearer second"}; !slices.Equal(s.received, want) {
			w.Errorf("after the rotation (-want +got)\n- %q\n+ %q", want, s.received)
		}
	})
}

// The token is sent only to servers that the configuration names.
func TestBearerTokenIsSentToNamedServersOnly(t *testing.T) {
	for _, row := range []struct {
		name, keysURL string
		change        func(*jwks.Config)
		sent          bool
	}{
		{"the issuer", cluster + "/openid/v1/jwks", nil, true},
		{"the issuer, with the default port", cluster + ":443/openid/v1/jwks", nil, true},
		{"the issuer in capitals", "https://KUBERNETES.default.svc/openid/v1/jwks", nil, true},
		{"another host", "https://172.20.0.1:6443/openid/v1/jwks", nil, false},
		{"another host in AllowHosts", "https://172.20.0.1:6443/openid/v1/jwks", func(c *jwks.Config) { c.AllowHosts = []string{"172.20.0.1"} }, true},
		{"a host like one in AllowHosts", "https://172.20.0.1.evil.example/openid/v1/jwks", func(c *jwks.Config) { c.AllowHosts = []string{"172.20.0.1"} }, false},
		{"another port of the issuer", cluster + ":6443/openid/v1/jwks", nil, false},
		{"another port of the issuer in AllowHosts", cluster + ":6443/openid/v1/jwks", func(c *jwks.Config) { c.AllowHosts = []string{"kubernetes.default.svc"} }, true},
		{"a subdomain of the issuer", "https://a.kubernetes.default.svc/openid/v1/jwks", nil, false},
		{"the domain of the issuer", "https://default.svc/openid/v1/jwks", nil, false},
		{"loopback", "https://localhost/openid/v1/jwks", nil, false},
	} {
		s := &apiServer{token: bearerToken, keysURL: row.keysURL}
		c := jwks.Config{BearerToken: bearerToken}
		if row.change != nil {
			row.change(&c)
		}
		withAPIServer(t, c, s, func(w *fixture, ready func() (string, string)) {
			got, log := ready()
			request, authorization, _ := strings.Cut(s.received[len(s.received)-1], " ")
			if request != row.keysURL || (authorization != "") != row.sent || (got == "ok") != row.sent {
				w.Errorf("%s: sent %q to %s: %s", row.name, authorization, request, got)
			}
			const hint = `it did not get the token in jwks_bearer_token (in Go: BearerToken), because the configuration does not name it with https; add its host to allow_private_hosts (in Go: AllowHosts), or the address is jwks_uri in the issuer's metadata`
			if !row.sent && !strings.Contains(got, hint) || strings.Contains(got+log, bearerToken) {
				w.Errorf("%s: %s\n%s", row.name, got, log)
			}
		})
	}
}

// With URL, no other address counts: the issuer gets neither a request nor the token.
func TestBearerTokenOfAConfiguredURL(t *testing.T) {
	s := &apiServer{token: bearerToken}
	withAPIServer(t, jwks.Config{URL: "https://10.0.0.1:6443/openid/v1/jwks", BearerToken: bearerToken}, s, func(w *fixture, ready func() (string, string)) {
		if got, _ := ready(); got != "ok" || !slices.Equal(s.received, []string{"https://10.0.0.1:6443/openid/v1/jwks Bearer " + bearerToken}) {
			w.Errorf("%s: %q", got, s.received)
		}
	})
}

func TestRejectedBearerToken(t *testing.T) {
	s := &apiServer{token: "another"}
	withAPIServer(t, jwks.Config{URL: cluster + "/openid/v1/jwks", BearerToken: bearerToken}, s, func(w *fixture, ready func() (string, string)) {
		const want = `jwks: keyset: keys unavailable: last fetch failed: keyset: GET https://kubernetes.default.svc/openid/v1/jwks: status 401, no content type: ` +
			`the server requires authentication for its keys: it rejected the token in jwks_bearer_token (in Go: BearerToken); replace the token, or check jwks_uri (in Go: URL)`
		if got, _ := ready(); got != want {
			w.Errorf("(-want +got)\n- %s\n+ %s", want, got)
		}
	})
}

// No response and no error of a transport puts the token into an error or a log record.
func TestBearerTokenIsNotInErrors(t *testing.T) {
	type reply = func(r *http.Request) (*http.Response, error)
	// Not a recorder and not fmt.Errorf, whose texts the scanner of package leaktest reads.
	body := func(status int, text string, header ...string) reply {
		return func(*http.Request) (*http.Response, error) {
			response := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}
			for i := 0; i < len(header); i += 2 {
				response.Header[header[i]] = []string{header[i+1]}
			}
			return response, nil
		}
	}
	failing := func(before string) reply {
		return func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: errors.New(before + r.Header.Get("Authorization"))}
		}
	}
	for name, reply := range map[string]reply{
		"401":                            body(401, "rejected "+bearerToken),
		"200 with the token":             body(200, bearerToken),
		"the token as kid":               body(200, `{"keys":[{"kty":"AKP","kid":"`+bearerToken+`"}]}`),
		"the token as issuer":            body(200, `{"issuer":"`+bearerToken+`"}`),
		"the token as jwks_uri":          body(200, `{"issuer":"`+cluster+`","jwks_uri":"https://x/`+bearerToken+`"}`),
		"the token as content type":      body(200, "x", "Content-Type", bearerToken),
		"a redirect with the token":      body(302, "", "Location", "https://x/"+bearerToken),
		"a transport's error":            failing("sending "),
		"a transport's error, cut":       failing(strings.Repeat("x", 480)),
		"a transport's error, no scheme": func(*http.Request) (*http.Response, error) { return nil, errors.New(bearerToken) },
		"an unknown coding":              body(200, "x", "Content-Encoding", bearerToken),
	} {
		for _, address := range []string{"", cluster + "/openid/v1/jwks"} {
			var log strings.Builder
			verifier, err := jwks.New(jwks.Config{Issuer: cluster, URL: address, BearerToken: bearerToken,
				Transport: roundTripper(reply), Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			if err := verifier.Ready(t.Context()); err == nil || strings.Contains(fmt.Sprintf("%v %+v %s", err, err, &log), bearerToken[:20]) {
				t.Errorf("%s: %v\n%s", name, err, &log)
			}
		}
	}
}

// The same over a connection: net/http quotes what it cannot parse.
func TestBearerTokenIsNotInProtocolErrors(t *testing.T) {
	for _, reply := range []string{
		bearerToken + "\r\n\r\n",
		"HTTP/1.1 " + bearerToken + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + bearerToken + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: " + bearerToken + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + bearerToken + "\r\n\r\n",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				buffer := make([]byte, 4096)
				_, _ = connection.Read(buffer)
				_, _ = connection.Write([]byte(reply))
				_ = connection.Close()
			}
		}()
		var log strings.Builder
		verifier, err := jwks.New(jwks.Config{Issuer: cluster, URL: "http://" + listener.Addr().String(), BearerToken: bearerToken,
			Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Ready(t.Context()); err == nil || strings.Contains(err.Error()+log.String(), bearerToken[:20]) {
			t.Errorf("%q: %v\n%s", reply, err, &log)
		}
		_ = listener.Close()
	}
}

func TestBearerTokenMistakes(t *testing.T) {
	noProxy := func(*http.Request) (*url.URL, error) { return nil, nil }
	for _, row := range []struct {
		name   string
		config jwks.Config
		want   string // "": there is no mistake
	}{
		{"a token", jwks.Config{BearerToken: bearerToken}, ""},
		{"a file, which is read later", jwks.Config{BearerTokenFile: "/does/not/exist"}, ""},
		{"over http to a loopback host", jwks.Config{URL: "http://127.0.0.1:8001/keys", BearerToken: bearerToken}, ""},
		{"https through a proxy", jwks.Config{BearerToken: bearerToken, Proxy: noProxy}, ""},
		{"both", jwks.Config{BearerToken: bearerToken, BearerTokenFile: "x"}, "BearerToken, BearerTokenFile: both are set; keep one"},
		{"with the scheme", jwks.Config{BearerToken: "Bearer s3cret"}, "BearerToken: not a b64token (RFC 6750 §2.1): set the token alone, without Bearer and white space"},
		{"with a line break", jwks.Config{BearerToken: "s3cret\n"}, "BearerToken: not a b64token (RFC 6750 §2.1): set the token alone, without Bearer and white space"},
		{"with another field", jwks.Config{BearerToken: "s3cret\r\nX-Admin: 1"}, "BearerToken: not a b64token (RFC 6750 §2.1): set the token alone, without Bearer and white space"},
		{"keys in a file", jwks.Config{File: "keys.json", BearerTokenFile: "x"}, "BearerTokenFile: File, Keys and KeysFunc send no requests that need a token; remove it"},
		{"over http", jwks.Config{URL: "http://keys.internal/?k=s3cret", AllowHTTP: true, BearerToken: bearerToken}, "BearerToken: the token is not sent over http to http://keys.internal/?...: use https, or a loopback host without Proxy"},
		{"over http through a proxy", jwks.Config{URL: "http://127.0.0.1/keys", Proxy: noProxy, BearerTokenFile: "x"}, "BearerTokenFile: the token is not sent over http to http://127.0.0.1/keys: use https, or a loopback host without Proxy"},
	} {
		row.config.Issuer = cluster
		_, err := jwks.New(row.config)
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "jwks: configuration: ")
		}
		if got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}

func TestBearerTokenIsNotPrinted(t *testing.T) {
	c := jwks.Config{Issuer: cluster, BearerToken: bearerToken}
	verifier, err := jwks.New(c)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "pointer", &c, "verifier", verifier)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		log.WriteString(fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, verifier) + fmt.Sprintf(verb, *verifier))
	}
	if written := log.String() + string(text); strings.Contains(written, bearerToken[:20]) || strings.Contains(written, fmt.Sprintf("%x", bearerToken[:20])) {
		t.Errorf("printed: %s", written)
	}
}
