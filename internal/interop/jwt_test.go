package interop_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

var algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}

// JWT access tokens (RFC 9068) by resource indicators (RFC 8707), from discovery on.
func TestJWT(t *testing.T) {
	p := startProvider(t)
	p.app()
	good, foreign, short := map[string]string{}, map[string]string{}, map[string]string{}
	for _, alg := range algorithms {
		p.resource(target{ID: another, Format: "jwt", Alg: alg})
		foreign[alg] = p.clientToken(another)
		p.resource(target{ID: ours, Format: "jwt", Alg: alg})
		good[alg] = p.clientToken(ours)
	}
	user := p.userTokens(ours)
	for _, alg := range algorithms {
		p.resource(target{ID: ours, Format: "jwt", Alg: alg, TTL: 4})
		short[alg] = p.clientToken(ours)
	}

	first := p.jwtSite(t, jwks.Config{})
	for _, alg := range algorithms {
		check(t, alg+": JWT of a client", letsClientJWT, first.ask(good[alg]))
	}
	check(t, "JWT of a user, by the code flow", letsUser, first.ask(user.Access))
	check(t, "ID token", invalid(resource.ReasonAudience), first.ask(user.ID))
	check(t, "refresh token", invalid(resource.ReasonOpaqueUnsupported), first.ask(user.Refresh))
	only := p.jwtSite(t, jwks.Config{Algorithms: []string{"ES256"}})
	check(t, "ES256 allowed: JWT by ES256", letsClientJWT, only.ask(good["ES256"]))
	check(t, "ES256 allowed: JWT by RS256", invalid(resource.ReasonAlgorithmRefused), only.ask(good["RS256"]))

	pause(t.Context(), expiry(t, short["EdDSA"]))
	// A bad signature on a token that is not much older than the keys could be that of
	// a key still to be fetched: nobody can tell until the next fetch.
	cannotTell := unavailable(resource.ReasonKeysUnavailable)
	var forged string
	second := p.jwtSite(t, jwks.Config{})
	for _, alg := range algorithms {
		check(t, alg+": JWT after its exp", invalid(resource.ReasonExpired), second.ask(short[alg]))
		check(t, alg+": JWT for another resource", invalid(resource.ReasonAudience), second.ask(foreign[alg]))
		check(t, alg+": JWT with a broader scope written in", cannotTell, second.ask(tampered(t, good[alg])))
		forged = resigned(good[alg], foreign[alg])
		check(t, alg+": JWT with another one's signature", cannotTell, second.ask(forged))
		check(t, alg+": the JWT as it was", letsClientJWT, second.ask(good[alg]))
	}
	refused := invalid(resource.ReasonSignatureInvalid)
	check(t, "JWT with another one's signature, after the next fetch", cannotTell+", then "+refused,
		second.until(refused, patience, func() string { return second.ask(forged) }))
}

// The provider signs with new keys and goes on publishing the old ones, then no more.
func TestRotation(t *testing.T) {
	p := startProvider(t)
	p.app()
	p.resource(target{ID: ours, Format: "jwt", Alg: "RS256"})
	old := p.clientToken(ours)
	s := p.jwtSite(t, jwks.Config{})
	check(t, "JWT by the first key", letsClientJWT, s.ask(old))

	// A key that nobody has seen is fetched, at most once in five seconds. Until then
	// nobody can tell.
	p.tell(map[string]any{"rotate": true})
	rotated := p.clientToken(ours)
	began := time.Now()
	check(t, "JWT by a new key", letsClientJWT, recovers(t, s, letsClientJWT, rotated))
	took := time.Since(began)
	t.Logf("accepted after %s", took.Round(time.Millisecond))
	check(t, "the same, within 5 s and some for a slow machine", "yes", yes(took < 10*time.Second))
	check(t, "JWT by the first key, still published", letsClientJWT, s.ask(old))

	// Withdrawal shows with the next fetch. Of its own that comes within fifteen
	// minutes, and here because of a signature that is wrong.
	p.tell(map[string]any{"withdraw": true})
	bad := resigned(rotated, old)
	gone := invalid(resource.ReasonKeyUnknown)
	last := s.until(gone, patience, func() string {
		_ = s.ask(bad)
		return s.ask(old)
	})
	// In between nobody can tell, unless the token has become old enough.
	settled := strings.HasPrefix(last, letsClientJWT+", then ") && strings.HasSuffix(last, gone)
	check(t, "JWT by a withdrawn key, remembered: refused after a fetch", "yes", yes(settled))
	check(t, "JWT by the key that stays", letsClientJWT, s.ask(rotated))

	p.kill()
	check(t, "provider dead: remembered JWT", letsClientJWT, s.ask(rotated))
	s.res.Forget(rotated)
	check(t, "provider dead: JWT that is verified anew", letsClientJWT, s.ask(rotated))
	cold := p.jwtSite(t, jwks.Config{})
	check(t, "provider dead: keys never loaded", unavailable(resource.ReasonKeysUnavailable), cold.ask(rotated))
	p.restart() // with other keys under the same key ids
	fresh := p.clientToken(ours)
	check(t, "provider back: keys never loaded", letsClientJWT, recovers(t, cold, letsClientJWT, fresh))
	check(t, "provider back: JWT by another key under a known kid", letsClientJWT, recovers(t, s, letsClientJWT, fresh))
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// payload returns what a JWT says.
func payload(t *testing.T, token string) []byte {
	t.Helper()
	said, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func expiry(t *testing.T, token string) time.Time {
	t.Helper()
	var claims struct {
		Expiry int64 `json:"exp"`
	}
	if err := json.Unmarshal(payload(t, token), &claims); err != nil || claims.Expiry == 0 {
		t.Fatalf("got claims %s", payload(t, token))
	}
	return time.Unix(claims.Expiry, 0)
}

// tampered writes another scope into a JWT.
func tampered(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	said := payload(t, token)
	other := bytes.Replace(said, []byte(`"mcp:read"`), []byte(`"mcp:read mcp:write"`), 1)
	if bytes.Equal(said, other) {
		t.Fatalf("got claims %s, no scope", said)
	}
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString(other) + "." + parts[2]
}

// resigned puts the signature of another JWT under one.
func resigned(token, other string) string {
	return token[:strings.LastIndex(token, ".")] + other[strings.LastIndex(other, "."):]
}
