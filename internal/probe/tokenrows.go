package probe

import (
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// tokenRow is a request with a credential that the server must not accept.
type tokenRow struct {
	id, section string
	level       Level
	wanted      string
	// credential returns the value of Authorization, or the reason why the request cannot be made.
	credential func(*evidence, *forge) (authorization, why string)
}

const needsIssuer = "needs the key of a test issuer that the server trusts, and a server that accepts its tokens"

// malformedRows are credentials that are not a token.
func malformedRows() []tokenRow {
	fixed := func(value string) func(*evidence, *forge) (string, string) {
		return func(*evidence, *forge) (string, string) { return value, "" }
	}
	return []tokenRow{
		{"empty-bearer", mcpErrors, Must, "Authorization: Bearer without a token gets 400 or 401.", fixed("Bearer")},
		{"two-tokens", mcpErrors, Must, "Authorization: Bearer with two words gets 400 or 401.", fixed("Bearer warder probe")},
		{"other-scheme", mcpErrors, Must, "Authorization: Basic gets 400 or 401.", fixed("Basic d2FyZGVyOnByb2Jl")},
	}
}

// forgedRows are tokens that need no key of the issuer.
func forgedRows() []tokenRow {
	token := func(build func(*forge) string) func(*evidence, *forge) (string, string) {
		return func(e *evidence, f *forge) (string, string) { return e.sender.bearer(build(f)), "" }
	}
	return []tokenRow{
		{"garbage-token", mcpHandling, Must, "A token that no one has issued is rejected.", token(func(*forge) string { return "warder-probe-" + random() + random() })},
		{"long-token", mcpHandling, Must, "A token of 12 KiB is rejected, without a 5xx status.", token(func(*forge) string { return strings.Repeat(random(), 12<<10/26) })},
		{"alg-none", "RFC 8725 §3.2", Must, "A JWT with the algorithm none is rejected.", token(func(f *forge) string { return f.unsigned(members{"alg": "none"}, nil) })},
		{"attacker-key", "RFC 7515 §5.2", Must, "A JWT that is signed with a key of an attacker is rejected.", token(func(f *forge) string { return f.attacked(nil) })},
		{"attacker-jwk", "RFC 8725 §3.10", Must, "A JWT that carries the key of an attacker in jwk is rejected.", token(func(f *forge) string { return f.attacked(members{"jwk": f.attackerJWK()}) })},
		{"attacker-jku", "RFC 8725 §3.10", Must, "A JWT with jku at a host of an attacker is rejected.", token(func(f *forge) string {
			return f.attacked(members{"jku": "https://attacker.invalid/jwks.json", "kid": "warder-probe"})
		})},
		{"attacker-kid", "RFC 8725 §3.10", Must, "A JWT with the kid of a published key and the signature of an attacker is rejected.", withPublished(anyKey, (*forge).stolenKid)},
		{"kid-path", "RFC 8725 §3.10", Must, "A JWT whose kid is the path of an empty file, signed with an empty HMAC key, is rejected.", token(func(f *forge) string {
			return f.hmacked(members{"kid": "../../../../../../dev/null"}, nil)
		})},
		{"hmac-public-key", "RFC 8725 §3.1", Must, "A JWT that is signed with HMAC and a published key as the secret is rejected.", withPublished(anyKey, func(f *forge, key publicKey) string {
			return f.hmacked(members{"kid": kidOf(key)}, publicPEM(key.key))
		})},
		{"zero-signature", "RFC 8725 §3.3", Must, "A JWT with an ECDSA signature of zeros is rejected.", withPublished(isECDSA, func(f *forge, key publicKey) string {
			a, _ := algorithmFor(key.key, "")
			return f.unsigned(members{"alg": a.name, "kid": kidOf(key)}, make([]byte, 2*a.size))
		})},
		{"tampered-token", "RFC 7515 §5.2", Must, "A valid JWT with another signature is rejected.", tampered},
	}
}

// issuedRows are tokens of the test issuer with exactly one mistake.
func issuedRows() []tokenRow {
	with := func(header, claims func(*forge) members) func(*evidence, *forge) (string, string) {
		return func(e *evidence, f *forge) (string, string) {
			if f.test.Signer == nil || e.control == "" {
				return "", needsIssuer
			}
			return e.sender.bearer(f.signed(header(f), claims(f))), ""
		}
	}
	none := func(*forge) members { return nil }
	claims := func(changes func(*forge) members) func(*evidence, *forge) (string, string) {
		return with(none, changes)
	}
	return []tokenRow{
		{"expired-token", mcpHandling, Must, "An expired token is rejected.", claims(func(f *forge) members {
			return members{"iat": f.now.Add(-2 * time.Hour).Unix(), "exp": f.now.Add(-time.Hour).Unix()}
		})},
		{"no-exp", "RFC 9068 §2.2", Should, "A token without exp is rejected.", claims(func(*forge) members { return members{"exp": nil} })},
		{"not-yet-valid", "RFC 7519 §4.1.5", Must, "A token whose nbf is in an hour is rejected.", claims(func(f *forge) members { return members{"nbf": f.now.Add(time.Hour).Unix()} })},
		{"other-audience", "RFC 8707 §2", Must, "A token for another server is rejected.", claims(func(*forge) members { return members{"aud": "https://other.invalid/mcp"} })},
		{"audience-prefix", "RFC 8707 §2", Must, "A token for a server whose URL begins with that of this one is rejected.", claims(func(f *forge) members { return members{"aud": f.audience + "-other"} })},
		{"no-audience", "RFC 8707 §2", Must, "A token without an audience is rejected.", claims(func(*forge) members { return members{"aud": nil} })},
		{"other-issuer", "RFC 8725 §3.8", Must, "A token with the name of another issuer is rejected.", claims(func(*forge) members { return members{"iss": "https://other.invalid"} })},
		{"wrong-type", "RFC 8725 §3.11", Should, "A JWT of another type, such as a logout token, is rejected.", with(func(*forge) members { return members{"typ": "logout+jwt"} }, none)},
		{"unknown-crit", "RFC 7515 §4.1.11", Must, "A JWT with an extension in crit that the server cannot know is rejected.", with(func(*forge) members {
			return members{"crit": []string{"warder-probe"}, "warder-probe": true}
		}, none)},
		{"bound-token", "RFC 9449 §7.2", Should, "A token that is bound to a key is not accepted as a bearer token.", claims(func(f *forge) members {
			return members{"cnf": map[string]string{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}
		})},
	}
}

// tampered changes the signature of the valid token. The last character of a signature can have
// bits that do not count, so it changes the first one.
func tampered(e *evidence, _ *forge) (string, string) {
	if e.control == "" {
		return "", e.controlWhy
	}
	at := strings.LastIndexByte(e.control, '.') + 1
	if strings.Count(e.control, ".") != 2 || at >= len(e.control) {
		return "", "the valid token is not a JWT"
	}
	other := "A"
	if e.control[at] == 'A' {
		other = "B"
	}
	return e.sender.bearer(e.control[:at] + other + e.control[at+1:]), ""
}

// withPublished makes a token with the first published key of a kind.
func withPublished(wanted func(publicKey) bool, build func(*forge, publicKey) string) func(*evidence, *forge) (string, string) {
	return func(e *evidence, f *forge) (string, string) {
		for _, key := range f.published {
			if wanted(key) {
				return e.sender.bearer(build(f, key)), ""
			}
		}
		return "", "needs a published key of this kind; none was found"
	}
}

func anyKey(publicKey) bool { return true }

func isECDSA(key publicKey) bool {
	_, ok := key.key.(*ecdsa.PublicKey)
	return ok
}

// kidOf returns the member kid of a header, or nil, which removes it.
func kidOf(key publicKey) any {
	if key.id == "" {
		return nil
	}
	return key.id
}

// stolenKid returns a token with the kid of a published key that an attacker signed.
func (f *forge) stolenKid(key publicKey) string {
	signer, err := f.likeness(key)
	if err != nil {
		signer = f.attacker
	}
	a, _ := algorithmFor(signer.Public(), "") // of a key that was just generated
	return compact(members{"alg": a.name, "typ": "at+jwt"}.with(members{"kid": kidOf(key)}), f.claims(nil), func(input string) []byte { return a.sign(signer, input) })
}

// attackerJWK returns the key of the attacker as a JWK.
func (f *forge) attackerJWK() map[string]string {
	point, err := f.attacker.PublicKey.Bytes() // 4, x and y
	if err != nil {
		return nil
	}
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]string{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
}

// collectRejected sends the requests that the server must reject.
func (e *evidence) collectRejected(ctx context.Context, f *forge) {
	e.rejected = map[string]attempt{}
	for _, row := range allRows() {
		authorization, why := row.credential(e, f)
		if why != "" {
			e.rejected[row.id] = attempt{why: why}
			continue
		}
		e.rejected[row.id] = attempt{reply: e.sender.send(ctx, http.MethodPost, e.cfg.URL, mcpHeader("Authorization", authorization), initialize)}
	}
}

func allRows() []tokenRow { return append(append(malformedRows(), forgedRows()...), issuedRows()...) }
