package dpop_test

import (
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/dpop"
)

// RFC 9449 §4.3, number 9; RFC 3986 §6.2.2, §6.2.3. want is "" for an error.
func TestNormalize(t *testing.T) {
	for _, row := range []struct{ name, raw, want string }{
		{"normal", "https://h.test/mcp", "https://h.test/mcp"},
		{"http", "http://h.test/mcp", "http://h.test/mcp"},
		{"scheme in another case (§6.2.2.1)", "HTTPS://h.test/", "https://h.test/"},
		{"host in another case (§6.2.2.1)", "https://H.Test/", "https://h.test/"},
		{"path keeps its case", "https://h.test/MCP", "https://h.test/MCP"},
		{"no path (§6.2.3)", "https://h.test", "https://h.test/"},
		{"default port (§6.2.3)", "https://h.test:443/", "https://h.test/"},
		{"default port of http", "http://h.test:80/", "http://h.test/"},
		{"default port of the other scheme", "http://h.test:443/", "http://h.test:443/"},
		{"empty port (§6.2.3)", "https://h.test:/x", "https://h.test/x"},
		{"another port", "https://h.test:8443/", "https://h.test:8443/"},
		{"port with a zero", "https://h.test:0443/", "https://h.test:0443/"},
		{"query", "https://h.test/a?b=c", "https://h.test/a"},
		{"fragment", "https://h.test/a#b", "https://h.test/a"},
		{"fragment in front of a query", "https://h.test/a#b?c", "https://h.test/a"},
		{"query without a path", "https://h.test?a", "https://h.test/"},
		{"query with a slash", "https://h.test?/a", "https://h.test/"},
		{"query that is not ASCII", "https://h.test/?\u00e4 \n", "https://h.test/"},
		{"unreserved, encoded (§6.2.2.2)", "https://h.test/%41%7a%30%2D%2e_%5F%7E", "https://h.test/Az0-.__~"},
		{"reserved, encoded", "https://h.test/%2f%3F%23%5b%40%3a%24", "https://h.test/%2F%3F%23%5B%40%3A%24"},
		{"reserved, not encoded", "https://h.test/!$&'()*+,;=:@", "https://h.test/!$&'()*+,;=:@"},
		{"hexadecimal digits in another case (§6.2.2.1)", "https://h.test/%c3%a4", "https://h.test/%C3%A4"},
		{"a percent sign, encoded", "https://h.test/%2541", "https://h.test/%2541"},
		{"zero, encoded", "https://h.test/%00", "https://h.test/%00"},
		{"space, encoded", "https://h.test/%20", "https://h.test/%20"},
		{"dot segment (§5.2.4)", "https://h.test/a/./b", "https://h.test/a/b"},
		{"two dots", "https://h.test/a/../b", "https://h.test/b"},
		{"two dots too many", "https://h.test/../../b", "https://h.test/b"},
		{"dot at the end", "https://h.test/a/.", "https://h.test/a/"},
		{"two dots at the end", "https://h.test/a/b/..", "https://h.test/a/"},
		{"only a dot", "https://h.test/.", "https://h.test/"},
		{"only two dots", "https://h.test/..", "https://h.test/"},
		{"dots, encoded", "https://h.test/a/%2e%2E/b/%2E", "https://h.test/b/"},
		{"three dots", "https://h.test/.../a", "https://h.test/.../a"},
		{"a name that begins with a dot", "https://h.test/.a/..b", "https://h.test/.a/..b"},
		{"two dots and a parameter", "https://h.test/a/..;/b", "https://h.test/a/..;/b"},
		{"the example of §5.2.4", "https://h.test/a/b/c/./../../g", "https://h.test/a/g"},
		{"an empty segment", "https://h.test/a//b", "https://h.test/a//b"},
		{"two slashes in front", "https://h.test//a", "https://h.test//a"},
		{"two dots behind an empty segment", "https://h.test/a//../b", "https://h.test/a/b"},
		{"two slashes behind two dots", "https://h.test/..//b", "https://h.test//b"},
		{"a slash at the end", "https://h.test/a/", "https://h.test/a/"},
		{"a URL in the path", "https://h.test/https://evil.test/", "https://h.test/https://evil.test/"},
		{"an at sign in the path", "https://h.test/@evil.test", "https://h.test/@evil.test"},
		{"IPv4", "https://127.0.0.1:8443/", "https://127.0.0.1:8443/"},
		{"IPv6", "https://[2001:DB8::1]/", "https://[2001:db8::1]/"},
		{"IPv6 with the default port", "https://[::1]:443/", "https://[::1]/"},
		{"IPv6 with another port", "https://[::1]:8443", "https://[::1]:8443/"},
		{"IPv6 with IPv4", "https://[::ffff:127.0.0.1]/", "https://[::ffff:127.0.0.1]/"},
		{"IDN in ASCII", "https://XN--BCHER-KVA.example/", "https://xn--bcher-kva.example/"},
		{"a dot behind the host is another host", "https://h.test./", "https://h.test./"},
		{"an underscore", "https://h_1.test/", "https://h_1.test/"},

		{"empty", "", ""},
		{"only a scheme", "https:", ""},
		{"no host", "https://", ""},
		{"no host, with a path", "https:///mcp", ""},
		{"no host, with a port", "https://:443/", ""},
		{"no scheme", "//h.test/", ""},
		{"only a path", "/mcp", ""},
		{"one slash", "https:/h.test/", ""},
		{"another scheme", "ftp://h.test/", ""},
		{"a scheme that only begins like it", "httpss://h.test/", ""},
		{"a letter that folds to s", "http\u017f://h.test/", ""},
		{"a space in front", " https://h.test/", ""},
		{"a user name", "https://u@h.test/", ""},
		{"an empty user name", "https://@h.test/", ""},
		{"a user name and a password", "https://u:p@h.test/", ""},
		{"a user name behind the port", "https://h.test:443@evil.test/", ""},
		{"a letter in the port", "https://h.test:a/", ""},
		{"a sign in the port", "https://h.test:+443/", ""},
		{"two ports", "https://h.test:443:443/", ""},
		{"an encoded host", "https://%68.test/", ""},
		{"a host with a letter outside of ASCII", "https://b\u00fccher.example/", ""},
		{"a host with a full-width dot", "https://h\uff0etest/", ""},
		{"a host with the Kelvin sign", "https://\u212a.test/", ""},
		{"a host with a space", "https://h test/", ""},
		{"a host with a backslash", `https://h.test\@evil.test/`, ""},
		{"a host with a comma", "https://h.test,evil.test/", ""},
		{"a host with an asterisk", "https://*.test/", ""},
		{"IPv6 with a zone (RFC 6874)", "https://[fe80::1%25eth0]/", ""},
		{"IPv6 without a bracket", "https://::1/", ""},
		{"IPv6 with one bracket", "https://[::1/", ""},
		{"IPv6 with the other bracket", "https://::1]/", ""},
		{"text behind IPv6", "https://[::1]x/", ""},
		{"empty brackets", "https://[]/", ""},
		{"two pairs of brackets", "https://[::1][::1]/", ""},
		{"IPv6 that is too short", "https://[:]/", ""},
		{"IPv4 in brackets", "https://[127.0.0.1]/", ""},
		{"IPvFuture", "https://[v1.a]/", ""},
		{"half an encoding", "https://h.test/%4", ""},
		{"no encoding", "https://h.test/%", ""},
		{"a wrong encoding", "https://h.test/%zz", ""},
		{"an encoding with a letter outside of ASCII", "https://h.test/%\uff14\uff11", ""},
		{"a space", "https://h.test/a b", ""},
		{"a backslash", `https://h.test/a\b`, ""},
		{"a line break", "https://h.test/a\n", ""},
		{"zero", "https://h.test/\x00", ""},
		{"brackets", "https://h.test/[a]", ""},
		{"a quote", `https://h.test/"`, ""},
		{"angle brackets", "https://h.test/<a>", ""},
		{"braces, a bar, a caret", "https://h.test/{a}|^", ""},
		{"not ASCII", "https://h.test/\u00e4", ""},
		{"not UTF-8", "https://h.test/\xff", ""},
	} {
		got, err := dpop.Normalize(row.raw)
		if got != row.want || (err == nil) == (row.want == "") {
			t.Errorf("%s: got %q, %v, want %q", row.name, got, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "h.test") {
			t.Errorf("%s: the error quotes the URL: %v", row.name, err)
		}
		if again, err := dpop.Normalize(got); got != "" && (again != got || err != nil) {
			t.Errorf("%s: normalized again: %q, %v", row.name, again, err)
		}
	}
}
