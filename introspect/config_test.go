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
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/keytest"
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
	file := func(content string) string { return writeFile(t, filepath.Join(t.TempDir(), "file"), content) }
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
		{"name of an issuer with a line break", func(c *introspect.Config) { c.Issuer = "sso\nexample" }, `issuer "sso\nexample": must be UTF-8 text of printable characters`},
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

		{"no credentials", auth(introspect.ClientAuth{}), "Auth.ClientID: is missing; method "},
		{"no secret", auth(introspect.ClientAuth{ClientID: "id"}), `Auth.ClientSecret: is missing; method "client_secret_basic" requires it or ClientSecretFile or ClientSecretFunc`},
		{"secret and secret function", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", ClientSecretFunc: staticSecret}), "Auth.ClientSecretFunc: ClientSecret is also set; set only one of them"},
		{"secret and token", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", BearerToken: "t"}), `Auth.BearerToken: is not used by method "client_secret_basic"; remove it or set another Method`},
		{"secret and signer", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", Signer: edKey}), `Auth.Signer: is not used by method "client_secret_basic"`},
		{"secret and key id", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", KeyID: "k"}), `Auth.KeyID: is not used by method "client_secret_basic"`},
		{"secret with a line break at the end", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret\n"}), "Auth.ClientSecret: ends in a line break; remove it, or set ClientSecretFile, which drops the line break at the end of a file"},
		{"secret with a carriage return at the end", auth(introspect.ClientAuth{Method: "client_secret_post", ClientID: "id", ClientSecret: "test-secret\r"}), "ClientSecretFile"},
		{"bearer token with a line break at the end", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "test-secret\n"}), "Auth.BearerToken: ends in a line break; remove it, or set BearerTokenFile"},
		{"secret and secret file", auth(introspect.ClientAuth{ClientID: "id", ClientSecret: "test-secret", ClientSecretFile: "x"}), "Auth.ClientSecretFile: ClientSecret is also set; set only one of them"},
		{"missing secret file", auth(introspect.ClientAuth{ClientID: "id", ClientSecretFile: "/nowhere/s"}), `Auth.ClientSecretFile: secret file "/nowhere/s": no such file or directory`},
		{"empty secret file", auth(introspect.ClientAuth{ClientID: "id", ClientSecretFile: file("\n")}), "is empty"},
		{"secret file", auth(introspect.ClientAuth{ClientID: "id", ClientSecretFile: file("test-secret\n")}), ""},
		{"missing token file", auth(introspect.ClientAuth{Method: "bearer", BearerTokenFile: "/nowhere/t"}), `Auth.BearerTokenFile: secret file "/nowhere/t": no such file or directory`},
		{"token file that is not a b64token", auth(introspect.ClientAuth{Method: "bearer", BearerTokenFile: file("test-secret b")}), "Auth.BearerTokenFile: must be a b64token"},
		{"raw Basic, a colon in the ID (RFC 7617 §2)", auth(introspect.ClientAuth{Method: "client_secret_basic_raw", ClientID: "urn:id", ClientSecret: "test-secret"}), "Auth.ClientID: contains a colon"},
		{"raw Basic, a control character in the ID", auth(introspect.ClientAuth{Method: "client_secret_basic_raw", ClientID: "i\td", ClientSecret: "test-secret"}), "Auth.ClientID: contains a control character"},
		{"raw Basic, a control character in the secret", auth(introspect.ClientAuth{Method: "client_secret_basic_raw", ClientID: "id", ClientSecret: "test-secret\x00"}), "Auth.ClientSecret: contains a control character"},
		{"raw Basic, a control character in the file", auth(introspect.ClientAuth{Method: "client_secret_basic_raw", ClientID: "id", ClientSecretFile: file("test-\tsecret")}), "Auth.ClientSecretFile: contains a control character"},
		{"raw Basic", auth(introspect.ClientAuth{Method: "client_secret_basic_raw", ClientID: "admin@t.example", ClientSecret: "test-secret:"}), ""},
		{"signer and key file", auth(introspect.ClientAuth{Method: "private_key_jwt", ClientID: "id", Signer: edKey, PrivateKeyFile: file("x")}), "Auth.PrivateKeyFile: Signer is also set; set only one of them"},
		{"missing key file", auth(introspect.ClientAuth{Method: "private_key_jwt", ClientID: "id", PrivateKeyFile: "/nowhere/k"}), `Auth.PrivateKeyFile: secret file "/nowhere/k": no such file or directory`},
		{"key file without a key", auth(introspect.ClientAuth{Method: "private_key_jwt", ClientID: "id", PrivateKeyFile: file("test-secret")}), `: has no private key in PEM, and is not a JWK`},
		{"key file with another algorithm", auth(introspect.ClientAuth{Method: "private_key_jwt", ClientID: "id", PrivateKeyFile: file(keytest.PEM(edKey)), Algorithm: "RS256"}), `Auth.Algorithm: file "`},
		{"key file", auth(introspect.ClientAuth{Method: "private_key_jwt", ClientID: "id", PrivateKeyFile: file(keytest.PEM(edKey)), Algorithm: "EdDSA"}), ""},
		{"bearer with a key file", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "t", PrivateKeyFile: "x"}), `Auth.PrivateKeyFile: is not used by method "bearer"`},
		{"bearer with an audience", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "t", Audience: "x"}), `Auth.Audience: is not used by method "bearer"`},
		{"certificate without its key", func(c *introspect.Config) { c.CertificateFile = "x" }, "CertificateKeyFile: is missing; CertificateFile needs the private key of its certificate"},
		{"key without a certificate", func(c *introspect.Config) { c.CertificateKeyFile = "x" }, "CertificateFile: is missing; CertificateKeyFile is the key of its certificate"},
		{"missing certificate", func(c *introspect.Config) { c.CertificateFile, c.CertificateKeyFile = "/nowhere/c", "/nowhere/k" }, `CertificateFile: secret file "/nowhere/c": no such file or directory`},
		{"certificate in two places", func(c *introspect.Config) { c.CertificateFile, c.CertificateKeyFile, c.TLS = "x", "x", certificate }, "CertificateFile: TLS has a client certificate too; remove one of them"},
		{"certificate and a Transport", func(c *introspect.Config) {
			c.CertificateFile, c.CertificateKeyFile, c.Transport = "x", "x", http.DefaultTransport
		}, "CertificateFile: has no effect, because Transport makes the connections; remove one of them"},
		{"hint for refresh tokens", func(c *introspect.Config) { c.TokenTypeHint = "refresh_token" }, `TokenTypeHint: "refresh_token" is for tokens that are not access tokens, which are never accepted; use access_token or none`},
		{"hint for ID tokens", func(c *introspect.Config) { c.TokenTypeHint = "urn:ietf:params:oauth:token-type:id_token" }, "TokenTypeHint"},
		{"hint with a space", func(c *introspect.Config) { c.TokenTypeHint = "access token" }, `TokenTypeHint: "access token" cannot be a token type`},
		{"no hint", func(c *introspect.Config) { c.TokenTypeHint = introspect.NoTokenTypeHint }, ""},
		{"hint as a URN", func(c *introspect.Config) { c.TokenTypeHint = "urn:ietf:params:oauth:token-type:jwt" }, ""},

		{"unknown method", auth(introspect.ClientAuth{Method: "client_secret_jwt", ClientID: "id", ClientSecret: "test-secret"}), `"client_secret_jwt" is not one of`},
		{"no authentication", auth(introspect.ClientAuth{Method: "none", ClientID: "id"}), `"none" is not one of`},
		{"method in another case", auth(introspect.ClientAuth{Method: "Bearer", BearerToken: "t"}), `"Bearer" is not one of`},
		{"post without id", auth(introspect.ClientAuth{Method: "client_secret_post", ClientSecret: "test-secret"}), "Auth.ClientID: is missing; method "},
		{"bearer without token", auth(introspect.ClientAuth{Method: "bearer"}), `Auth.BearerToken: is missing; method "bearer" requires it or BearerTokenFile or BearerTokenFunc`},
		{"bearer token and bearer token function", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "t", BearerTokenFunc: staticSecret}), "Auth.BearerTokenFunc: BearerToken is also set; set only one of them"},
		{"bearer with a secret", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "t", ClientSecret: "test-secret"}), `Auth.ClientSecret: is not used by method "bearer"`},
		{"bearer token that is not a b64token", auth(introspect.ClientAuth{Method: "bearer", BearerToken: "test-secret with a space"}), "b64token"},
		{"assertion without id", auth(introspect.ClientAuth{Method: "private_key_jwt", Signer: edKey}), "Auth.ClientID: is missing; method "},
		{"assertion without signer", assertion(nil, ""), `Auth.Signer: is missing; method "private_key_jwt" requires it or PrivateKeyFile`},
		{"assertion with a secret", auth(introspect.ClientAuth{Method: "private_key_jwt", ClientID: "id", Signer: edKey, ClientSecret: "test-secret"}), `Auth.ClientSecret: is not used by method "private_key_jwt"`},
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
		}, "Auth.ClientID: is missing; method "},
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
