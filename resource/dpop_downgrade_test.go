package resource_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

func bearerRequest(token string) *http.Request {
	req := post(identifier)
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}

// RFC 9449 §6.2: the answer about a bound token has cnf and the token_type DPoP. Either alone, in
// the answer or in the JWT, is not accepted as a bearer token.
func TestAnswersAboutBoundTokens(t *testing.T) {
	key := resourcetest.NewProofKey("")
	jkt, other := claims{"jkt": key.Thumbprint()}, claims{"jkt": resourcetest.NewProofKey("").Thumbprint()}
	x5t := claims{"x5t#S256": key.Thumbprint()}
	for _, row := range []struct {
		name         string
		jwt, answer  any // cnf; nil: absent
		tokenType    any
		bearer, dpop resource.Reason
	}{
		{"not bound", nil, nil, "Bearer", "", resource.ReasonDPoPScheme},
		{"not bound, no type", nil, nil, nil, "", resource.ReasonDPoPScheme},
		{"both", jkt, jkt, "DPoP", resource.ReasonDPoPScheme, ""},
		{"the JWT only", jkt, nil, "DPoP", resource.ReasonDPoPScheme, ""},
		{"the JWT only, no type", jkt, nil, nil, resource.ReasonDPoPScheme, ""},
		{"the JWT only, type Bearer", jkt, nil, "Bearer", resource.ReasonDPoPScheme, ""},
		{"the answer only", nil, jkt, "DPoP", resource.ReasonDPoPScheme, ""},
		{"the answer only, type Bearer", nil, jkt, "Bearer", resource.ReasonDPoPScheme, ""},
		{"cnf of the answer is empty", jkt, claims{}, "DPoP", resource.ReasonSenderConstrained, resource.ReasonSenderConstrained},
		{"cnf of the answer is null", jkt, json.RawMessage("null"), "DPoP", resource.ReasonDPoPScheme, ""},
		{"two keys", jkt, other, "DPoP", resource.ReasonSenderConstrained, resource.ReasonSenderConstrained},
		{"a key and a certificate", jkt, x5t, "DPoP", resource.ReasonSenderConstrained, resource.ReasonSenderConstrained},
		{"the type DPoP without cnf", nil, nil, "DPoP", resource.ReasonSenderConstrained, resource.ReasonSenderConstrained},
		{"the type dpop without cnf", nil, nil, "dpop", resource.ReasonSenderConstrained, resource.ReasonSenderConstrained},
	} {
		answer := claims{"aud": identifier, "token_type": row.tokenType}
		if row.answer != nil {
			answer["cnf"] = row.answer
		}
		for _, kind := range []string{"JWT", "opaque"} {
			f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
				acceptDPoP(c, k)
				opaque := claims{"sub": "alice"}
				for name, value := range answer {
					opaque[name] = value
				}
				c.Opaque = &resource.Issuer{Verifier: answerWithClaims("https://opaque.example.test", opaque)}
				c.Issuers[0].Verifier = answerWithClaims(k.Issuer, answer)
			})
			token := "opaque"
			if kind == "JWT" {
				token = f.tokenWithClaims(claims{"cnf": row.jwt})
			} else if row.jwt != nil {
				continue
			}
			for _, use := range []string{"new", "cached"} {
				name := row.name + ", " + kind + ", " + use
				for scheme, want := range map[string]resource.Reason{"Bearer": row.bearer, "DPoP": row.dpop} {
					req := proof(key, token)
					replaceScheme(req, scheme)
					f.log.take()
					got := resource.Reason("")
					if f.sendProof(req).status != http.StatusOK {
						got = loggedReason(f.log.take())
					}
					if got != want {
						t.Errorf("%s, %s: got %q, want %q", name, scheme, got, want)
					}
				}
			}
		}
	}
}

// Keycloak names the type in the JWT too. Without cnf, the token that should be bound is not.
func TestTypeOfBoundJWT(t *testing.T) {
	f := newFixture(t, acceptDPoP)
	key := resourcetest.NewProofKey("")
	typed := map[string]any{"typ": "DPoP"}
	f.expectProof("typ DPoP with cnf", f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key, Claims: typed}))), provenAccepted)
	f.expectProof("typ DPoP without cnf, as a bearer token", f.sendProof(bearerRequest(f.token(resourcetest.Token{Claims: typed}))), refusedBearer(401, invalidToken))
	f.expectProofReason("typ DPoP without cnf", resource.ReasonSenderConstrained)
}

// ownClaims returns claims that it made itself.
type ownClaims struct {
	resource.Verifier
	change func(*resource.Claims)
}

func (v ownClaims) Verify(ctx context.Context, token *resource.Token) (*resource.Claims, error) {
	c, err := v.Verifier.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	own := &resource.Claims{Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience, Expiry: c.Expiry}
	v.change(own)
	return own, nil
}

// A JWT with cnf is bound, also if a verifier of the program returns claims without Confirmation.
func TestVerifierThatOmitsConfirmation(t *testing.T) {
	for name, change := range map[string]func(*resource.Claims){
		"claims of the token": func(*resource.Claims) {},
		"an answer":           func(c *resource.Claims) { c.Introspected = true },
		"not cached":          func(c *resource.Claims) { c.CacheFor = -1 },
		"another time":        func(c *resource.Claims) { c.Expiry = time.Now().Add(time.Minute) },
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			acceptDPoP(c, k)
			keys, err := jwks.New(*k)
			if err != nil {
				t.Fatal(err)
			}
			c.Issuers[0].Verifier = ownClaims{keys, change}
		})
		key := resourcetest.NewProofKey("")
		token := f.token(resourcetest.Token{ProofKey: key})
		for range 2 {
			f.expectProof(name+": as a bearer token", f.sendProof(bearerRequest(token)), refusedBearer(401, otherScheme))
			f.expectProof(name+": with a proof", f.sendProof(proof(key, token)), provenAccepted)
		}
		unbound := f.token(resourcetest.Token{})
		f.expectProof(name+": not bound", f.sendProof(bearerRequest(unbound)), provenAccepted)
	}
}
