package metadata_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/warder-go/warder/metadata"
)

func wantEqual[T comparable](t *testing.T, name string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s (-want +got)\n- %v\n+ %v", name, want, got)
	}
}

// text returns the text of err, or "ok" for nil.
func text(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

func TestCheckIdentifier(t *testing.T) {
	const (
		malformed = "host or port is malformed: a name or an IP address without zone, and a port from 1 to 65535 if any"
		relative  = "must be an absolute URL, such as https://host.example.com/path"
		https     = "must begin with https://: http is for loopback hosts, or with AllowHTTP"
		query     = "must not have a query: remove '?' and what follows"
		fragment  = "must not have a fragment: remove '#' and what follows"
	)
	clients := func(url string) string { return "clients or proxies rewrite it: write " + strconv.Quote(url) }
	for _, row := range []struct{ name, identifier, want string }{
		{"a host", "https://mcp.example.com", "ok"},
		{"a host and a slash", "https://mcp.example.com/", "ok"},
		{"a path", "https://mcp.example.com/public/mcp", "ok"},
		{"a path with a terminal slash", "https://mcp.example.com/mcp/", "ok"},
		{"a port", "https://mcp.example.com:8443/mcp", "ok"},
		{"an IPv4 address", "https://192.0.2.1/mcp", "ok"},
		{"an IPv6 address and a port", "https://[2001:db8::1]:8443/mcp", "ok"},
		{"an escaped path", "https://mcp.example.com/a%20b/c%2Fd", "ok"},
		{"punctuation that a path may contain", "https://mcp.example.com/~a/b;c=d,e/@f/$g!", "ok"},
		{"upper case in the path", "https://mcp.example.com/MCP", "ok"},
		{"http on localhost", "http://localhost:8080/mcp", "ok"},
		{"http on 127.0.0.1", "http://127.0.0.1:8080/mcp", "ok"},
		{"http on 127.1.2.3", "http://127.1.2.3/mcp", "ok"},
		{"http on ::1", "http://[::1]:8080/mcp", "ok"},
		{"an empty identifier", "", relative},
		{"http", "http://mcp.example.com/mcp", https},
		{"http on a private address", "http://10.0.0.1/mcp", https},
		{"http on a name with localhost as prefix", "http://localhost.example.com/mcp", https},
		{"another scheme", "ftp://mcp.example.com/mcp", "must begin with https://"},
		{"only a name", "mcp.example.com", relative},
		{"only a path", "/mcp", relative},
		{"no scheme", "//mcp.example.com/mcp", "must begin with https://"},
		{"no host", "https:///mcp", relative},
		{"an opaque URL", "https:mcp.example.com", relative},
		{"a urn", "urn:example:mcp", relative},
		{"only a port", "https://:443/mcp", malformed},
		{"port 0", "https://mcp.example.com:0/mcp", malformed},
		{"port 65536", "https://mcp.example.com:65536/mcp", malformed},
		{"a word as port", "https://mcp.example.com:port/mcp", relative},
		{"an IPv6 zone", "https://[fe80::1%25eth0]/mcp", malformed},
		{"an IPv4 address in brackets", "https://[192.0.2.1]/mcp", relative},
		{"a host with an empty label", "https://mcp..example.com/mcp", malformed},
		{"a wildcard host", "https://*.example.com/mcp", malformed},
		{"two hosts", "https://a.example.com,b.example.com/mcp", malformed},
		{"a fragment (RFC 9728 §1.2)", "https://mcp.example.com/mcp#x", fragment},
		{"an empty fragment", "https://mcp.example.com/mcp#", fragment},
		{"a query", "https://mcp.example.com/mcp?a=b", query},
		{"an empty query", "https://mcp.example.com/mcp?", query},
		{"a user", "https://user@mcp.example.com/mcp", "must not hold a user name or password: remove them"},
		{"an upper-case scheme", "HTTPS://mcp.example.com/mcp", clients("https://mcp.example.com/mcp")},
		{"an upper-case host", "https://MCP.example.com/mcp", clients("https://mcp.example.com/mcp")},
		{"a dot at the end of the host", "https://mcp.example.com./mcp", clients("https://mcp.example.com/mcp")},
		{"a dot at the end of localhost", "http://localhost.:8080/mcp", clients("http://localhost:8080/mcp")},
		{"two dots at the end of the host", "https://mcp.example.com../mcp", malformed},
		{"a dot as host", "https://./mcp", malformed},
		{"the default port of https", "https://mcp.example.com:443/mcp", clients("https://mcp.example.com/mcp")},
		{"the default port without a path", "https://mcp.example.com:443", clients("https://mcp.example.com")},
		{"the default port of http", "http://localhost:80/mcp", clients("http://localhost/mcp")},
		{"the default port of http on IPv6", "http://[::1]:80/mcp", clients("http://[::1]/mcp")},
		{"the default port of http for https", "https://mcp.example.com:80/mcp", "ok"},
		{"the default port with leading zeros", "https://mcp.example.com:00443/mcp", clients("https://mcp.example.com/mcp")},
		{"a port with a leading zero", "https://mcp.example.com:08443/mcp", clients("https://mcp.example.com:8443/mcp")},
		{"an empty port", "https://mcp.example.com:/mcp", clients("https://mcp.example.com/mcp")},
		{"a long IPv6 address (RFC 5952 §4.2)", "https://[2001:db8:0:0:0:0:0:1]/mcp", clients("https://[2001:db8::1]/mcp")},
		{"IPv6 with leading zeros (RFC 5952 §4.1)", "https://[2001:0db8::0001]/mcp", clients("https://[2001:db8::1]/mcp")},
		{"upper-case IPv6 (RFC 5952 §4.3)", "https://[2001:DB8::1]/mcp", clients("https://[2001:db8::1]/mcp")},
		{"a long IPv6 loopback address", "http://[0:0:0:0:0:0:0:1]:8080/mcp", clients("http://[::1]:8080/mcp")},
		{"an IPv4-mapped IPv6 address in decimal", "https://[::ffff:192.0.2.1]/mcp", clients("https://[::ffff:c000:201]/mcp")},
		{"an IPv4-mapped IPv6 address in hexadecimal", "https://[::ffff:c000:201]/mcp", "ok"},
		{"an IPv4 address of two numbers", "http://127.1:8080/mcp", clients("http://127.0.0.1:8080/mcp")},
		{"an IPv4 address in hexadecimal", "http://0x7f.1:8080/mcp", clients("http://127.0.0.1:8080/mcp")},
		{"an IPv4 address in octal", "https://0300.0.02.1/mcp", clients("https://192.0.2.1/mcp")},
		{"an IPv4 address as one number", "https://3221225985/mcp", clients("https://192.0.2.1/mcp")},
		{"an IPv4 address with a dot at the end", "https://192.0.2.1./mcp", clients("https://192.0.2.1/mcp")},
		{"an IPv4 address with 0x alone", "https://192.0.0x.1/mcp", clients("https://192.0.0.1/mcp")},
		{"an IPv4 number that is too large", "https://192.0.2.256/mcp", malformed},
		{"an IPv4 address of five numbers", "https://192.0.2.1.1/mcp", malformed},
		{"an invalid octal number", "https://192.0.2.09/mcp", malformed},
		{"a name whose last label is a number", "https://mcp.1/mcp", malformed},
		{"a name whose first label is a number", "https://1.example.com/mcp", "ok"},
		{"a percent-encoded letter in the host", "https://%6dcp.example.com/mcp", relative},
		{"a percent-encoded letter (RFC 3986 §6.2.2.2)", "https://mcp.example.com/%6Dcp", clients("https://mcp.example.com/mcp")},
		{"other percent-encoded unreserved characters", "https://mcp.example.com/%7Ea%2Db%5Fc%2E%31", clients("https://mcp.example.com/~a-b_c.1")},
		{"lower-case hexadecimal digits (RFC 3986 §6.2.2.1)", "https://mcp.example.com/a%2fb", clients("https://mcp.example.com/a%2Fb")},
		{"a percent-encoded percent sign", "https://mcp.example.com/%2541", "ok"},
		{"percent-encoded octets outside ASCII", "https://mcp.example.com/b%C3%BCcher", "ok"},
		{"brackets in the path", "https://mcp.example.com/[a]", clients("https://mcp.example.com/%5Ba%5D")},
		{"a dot segment (RFC 3986 §6.2.2.3)", "https://mcp.example.com/./mcp", clients("https://mcp.example.com/mcp")},
		{"a dot segment at the end", "https://mcp.example.com/mcp/.", clients("https://mcp.example.com/mcp/")},
		{"two dots", "https://mcp.example.com/a/../mcp", clients("https://mcp.example.com/mcp")},
		{"two dots at the beginning", "https://mcp.example.com/../mcp", clients("https://mcp.example.com/mcp")},
		{"two dots at the end", "https://mcp.example.com/a/..", clients("https://mcp.example.com/")},
		{"percent-encoded dots", "https://mcp.example.com/a/%2E%2e/mcp", clients("https://mcp.example.com/mcp")},
		{"three dots", "https://mcp.example.com/.../mcp", "ok"},
		{"a double slash, which proxies rewrite", "https://mcp.example.com/a//mcp", clients("https://mcp.example.com/a/mcp")},
		{"a double slash at the beginning", "https://mcp.example.com//mcp", clients("https://mcp.example.com/mcp")},
		{"a double slash at the end", "https://mcp.example.com/mcp//", clients("https://mcp.example.com/mcp/")},
		{"braces", "https://mcp.example.com/{tenant}", clients("https://mcp.example.com/%7Btenant%7D")},
		{"a vertical bar", "https://mcp.example.com/a|b", clients("https://mcp.example.com/a%7Cb")},
		{"a quote", `https://mcp.example.com/"`, `must not contain '"': write "%22"`},
		{"a backslash", `https://mcp.example.com/a\b`, `must not contain '\\': write "%5C"`},
		{"a space", "https://mcp.example.com/a b", `must not contain ' ': write "%20"`},
		{"a line feed", "https://mcp.example.com/a\n", `must not contain '\n': write "%0A"`},
		{"a letter outside ASCII in the host", "https://bücher.example/mcp", "must not contain 'ü': write the host in its xn-- form"},
		{"a letter outside ASCII in the path", "https://mcp.example.com/bücher", `must not contain 'ü': write "%C3%BC"`},
		{"a space in the host", "https://mcp example.com/mcp", "must not contain ' ': write the host without it"},
		{"octets that are not UTF-8", "https://mcp.example.com/\xff", `must not contain '�': write "%FF"`},
		{"an invalid percent escape", "https://mcp.example.com/%zz", relative},
		{"three mistakes at once", "http://MCP.example.com//mcp?x", https + "\n" + query + "\n" + clients("http://mcp.example.com/mcp")},
	} {
		err := metadata.CheckIdentifier(row.identifier, false)
		got := text(err)
		if err != nil {
			_, got, _ = strings.Cut(got, ": ")      // metadata:
			got = got[strings.Index(got, `": `)+3:] // resource identifier "…":
		}
		wantEqual(t, row.name, got, row.want)
	}
	wantEqual(t, "http when allowed", text(metadata.CheckIdentifier("http://mcp.internal/mcp", true)), "ok")
	for name, identifier := range map[string]string{"a password": "https://user:hush@mcp.example.com/mcp", "a user name": "https://hush@mcp.example.com", "a password in an invalid URL": "https://user:hu sh@mcp.example.com/%zz"} {
		if got := text(metadata.CheckIdentifier(identifier, false)); strings.Contains(got, "hu") || got == "ok" {
			t.Errorf("%s is in the error: %s", name, got)
		}
	}
	wantEqual(t, "the complete text", text(metadata.CheckIdentifier("mcp", false)), `metadata: resource identifier "mcp": `+relative)
}

func TestCheckIssuerAndEndpoint(t *testing.T) {
	const https = "must begin with https://: http is for loopback hosts, or with AllowHTTP"
	for _, row := range []struct{ name, url, issuer, endpoint string }{
		{"https", "https://as.example", "ok", "ok"},
		{"a terminal slash", "https://as.example/", "ok", "ok"},
		{"an upper-case host", "https://AS.example/t", "ok", "ok"},
		{"http on a loopback host", "http://localhost:9000/t", "ok", "ok"},
		{"http on another host", "http://as.example/t", `metadata: issuer "http://as.example/t": ` + https, `metadata: URL "http://as.example/t": ` + https},
		{"a query (RFC 8414 §2)", "https://as.example/t?a=b", `metadata: issuer "https://as.example/t?...": must not have a query: remove '?' and what follows`, "ok"},
		{"not a URL", "as", `metadata: issuer "as": must be an absolute URL, such as https://host.example.com/path`, `metadata: URL "as": must be an absolute URL, such as https://host.example.com/path`},
	} {
		wantEqual(t, row.name+" as issuer", text(metadata.CheckIssuer(row.url, false)), row.issuer)
		wantEqual(t, row.name+" as endpoint", text(metadata.CheckEndpoint(row.url, false)), row.endpoint)
	}
	wantEqual(t, "an http issuer when allowed", text(metadata.CheckIssuer("http://as.example", true)), "ok")
	wantEqual(t, "an http endpoint when allowed", text(metadata.CheckEndpoint("http://as.example", true)), "ok")
}

// RFC 9728 §3.1, with its examples.
func TestWellKnown(t *testing.T) {
	const root = "/.well-known/oauth-protected-resource"
	for _, row := range []struct{ name, identifier, origin, path string }{
		{"a host", "https://resource.example.com", "https://resource.example.com", root},
		{"a host and a slash", "https://resource.example.com/", "https://resource.example.com", root},
		{"a path", "https://resource.example.com/resource1", "https://resource.example.com", root + "/resource1"},
		{"a terminal slash", "https://resource.example.com/resource1/", "https://resource.example.com", root + "/resource1/"},
		{"a port", "https://resource.example.com:8443/a/b", "https://resource.example.com:8443", root + "/a/b"},
		{"an escaped path", "https://resource.example.com/a%2Fb%20c", "https://resource.example.com", root + "/a%2Fb%20c"},
		{"http", "http://localhost:8080/mcp", "http://localhost:8080", root + "/mcp"},
	} {
		path, err := metadata.WellKnownPath(row.identifier)
		wantEqual(t, row.name, text(err), "ok")
		wantEqual(t, row.name, path, row.path)
		url, err := metadata.WellKnownURL(row.identifier)
		wantEqual(t, row.name, text(err), "ok")
		wantEqual(t, row.name, url, row.origin+row.path)
	}
	for _, identifier := range []string{"", "mcp", "https://a.example/../b", "https://a.example/?q"} {
		if path, err := metadata.WellKnownPath(identifier); err == nil {
			t.Errorf("identifier %q has the path %q", identifier, path)
		}
		if url, err := metadata.WellKnownURL(identifier); err == nil {
			t.Errorf("identifier %q has the URL %q", identifier, url)
		}
	}
}
