package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What is compared must do the same work: every contender accepts the same tokens, and
// refuses the same ones.
func TestContendersAgree(t *testing.T) {
	rs, es, ed, stranger := newSigner("RS256", "rs"), newSigner("ES256", "es"), newSigner("EdDSA", "ed"), newSigner("RS256", "rs")
	unknown := newSigner("RS256", "unknown")
	server := newKeyServer(rs, es, ed)
	defer server.Close()
	with := func(name string, value any) claims {
		c := maps.Clone(accessToken(1, 700))
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	good := rs.token(1, 700)
	mixed := es
	mixed.kid = rs.kid
	past := time.Now().Add(-time.Hour).Unix()
	rows := []struct {
		what, authorization string
		status              int
	}{
		{"RS256 of 700 bytes", "Bearer " + good, 200},
		{"RS256 of 2.5 KB", "Bearer " + rs.token(2, 2500), 200},
		{"RS256 of 16 KB", "Bearer " + rs.token(2, 15000), 200},
		{"ES256", "Bearer " + es.token(3, 700), 200},
		{"EdDSA", "Bearer " + ed.token(4, 700), 200},
		{"the audience in an array", "Bearer " + rs.sign(with("aud", []string{"other", audience})), 200},
		{"no token", "", 401},
		{"another scheme", "Basic YTpi", 401},
		{"garbage", "Bearer garbage", 401},
		{"garbage with dots", "Bearer eyJ.garbage.garbage", 401},
		{"alg none", "Bearer " + b64([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + ".", 401},
		{"a secret for a key", "Bearer " + hmacSigned(rs, accessToken(1, 700)), 401},
		{"a key of another kind", "Bearer " + mixed.token(1, 700), 401},
		{"no expiry", "Bearer " + rs.sign(with("exp", nil)), 401},
		{"expired", "Bearer " + rs.sign(with("exp", past)), 401},
		{"not yet valid", "Bearer " + rs.sign(with("nbf", time.Now().Add(time.Hour).Unix())), 401},
		{"another audience", "Bearer " + rs.sign(with("aud", "https://other.example.com")), 401},
		{"no audience", "Bearer " + rs.sign(with("aud", nil)), 401},
		{"an audience that begins alike", "Bearer " + rs.sign(with("aud", audience+"/other")), 401},
		{"no issuer", "Bearer " + rs.sign(with("iss", nil)), 401},
		{"another issuer", "Bearer " + rs.sign(with("iss", "https://other.example.com")), 401},
		{"a signature of another key", "Bearer " + stranger.token(5, 700), 401},
		{"a signature cut off", "Bearer " + good[:strings.LastIndexByte(good, '.')+1], 401},
		{"changed claims", "Bearer " + swapClaims(good, rs.token(6, 700)), 401},
		{"an unknown kid", "Bearer " + unknown.token(7, 700), 401},
		{"too few scopes", "Bearer " + rs.sign(with("scope", "mcp:write")), 403},
		{"no scopes", "Bearer " + rs.sign(with("scope", nil)), 403},
		{"a scope that begins alike", "Bearer " + rs.sign(with("scope", scope+"-all")), 403},
	}
	for _, c := range contenders() {
		t.Run(c.name, func(t *testing.T) {
			h := c.make(t.Context(), server.URL, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			for _, row := range rows {
				req := request("")
				if row.authorization != "" {
					req.Header.Set("Authorization", row.authorization)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, req)
				if got := w.Code; got != row.status && !(refused(got) && refused(row.status)) {
					t.Errorf("%s: %d %s, want %d", row.what, w.Code, strings.TrimSpace(w.Body.String()), row.status)
				}
			}
		})
	}
}

// refused: the peers differ in the status, and that is not what is compared here.
func refused(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden
}

// hmacSigned is a token whose secret is the public key, as everybody knows it.
func hmacSigned(key signer, c claims) string {
	signed := b64(encode(claims{"alg": "HS256", "kid": key.kid})) + "." + b64(encode(c))
	mac := hmac.New(sha256.New, encode(key.jwk()))
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}

func swapClaims(token, claims string) string {
	a, b := strings.Split(token, "."), strings.Split(claims, ".")
	return a[0] + "." + b[1] + "." + a[2]
}
