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

// The benchmarks compare equal work: every contender accepts the same tokens and rejects
// the same tokens.
func TestContendersAgree(t *testing.T) {
	rs, es, ed, forger := newSigner("RS256", "rs"), newSigner("ES256", "es"), newSigner("EdDSA", "ed"), newSigner("RS256", "rs")
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
	valid := rs.token(1, 700)
	wrongKeyType := es
	wrongKeyType.kid = rs.kid
	past := time.Now().Add(-time.Hour).Unix()
	rows := []struct {
		name, authorization string
		status              int
	}{
		{"RS256 token of 700 bytes", "Bearer " + valid, 200},
		{"RS256 token of 2.5 KB", "Bearer " + rs.token(2, 2500), 200},
		{"RS256 token of 16 KB", "Bearer " + rs.token(2, 15000), 200},
		{"ES256 token", "Bearer " + es.token(3, 700), 200},
		{"EdDSA token", "Bearer " + ed.token(4, 700), 200},
		{"audience in an array", "Bearer " + rs.sign(with("aud", []string{"other", audience})), 200},
		{"no token", "", 401},
		{"Basic scheme", "Basic YTpi", 401},
		{"token is not a JWT", "Bearer garbage", 401},
		{"malformed JWT with two dots", "Bearer eyJ.garbage.garbage", 401},
		{"alg none", "Bearer " + b64([]byte(`{"alg":"none"}`)) + "." + strings.Split(valid, ".")[1] + ".", 401},
		{"HMAC with the public key as secret", "Bearer " + hmacSigned(rs, accessToken(1, 700)), 401},
		{"ES256 token with the kid of an RSA key", "Bearer " + wrongKeyType.token(1, 700), 401},
		{"no exp", "Bearer " + rs.sign(with("exp", nil)), 401},
		{"expired", "Bearer " + rs.sign(with("exp", past)), 401},
		{"not yet valid", "Bearer " + rs.sign(with("nbf", time.Now().Add(time.Hour).Unix())), 401},
		{"wrong audience", "Bearer " + rs.sign(with("aud", "https://other.example.com")), 401},
		{"no audience", "Bearer " + rs.sign(with("aud", nil)), 401},
		{"audience with the identifier as prefix", "Bearer " + rs.sign(with("aud", audience+"/other")), 401},
		{"no issuer", "Bearer " + rs.sign(with("iss", nil)), 401},
		{"wrong issuer", "Bearer " + rs.sign(with("iss", "https://other.example.com")), 401},
		{"signature by a different key", "Bearer " + forger.token(5, 700), 401},
		{"empty signature", "Bearer " + valid[:strings.LastIndexByte(valid, '.')+1], 401},
		{"modified claims", "Bearer " + swapClaims(valid, rs.token(6, 700)), 401},
		{"unknown kid", "Bearer " + unknown.token(7, 700), 401},
		{"missing scope", "Bearer " + rs.sign(with("scope", "mcp:write")), 403},
		{"no scope claim", "Bearer " + rs.sign(with("scope", nil)), 403},
		{"scope with the required scope as prefix", "Bearer " + rs.sign(with("scope", scope+"-all")), 403},
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
				if got := w.Code; got != row.status && !(isRejection(got) && isRejection(row.status)) {
					t.Errorf("%s: got %d %s, want %d", row.name, w.Code, strings.TrimSpace(w.Body.String()), row.status)
				}
			}
		})
	}
}

// isRejection reports whether status rejects a request. The test does not compare which
// of these statuses is sent, since the peers differ in that.
func isRejection(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden
}

// hmacSigned returns an HS256 token whose secret is the public key.
func hmacSigned(key signer, c claims) string {
	signed := b64(encode(claims{"alg": "HS256", "kid": key.kid})) + "." + b64(encode(c))
	mac := hmac.New(sha256.New, encode(key.jwk()))
	mac.Write([]byte(signed))
	return signed + "." + b64(mac.Sum(nil))
}

// swapClaims replaces the payload of token with that of other.
func swapClaims(token, other string) string {
	a, b := strings.Split(token, "."), strings.Split(other, ".")
	return a[0] + "." + b[1] + "." + a[2]
}
