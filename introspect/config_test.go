package introspect_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
)

func staticSecret(context.Context) (string, error) { return "s", nil }

// Each row makes one change to a valid configuration.
func TestConfigMistakes(t *testing.T) {
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	auth := func(a introspect.ClientAuth) func(*introspect.Config) {
		return func(c *introspect.Config) { c.Auth = a }
	}
	assertion := func(signer crypto.Signer, alg string) func(*introspect.Config) {
		return auth(introspect.ClientAuth{Method: "private_key_jwt", ClientID: "id", Signer: signer, Algorithm: alg})
	}
	certificate := &tls.Config{Certificates: []tls.Certificate{{}}}
	for _, row := range []struct {
		name   string
		change func(*introspect.Config)
		want   string // a part of the error; "": no error
	}{
		{"valid", func(*introspect.Config) {}, ""},
		{"endpoint to be discovered", func(c *introspect.Config) { c.Endpoint = "" }, ""},
		{"no issuer", func(c *introspect.Config) { c.Issuer = "" }, "issuer"},
		{"issuer over http", func(c *introspect.Config) { c.Issuer, c.Endpoint = "http://auth.example.test", "" }, "https://"},
		{"name of an issuer, which is not an address", func(c *introspect.Config) { c.Issuer = "sso.example.test" }, ""},
		{"http name of an issuer", func(c *introspect.Config) { c.Issuer = "http://adfs.example.test/adfs/services/trust" }, ""},
		{"name of an issuer without an endpoint", func(c *introspect.Config) { c.Issuer, c.Endpoint = "sso.example.test", "" },
			`introspect: configuration: metadata: issuer "sso.example.test": must be an absolute URL, such as https://host.example.com/path; if it is only the name of the issuer, set introspection_endpoint (in Go: Endpoint, and KeysURL for SignedAnswers) or metadata_url (MetadataURL)`},
		{"name of an issuer whose keys are discovered", func(c *introspect.Config) { c.Issuer, c.SignedAnswers = "sso.example.test", true }, "and KeysURL for SignedAnswers"},
		{"name of an issuer with an endpoint and keys", func(c *introspect.Config) {
			c.Issuer, c.SignedAnswers, c.KeysURL = "sso.example.test", true, "https://auth.example.test/jwks"
		}, ""},
		{"name of an issuer with a line break", func(c *introspect.Config) { c.Issuer = "sso\nexample" }, `issuer "sso\nexample": must be UTF-8 text without control characters`},
		{"name of an issuer with metadata", func(c *introspect.Config) {
			c.Issuer, c.Endpoint, c.MetadataURL = "sso.example.test", "", "https://auth.example.test/m?secret=test-secret"
		}, ""},
		{"metadata over http", func(c *introspect.Config) {
			c.Endpoint, c.MetadataURL = "", "http://auth.example.test/m?secret=test-secret"
		}, `MetadataURL: metadata: URL "http://auth.example.test/m?...": must begin with https://`},
		{"metadata that is not read", func(c *introspect.Config) { c.MetadataURL = "https://auth.example.test/m" },
			"MetadataURL: is not used, because no address has to be discovered; remove it or Endpoint"},
		{"217 endpoint over http", func(c *introspect.Config) { c.Endpoint = "http://auth.example.test/introspect" }, "https://"},
		{"217 endpoint over http on loopback", func(c *introspect.Config) { c.Endpoint = "http://127.0.0.1:1/introspect" }, ""},
		{"217 endpoint over http with AllowHTTP", func(c *introspect.Config) {
			c.Endpoint, c.AllowHTTP = "http://auth.example.test/introspect", true
		}, ""},
		{"endpoint with a password", func(c *introspect.Config) { c.Endpoint = "https://u:test-secret@auth.example.test/" }, "remove them"},
		{"endpoint with a fragment", func(c *introspect.Config) { c.Endpoint += "#x" }, "fragment"},
		{"endpoint with a query", func(c *introspect.Config) { c.Endpoint += "?tenant=1" }, ""},
		{"KeysURL without SignedAnswers", func(c *introspect.Config) { c.KeysURL = "https://auth.example.test/jwks" }, "SignedAnswers"},
		{"KeysURL over http", func(c *introspect.Config) {
			c.SignedAnswers, c.KeysURL = true, "http://auth.example.test/jwks"
		}, "https://"},
		{"signed answers without ClientID", func(c *introspect.Config) {
			c.SignedAnswers, c.Auth = true, introspect.ClientAuth{Method: "bearer", BearerToken: "t"}
		}, "Auth.ClientID"},
		{"signed answers with method bearer", func(c *introspect.Config) {
			c.SignedAnswers, c.Auth = true, introspect.ClientAuth{Method: "bearer", ClientID: "id", BearerToken: "t"}
		}, ""},
		{"timeout too short", func(c *introspect.Config) { c.Timeout = time.Millisecond }, "Timeout"},
		{"timeout too long", func(c *introspect.Config) { c.Timeout = time.Minute }, "Timeout"},
		{"timeout negative", func(c *introspect.Config) { c.Timeout = -1 }, "Timeout"},
		{"negative MaxConcurrent", func(c *introspect.Config) { c.MaxConcurrent = -1 }, "MaxConcurrent"},
		{"MaxConcurrent too high", func(c *introspect.Config) { c.MaxConcurrent = 1025 }, "MaxConcurrent"},

		{"no credentials", auth(introspect.ClientAuth{}), "ClientID is required"},
		{"no secret", auth(introspect.ClientAuth{ClientID: "id"}), "one of ClientSecret and ClientSecretFunc"},
		{"secret and secret function", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", ClientSecretFunc: staticSecret}), "one of ClientSecret and ClientSecretFunc"},
		{"secret and token", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", BearerToken: "t"}), "must not be set"},
		{"secret and signer", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", Signer: edKey}), "must not be set"},
		{"secret and key id", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", KeyID: "k"}), "must not be set"},
		{"unknown method", auth(introspect.ClientAuth{Method: "client_secret_jwt", ClientID: "id", ClientSecret: "test-secret"}), `"client_secret_jwt" is not one of`},
		{"no authentication", auth(introspect.ClientAuth{Method: "none", ClientID: "id"}), `"none" is not one of`},
		{"method in another case", auth(introspect.ClientAuth{Method: "Bearer", BearerToken: "t"}), `"Bearer" is not one of`},
		{"post without id", auth(introspect.ClientAuth{Method: "client_secret_post", ClientSecret: "test-secret"}), "ClientID is required"},
		{"bearer without token", auth(introspect.ClientAuth{Method: "bearer"}), "one of BearerToken and BearerTokenFunc"},
		{"bearer token and bearer token function", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "t", BearerTokenFunc: staticSecret}), "one of BearerToken and BearerTokenFunc"},
		{"bearer with a secret", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "t", ClientSecret: "test-secret"}), "must not be set"},
		{"bearer token that is not a b64token", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "test-secret with a space"}), "b64token"},
		{"assertion without id", auth(introspect.ClientAuth{Method: "private_key_jwt", Signer: edKey}), "ClientID is required"},
		{"assertion without signer", assertion(nil, ""), "Signer is required"},
		{"assertion with a secret", auth(introspect.ClientAuth{Method: "private_key_jwt", ClientID: "id", Signer: edKey, ClientSecret: "test-secret"}), "must not be set"},
		{"assertion with the algorithm of another key type", assertion(edKey, "RS256"), `no algorithm "RS256"`},
		{"assertion with HMAC", assertion(edKey, "HS256"), `no algorithm "HS256"`},
		{"assertion with an unsupported curve", assertion(p224, ""), "no algorithm"},
		{"assertion with Ed25519", assertion(edKey, "Ed25519"), ""},
		{"mutual TLS without a certificate", auth(introspect.ClientAuth{Method: "tls_client_auth", ClientID: "id"}), "certificate"},
		{"mutual TLS with an empty configuration", func(c *introspect.Config) {
			c.TLS, c.Auth = new(tls.Config), introspect.ClientAuth{Method: "tls_client_auth", ClientID: "id"}
		}, "certificate"},
		{"mutual TLS without id", func(c *introspect.Config) {
			c.TLS, c.Auth = certificate, introspect.ClientAuth{Method: "tls_client_auth"}
		}, "ClientID is required"},
		{"mutual TLS", func(c *introspect.Config) {
			c.TLS, c.Auth = certificate, introspect.ClientAuth{Method: "tls_client_auth", ClientID: "id"}
		}, ""},
		{"mutual TLS with a Transport", func(c *introspect.Config) {
			c.Transport, c.Auth = http.DefaultTransport, introspect.ClientAuth{Method: "tls_client_auth", ClientID: "id"}
		}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := introspect.Config{Issuer: "https://auth.example.test", Endpoint: "https://auth.example.test/introspect",
				Auth: introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret"}}
			row.change(&c)
			v, err := introspect.New(c)
			switch {
			case row.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("got %v, want an error that contains %q", err, row.want)
			case err != nil && (v != nil || strings.Contains(err.Error(), "test-secret")):
				t.Errorf("got a verifier with an error, or an error that contains the secret: %v", err)
			}
		})
	}
}

func TestAllMistakesReported(t *testing.T) {
	_, err := introspect.New(introspect.Config{Issuer: "https://x/?", KeysURL: "ftp://z", Timeout: -1, MaxConcurrent: -1})
	for _, word := range []string{"issuer \"https://x/?...\"", "KeysURL for SignedAnswers", "URL \"ftp://z\"", "KeysURL", "Timeout", "MaxConcurrent", "ClientID", "ClientSecret"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("got %v, want an error that contains %s", err, word)
		}
	}
}

// No way to print, log or encode a configuration or a verifier shows a secret.
func TestPrintedVerifierHasNoSecrets(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	config := introspect.Config{Issuer: "https://auth.example.test", Auth: introspect.ClientAuth{ClientID: "id", ClientSecret: "hunter-2-hunter"}}
	v, err := introspect.New(config)
	if err != nil {
		t.Fatal(err)
	}
	bearer, err := introspect.New(introspect.Config{Issuer: "https://auth.example.test", Auth: introspect.ClientAuth{Method: "bearer", BearerToken: "hunter-2-hunter"}})
	if err != nil {
		t.Fatal(err)
	}
	signer := introspect.ClientAuth{Method: "private_key_jwt", Signer: key, ClientSecret: "hunter-2-hunter", BearerToken: "hunter-2-hunter"}
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(handler)
		log.Info("x", "config", config, "auth", config.Auth, "pointer", &config.Auth, "verifier", v, "bearer", bearer, "signer", signer)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+verb+verb+verb+verb+verb+"\n", config, &config, config.Auth, v, bearer, signer)
	}
	for _, value := range []any{config.Auth, &signer, v, bearer} {
		text, _ := json.Marshal(value)
		out.Write(text)
	}
	for _, secret := range []string{"hunter", fmt.Sprintf("%x", "hunter-2"), fmt.Sprintf("%d", []byte("hunter"))[1:20], fmt.Sprint([]byte(key)[:8])[1:20]} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in\n%s", secret, out.String())
		}
	}
	if got := fmt.Sprintf("%+v %v", v, config.Auth); got != "introspect.Verifier(https://auth.example.test) [redacted credentials]" {
		t.Errorf("got %s", got)
	}
}
