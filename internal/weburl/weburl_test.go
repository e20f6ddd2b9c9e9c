package weburl_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/warder-go/warder/internal/weburl"
)

// Package metadata tests more spellings, with the rules for identifiers.
func TestHost(t *testing.T) {
	for _, row := range []struct{ name, url, want string }{
		{"a name", "https://h.example/", "h.example"},
		{"upper case", "https://H.example:8443/", "h.example:8443"},
		{"a default port", "http://h.example:080/", "h.example"},
		{"an empty port", "http://h.example:/", "h.example"},
		{"a dot at the end, which browsers keep", "https://h.example./", "h.example."},
		{"IPv6", "https://[0:0:0:0:0:0:0:1]:443/", "[::1]"},
		{"two runs of zeros (RFC 5952 §4.2.3)", "https://[2001:0:0:1:0:0:0:1]/", "[2001:0:0:1::1]"},
		{"one zero (RFC 5952 §4.2.2)", "https://[2001:db8:0:1:1:1:1:1]/", "[2001:db8:0:1:1:1:1:1]"},
		{"IPv4 in IPv6", "https://[::ffff:127.0.0.1]/", "[::ffff:7f00:1]"},
		{"IPv4", "https://127.0.0.1:8080/", "127.0.0.1:8080"},
		{"IPv4 of three numbers", "https://127.0.1/", "127.0.0.1"},
		{"IPv4 as the largest number", "https://4294967295/", "255.255.255.255"},
		{"a number over the largest", "https://4294967296/", ""},
		{"a last number over its bytes", "https://127.0.65536/", ""},
		{"a number of 50 digits", "https://1" + "0000000000000000000000000000000000000000000000000" + "/", ""},
		{"a name before a number", "https://h.0x1/", ""},
		{"0x and no number", "https://h.0xg/", "h.0xg"},
	} {
		u, err := url.Parse(row.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := weburl.Host(u); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestPath(t *testing.T) {
	for _, row := range []struct{ name, path, want string }{
		{"empty", "", ""},
		{"a slash", "/", "/"},
		{"a path", "/a/b", "/a/b"},
		{"a slash at the end", "/a/", "/a/"},
		{"more dots than segments", "/../../a", "/a"},
		{"only dots", "/..", "/"},
		{"dots behind an empty segment", "/a//../b", "/b"},
		{"an incomplete percent-encoding", "/a%4", "/a%4"},
		{"a sign in a percent-encoding", "/%+1%-1", "/%+1%-1"},
		{"reserved characters, which are another path", "/a%2Fb%40", "/a%2Fb%40"},
	} {
		if got := weburl.Path(row.path); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// RFC 3986 §6.2.3
func TestWithAndWithoutSlash(t *testing.T) {
	for _, row := range []struct{ name, url, want string }{
		{"no path", "https://a.example", "[https://a.example https://a.example/]"},
		{"only a slash", "https://a.example/", "[https://a.example https://a.example/]"},
		{"a path", "https://a.example/mcp", "[https://a.example/mcp]"},
		{"a path with a slash at the end", "https://a.example/mcp/", "[https://a.example/mcp/]"},
		{"not a URL", ":", "[:]"},
	} {
		if got := fmt.Sprint(weburl.WithAndWithoutSlash(row.url)); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}
