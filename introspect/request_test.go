package introspect_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The complete request to the endpoint, for each method of client authentication (RFC 7662 §2.1).
func TestRequest(t *testing.T) {
	const special = "clïent:1 &%+"
	value := func(s string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return s, nil }
	}
	file := func(content string) string { return writeFile(t, filepath.Join(t.TempDir(), "file"), content) }
	basic := func(id, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	}
	for _, row := range []struct {
		name          string
		auth          introspect.ClientAuth
		authorization string     // the header; "" for none
		form          url.Values // besides token and token_type_hint
	}{
		{"basic is the default", introspect.ClientAuth{ClientID: "id", ClientSecret: "secret"}, basic("id", "secret"), nil},
		{"212 basic, form-encoded first (RFC 6749 §2.3.1)", introspect.ClientAuth{ClientID: special, ClientSecret: special}, basic("cl%C3%AFent%3A1+%26%25%2B", "cl%C3%AFent%3A1+%26%25%2B"), nil},
		{"basic from a function", introspect.ClientAuth{ClientID: "id", ClientSecretFunc: value("s")}, basic("id", "s"), nil},
		{"basic without encoding", introspect.ClientAuth{Method: introspect.ClientSecretBasicRaw, ClientID: "admin@t.example", ClientSecret: "p%+ :ü"}, basic("admin@t.example", "p%+ :ü"), nil},
		{"basic from a file", introspect.ClientAuth{ClientID: "id", ClientSecretFile: file("s\n")}, basic("id", "s"), nil},
		{"bearer from a file", introspect.ClientAuth{Method: introspect.Bearer, BearerTokenFile: file("to-ken==\r\n")}, "Bearer to-ken==", nil},
		{"post", introspect.ClientAuth{Method: introspect.ClientSecretPost, ClientID: special, ClientSecret: "a&b=c"}, "", url.Values{"client_id": {special}, "client_secret": {"a&b=c"}}},
		{"post from a function", introspect.ClientAuth{Method: introspect.ClientSecretPost, ClientID: "id", ClientSecretFunc: value("s")}, "", url.Values{"client_id": {"id"}, "client_secret": {"s"}}},
		{"bearer", introspect.ClientAuth{Method: introspect.Bearer, BearerToken: "to-ken=="}, "Bearer to-ken==", nil},
		{"bearer from a function", introspect.ClientAuth{Method: introspect.Bearer, BearerTokenFunc: value("t")}, "Bearer t", nil},
		{"mutual TLS, with a custom Transport", introspect.ClientAuth{Method: introspect.TLSClientAuth, ClientID: "id"}, "", url.Values{"client_id": {"id"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(_ *resource.Config, c *introspect.Config) { c.Auth = row.auth }, func(fx *fixture) {
				const token = "a+b/c~d.e==" // every special character that a token may contain
				fx.endpointAnswers(`{"active":true,"sub":"alice","aud":"https://mcp.example.test/mcp"}`)
				fx.expect("accepted token", token, 200, "")
				want := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
				maps.Copy(want, row.form)
				got := fx.issuer.Last(resourcetest.Introspection)
				if got.Method != "POST" || got.URI != "/introspect" || !reflect.DeepEqual(got.Form, want) {
					fx.Errorf("\n got %s %s %v\nwant POST /introspect %v", got.Method, got.URI, got.Form, want)
				}
				header := http.Header{
					"Accept": {"application/json"}, "Accept-Encoding": {"identity"},
					"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"warder"},
				}
				if row.authorization != "" {
					header.Set("Authorization", row.authorization)
				}
				if got.Header.Del("Idempotency-Key"); !reflect.DeepEqual(got.Header, header) { // for net/http, which does not send it
					fx.Errorf("header\n got %v\nwant %v", got.Header, header)
				}
			})
		})
	}
}

// The endpoint decodes credentials with special characters correctly.
func TestSpecialCharactersInCredentials(t *testing.T) {
	for _, method := range []string{introspect.ClientSecretBasic, introspect.ClientSecretPost} {
		for _, secret := range []string{"a:b", "a%b", "a+b c", "a&token=x", "pässwörd€", "\"\\\r\n\x00"} {
			of := resourcetest.Config{Clients: []resourcetest.Client{{ID: "id:" + secret, Secret: secret}}}
			inBubbleWithIssuer(t, of, func(_ *resource.Config, c *introspect.Config) {
				c.Auth = introspect.ClientAuth{Method: method, ClientID: "id:" + secret, ClientSecret: secret}
			}, func(fx *fixture) {
				fx.expect(fmt.Sprintf("%s %q", method, secret), fx.token(resourcetest.Token{}), 200, "")
			})
		}
	}
}

// A rotated secret takes effect with the next call.
func TestRotatedSecret(t *testing.T) {
	secret := "old"
	of := resourcetest.Config{Clients: []resourcetest.Client{{ID: "id", Secret: "new"}}}
	inBubbleWithIssuer(t, of, func(_ *resource.Config, c *introspect.Config) {
		c.Auth = introspect.ClientAuth{ClientID: "id", ClientSecretFunc: func(context.Context) (string, error) { return secret, nil }}
	}, func(fx *fixture) {
		fx.expect("old secret", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionCredentials)
		secret = "new"
		time.Sleep(time.Second)
		fx.expect("new secret", fx.token(resourcetest.Token{}), 200, "")
		fx.expect("new secret again, at once", fx.token(resourcetest.Token{}), 200, "")
	})
}

func TestSecretFunctionFails(t *testing.T) {
	for _, row := range []struct {
		name   string
		secret func(context.Context) (string, error)
		status int
		reason resource.Reason
		took   time.Duration
	}{
		{"error", func(context.Context) (string, error) { return "x", errors.New("vault is sealed") }, 503, resource.ReasonIntrospectionCredentials, 0},
		{"empty", func(context.Context) (string, error) { return "", nil }, 503, resource.ReasonIntrospectionCredentials, 0},
		{"panic", func(context.Context) (string, error) { panic("test-secret") }, 500, resource.ReasonInternalError, 0},
		{"slow", func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }, 503, resource.ReasonIntrospectionCredentials, 5 * time.Second},
		{"slow, and ignores its context", func(context.Context) (string, error) { time.Sleep(9 * time.Second); return "", errors.New("late") }, 503, resource.ReasonIntrospectionTimeout, 6 * time.Second},
	} {
		for _, method := range []string{introspect.ClientSecretBasic, introspect.Bearer} {
			t.Run(row.name+" "+method, func(t *testing.T) {
				inBubble(t, func(_ *resource.Config, c *introspect.Config) {
					c.Auth = introspect.ClientAuth{ClientID: "id", ClientSecretFunc: row.secret}
					if method == introspect.Bearer {
						c.Auth = introspect.ClientAuth{Method: method, BearerTokenFunc: row.secret}
					}
				}, func(fx *fixture) {
					if got := fx.expect(row.name, fx.token(resourcetest.Token{}), row.status, row.reason); got.took != row.took {
						fx.Errorf("took %s, want %s", got.took, row.took)
					}
					if fx.calls() != 0 {
						fx.Errorf("got %d calls without credentials, want 0", fx.calls())
					}
				})
			})
		}
	}
}

// A bearer token that is not a b64token must not be put into the header.
func TestInvalidBearerToken(t *testing.T) {
	for _, token := range []string{"a b", "a\r\nX-Evil: 1", "", "ä", "a\x00"} {
		inBubble(t, func(_ *resource.Config, c *introspect.Config) {
			c.Auth = introspect.ClientAuth{Method: introspect.Bearer, BearerTokenFunc: func(context.Context) (string, error) { return token, nil }}
		}, func(fx *fixture) {
			fx.expect(fmt.Sprintf("%q", token), fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionCredentials)
			if fx.calls() != 0 {
				fx.Errorf("%q was sent", token)
			}
		})
	}
}

func TestPrivateKeyJWT(t *testing.T) { // RFC 7523 §3, RFC 7523bis §4, OpenID Connect Core §9
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	for _, row := range []struct {
		name, algorithm, want string
		signer                crypto.Signer
		audience              string
	}{
		{"RSA", "", "RS256", rsaKey, ""},
		{"RSA, PSS", "PS384", "PS384", rsaKey, ""},
		{"P-256", "", "ES256", curve(elliptic.P256()), ""},
		{"P-384", "", "ES384", curve(elliptic.P384()), ""},
		{"P-521", "ES512", "ES512", curve(elliptic.P521()), ""},
		{"Ed25519", "", "EdDSA", edKey, ""},
		{"audience for an older server", "", "EdDSA", edKey, "https://auth.example.test/introspect"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(c *resource.Config, i *introspect.Config) {
				i.Auth = introspect.ClientAuth{Method: introspect.PrivateKeyJWT, ClientID: "id", Signer: row.signer, KeyID: "k1", Algorithm: row.algorithm, Audience: row.audience}
			}, func(fx *fixture) {
				fx.endpointAnswers(`{"active":false}`)
				seen := map[string]bool{}
				for i := range 20 { // one in 256 signatures has a short number, which is padded
					fx.request(unknownToken(i))
					form := fx.issuer.Last(resourcetest.Introspection).Form
					if got := form.Get("client_assertion_type"); got != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || len(form) != 4 {
						fx.Fatalf("form %v", slices.Collect(maps.Keys(form)))
					}
					header, claims := verifyAssertion(fx.T, form.Get("client_assertion"), row.signer.Public())
					if want := map[string]any{"alg": row.want, "kid": "k1", "typ": "client-authentication+jwt"}; !reflect.DeepEqual(header, want) {
						fx.Errorf("header\n got %v\nwant %v", header, want)
					}
					jti, _ := claims["jti"].(string)
					if len(jti) < 26 || seen[jti] {
						fx.Errorf("jti %q is too short or not unique", jti)
					}
					seen[jti] = true
					now, audience := float64(time.Now().Unix()), row.audience
					if audience == "" {
						audience = fx.issuer.Identifier()
					}
					want := map[string]any{"iss": "id", "sub": "id", "aud": audience, "iat": now, "exp": now + 60, "jti": jti}
					if !reflect.DeepEqual(claims, want) {
						fx.Errorf("claims\n got %v\nwant %v", claims, want)
					}
				}
			})
		})
	}
}

// verifyAssertion verifies a JWS with the standard library only.
func verifyAssertion(t *testing.T, assertion string, public crypto.PublicKey) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(assertion, ".")
	var raw [3][]byte
	for i := range raw {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(parts[i]); err != nil || len(parts) != 3 {
			t.Fatalf("part %d of %q: %v", i, assertion, err)
		}
	}
	if json.Unmarshal(raw[0], &header) != nil || json.Unmarshal(raw[1], &claims) != nil {
		t.Fatalf("%q does not contain JSON", assertion)
	}
	alg, _ := header["alg"].(string)
	signed, hash := []byte(parts[0]+"."+parts[1]), map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[len(alg)-3:]]
	digest := signed
	if hash != 0 {
		h := hash.New()
		h.Write(signed)
		digest = h.Sum(nil)
	}
	valid := false
	switch key := public.(type) {
	case *rsa.PublicKey:
		valid = alg[:2] == "RS" && rsa.VerifyPKCS1v15(key, hash, digest, raw[2]) == nil ||
			alg[:2] == "PS" && rsa.VerifyPSS(key, hash, digest, raw[2], &rsa.PSSOptions{SaltLength: hash.Size()}) == nil
	case *ecdsa.PublicKey:
		size := (key.Curve.Params().BitSize + 7) / 8
		valid = len(raw[2]) == 2*size && ecdsa.Verify(key, digest, new(big.Int).SetBytes(raw[2][:size]), new(big.Int).SetBytes(raw[2][size:]))
	case ed25519.PublicKey:
		valid = ed25519.Verify(key, signed, raw[2])
	}
	if !valid {
		t.Errorf("the %s signature is invalid", alg)
	}
	return header, claims
}

// If the signer fails, for example because a key service is down, our credentials are not
// available.
func TestSignerFails(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	inBubble(t, func(_ *resource.Config, c *introspect.Config) {
		c.Auth = introspect.ClientAuth{Method: introspect.PrivateKeyJWT, ClientID: "id", Signer: failingSigner{key}}
	}, func(fx *fixture) {
		fx.expect("signer fails", fx.token(resourcetest.Token{}), 503, resource.ReasonIntrospectionCredentials)
	})
}

type failingSigner struct{ ed25519.PrivateKey }

func (failingSigner) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("key service is down")
}
