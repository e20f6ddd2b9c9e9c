package resource_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// New returns each mistake about DPoP with its own text.
func TestMistakesOfDPoP(t *testing.T) {
	key := bytes.Repeat([]byte("a"), 32)
	dpop := func(change func(*resource.DPoP)) func(*resource.Config) {
		return func(c *resource.Config) { change(&c.Credentials.DPoP) }
	}
	for _, row := range []struct {
		name   string
		change func(*resource.Config)
		want   string // "" for no mistake
	}{
		{"accepted", dpop(func(d *resource.DPoP) { d.Tokens = resource.BindingAccepted }), ""},
		{"required", dpop(func(d *resource.DPoP) { d.Tokens = resource.BindingRequired }), ""},
		{"off", dpop(func(d *resource.DPoP) { d.Tokens = resource.BindingOff }), ""},
		{"every setting", dpop(func(d *resource.DPoP) {
			*d = resource.DPoP{Tokens: resource.BindingAccepted, Algorithms: []string{"RS256"}, Window: 5 * time.Minute, RequireNonce: true, NonceKeys: [][]byte{key}, MaxProofs: 1, MaxProofsPerKey: 2}
		}), ""},
		{"another binding", dpop(func(d *resource.DPoP) { d.Tokens = 7 }), "Credentials.DPoP.Tokens: 7 is none of BindingOff, BindingAccepted and BindingRequired"},
		{"a negative binding", dpop(func(d *resource.DPoP) { d.Tokens = -1 }), "Credentials.DPoP.Tokens: -1 is none of BindingOff, BindingAccepted and BindingRequired"},
		{"another binding of an issuer", func(c *resource.Config) { c.Issuers[0].DPoP = 7 }, "Issuers[0].DPoP: 7 is none of BindingOff, BindingAccepted and BindingRequired"},
		{"no algorithm", dpop(func(d *resource.DPoP) { d.Algorithms = []string{} }), "Credentials.DPoP.Algorithms: no algorithm is allowed: leave the list nil for ["},
		{"an algorithm with a secret", dpop(func(d *resource.DPoP) { d.Algorithms = []string{"HS256"} }), `Credentials.DPoP.Algorithms: algorithm "HS256" is not one of`},
		{"none", dpop(func(d *resource.DPoP) { d.Algorithms = []string{"none"} }), `Credentials.DPoP.Algorithms: algorithm "none" is not one of`},
		{"an algorithm twice", dpop(func(d *resource.DPoP) { d.Algorithms = []string{"ES256", "ES256"} }), `Credentials.DPoP.Algorithms: duplicate algorithm "ES256"`},
		{"a negative window", dpop(func(d *resource.DPoP) { d.Window = -1 }), "Credentials.DPoP.Window: -1ns is not between 1 s and 5m0s"},
		{"a window below a second", dpop(func(d *resource.DPoP) { d.Window = time.Second - 1 }), "Credentials.DPoP.Window: 999.999999ms is not between 1 s and 5m0s"},
		{"a window over five minutes", dpop(func(d *resource.DPoP) { d.Window = 5*time.Minute + 1 }), "Credentials.DPoP.Window: 5m0.000000001s is not between 1 s and 5m0s"},
		{"keys without nonces", dpop(func(d *resource.DPoP) { d.NonceKeys = [][]byte{key} }), "Credentials.DPoP.NonceKeys: RequireNonce is not set, so the keys have no effect; set it, or remove the keys"},
		{"a short key", dpop(func(d *resource.DPoP) { d.RequireNonce, d.NonceKeys = true, [][]byte{key[:31]} }), "Credentials.DPoP.NonceKeys: key 1 has 31 bytes; want at least 32 random bytes"},
		{"nine keys", dpop(func(d *resource.DPoP) { d.RequireNonce, d.NonceKeys = true, make([][]byte, 9) }), "Credentials.DPoP.NonceKeys: has 9 keys; at most 8 are possible"},
		{"a key twice", dpop(func(d *resource.DPoP) { d.RequireNonce, d.NonceKeys = true, [][]byte{key, key} }), "Credentials.DPoP.NonceKeys: key 2 equals key 1"},
		{"negative proofs", dpop(func(d *resource.DPoP) { d.MaxProofs = -1 }), "Credentials.DPoP.MaxProofs, MaxProofsPerKey: negative; use 0 for the default"},
		{"negative proofs of a key", dpop(func(d *resource.DPoP) { d.MaxProofsPerKey = -1 }), "Credentials.DPoP.MaxProofs, MaxProofsPerKey: negative; use 0 for the default"},
		{"nil Replays", dpop(func(d *resource.DPoP) { d.Replays = (*fakeReplays)(nil) }), "Credentials.DPoP.Replays: a nil pointer; leave it out for the memory of this process"},
		{"Replays with a limit", dpop(func(d *resource.DPoP) { d.Replays, d.MaxProofs = new(fakeReplays), 1 }), "Credentials.DPoP.MaxProofs, MaxProofsPerKey: these are for the memory of this process, and Replays is set; remove them"},
		{"Replays with a quota", dpop(func(d *resource.DPoP) { d.Replays, d.MaxProofsPerKey = new(fakeReplays), 1 }), "Credentials.DPoP.MaxProofs, MaxProofsPerKey: these are for the memory of this process, and Replays is set; remove them"},
		{"required, and keys in a header", func(c *resource.Config) {
			c.Credentials.DPoP.Tokens = resource.BindingRequired
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": headerOnlyVerifier{}}
		}, "Credentials.DPoP.Tokens: BindingRequired applies to all credentials, and those in Headers and TokenHeaders cannot be bound; set it for the issuers instead (dpop, client_certificates)"},
		{"required for an issuer, and keys in a header", func(c *resource.Config) {
			c.Issuers[0].DPoP = resource.BindingRequired
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Api-Key": headerOnlyVerifier{}}
		}, ""},
		{"the field of the proof as a credential", func(c *resource.Config) {
			c.Credentials.Headers = map[string]resource.HeaderVerifier{"DPoP": headerOnlyVerifier{}}
		}, `Credentials.Headers["DPoP"]: Dpop has a standard meaning`},
		{"the field of the proof as a claim", func(c *resource.Config) {
			c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{"dpop": {Claim: "sub"}}
		}, `Credentials.HeaderClaims["dpop"]: Dpop has a standard meaning`},
		{"required for all, off for an issuer", func(c *resource.Config) {
			c.Credentials.DPoP.Tokens, c.Issuers[0].DPoP = resource.BindingRequired, resource.BindingOff
		}, `issuer "https://auth.example.test": DPoP, Certificates: BindingRequired in Credentials applies to all issuers; remove the value of the issuer`},
		{"required for all, accepted for an issuer", func(c *resource.Config) {
			c.Credentials.DPoP.Tokens, c.Issuers[0].DPoP = resource.BindingRequired, resource.BindingAccepted
		}, "BindingRequired in Credentials applies to all issuers"},
		{"both required", func(c *resource.Config) {
			c.Credentials.DPoP.Tokens, c.Credentials.Certificates.Tokens = resource.BindingRequired, resource.BindingRequired
		}, `issuer "https://auth.example.test": DPoP, Certificates: both are BindingRequired, and a token is bound to one thing; require one, or accept both and set Operations.Bound`},
		{"a key for all, a certificate for an issuer", func(c *resource.Config) {
			c.Credentials.DPoP.Tokens, c.Issuers[0].Certificates = resource.BindingRequired, resource.BindingRequired
		}, "both are BindingRequired"},
		{"a token in a header", func(c *resource.Config) {
			c.Credentials.TokenHeaders = map[string]resource.Issuer{"X-Token": {Verifier: verifierFunc{issuer: "https://other.example.test"}, DPoP: resource.BindingAccepted}}
		}, `Credentials.TokenHeaders["X-Token"]: DPoP, Certificates: a token in this field cannot be bound, because a proxy and not the client sends it; remove the value`},
		{"members of the document", func(c *resource.Config) { c.Metadata.DPoPBoundAccessTokensRequired = true }, "leave them empty"},
	} {
		keys, err := jwks.New(jwks.Config{Issuer: "https://auth.example.test"})
		if err != nil {
			t.Fatal(err)
		}
		c := resource.Config{Identifier: identifier, Issuers: []resource.Issuer{{Verifier: keys}}}
		row.change(&c)
		res, err := resource.New(c)
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: got %v, want no error", row.name, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want) || res != nil):
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "aaaa") {
			t.Errorf("%s: the error has a key: %v", row.name, err)
		}
	}
}

// The value of an issuer, and what it inherits. The challenge offers what the issuers accept.
func TestBindingOfIssuers(t *testing.T) {
	const none, off, accepted, required = resource.BindingInherited, resource.BindingOff, resource.BindingAccepted, resource.BindingRequired
	for _, row := range []struct {
		name          string
		all, issuer   resource.Binding
		bound, bearer int // the status of a bound token with a proof, and of a token that is not bound
		offers        string
	}{
		{"nothing", none, none, 401, 200, "Bearer"},
		{"off", off, none, 401, 200, "Bearer"},
		{"accepted", accepted, none, 200, 200, "Bearer DPoP"},
		{"required", required, none, 200, 401, "DPoP"},
		{"off, accepted", off, accepted, 200, 200, "Bearer DPoP"},
		{"off, required", off, required, 200, 401, "DPoP"},
		{"nothing, accepted", none, accepted, 200, 200, "Bearer DPoP"},
		{"nothing, required", none, required, 200, 401, "DPoP"},
		{"accepted, off", accepted, off, 401, 200, "Bearer"},
		{"accepted, required", accepted, required, 200, 401, "DPoP"},
		{"required, required", required, required, 200, 401, "DPoP"},
	} {
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			c.Credentials.DPoP.Tokens, c.Issuers[0].DPoP = row.all, row.issuer
		})
		key := resourcetest.NewProofKey("")
		for _, use := range []string{"new", "cached"} {
			name := row.name + ", " + use
			if got := f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key}))).status; got != row.bound {
				t.Errorf("%s: bound: got %d, want %d", name, got, row.bound)
			}
			if got := f.sendProof(bearerRequest(f.token(resourcetest.Token{}))).status; got != row.bearer {
				t.Errorf("%s: not bound: got %d, want %d", name, got, row.bearer)
			}
			if got := f.sendProof(bearerRequest(f.token(resourcetest.Token{ProofKey: key}))).status; got != 401 {
				t.Errorf("%s: bound, as a bearer token: got %d", name, got)
			}
		}
		var schemes []string
		for _, challenge := range f.sendProof(post(identifier)).challenges {
			scheme, _, _ := strings.Cut(challenge, " ")
			schemes = append(schemes, scheme)
		}
		if got := strings.Join(schemes, " "); got != row.offers {
			t.Errorf("%s: the challenges offer %s, want %s", row.name, got, row.offers)
		}
		d := f.res.Metadata()
		algorithms := []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519"}
		if !strings.Contains(row.offers, "DPoP") {
			algorithms = nil
		}
		if !slices.Equal(d.DPoPSigningAlgValuesSupported, algorithms) || d.DPoPBoundAccessTokensRequired != (row.offers == "DPoP") || d.TLSClientCertificateBoundAccessTokens {
			t.Errorf("%s: metadata %+v", row.name, d)
		}
	}
}

// Two issuers with different values: each counts for its own tokens.
func TestBindingOfTwoIssuers(t *testing.T) {
	other, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://other.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		keys, err := jwks.New(jwks.Config{Issuer: other.Identifier(), Transport: other.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		c.Issuers[0].DPoP = resource.BindingRequired
		c.Issuers = append(c.Issuers, resource.Issuer{Verifier: keys})
	})
	key := resourcetest.NewProofKey("")
	required := proven{401, []string{"DPoP " + pointer + notBound + algs}, ""}
	f.expectProof("required: bound", f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key}))), provenAccepted)
	f.expectProof("required: not bound", f.sendProof(bearerRequest(f.token(resourcetest.Token{}))), required)
	f.expectProof("off: bound", f.sendProof(proof(key, other.Token(resourcetest.Token{ProofKey: key}))), refusedDPoP(401, invalidToken))
	f.expectProof("off: not bound", f.sendProof(bearerRequest(other.Token(resourcetest.Token{}))), provenAccepted)
	if d := f.res.Metadata(); d.DPoPBoundAccessTokensRequired || len(d.DPoPSigningAlgValuesSupported) != 8 {
		t.Errorf("metadata %+v", d)
	}
}

// Issuers of Hooks.ResolveIssuer: what they set, and what New cannot find out.
func TestBindingOfResolvedIssuers(t *testing.T) {
	for _, row := range []struct {
		name        string
		all, issuer resource.Binding
		want        string // statuses of a bound and of another token
	}{
		{"inherited", resource.BindingAccepted, resource.BindingInherited, "200 200"},
		{"required", resource.BindingAccepted, resource.BindingRequired, "200 401"},
		{"off", resource.BindingAccepted, resource.BindingOff, "401 200"},
		{"required for all", resource.BindingRequired, resource.BindingInherited, "200 401"},
		{"required for all, and off", resource.BindingRequired, resource.BindingOff, "500 500"},
		{"accepted, but challenges do not offer DPoP", resource.BindingOff, resource.BindingAccepted, "401 500"},
		{"another value", resource.BindingAccepted, 7, "500 500"},
	} {
		f := newFixture(t, func(c *resource.Config, k *jwks.Config) {
			keys, err := jwks.New(*k)
			if err != nil {
				t.Fatal(err)
			}
			c.Issuers[0].Verifier, c.Credentials.DPoP.Tokens = verifierFunc{issuer: "https://other.example.test"}, row.all
			c.Metadata.AuthorizationServers = []string{k.Issuer}
			resolved := resource.Issuer{Verifier: keys, DPoP: row.issuer}
			c.Hooks.ResolveIssuer = func(string) (*resource.Issuer, bool) { return &resolved, true }
		})
		key := resourcetest.NewProofKey("")
		for range 2 {
			bound := f.sendProof(proof(key, f.token(resourcetest.Token{ProofKey: key}))).status
			bearer := f.sendProof(bearerRequest(f.token(resourcetest.Token{}))).status
			if got := fmt.Sprint(bound, " ", bearer); got != row.want {
				t.Errorf("%s: got %s, want %s", row.name, got, row.want)
			}
		}
	}
}
