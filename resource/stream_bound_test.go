package resource_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/keytest"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// boundStream opens a GET stream with a token that is bound as kind says. The stream then shows its
// proof or its certificate no more.
func (f *fixture) boundStream(kind string) *testStream {
	f.t.Helper()
	req := getRequest()
	switch kind {
	case resource.ConfirmationDPoP:
		key := resourcetest.NewProofKey("")
		key.SetProof(req, f.token(resourcetest.Token{ProofKey: key}))
	case resource.ConfirmationCertificate:
		own := keytest.Certificate()
		req.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{own.Leaf}}
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{Certificate: own.Leaf}))
	default:
		req.Header.Set("Authorization", "Bearer "+f.token(resourcetest.Token{}))
	}
	s := startStreamWith(nethttp.Middleware(f.res), req)
	synctest.Wait()
	if s.ended() {
		f.t.Fatalf("%q: rejected: %s", kind, f.log.take())
	}
	return s
}

// RFC 9449 §7.1: a request has one proof, also if its response lasts for hours. A stream needs no
// other one, and ends if a new configuration does not accept how its token is bound.
func TestStreamsOfBoundTokens(t *testing.T) {
	const none, key, certificate = "", resource.ConfirmationDPoP, resource.ConfirmationCertificate
	both := func(c *resource.Config, k *jwks.Config) { acceptDPoP(c, k); acceptCertificates(c, k) }
	for _, row := range []struct {
		name, kind string
		after      func(*resource.Config, *jwks.Config) // nil: no Replace
		reason     resource.Reason                      // "": the stream does not end
	}{
		{"a key", key, nil, ""},
		{"a certificate", certificate, nil, ""},
		{"a key, the same configuration", key, both, ""},
		{"a certificate, the same configuration", certificate, both, ""},
		{"a key, DPoP is off", key, acceptCertificates, resource.ReasonMissingCredentials},
		{"a key, certificates are off", key, acceptDPoP, ""},
		{"a certificate, certificates are off", certificate, acceptDPoP, resource.ReasonSenderConstrained},
		{"a key is required", key, requireDPoP, ""},
		{"not bound, a key is required", none, requireDPoP, resource.ReasonBindingRequired},
		{"not bound, the issuer requires a key", none, func(c *resource.Config, k *jwks.Config) {
			both(c, k)
			c.Issuers[0].DPoP = resource.BindingRequired
		}, resource.ReasonBindingRequired},
		{"a certificate, the issuer requires a key", certificate, func(c *resource.Config, k *jwks.Config) {
			both(c, k)
			c.Issuers[0].DPoP = resource.BindingRequired
		}, resource.ReasonBindingRequired},
		{"nonces are required", key, func(c *resource.Config, k *jwks.Config) {
			both(c, k)
			c.Credentials.DPoP.RequireNonce = true
		}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, both, func(t *testing.T, f *fixture) {
				opened := time.Now()
				s := f.boundStream(row.kind)
				defer s.disconnect()
				if row.after != nil {
					if err := f.res.Replace(newFixtureWith(t, f.issuer, row.after).res); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				want := time.Duration(-1)
				if row.reason != "" {
					want = streamCheckInterval
				}
				if got := s.lifetime(opened); got != want || want > 0 && !strings.HasSuffix(s.cause.Error(), ": "+string(row.reason)) {
					t.Errorf("the stream was open for %s, want %s; cause %v, want %s", got, want, s.cause, row.reason)
				}
			})
		})
	}
}

// A stream ends if the issuer now says that the same token is bound to something else. The sender
// has not proven possession of that.
func TestStreamEndsIfConfirmationChanges(t *testing.T) {
	key := resourcetest.NewProofKey("")
	answer := func(cnf claims) func() (*resource.Claims, error) {
		return func() (*resource.Claims, error) {
			c := validClaims("alice", "a")
			if jkt, ok := cnf["jkt"].(*resourcetest.ProofKey); ok {
				bound, err := resource.ParseClaims([]byte(`{"cnf":{"jkt":"` + jkt.Thumbprint() + `"}}`))
				if err != nil {
					return nil, err
				}
				c.Confirmation = bound.Confirmation
			}
			return c, nil
		}
	}
	for _, row := range []struct {
		name        string
		first, then claims
		ends        bool
	}{
		{"the same key", claims{"jkt": key}, claims{"jkt": key}, false},
		{"another key", claims{"jkt": key}, claims{"jkt": resourcetest.NewProofKey("")}, true},
		{"not bound any more", claims{"jkt": key}, nil, true},
		{"bound now", nil, claims{"jkt": key}, true},
		{"never bound", nil, nil, false},
	} {
		v := new(scriptedVerifier)
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(c *resource.Config, k *jwks.Config) {
				acceptDPoP(c, k)
				c.Opaque = &resource.Issuer{Verifier: v}
			}, func(t *testing.T, f *fixture) {
				v.set(answer(row.first))
				req := getRequest()
				if row.first != nil {
					key.SetProof(req, "opaque")
				} else {
					req.Header.Set("Authorization", "Bearer opaque")
				}
				s := startStreamWith(nethttp.Middleware(f.res), req)
				defer s.disconnect()
				synctest.Wait()
				if s.ended() {
					t.Fatalf("rejected: %s", f.log.take())
				}
				v.set(answer(row.then))
				f.res.Forget("opaque")
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if s.ended() != row.ends || row.ends && !strings.HasSuffix(s.cause.Error(), ": "+string(resource.ReasonTokenInvalid)) {
					t.Errorf("ended %v, %v, want %v", s.ended(), s.cause, row.ends)
				}
			})
		})
	}
}
