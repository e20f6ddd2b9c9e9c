package introspect_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	// By renaming, because a call may read the file at the same time.
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// An authority issues client certificates.
type authority struct {
	t           *testing.T
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{t: t, key: keytest.P256()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue returns a certificate for a name and its key in PEM.
func (a authority) issue(name string, expiry time.Time) (chain, key string) {
	a.t.Helper()
	signer := keytest.P256()
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: expiry, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, signer.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), keytest.PEM(signer)
}

// A strictEndpoint is an introspection endpoint on a loopback port. It answers that every token
// is active if permits accepts the request, and otherwise 401 as RFC 6749 §5.2 requires.
func strictEndpoint(t *testing.T, serverTLS *tls.Config, permits func(*http.Request) bool) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if req.ParseForm() != nil || !permits(req) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		fmt.Fprintf(w, `{"active":true,"sub":"alice","aud":%q}`, identifier)
	}))
	server.Config.ErrorLog = log.New(new(bytes.Buffer), "", 0) // some handshakes fail on purpose
	if serverTLS != nil {
		server.TLS = serverTLS
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// statusWith returns a function that sends a request with a new opaque token. The function
// returns its status, after it has checked that the log does not contain secret.
func statusWith(t *testing.T, c introspect.Config, secret string) func() int {
	t.Helper()
	var out logBuffer
	c.Issuer, c.Logger = "https://auth.example.test", slog.New(slog.NewTextHandler(&out, nil))
	v, err := introspect.New(c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: v}, Logger: c.Logger})
	if err != nil {
		t.Fatal(err)
	}
	handler := nethttp.Middleware(res)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	n := 0
	return func() int {
		t.Helper()
		n++
		w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, identifier, nil)
		req.Header.Set("Authorization", fmt.Sprintf("Bearer opaque-%d", n))
		handler.ServeHTTP(w, req)
		if secret != "" && strings.Contains(out.String(), secret) {
			t.Errorf("the log contains a secret: %s", &out)
		}
		return w.Code
	}
}

// Each method authenticates at a server on a loopback port that accepts only this method and
// these credentials.
func TestMethodsAtRealServer(t *testing.T) {
	key := keytest.P256()
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	dir := t.TempDir()
	file := func(name, content string) string { return writeFile(t, filepath.Join(dir, name), content) }
	raw := func(id, secret string) func(*http.Request) bool {
		return func(req *http.Request) bool {
			user, password, ok := req.BasicAuth()
			return ok && user == id && password == secret && req.PostForm.Get("client_id") == ""
		}
	}
	signedBy := func(public crypto.PublicKey, kid string) func(*http.Request) bool {
		return func(req *http.Request) bool {
			header, claims := verifyAssertion(t, req.PostForm.Get("client_assertion"), public)
			id, _ := header["kid"].(string)
			return id == kid && claims["iss"] == "id" && claims["aud"] == "https://auth.example.test"
		}
	}
	for _, row := range []struct {
		name    string
		auth    introspect.ClientAuth
		permits func(*http.Request) bool
		status  int
	}{
		{"Basic, decoded as RFC 6749 §2.3.1 requires", introspect.ClientAuth{ClientID: "admin@t.example", ClientSecret: "s3cret"}, raw("admin%40t.example", "s3cret"), 200},
		{"Basic at a server that does not decode", introspect.ClientAuth{ClientID: "admin@t.example", ClientSecret: "s3cret"}, raw("admin@t.example", "s3cret"), 503},
		{"raw Basic at a server that does not decode", introspect.ClientAuth{Method: introspect.ClientSecretBasicRaw, ClientID: "admin@t.example", ClientSecret: "s3:c%ret"}, raw("admin@t.example", "s3:c%ret"), 200},
		{"secret in a file with a line break", introspect.ClientAuth{ClientID: "id", ClientSecretFile: file("secret", "s3cret\n")}, raw("id", "s3cret"), 200},
		{"post", introspect.ClientAuth{Method: introspect.ClientSecretPost, ClientID: "id", ClientSecretFile: file("secret", "s3cret\n")}, func(req *http.Request) bool {
			return req.PostForm.Get("client_id") == "id" && req.PostForm.Get("client_secret") == "s3cret" && req.Header.Get("Authorization") == ""
		}, 200},
		{"bearer", introspect.ClientAuth{Method: introspect.Bearer, BearerTokenFile: file("token", "s3cret\n")}, func(req *http.Request) bool {
			return req.Header.Get("Authorization") == "Bearer s3cret"
		}, 200},
		{"private key in PEM", introspect.ClientAuth{Method: introspect.PrivateKeyJWT, ClientID: "id", KeyID: "k1", PrivateKeyFile: file("key.pem", keytest.PEM(key))}, signedBy(key.Public(), "k1"), 200},
		{"private key as a JWK", introspect.ClientAuth{Method: introspect.PrivateKeyJWT, ClientID: "id", PrivateKeyFile: file("key.json", edJWK(edKey, "k2"))}, signedBy(edKey.Public(), "k2"), 200},
		{"private key as a JWK, and another kid", introspect.ClientAuth{Method: introspect.PrivateKeyJWT, ClientID: "id", KeyID: "k3", PrivateKeyFile: file("key.json", edJWK(edKey, "k2"))}, signedBy(edKey.Public(), "k3"), 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := strictEndpoint(t, nil, row.permits)
			send := statusWith(t, introspect.Config{Endpoint: server.URL, Auth: row.auth}, "s3cret")
			if got := send(); got != row.status {
				t.Errorf("got %d, want %d", got, row.status)
			}
		})
	}
}

// A rotated file takes effect with the next call. While it cannot be read, calls fail, and the
// log names the file.
func TestRotatedFiles(t *testing.T) {
	first, second := keytest.P256(), keytest.P256()
	for _, row := range []struct {
		name      string
		auth      func(path string) introspect.ClientAuth
		old, next string
		permits   func(req *http.Request) bool // only next
	}{
		{"secret", func(path string) introspect.ClientAuth {
			return introspect.ClientAuth{ClientID: "id", ClientSecretFile: path}
		}, "s3cret-old\n", "s3cret-new\n", func(req *http.Request) bool { _, p, _ := req.BasicAuth(); return p == "s3cret-new" }},
		{"token", func(path string) introspect.ClientAuth {
			return introspect.ClientAuth{Method: introspect.Bearer, BearerTokenFile: path}
		}, "s3cret-old", "s3cret-new", func(req *http.Request) bool { return req.Header.Get("Authorization") == "Bearer s3cret-new" }},
		{"private key", func(path string) introspect.ClientAuth {
			return introspect.ClientAuth{Method: introspect.PrivateKeyJWT, ClientID: "id", PrivateKeyFile: path}
		}, keytest.PEM(first), keytest.PEM(second), func(req *http.Request) bool {
			signed, signature, _ := cutLast(req.PostForm.Get("client_assertion"), ".")
			raw, err := base64.RawURLEncoding.DecodeString(signature)
			digest := sha256.Sum256([]byte(signed))
			return err == nil && len(raw) == 64 && ecdsa.Verify(&second.PublicKey, digest[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := writeFile(t, filepath.Join(t.TempDir(), "credential"), row.old)
			configure := func(_ *resource.Config, c *introspect.Config) {
				c.Auth, c.Transport = row.auth(path), checkingTransport{c.Transport, row.permits}
			}
			inBubble(t, configure, func(fx *fixture) {
				step := func(what string, status int, reason resource.Reason, logged string) {
					fx.Helper()
					time.Sleep(time.Second) // after rejected credentials, one call in a second is permitted
					fx.expect(what, fx.token(resourcetest.Token{}), status, reason)
					if !strings.Contains(strings.ReplaceAll(fx.log.String(), `\"`, `"`), logged) {
						fx.Errorf("%s: the log %s has no %s", what, fx.log, logged)
					}
				}
				step("old", 503, resource.ReasonIntrospectionCredentials, "")
				writeFile(t, path, row.next)
				step("rotated", 200, "", "")
				writeFile(t, path, "")
				step("empty", 503, resource.ReasonIntrospectionCredentials, `secret file "`+path+`": is empty`)
				writeFile(t, path, row.next)
				step("rotated again", 200, "", "")
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				step("missing", 503, resource.ReasonIntrospectionCredentials, `secret file "`+path+`": no such file or directory`)
				writeFile(t, path, "s3cret\x00\n-----BEGIN PRIVATE KEY-----")
				step("invalid", 503, resource.ReasonIntrospectionCredentials, `file "`+path+`": has `)
				if strings.Contains(fx.log.String(), "s3cret") || strings.Contains(fx.log.String(), "BEGIN") {
					t.Errorf("the log contains a secret: %s", fx.log)
				}
			})
		})
	}
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

// A checkingTransport answers 401 unless permits accepts the request. Otherwise the request,
// with the credentials of the default client, goes to the wrapped transport.
type checkingTransport struct {
	http.RoundTripper
	permits func(req *http.Request) bool
}

func (c checkingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.ParseForm(); err != nil {
		return nil, err
	}
	if !c.permits(req) {
		return respondWith(401, "application/json", `{"error":"invalid_client"}`)(), nil
	}
	req = req.Clone(req.Context())
	body := url.Values{"token": {req.PostForm.Get("token")}}.Encode()
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	req.SetBasicAuth(resourcetest.DefaultClientID, resourcetest.DefaultClientSecret)
	return c.RoundTripper.RoundTrip(req)
}

// The client certificate of two files is presented to a real server, which requires it. A rotated
// one is presented with the next call, although the connection of the earlier call is still open.
func TestMutualTLSWithFiles(t *testing.T) {
	ca := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.certificate)
	var seen []string
	var mu sync.Mutex
	server := strictEndpoint(t, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}, func(req *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		name := req.TLS.PeerCertificates[0].Subject.CommonName
		seen = append(seen, name+" client_id="+req.PostForm.Get("client_id")+" "+req.Header.Get("Authorization"))
		return true
	})
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	dir := t.TempDir()
	rotate := func(chain, key string) {
		writeFile(t, filepath.Join(dir, "tls.crt"), chain)
		writeFile(t, filepath.Join(dir, "tls.key"), key)
	}
	c := introspect.Config{Issuer: "https://auth.example.test", Endpoint: server.URL, TLS: &tls.Config{RootCAs: trusted},
		CertificateFile: filepath.Join(dir, "tls.crt"), CertificateKeyFile: filepath.Join(dir, "tls.key"),
		Auth: introspect.ClientAuth{Method: introspect.TLSClientAuth, ClientID: "id"}}

	expired, expiredKey := ca.issue("expired", time.Now().Add(-time.Hour))
	rotate(expired, expiredKey)
	if _, err := introspect.New(c); err == nil || !strings.Contains(err.Error(), "CertificateFile: file ") || !strings.Contains(err.Error(), ": the certificate expired at ") {
		t.Errorf("an expired certificate: got %v", err)
	}
	first, firstKey := ca.issue("first", time.Now().Add(time.Hour))
	rotate(first, expiredKey)
	if _, err := introspect.New(c); err == nil || !strings.HasSuffix(err.Error(), ": tls: private key does not match public key") {
		t.Errorf("another key: got %v", err)
	}
	rotate(first, firstKey)
	send := statusWith(t, c, "PRIVATE KEY")
	secret := c
	secret.Auth = introspect.ClientAuth{ClientID: "id", ClientSecret: "s"} // the network requires a certificate too
	sendWithSecret := statusWith(t, secret, "PRIVATE KEY")
	for _, send := range []func() int{send, send, sendWithSecret} {
		if got := send(); got != 200 {
			t.Fatalf("got %d, want 200", got)
		}
	}
	rotate(ca.issue("second", time.Now().Add(time.Hour)))
	if got := send(); got != 200 {
		t.Errorf("rotated: got %d, want 200", got)
	}
	want := []string{"first client_id=id ", "first client_id=id ", "first client_id= Basic aWQ6cw==", "second client_id=id "}
	if !slices.Equal(seen, want) {
		t.Errorf("\n got %q\nwant %q", seen, want)
	}
	rotate(first, expiredKey)
	if got := send(); got != 503 || len(seen) != len(want) {
		t.Errorf("a certificate without its key: got %d, %q", got, seen)
	}
}

// edJWK returns a private JWK (RFC 8037 §2).
func edJWK(key ed25519.PrivateKey, kid string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"alg":"EdDSA","x":%q,"d":%q}`, kid, encode(key[32:]), encode(key[:32]))
}
