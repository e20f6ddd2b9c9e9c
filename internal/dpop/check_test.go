package dpop_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/dpop"
	"github.com/warder-go/warder/resource/resourcetest"
)

// fault is a fault of a proof, or of what it is expected to be for.
type fault struct {
	name   string
	kind   dpop.Kind
	proof  func(*resourcetest.Proof)
	expect func(*dpop.Expected)
	algs   []string // of the Checker
}

func header(name string, value any) func(*resourcetest.Proof) {
	return func(p *resourcetest.Proof) {
		if p.Header == nil {
			p.Header = map[string]any{}
		}
		p.Header[name] = value
	}
}

func claim(name string, value any) func(*resourcetest.Proof) {
	return func(p *resourcetest.Proof) {
		if p.Claims == nil {
			p.Claims = map[string]any{}
		}
		p.Claims[name] = value
	}
}

// inOrder are faults in the order in which they are found (RFC 9449 §4.3). The signature is last,
// because it costs most.
var inOrder = []fault{
	{name: "too long", kind: dpop.Malformed, proof: header("x", strings.Repeat("x", 4000))},
	{name: "crit", kind: dpop.Malformed, proof: header("crit", []string{"x"})},
	{name: "typ", kind: dpop.Malformed, proof: header("typ", "JWT")},
	{name: "alg", kind: dpop.Algorithm, algs: []string{"ES384"}},
	{name: "jti", kind: dpop.Malformed, proof: claim("jti", "")},
	{name: "htm", kind: dpop.Method, proof: claim("htm", "GET")},
	{name: "htu", kind: dpop.URL, proof: claim("htu", "https://evil.test/")},
	{name: "iat", kind: dpop.Time, proof: claim("iat", 1)},
	{name: "ath", kind: dpop.Token, proof: claim("ath", sum("another token"))},
	{name: "thumbprint", kind: dpop.Key, expect: func(e *dpop.Expected) { e.Thumbprint[0]++ }},
	{name: "signature", kind: dpop.Signature, proof: func(p *resourcetest.Proof) { p.Signer = signer }},
}

var signer = otherSigner()

// check returns the error for a proof with faults.
func check(t *testing.T, key *resourcetest.ProofKey, faults ...fault) *dpop.Error {
	t.Helper()
	p, want, algorithms := valid, expected(t, key), []string(nil)
	for _, f := range faults {
		if f.proof != nil {
			f.proof(&p)
		}
		if f.expect != nil {
			f.expect(&want)
		}
		if f.algs != nil {
			algorithms = f.algs
		}
	}
	_, e := newChecker(t, algorithms...).Check(key.Proof(p), want)
	return e
}

func TestOrderOfChecks(t *testing.T) {
	key := resourcetest.NewProofKey("")
	if e := check(t, key); e != nil {
		t.Fatalf("no fault: %v", e)
	}
	for i, first := range inOrder {
		if e := check(t, key, first); e == nil || e.Kind != first.kind {
			t.Errorf("%s: got %+v, want kind %d", first.name, e, first.kind)
			continue
		}
		for _, second := range inOrder[i+1:] {
			alone, both := check(t, key, first), check(t, key, first, second)
			if both == nil || both.Kind != first.kind || both.Error() != alone.Error() || both.Got != alone.Got || both.Want != alone.Want {
				t.Errorf("%s and %s: got %+v, want %+v", first.name, second.name, both, alone)
			}
		}
	}
}

// What an error says, for the log. Its text contains no text of the proof.
func TestErrors(t *testing.T) {
	key := resourcetest.NewProofKey("")
	for _, row := range []struct {
		fault           fault
		got, want, text string
	}{
		{inOrder[0], "", "", "dpop: the proof is longer than 4096 bytes"},
		{inOrder[1], "", "", `jose: malformed token: header: member "crit": is not accepted`},
		{inOrder[2], "", "", "dpop: typ is not dpop+jwt"},
		{inOrder[3], "ES256", "[ES384]", "dpop: the proof is not as required"},
		{fault{proof: header("alg", "none")}, "none", "", "jose: algorithm not supported"},
		{fault{proof: header("alg", "secret")}, "other", "", "jose: algorithm not supported"},
		{fault{proof: header("jwk", resourcetest.Remove)}, "", "", "jose: jwk of the proof: is absent"},
		{inOrder[4], "", "", `dpop: claims: member "jti": is empty`},
		{fault{proof: claim("jti", resourcetest.Remove)}, "", "", "dpop: claims: no jti"},
		{inOrder[5], "GET", "POST", "dpop: the proof is not as required"},
		{fault{proof: claim("htm", "PROPPATCH-x")}, "PROPPATCH-x", "POST", "dpop: the proof is not as required"},
		{fault{proof: claim("htm", "e30.e30.AAAA")}, "", "POST", "dpop: the proof is not as required"},
		{fault{proof: claim("htm", strings.Repeat("A", 33))}, "", "POST", "dpop: the proof is not as required"},
		{inOrder[6], "https://evil.test/", endpoint, "dpop: the proof is not as required"},
		{fault{proof: claim("htu", "https://user:secret@mcp.example.test/mcp")}, "", endpoint, "dpop: host and port of the URL are malformed, or it has a user name"},
		{fault{proof: claim("htu", "https://evil.test/?secret#secret")}, "https://evil.test/", endpoint, "dpop: the proof is not as required"},
		{inOrder[7], "iat 1970-01-01T00:00:01Z", "within 60 s of 2023-11-14T22:13:20Z", "dpop: the proof is not as required"},
		{inOrder[8], "", "", "dpop: ath is not the digest of the access token"},
		{inOrder[9], "", "", "the token is bound to another key"},
		{inOrder[10], "", "", "the signature of the proof is invalid"},
	} {
		e := check(t, key, row.fault)
		if e == nil || e.Got != row.got || e.Want != row.want || e.Error() != row.text || errors.Unwrap(e) != e.Err {
			t.Errorf("%s: got %+v (%v), want %q, %q, %s", row.fault.name, e, e, row.got, row.want, row.text)
		}
	}
}

// RFC 9449 §4.2: the claims and their types.
func TestClaims(t *testing.T) {
	key := resourcetest.NewProofKey("")
	for _, row := range []struct {
		name  string
		proof func(*resourcetest.Proof)
		kind  dpop.Kind // -1: accepted
	}{
		{"jti of 256 bytes", claim("jti", strings.Repeat("j", 256)), -1},
		{"jti of 257 bytes", claim("jti", strings.Repeat("j", 257)), dpop.Malformed},
		{"jti of 128 letters of 2 bytes", claim("jti", strings.Repeat("\u00e4", 128)), -1},
		{"jti of 129 letters of 2 bytes", claim("jti", strings.Repeat("\u00e4", 129)), dpop.Malformed},
		{"jti with escapes", claim("jti", resourcetest.Raw(`"\u0000\n\ud83d\ude00"`)), -1},
		{"jti with a lone surrogate", claim("jti", resourcetest.Raw(`"\ud83d"`)), dpop.Malformed},
		{"jti null", claim("jti", nil), dpop.Malformed},
		{"jti is a number", claim("jti", 1), dpop.Malformed},
		{"jti twice", claim("jti", resourcetest.Raw(`"a","jti":"a"`)), dpop.Malformed},
		{"JTI", claim("JTI", "a"), dpop.Malformed},
		{"htm in another case", claim("htm", "post"), dpop.Method},
		{"htm with a space", claim("htm", "POST "), dpop.Method},
		{"htm is an array", claim("htm", []string{"POST"}), dpop.Malformed},
		{"htm empty", claim("htm", ""), dpop.Malformed},
		{"htu empty", claim("htu", ""), dpop.Malformed},
		{"htu is an array", claim("htu", []string{endpoint}), dpop.Malformed},
		{"htu with a query", claim("htu", endpoint+"?a#b"), -1},
		{"iat is a string", claim("iat", "1700000000"), dpop.Malformed},
		{"iat with a fraction", claim("iat", resourcetest.Raw("1700000000.0")), dpop.Malformed},
		{"iat with an exponent", claim("iat", resourcetest.Raw("17e8")), dpop.Malformed},
		{"iat negative", claim("iat", -1), dpop.Malformed},
		{"iat minus zero", claim("iat", resourcetest.Raw("-0")), dpop.Malformed},
		{"iat null", claim("iat", nil), dpop.Malformed},
		{"iat of 19 digits", claim("iat", resourcetest.Raw("9223372036854775807")), dpop.Malformed},
		{"iat of 100 digits", claim("iat", resourcetest.Raw(strings.Repeat("9", 100))), dpop.Malformed},
		{"iat in the year 9999", claim("iat", int64(253402300799)), dpop.Time},
		{"ath with padding", claim("ath", sum(token)+"="), dpop.Malformed},
		{"ath in hexadecimal", claim("ath", fmt.Sprintf("%x", digest.Of(token))), dpop.Malformed},
		{"ath empty", claim("ath", ""), dpop.Malformed},
		{"ath null", claim("ath", nil), dpop.Malformed},
		{"ath of the token with its scheme", claim("ath", sum("DPoP "+token)), dpop.Token},
		{"nonce", claim("nonce", "a"), -1},
		{"nonce of 256 bytes", claim("nonce", strings.Repeat("n", 256)), -1},
		{"nonce of 257 bytes", claim("nonce", strings.Repeat("n", 257)), dpop.Malformed},
		{"nonce empty", claim("nonce", ""), dpop.Malformed},
		{"nonce null", claim("nonce", nil), dpop.Malformed},
		{"exp in the past, which RFC 9449 does not define", claim("exp", 1), -1},
		{"an unknown claim", claim("x", map[string]any{"y": []int{1}}), -1},
		{"a duplicate in an unknown claim", claim("x", resourcetest.Raw(`{"y":1,"y":1}`)), dpop.Malformed},
		{"not an object", func(p *resourcetest.Proof) { p.RawPayload = []byte(`[]`) }, dpop.Malformed},
		{"not JSON", func(p *resourcetest.Proof) { p.RawPayload = []byte(`x`) }, dpop.Malformed},
		{"typ with a prefix", header("typ", "application/dpop+jwt"), dpop.Malformed},
		{"typ in another case", header("typ", "DPoP+JWT"), dpop.Malformed},
	} {
		kind := dpop.Kind(-1)
		if e := check(t, key, fault{proof: row.proof}); e != nil {
			kind = e.Kind
		}
		if kind != row.kind {
			t.Errorf("%s: got kind %d, want %d", row.name, kind, row.kind)
		}
	}
}

// RFC 9449 §4.3, number 11: iat has whole seconds, so a proof counts for a second longer.
func TestWindow(t *testing.T) {
	key := resourcetest.NewProofKey("")
	for _, row := range []struct {
		name   string
		now    time.Duration // after iat
		window time.Duration
		ok     bool
	}{
		{"at once", 0, window, true},
		{"the oldest", window + time.Second - 1, window, true},
		{"too old", window + time.Second, window, false},
		{"the newest", -window, window, true},
		{"too new", -window - 1, window, false},
		{"a window of a second, the oldest", 2*time.Second - 1, time.Second, true},
		{"a window of a second, too old", 2 * time.Second, time.Second, false},
		{"a window of a second, the newest", -time.Second, time.Second, true},
		{"a window of a second, too new", -time.Second - 1, time.Second, false},
	} {
		want := expected(t, key)
		want.Now, want.Window = at.Add(row.now), row.window
		got, e := newChecker(t).Check(key.Proof(valid), want)
		if (e == nil) != row.ok {
			t.Errorf("%s: got %v", row.name, e)
		}
		if until := at.Add(row.window + time.Second); e == nil && !got.Until.Equal(until) {
			t.Errorf("%s: until %s, want %s", row.name, got.Until, until)
		}
		// Until is the first time at which the same proof fails.
		if row.ok {
			want.Now = got.Until.Add(-1)
			_, before := newChecker(t).Check(key.Proof(valid), want)
			want.Now = got.Until
			_, after := newChecker(t).Check(key.Proof(valid), want)
			if before != nil || after == nil || after.Kind != dpop.Time {
				t.Errorf("%s: before until %v, at until %v", row.name, before, after)
			}
		}
	}
}

// RFC 9449 §11.1: the key, jti and htu identify a proof. Nothing else does, so no other spelling
// of a proof is another proof.
func TestUse(t *testing.T) {
	key, other := resourcetest.NewProofKey(""), resourcetest.NewProofKey("")
	use := func(key *resourcetest.ProofKey, change func(*resourcetest.Proof), url string) digest.Digest {
		p, want := valid, expected(t, key)
		if change != nil {
			change(&p)
		}
		if url != "" {
			p.URL, want.URL = url, url
		}
		got, e := newChecker(t).Check(key.Proof(p), want)
		if e != nil {
			t.Fatal(e)
		}
		return got.Use
	}
	first := use(key, nil, "")
	for _, row := range []struct {
		name string
		use  digest.Digest
		same bool
	}{
		{"another signature", use(key, nil, ""), true},
		{"another iat", use(key, claim("iat", at.Unix()+1), ""), true},
		{"another spelling of htu", use(key, claim("htu", "HTTPS://mcp.example.test:443/%6Dcp?q"), ""), true},
		{"another spelling of jti", use(key, claim("jti", resourcetest.Raw(`"\u0069d"`)), ""), true},
		{"another nonce", use(key, claim("nonce", "a"), ""), true},
		{"a further claim", use(key, claim("x", 1), ""), true},
		{"another header", use(key, header("kid", "a"), ""), true},
		{"another jti", use(key, claim("jti", "id2"), ""), false},
		{"a longer jti", use(key, claim("jti", "idh"), ""), false},
		{"another URL", use(key, nil, endpoint+"/x"), false},
		{"another key", use(other, nil, ""), false},
	} {
		if got := row.use == first; got != row.same {
			t.Errorf("%s: the same proof: %v, want %v", row.name, got, row.same)
		}
	}
}

// RFC 9449 §4.3, number 5: the algorithms of an allow-list, which never has one with a secret.
func TestAlgorithms(t *testing.T) {
	defaults := []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519"}
	if got := newChecker(t).Algorithms(); !slices.Equal(got, defaults) {
		t.Errorf("defaults %v, want %v", got, defaults)
	}
	if got := newChecker(t, "RS256", "ES256").Algorithms(); !slices.Equal(got, []string{"RS256", "ES256"}) {
		t.Errorf("got %v", got)
	}
	for _, names := range [][]string{{}, {"HS256"}, {"none"}, {"es256"}, {"ES256", "ES256"}, {"ES256K"}, {""}} {
		if c, err := dpop.NewChecker(names); err == nil {
			t.Errorf("%q: accepted: %v", names, c.Algorithms())
		}
	}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		key := resourcetest.NewProofKey(alg)
		if _, e := newChecker(t, alg).Check(key.Proof(valid), expected(t, key)); e != nil {
			t.Errorf("%s: %v", alg, e)
		}
		if _, e := newChecker(t).Check(key.Proof(valid), expected(t, key)); (e == nil) != slices.Contains(defaults, alg) || e != nil && e.Kind != dpop.Algorithm {
			t.Errorf("%s by default: %v", alg, e)
		}
	}
}
