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

// want gives the text that an error has to have.
type want func(error) string

func says(text string) want { return func(error) string { return text } }

// refused is any text for a document that was refused for that reason.
func refused(reason error) want {
	return func(err error) string {
		if errors.Is(err, reason) && strings.HasPrefix(err.Error(), "document refused: ") {
			return err.Error()
		}
		return "document refused: ... " + reason.Error()
	}
}

func TestDiscoveryGoesOn(t *testing.T) {
	for _, row := range []struct {
		name  string
		first answer
		want  want // of the first attempt, when there is no document at all
	}{
		{"401", answer{status: 401}, says("status 401")},
		{"403", answer{status: 403}, says("status 403")},
		{"429", answer{status: 429}, says("status 429")},
		{"500", answer{status: 500}, says("status 500")},
		{"503", answer{status: 503}, says("status 503")},
		{"204", answer{status: 204}, says("status 204")},
		{"206, with a good document", answer{status: 206, body: `{"issuer":"https://as.example/t/1"}`}, says("status 206")},
		{"a redirect", answer{status: 302}, says(`outbound: redirect: GET "` + oauthInserted + `": status 302: redirects are not followed, name the final URL`)},
		{"a broken connection", answer{err: io.EOF}, says(`outbound: connect: GET "` + oauthInserted + `": EOF`)},
		{"silence", answer{err: context.DeadlineExceeded}, says(`outbound: timeout: GET "` + oauthInserted + `": context deadline exceeded`)},
		{"a login page", ok("<html>log in, please</html>"), refused(strictjson.ErrSyntax)},
		{"nothing", ok(""), refused(strictjson.ErrSyntax)},
		{"null", ok("null"), refused(strictjson.ErrNotObject)},
		{"an array", ok("[]"), refused(strictjson.ErrNotObject)},
		{"a document cut off", ok(`{"issuer":"https://as.example/t/1"`), refused(strictjson.ErrSyntax)},
		{"a byte order mark", ok("\ufeff{}"), refused(strictjson.ErrSyntax)},
		{"two documents", ok(`{"issuer":"https://as.example/t/1"}{}`), refused(strictjson.ErrTrailing)},
		{"a duplicate issuer", with("https://evil.example", `"issuer":"https://as.example/t/1"`), refused(strictjson.ErrDuplicate)},
		{"an issuer in other case besides", with(tenant, `"Issuer":"https://evil.example"`), refused(strictjson.ErrCase)},
		{"a null key set", with(tenant, `"jwks_uri":null`), refused(strictjson.ErrNotString)},
		{"a number for a key set", with(tenant, `"jwks_uri":1`), refused(strictjson.ErrNotString)},
		{"a string for methods", with(tenant, `"introspection_endpoint_auth_methods_supported":"x"`), refused(strictjson.ErrNotStrings)},
		{"no issuer", ok("{}"), says(`issuer mismatch: the document names no issuer, configured is "https://as.example/t/1"`)},
		{"another issuer (RFC 8414 3.3)", with("https://evil.example"), says(`issuer mismatch: the document says "https://evil.example", configured is "https://as.example/t/1"`)},
		{"the issuer in other case", with("https://AS.example/t/1"), says(`issuer mismatch: the document says "https://AS.example/t/1", configured is "https://as.example/t/1"`)},
		{"the issuer with a slash more", with(tenant + "/"), says(`issuer mismatch: the document says "https://as.example/t/1/", configured is "https://as.example/t/1": they differ in the terminal slash only, configure the issuer as the document spells it`)},
		{"a very long issuer", with("https://" + strings.Repeat("x", 1000)), says(`issuer mismatch: the document says "https://` + strings.Repeat("x", 248) + `...", configured is "https://as.example/t/1"`)},
		{"keys over http", with(tenant, `"jwks_uri":"http://as.example/k"`), says(`member "jwks_uri": "http://as.example/k" must begin with https://`)},
		{"keys over http on this machine", with(tenant, `"jwks_uri":"http://127.0.0.1/k"`), says(`member "jwks_uri": "http://127.0.0.1/k" must begin with https://`)},
		{"keys in a file", with(tenant, `"jwks_uri":"file:///etc/passwd"`), says(`member "jwks_uri": "file:///etc/passwd" must be an absolute URL, such as https://host.example.com/path`)},
		{"keys in the URL", with(tenant, `"jwks_uri":"data:,{}"`), says(`member "jwks_uri": "data:,{}" must be an absolute URL, such as https://host.example.com/path`)},
		{"keys with a password", with(tenant, `"jwks_uri":"https://u:p@as.example/k"`), says(`member "jwks_uri": "https://xxxxx@as.example/k" must not hold a user name or password: remove them`)},
		{"keys with a fragment", with(tenant, `"jwks_uri":"https://as.example/k#x"`), says(`member "jwks_uri": "https://as.example/k#x" must not have a fragment: remove '#' and what follows`)},
		{"keys at a relative URL", with(tenant, `"jwks_uri":"/k"`), says(`member "jwks_uri": "/k" must be an absolute URL, such as https://host.example.com/path`)},
		{"introspection over http", with(tenant, `"introspection_endpoint":"http://as.example/i"`), says(`member "introspection_endpoint": "http://as.example/i" must begin with https://`)},
	} {
		good := &web{answers: map[string]answer{oauthInserted: row.first, oidcAppended: with(tenant)}}
		server, err := good.discover(t, tenant)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		wantServer(t, row.name, server, metadata.AuthorizationServer{URL: oidcAppended, Issuer: tenant})

		bad := &web{answers: map[string]answer{oauthInserted: row.first}}
		_, err = bad.discover(t, tenant)
		first := "no DiscoveryError"
		if failed, ok := errors.AsType[*metadata.DiscoveryError](err); ok {
			first = row.want(failed.Attempts[0].Err)
		}
		wantEqual(t, row.name, text(err), `metadata: no document of issuer "https://as.example/t/1"; "`+oauthInserted+`": `+first+`; "`+oidcInserted+`": status 404; "`+oidcAppended+`": status 404`)
	}
}
