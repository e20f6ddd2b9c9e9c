package securityevents_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/securityevents"
)

type claims = map[string]any

// tokenCase is a security event token and the answer to it. result is the value of the metric label.
type tokenCase struct {
	name   string
	event  resourcetest.SecurityEvent
	status int
	body   string
	result string
}

func ok(name string, e resourcetest.SecurityEvent) tokenCase {
	return tokenCase{name, e, http.StatusAccepted, "", "accepted"}
}

func bad(name string, e resourcetest.SecurityEvent, body, result string) tokenCase {
	return tokenCase{name, e, http.StatusBadRequest, body, result}
}

func withClaims(c claims) resourcetest.SecurityEvent { return resourcetest.SecurityEvent{Claims: c} }

func withHeader(h claims) resourcetest.SecurityEvent { return resourcetest.SecurityEvent{Header: h} }

func withFault(fault resourcetest.Fault) resourcetest.SecurityEvent {
	return resourcetest.SecurityEvent{Fault: fault}
}

func (f *fixture) run(row tokenCase) {
	f.t.Helper()
	before := counts(f.t, f.receiver)
	got := f.deliver(row.event)
	if got.status != row.status || got.body != row.body {
		f.t.Errorf("%s: got %d %s, want %d %s", row.name, got.status, got.body, row.status, row.body)
	}
	if result := f.result(before); result != row.result {
		f.t.Errorf("%s: counted as %q, want %q", row.name, result, row.result)
	}
	calls := f.store.calls
	if entries := f.store.take(); (len(entries) > 0) != (row.result == "accepted") || (calls > 0) != (len(entries) > 0) {
		f.t.Errorf("%s: %d calls with entries %v", row.name, calls, entries)
	}
}

const remove = resourcetest.Remove

// The checks of a security event token. Each row names the section that requires the check.
func TestChecks(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now()
	other := newIssuer(t)
	for _, row := range []tokenCase{
		ok("valid", resourcetest.SecurityEvent{}),
		ok("RFC 8417 §2.3: the type with its prefix", withHeader(claims{"typ": "application/secevent+jwt"})),
		ok("RFC 2045 §5.1: the type in upper case", withHeader(claims{"typ": "SecEvent+JWT"})),
		bad("RFC 8417 §2.3: no type", withHeader(claims{"typ": remove}), typeBody, "type"),
		bad("RFC 8417 §4.5: an ID token", withHeader(claims{"typ": "JWT"}), typeBody, "type"),
		bad("RFC 8417 §4.6: an access token", withHeader(claims{"typ": "at+jwt"}), typeBody, "type"),
		bad("RFC 8417 §4.7: a logout token", withHeader(claims{"typ": "logout+jwt"}), typeBody, "type"),
		bad("RFC 8417 §2.3: another type with the same beginning", withHeader(claims{"typ": "secevent+jwt;v=1"}), typeBody, "type"),
		bad("RFC 8417 §2.3: a letter that folds to s", withHeader(claims{"typ": "ſecevent+jwt"}), typeBody, "type"),
		bad("RFC 7515 §4.1.9: an empty type", withHeader(claims{"typ": ""}), malformedBody, "malformed"),
		bad("RFC 7515 §4.1.11: crit", withHeader(claims{"crit": []string{"exp"}, "exp": 1}), malformedBody, "malformed"),
		bad("RFC 8725 §2.1: alg none", withFault(resourcetest.AlgNone), algorithmBody, "algorithm"),
		bad("RFC 8725 §2.1: HMAC with the public key", withFault(resourcetest.HMACWithPEM), algorithmBody, "algorithm"),
		bad("RFC 8725 §3.2: alg none with a signature", withHeader(claims{"alg": "none"}), algorithmBody, "algorithm"),
		bad("RFC 7515 §5.2: no third segment", withFault(resourcetest.TwoSegments), malformedBody, "malformed"),
		bad("RFC 7515 §5.2: truncated payload", withFault(resourcetest.TruncatedPayload), malformedBody, "malformed"),
		bad("RFC 7515 §5.2: signature over other bytes", withFault(resourcetest.WrongSignature), signatureBody, "signature"),
		bad("RFC 7515 §5.2: signature with an unpublished key", withFault(resourcetest.UnpublishedKey), signatureBody, "signature"),
		bad("RFC 7515 §5.2: signature of zeros", withFault(resourcetest.ZeroSignature), signatureBody, "signature"),

		bad("SSF 1.0 §4.1.6: no iss", withClaims(claims{"iss": remove}), issuerBody, "issuer"),
		bad("SSF 1.0 §4.1.6: another iss", withClaims(claims{"iss": other.Identifier() + "2"}), issuerBody, "issuer"),
		bad("SSF 1.0 §4.1.6: iss with a slash at the end", withClaims(claims{"iss": f.issuer.Identifier() + "/"}), issuerBody, "issuer"),
		bad("RFC 7519 §4.1.1: iss is not a text", withClaims(claims{"iss": 1}), malformedBody, "malformed"),
		bad("RFC 7519 §4.1.3: no aud", withClaims(claims{"aud": remove}), audienceBody, "audience"),
		bad("RFC 7519 §4.1.3: another aud", withClaims(claims{"aud": "client/other"}), audienceBody, "audience"),
		bad("RFC 7519 §4.1.3: aud in another case", withClaims(claims{"aud": "Client/stream"}), audienceBody, "audience"),
		bad("RFC 7519 §4.1.3: no value in aud", withClaims(claims{"aud": []string{}}), audienceBody, "audience"),
		ok("RFC 7519 §4.1.3: aud with several values", withClaims(claims{"aud": []string{"x", audience}})),
		bad("RFC 7519 §4.1.3: a number in aud", withClaims(claims{"aud": []any{audience, 1}}), malformedBody, "malformed"),
		bad("RFC 7519 §4.1.3: aud null", withClaims(claims{"aud": nil}), malformedBody, "malformed"),

		bad("SSF 1.0 §4.1.2: sub", withClaims(claims{"sub": "alice"}), claimBody, "claim"),
		bad("SSF 1.0 §4.1.2: an empty sub", withClaims(claims{"sub": ""}), claimBody, "claim"),
		bad("RFC 8417 §2.2: no jti", withClaims(claims{"jti": remove}), claimBody, "claim"),
		bad("RFC 8417 §2.2: an empty jti", withClaims(claims{"jti": ""}), claimBody, "claim"),
		bad("RFC 7519 §4.1.7: jti is not a text", withClaims(claims{"jti": 7}), malformedBody, "malformed"),
		ok("the longest jti", withClaims(claims{"jti": text(1024)})),
		bad("a longer jti", withClaims(claims{"jti": text(1025)}), malformedBody, "malformed"),
		bad("RFC 8417 §2.2: no iat", withClaims(claims{"iat": remove}), claimBody, "claim"),
		bad("RFC 7519 §2: iat is a text", withClaims(claims{"iat": "1"}), malformedBody, "malformed"),
		bad("RFC 7519 §2: iat of 0 is too old", withClaims(claims{"iat": 0}), timeBody, "time"),
		bad("RFC 8417 §2.2: no events", withClaims(claims{"events": remove}), claimBody, "claim"),
		ok("RFC 8417 §2.2: no exp", withClaims(claims{"exp": remove})),
		ok("RFC 7519 §4.1.4: exp in the future", withClaims(claims{"exp": seconds(now.Add(time.Hour))})),
		bad("RFC 7519 §4.1.4: exp has passed", withClaims(claims{"exp": seconds(now.Add(-time.Hour))}), timeBody, "time"),
		bad("RFC 7519 §4.1.4: exp of 0 has passed", withClaims(claims{"exp": 0}), timeBody, "time"),
		bad("RFC 7519 §4.1.5: nbf in the future", withClaims(claims{"nbf": seconds(now.Add(time.Hour))}), timeBody, "time"),
		bad("RFC 7519 §7.3: iss in another case", withClaims(claims{"Iss": "x"}), malformedBody, "malformed"),
		bad("RFC 7519 §4: jti twice", withClaims(claims{"jti": resourcetest.Raw(`"a","jti":"b"`)}), malformedBody, "malformed"),
		bad("RFC 7519 §4: an event twice", withClaims(claims{"events": resourcetest.Raw(`{"a":{},"a":{}}`)}), malformedBody, "malformed"),
		ok("RFC 8417 §2.2: txn and other claims are ignored", withClaims(claims{"txn": "8675309", "x": nil})),
		bad("RFC 7519 §7.2: the payload is not an object", withClaims(claims{"x": resourcetest.Raw(`1}{`)}), malformedBody, "malformed"),
	} {
		f.run(row)
	}
}

// text returns a text of n letters.
func text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return string(b)
}

// The algorithms of the verifier are an allow-list.
func TestAlgorithms(t *testing.T) {
	issuer := newIssuer(t, "ES256", "RS256")
	f := newFixtureOf(t, issuer, func(c *securityevents.Config) { c.Keys = newKeys(t, issuer, "RS256") })
	f.run(ok("RFC 8725 §3.1: allowed", resourcetest.SecurityEvent{Alg: "RS256"}))
	f.run(bad("RFC 8725 §3.1: not allowed", resourcetest.SecurityEvent{Alg: "ES256"}, algorithmBody, "algorithm"))
	f.run(bad("RFC 8725 §3.1: another algorithm than that of the key", resourcetest.SecurityEvent{Alg: "RS256", Header: claims{"alg": "PS256"}}, algorithmBody, "algorithm"))
}

// Other tokens of the same issuer are not events.
func TestOtherTokens(t *testing.T) {
	f := newFixture(t, nil)
	for name, token := range map[string]string{
		"an access token":           f.issuer.Token(resourcetest.Token{Audience: audience}),
		"an access token as a SET":  f.issuer.Token(resourcetest.Token{Audience: audience, Header: claims{"typ": "secevent+jwt"}}),
		"an opaque token":           "2YotnFZFEjr1zCsicMWpAA",
		"nothing":                   "",
		"a line break at the end":   f.issuer.SecurityEvent(resourcetest.SecurityEvent{}) + "\n",
		"two tokens":                f.issuer.SecurityEvent(resourcetest.SecurityEvent{}) + "," + f.issuer.SecurityEvent(resourcetest.SecurityEvent{}),
		"JSON serialization of JWS": `{"payload":"e30","signatures":[]}`,
	} {
		if got := f.push(token); got.status != http.StatusBadRequest || len(f.store.take()) > 0 {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}
