package resource_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// A request without a token whose credentials are of a kind that is not read is logged at info
// with the kind, and answered like one without credentials. No part of the value is logged.
func TestUnreadCredentials(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Credentials.Headers = map[string]resource.HeaderVerifier{"X-Proxy-Assertion": keywordVerifier{issuer: "proxy"}}
	})
	const value = "Kq7vZp2mX9wLr4TnB8sYd3Hf6Gj1Cu5"
	jwt := f.token(resourcetest.Token{})
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + value))
	for _, row := range []struct {
		name   string
		query  string
		header http.Header
		level  string
		want   string // error of the record
	}{
		{"Basic", "", http.Header{"Authorization": {"Basic " + basic}}, "INFO", "the Authorization scheme is Basic; only Bearer is supported"},
		{"Basic in upper case", "", http.Header{"Authorization": {"BASIC " + basic}}, "INFO", "the Authorization scheme is Basic; only Bearer is supported"},
		{"Basic and a tab", "", http.Header{"Authorization": {"Basic\t" + basic}}, "INFO", "the Authorization scheme is Basic; only Bearer is supported"},
		{"Basic without a value", "", http.Header{"Authorization": {"Basic"}}, "INFO", "the Authorization scheme is Basic; only Bearer is supported"},
		{"DPoP (RFC 9449 §7.1)", "", http.Header{"Authorization": {"DPoP " + jwt}, "Dpop": {value}}, "INFO", "the Authorization scheme is DPoP; only Bearer is supported"},
		{"Digest", "", http.Header{"Authorization": {`Digest username="` + value + `"`}}, "INFO", "the Authorization scheme is Digest; only Bearer is supported"},
		{"Negotiate", "", http.Header{"Authorization": {"Negotiate " + value}}, "INFO", "the Authorization scheme is Negotiate; only Bearer is supported"},
		{"ApiKey", "", http.Header{"Authorization": {"apikey " + value}}, "INFO", "the Authorization scheme is ApiKey; only Bearer is supported"},
		{"Token", "", http.Header{"Authorization": {"token " + value}}, "INFO", "the Authorization scheme is Token; only Bearer is supported"},
		{"a JWT without a scheme", "", http.Header{"Authorization": {jwt}}, "INFO", "the Authorization header begins with a token; write Bearer in front of it"},
		{"a key without a scheme", "", http.Header{"Authorization": {value}}, "INFO", "the Authorization scheme is not Bearer"},
		{"an unknown scheme", "", http.Header{"Authorization": {value + " " + value}}, "INFO", "the Authorization scheme is not Bearer"},
		{"Bearer and a colon", "", http.Header{"Authorization": {"Bearer: " + value}}, "INFO", "the Authorization scheme is not Bearer"},
		{"access_token in the query (RFC 6750 §2.3)", "access_token=" + jwt, nil, "INFO", "the query parameter access_token is not read"},
		{"api_key in the query", "a=b&api_key=" + value + "&c", nil, "INFO", "the query parameter api_key is not read"},
		{"api_key in upper case", "API_KEY=" + value, nil, "INFO", "the query parameter api_key is not read"},
		{"apikey in the query", "apikey=" + value, nil, "INFO", "the query parameter apikey is not read"},
		{"api-key in the query", "api-key=" + value, nil, "INFO", "the query parameter api-key is not read"},
		{"x-api-key in the query", "x-api-key=" + value, nil, "INFO", "the query parameter x-api-key is not read"},
		{"token in the query", "token=" + value, nil, "INFO", "the query parameter token is not read"},
		{"key in the query", "key=" + value, nil, "INFO", "the query parameter key is not read"},
		{"a query parameter and Bearer without a token", "api_key=" + value, http.Header{"Authorization": {"Bearer "}}, "INFO", "the query parameter api_key is not read"},
		{"X-API-Key, which is not configured", "", http.Header{"X-Api-Key": {value}}, "INFO", "the header field X-Api-Key is not read"},
		{"Api-Key, which is not configured", "", http.Header{"Api-Key": {value}}, "INFO", "the header field Api-Key is not read"},
		{"X-Auth-Token, which is not configured", "", http.Header{"X-Auth-Token": {value}}, "INFO", "the header field X-Auth-Token is not read"},
		{"X-Access-Token, which is not configured", "", http.Header{"X-Access-Token": {value}}, "INFO", "the header field X-Access-Token is not read"},
		{"a cookie, which browsers send by themselves", "", http.Header{"Cookie": {"access_token=" + value}}, "DEBUG", "no Authorization header"},
		{"an empty query parameter", "api_key=&" + value + "=1", nil, "DEBUG", "no Authorization header"},
		{"a query parameter without a value", "api_key&x=" + value, nil, "DEBUG", "no Authorization header"},
		{"a query parameter whose name only begins like one", "api_key_id=" + value, nil, "DEBUG", "no Authorization header"},
		{"an empty field", "", http.Header{"X-Api-Key": {""}}, "DEBUG", "no Authorization header"},
		{"Bearer without a token", "", http.Header{"Authorization": {"Bearer"}}, "DEBUG", "no token after Bearer or DPoP"},
		{"nothing", "", nil, "DEBUG", "no Authorization header"},
	} {
		req := httptest.NewRequest(http.MethodPost, identifier+"?"+row.query, nil)
		for name, values := range row.header {
			req.Header[name] = values
		}
		f.expect(row.name, f.send(req), noCredentials)
		log := f.log.take()
		want := map[string]any{"level": row.level, "msg": "request rejected", "reason": "missing_credentials", "status": 401.0, "resource": identifier, "error": row.want}
		if got := logRecords(t, log); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %v\nwant %v", row.name, got, want)
		}
		for _, secret := range []string{value, basic, jwt} {
			for i := range len(secret) - 6 {
				if part := secret[i : i+6]; strings.Contains(log, part) {
					t.Fatalf("%s: %q of the value is in %s", row.name, part, log)
				}
			}
		}
	}
}

// A flood of such requests writes ten records a second and one summary.
func TestUnreadCredentialsAreRationed(t *testing.T) {
	inBubble(t, func(c *resource.Config, _ *jwks.Config) { c.Limits.LogPerSecond = 0 }, func(t *testing.T, f *fixture) {
		for range 250 {
			f.authorize("Basic YTpi")
			f.send(httptest.NewRequest(http.MethodPost, identifier+"?api_key=x", nil))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := logSummary(t, f.log.take()), "map[missing_credentials:10] [missing_credentials left out 490]"; got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}

// A public operation stays open if the request has a field or parameter that is not read.
func TestUnreadCredentialsAndPublicOperations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations.Public = []string{"tools/list"} })
	for _, row := range []struct {
		name, query, field, value string
		want                      answer
	}{
		{"a query parameter", "?api_key=x", "X", "", accepted},
		{"a field", "", "X-Api-Key", "x", accepted},
		{"Basic", "", "Authorization", "Basic YTpi", noCredentials},
	} {
		req := httptest.NewRequest(http.MethodPost, identifier+row.query, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		req.Header = http.Header{"Content-Type": {"application/json"}, row.field: {row.value}}
		f.expect(row.name, f.send(req), row.want)
	}
}
