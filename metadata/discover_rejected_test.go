package metadata_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/metadata"
)

// expectation returns the text that an error must have.
type expectation func(error) string

// exactly expects the given text.
func exactly(text string) expectation { return func(error) string { return text } }

// rejected expects a rejected document with the given cause. It does not compare the rest of
// the text.
func rejected(cause error) expectation {
	return func(err error) string {
		if errors.Is(err, cause) && strings.HasPrefix(err.Error(), "status 200, no content type: document rejected: ") {
			return err.Error()
		}
		return "status 200, no content type: document rejected: ... " + cause.Error()
	}
}

// After a failure at the first URL, Discover requests the others. If they fail too, its error
// contains the first failure.
func TestDiscoveryContinues(t *testing.T) {
	for _, row := range []struct {
		name  string
		first response
		want  expectation // of the first attempt, if there is no valid document
	}{
		{"401", response{status: 401}, exactly("status 401, no content type: the server requires authentication for its metadata")},
		{"403", response{status: 403}, exactly("status 403, no content type: the server requires authentication for its metadata")},
		{"429", response{status: 429}, exactly("status 429, no content type")},
		{"500", response{status: 500}, exactly("status 500, no content type")},
		{"503", response{status: 503}, exactly("status 503, no content type")},
		{"204", response{status: 204}, exactly("status 204, no content type")},
		{"206 with a valid document", response{status: 206, body: `{"issuer":"https://as.example/t/1"}`}, exactly("status 206, no content type")},
		{"a redirect", response{status: 302}, exactly(`outbound: redirect: GET "` + oauthInserted + `": status 302: redirects are not followed, configure the final URL`)},
		{"a broken connection", response{err: io.EOF}, exactly(`outbound: connect: GET "` + oauthInserted + `": EOF`)},
		{"no response", response{err: context.DeadlineExceeded}, exactly(`outbound: timeout: GET "` + oauthInserted + `": context deadline exceeded`)},
		{"a login page", ok("<html>log in, please</html>"), exactly("status 200, no content type: an HTML page, want the metadata of an authorization server")},
		{"an empty body", ok(""), rejected(strictjson.ErrSyntax)},
		{"null", ok("null"), rejected(strictjson.ErrNotObject)},
		{"an array", ok("[]"), rejected(strictjson.ErrNotObject)},
		{"a truncated document", ok(`{"issuer":"https://as.example/t/1"`), rejected(strictjson.ErrSyntax)},
		{"a byte order mark", ok("\ufeff{}"), rejected(strictjson.ErrSyntax)},
		{"two documents", ok(`{"issuer":"https://as.example/t/1"}{}`), rejected(strictjson.ErrTrailing)},
		{"a duplicate issuer", with("https://evil.example", `"issuer":"https://as.example/t/1"`), rejected(strictjson.ErrDuplicate)},
		{"an additional issuer in another case", with(tenant, `"Issuer":"https://evil.example"`), rejected(strictjson.ErrCase)},
		{"issuer null", ok(`{"issuer":null}`), exactly(`issuer mismatch: the document has no issuer, want "https://as.example/t/1"`)},
		{"jwks_uri a number", with(tenant, `"jwks_uri":1`), rejected(strictjson.ErrNotString)},
		{"jwks_uri in another case", with(tenant, `"JWKS_URI":"https://as.example/k"`), rejected(strictjson.ErrCase)},
		{"no issuer", ok("{}"), exactly(`issuer mismatch: the document has no issuer, want "https://as.example/t/1"`)},
		{"another issuer (RFC 8414 §3.3)", with("https://evil.example"), exactly(`issuer mismatch: the document has issuer "https://evil.example", want "https://as.example/t/1"`)},
		{"the issuer in another case", with("https://AS.example/t/1"), exactly(`issuer mismatch: the document has issuer "https://AS.example/t/1", want "https://as.example/t/1"`)},
		{"the issuer with a terminal slash", with(tenant + "/"), exactly(`issuer mismatch: the document has issuer "https://as.example/t/1/", want "https://as.example/t/1": they differ in the terminal slash only; configure the issuer as in the document`)},
		{"a very long issuer", with("https://" + strings.Repeat("x", 1000)), exactly(`issuer mismatch: the document has issuer "https://` + strings.Repeat("x", 248) + `...", want "https://as.example/t/1"`)},
		{"keys over http", with(tenant, `"jwks_uri":"http://as.example/k"`), exactly(`status 200, no content type: member "jwks_uri": "http://as.example/k" must begin with https://`)},
		{"keys over http on a loopback host", with(tenant, `"jwks_uri":"http://127.0.0.1/k"`), exactly(`status 200, no content type: member "jwks_uri": "http://127.0.0.1/k" must begin with https://`)},
		{"keys in a file", with(tenant, `"jwks_uri":"file:///etc/passwd"`), exactly(`status 200, no content type: member "jwks_uri": "(not shown, it may contain a password)" must be an absolute URL, such as https://host.example.com/path`)},
		{"keys in a data URL", with(tenant, `"jwks_uri":"data:,{}"`), exactly(`status 200, no content type: member "jwks_uri": "(not shown, it may contain a password)" must be an absolute URL, such as https://host.example.com/path`)},
		{"keys with a password", with(tenant, `"jwks_uri":"https://u:p@as.example/k"`), exactly(`status 200, no content type: member "jwks_uri": "https://(not shown, it may contain a password)" must not hold a user name or password: remove them`)},
		{"keys with a fragment", with(tenant, `"jwks_uri":"https://as.example/k#x"`), exactly(`status 200, no content type: member "jwks_uri": "https://as.example/k#..." must not have a fragment: remove '#' and what follows`)},
		{"keys at a relative URL", with(tenant, `"jwks_uri":"/k"`), exactly(`status 200, no content type: member "jwks_uri": "(not shown, it may contain a password)" must be an absolute URL, such as https://host.example.com/path`)},
		{"introspection over http", with(tenant, `"introspection_endpoint":"http://as.example/i"`), exactly(`status 200, no content type: member "introspection_endpoint": "http://as.example/i" must begin with https://`)},
	} {
		withDocument := &fakeServer{responses: map[string]response{oauthInserted: row.first, oidcAppended: with(tenant)}}
		server, err := withDocument.discover(t, tenant)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		wantServer(t, row.name, server, metadata.AuthorizationServer{URL: oidcAppended, Issuer: tenant})

		withoutDocument := &fakeServer{responses: map[string]response{oauthInserted: row.first}}
		_, err = withoutDocument.discover(t, tenant)
		first := "the error is not a DiscoveryError"
		if failed, ok := errors.AsType[*metadata.DiscoveryError](err); ok {
			first = row.want(failed.Attempts[0].Err)
		}
		wantEqual(t, row.name, text(err), `metadata: no valid document for issuer "https://as.example/t/1"; "`+oauthInserted+`": `+first+`; "`+oidcInserted+`": status 404, no content type; "`+oidcAppended+`": status 404, no content type`)
	}
}
