package unreadcredential_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/warder-go/warder/internal/unreadcredential"
)

func TestTextsAboutSchemes(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"a known scheme in another case", "basic abc", "the Authorization scheme is Basic; only Bearer is supported"},
		{"a known scheme before a tab", "DPoP\tabc", "the Authorization scheme is DPoP; only Bearer is supported"},
		{"an unknown scheme is not repeated", "secret abc", "the Authorization scheme is not Bearer"},
		{"a JWT without a scheme", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "the Authorization header begins with a token; write Bearer in front of it"},
	} {
		if got := unreadcredential.Scheme(row.value); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestCredentialsInRequests(t *testing.T) {
	for _, row := range []struct{ name, query, field, want string }{
		{"no credential", "page=2", "Accept", ""},
		{"a query parameter in another case", "page=2&Access_Token=abc", "Accept", "the query parameter access_token is not read"},
		{"a query parameter without a value", "access_token=", "Accept", ""},
		{"a header field", "", "X-Api-Key", "the header field X-Api-Key is not read"},
		{"the query before the header", "key=abc", "X-Api-Key", "the query parameter key is not read"},
		{"a cookie is not reported", "", "Cookie", ""},
	} {
		req := &http.Request{URL: &url.URL{RawQuery: row.query}, Header: http.Header{row.field: {"abc"}}}
		if got := unreadcredential.Find(req); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
	if got := unreadcredential.Find(&http.Request{Header: http.Header{"Apikey": {""}}}); got != "" {
		t.Errorf("an empty field and no URL: got %q", got)
	}
}

func TestValues(t *testing.T) {
	header := http.Header{"X-Api-Key": {"a", "b"}, "X-Auth-Token": {"c"}, "Cookie": {"d"}, "Authorization": {"e"}}
	if got, want := unreadcredential.Values(header), []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
