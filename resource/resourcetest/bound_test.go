package resourcetest_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// RFC 9449 §6 and RFC 8705 §3: the claim "cnf" of a JWT, and "cnf" and "token_type" of the
// introspection response of both kinds of tokens. Token.Claims overrides them.
func TestBoundTokens(t *testing.T) {
	s, client := newIssuer(t, resourcetest.Config{})
	key, certificate := resourcetest.NewProofKey(""), &x509.Certificate{Raw: []byte("DER")}
	sum := sha256.Sum256([]byte("DER"))
	jkt, x5t := `"jkt":"`+key.Thumbprint()+`"`, `"x5t#S256":"`+base64.RawURLEncoding.EncodeToString(sum[:])+`"`
	for _, row := range []struct {
		name                 string
		token                resourcetest.Token
		claim, cnf, typeWant string
	}{
		{"not bound", resourcetest.Token{}, `null`, `null`, `"Bearer"`},
		{"DPoP", resourcetest.Token{ProofKey: key}, `{` + jkt + `}`, `{` + jkt + `}`, `"DPoP"`},
		{"certificate", resourcetest.Token{Certificate: certificate}, `{` + x5t + `}`, `{` + x5t + `}`, `"Bearer"`},
		{"both", resourcetest.Token{ProofKey: key, Certificate: certificate}, `{` + jkt + `,` + x5t + `}`, `{` + jkt + `,` + x5t + `}`, `"DPoP"`},
		{"removed", resourcetest.Token{ProofKey: key, Claims: map[string]any{"cnf": resourcetest.Remove, "token_type": resourcetest.Remove}}, `null`, `null`, `null`},
		{"replaced", resourcetest.Token{ProofKey: key, Claims: map[string]any{"cnf": map[string]any{"jkt": 1}, "token_type": "Bearer"}}, `{"jkt":1}`, `{"jkt":1}`, `"Bearer"`},
	} {
		jwt := s.Token(row.token)
		if got := text(parse(t, string(segment(t, jwt, 1)))["cnf"]); got != row.claim {
			t.Errorf("%s: claim %s, want %s", row.name, got, row.claim)
		}
		for kind, token := range map[string]string{"JWT": jwt, "opaque": s.OpaqueToken(row.token)} {
			_, reply := post(t, client, s.URL(resourcetest.Introspection), "token="+token, "test-client", "test-secret")
			if got := text(reply["cnf"]); reply["active"] != true || got != row.cnf || text(reply["token_type"]) != row.typeWant {
				t.Errorf("%s, %s: got %v, want cnf %s and token_type %s", row.name, kind, reply, row.cnf, row.typeWant)
			}
		}
	}
}

// SetProof adds the header fields of RFC 9449 §7.1, for requests to send and for those that
// httptest makes.
func TestSetProof(t *testing.T) {
	key := resourcetest.NewProofKey("")
	received := httptest.NewRequest("GET", "/a?b", nil)
	secure := httptest.NewRequest("GET", "/a?b", nil)
	secure.TLS = &tls.ConnectionState{}
	otherHost := request(t, "POST", "https://a.test/", "")
	otherHost.Host = "b.test:8443"
	noMethod := request(t, "POST", "https://a.test/", "")
	noMethod.Method = ""
	for _, row := range []struct {
		name  string
		r     *http.Request
		token string
		want  string
	}{
		{"a request to send", request(t, "POST", "https://a.test/b%2Fc/?q#f", ""), "t", `"POST" "https://a.test/b%2Fc/"`},
		{"no path", request(t, "PUT", "https://a.test", ""), "t", `"PUT" "https://a.test/"`},
		{"another Host", otherHost, "t", `"POST" "https://b.test:8443/"`},
		{"no method", noMethod, "t", `"GET" "https://a.test/"`},
		{"a received request", received, "t", `"GET" "http://example.com/a"`},
		{"a received request over TLS", secure, "t", `"GET" "https://example.com/a"`},
		{"no token", request(t, "POST", "https://a.test/token", ""), "", `"POST" "https://a.test/token"`},
	} {
		row.r.Header.Set("DPoP", "old")
		key.SetProof(row.r, row.token)
		_, claims, thumbprint := readProof(t, row.r.Header.Get("DPoP"))
		if got := text(claims["htm"]) + " " + text(claims["htu"]); got != row.want || thumbprint != key.Thumbprint() {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
		authorization, ath := "", any(nil)
		if row.token != "" {
			authorization, ath = "DPoP "+row.token, any(sha256Text(row.token))
		}
		if got := strings.Join(row.r.Header.Values("Authorization"), "|"); got != authorization || claims["ath"] != ath {
			t.Errorf("%s: got %q and ath %v, want %q and %v", row.name, got, claims["ath"], authorization, ath)
		}
	}
}
