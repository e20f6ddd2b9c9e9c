package metadataurl_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/metadataurl"
)

const wellKnown = "/.well-known/oauth-protected-resource"

// locate returns the URL and the paths, or the mistakes.
func locate(s metadataurl.Settings, identifier string) string {
	var mistakes configerr.List
	l := s.Of(identifier, &mistakes)
	if err := mistakes.Err("mistakes"); err != nil {
		return strings.TrimPrefix(err.Error(), "mistakes: ")
	}
	return fmt.Sprintf("%s %q", l.URL, l.Paths)
}

// RFC 9728 §3.1, §5.1.
func TestOf(t *testing.T) {
	type settings = metadataurl.Settings
	const gateway, mcp = "https://gw.example", "https://gw.example/prod/mcp"
	const below = `["/.well-known/oauth-protected-resource/mcp" "/prod/.well-known/oauth-protected-resource/mcp"]`
	for _, row := range []struct {
		name       string
		settings   settings
		identifier string
		want       string
	}{
		{"no settings", settings{}, mcp, gateway + wellKnown + `/prod/mcp []`},
		{"no settings and no path", settings{}, gateway, gateway + wellKnown + ` []`},
		{"no settings and a slash", settings{}, gateway + "/", gateway + wellKnown + ` []`},
		{"no settings, http", settings{}, "http://gw.example/mcp", "http://gw.example" + wellKnown + "/mcp []"},
		{"a base path", settings{BasePath: "/prod"}, mcp, gateway + "/prod" + wellKnown + "/mcp " + below},
		{"a base path of two segments", settings{BasePath: "/api/prod"}, gateway + "/api/prod/mcp", gateway + "/api/prod" + wellKnown + `/mcp ["` + wellKnown + `/mcp" "/api/prod` + wellKnown + `/mcp"]`},
		{"a base path and a deeper path", settings{BasePath: "/prod"}, gateway + "/prod/a/b", gateway + "/prod" + wellKnown + `/a/b ["` + wellKnown + `/a/b" "/prod` + wellKnown + `/a/b"]`},
		{"a base path and a slash at the end", settings{BasePath: "/prod"}, mcp + "/", gateway + "/prod" + wellKnown + `/mcp/ ["` + wellKnown + `/mcp/" "/prod` + wellKnown + `/mcp/"]`},
		{"the whole path", settings{BasePath: "/prod/mcp"}, mcp, gateway + "/prod/mcp" + wellKnown + ` ["` + wellKnown + `" "/prod/mcp` + wellKnown + `"]`},
		{"the whole path but the slash", settings{BasePath: "/prod/mcp"}, mcp + "/", gateway + "/prod/mcp" + wellKnown + ` ["` + wellKnown + `" "/prod/mcp` + wellKnown + `"]`},
		{"the same segment twice", settings{BasePath: "/a"}, gateway + "/a/a", gateway + "/a" + wellKnown + `/a ["` + wellKnown + `/a" "/a` + wellKnown + `/a"]`},
		{"percent-encoding and a port", settings{BasePath: "/a%2Fb"}, gateway + ":8443/a%2Fb/c%20d", gateway + ":8443/a%2Fb" + wellKnown + `/c%20d ["` + wellKnown + `/c%20d" "/a%2Fb` + wellKnown + `/c%20d"]`},
		{"a URL", settings{URL: "https://cdn.example/m.json"}, mcp, `https://cdn.example/m.json []`},
		{"a URL with a query", settings{URL: "https://cdn.example/m?v=1"}, mcp, `https://cdn.example/m?v=1 []`},
		{"a URL on loopback", settings{URL: "http://127.0.0.1:1/m"}, mcp, `http://127.0.0.1:1/m []`},
		{"a URL over http with AllowHTTP", settings{URL: "http://cdn.example/m", AllowHTTP: true}, mcp, `http://cdn.example/m []`},
		{"a URL and a base path", settings{URL: "https://cdn.example/m", BasePath: "/prod"}, mcp, `https://cdn.example/m ` + below},
		{"further paths", settings{URL: gateway + "/prod/m", Paths: []string{"/m", "/prod/m"}}, mcp, gateway + `/prod/m ["/m" "/prod/m"]`},
		{"further paths and a base path", settings{BasePath: "/prod", Paths: []string{"/m"}}, mcp, gateway + "/prod" + wellKnown + `/mcp ["` + wellKnown + `/mcp" "/prod` + wellKnown + `/mcp" "/m"]`},
		{"a path below the resource", settings{Paths: []string{"/prod/mcp/metadata"}}, mcp, gateway + wellKnown + `/prod/mcp ["/prod/mcp/metadata"]`},

		{"an invalid identifier, reported elsewhere", settings{BasePath: "/prod"}, "https://gw.example:443/prod/mcp", ` []`},
		{"an invalid identifier and a mistake", settings{BasePath: "prod"}, "", `HTTP.BasePath: metadata: path "prod": must begin with '/'`},
		{"a base path without a slash", settings{BasePath: "prod"}, mcp, `HTTP.BasePath: metadata: path "prod": must begin with '/'`},
		{"a base path with a slash at the end", settings{BasePath: "/prod/"}, mcp, `HTTP.BasePath: "/prod/" must not end with '/': write "/prod"`},
		{"a slash as base path", settings{BasePath: "/"}, mcp, `HTTP.BasePath: "/" must not end with '/': write ""`},
		{"a URL as base path", settings{BasePath: "https://gw.example/prod"}, mcp, `HTTP.BasePath: metadata: path "https://gw.example/prod": must begin with '/'`},
		{"a base path with a dot segment", settings{BasePath: "/x/../prod"}, mcp, `HTTP.BasePath: metadata: path "/x/../prod": clients or proxies rewrite it: write "/prod"`},
		{"a base path with unneeded percent-encoding", settings{BasePath: "/%70rod"}, mcp, `HTTP.BasePath: metadata: path "/%70rod": clients or proxies rewrite it: write "/prod"`},
		{"a base path with a query", settings{BasePath: "/prod?x"}, mcp, `HTTP.BasePath: metadata: path "/prod?x": must not have a query or a fragment: remove '?' or '#' and what follows`},
		{"a base path with a quote", settings{BasePath: `/prod"`}, mcp, `HTTP.BasePath: metadata: path "/prod\"": must not contain '"': write "%22"`},
		{"another base path", settings{BasePath: "/dev"}, mcp, `HTTP.BasePath: the path of Identifier "https://gw.example/prod/mcp" does not begin with "/dev": BasePath is the beginning of this path that belongs to the server`},
		{"a part of a segment", settings{BasePath: "/pro"}, mcp, `HTTP.BasePath: the path of Identifier "https://gw.example/prod/mcp" does not begin with "/pro": BasePath is the beginning of this path that belongs to the server`},
		{"another case", settings{BasePath: "/Prod"}, mcp, `HTTP.BasePath: the path of Identifier "https://gw.example/prod/mcp" does not begin with "/Prod": BasePath is the beginning of this path that belongs to the server`},
		{"a base path without a path", settings{BasePath: "/prod"}, gateway, `HTTP.BasePath: the path of Identifier "https://gw.example" does not begin with "/prod": BasePath is the beginning of this path that belongs to the server`},
		{"a URL over http", settings{URL: "http://cdn.example/m"}, mcp, `HTTP.MetadataURL: metadata: URL "http://cdn.example/m": must begin with https://: http is for loopback hosts, or with AllowHTTP`},
		{"a path as URL", settings{URL: "/m"}, mcp, `HTTP.MetadataURL: metadata: URL "(not shown, it may contain a password)": must be an absolute URL, such as https://host.example.com/path`},
		{"a URL with a quote", settings{URL: `https://cdn.example/m", scope="admin`}, mcp, `HTTP.MetadataURL: metadata: URL "https://cdn.example/m\", scope=\"admin": must not contain '"': write "%22"`},
		{"a URL with a line feed", settings{URL: "https://cdn.example/\nX: y"}, mcp, `HTTP.MetadataURL: metadata: URL "https://(not shown, it may contain a password)": must not contain '\n': write "%0A"`},
		{"a URL with a password", settings{URL: "https://u:s3cr3t@cdn.example/m"}, mcp, `HTTP.MetadataURL: metadata: URL "https://(not shown, it may contain a password)": must not hold a user name or password: remove them`},
		{"a URL with a fragment", settings{URL: "https://cdn.example/m#x"}, mcp, `HTTP.MetadataURL: metadata: URL "https://cdn.example/m#...": must not have a fragment: remove '#' and what follows`},
		{"the identifier as URL", settings{URL: mcp + "/"}, mcp, `HTTP.MetadataURL: "https://gw.example/prod/mcp/" is Identifier: name the URL of the metadata, which needs no token`},
		{"a path without a slash", settings{Paths: []string{"m"}}, mcp, `HTTP.MetadataPaths[0]: metadata: path "m": must begin with '/'`},
		{"an empty path", settings{Paths: []string{"/m", ""}}, mcp, `HTTP.MetadataPaths[1]: metadata: path "": must begin with '/'`},
		{"a path with two slashes", settings{Paths: []string{"//m"}}, mcp, `HTTP.MetadataPaths[0]: metadata: path "//m": clients or proxies rewrite it: write "/m"`},
		{"a path with a malformed escape", settings{Paths: []string{"/m%zz"}}, mcp, `HTTP.MetadataPaths[0]: metadata: path "/m%zz": is malformed: a '%' must begin two hexadecimal digits`},
		{"a path with a brace", settings{Paths: []string{"/{x}"}}, mcp, `HTTP.MetadataPaths[0]: metadata: path "/{x}": clients or proxies rewrite it: write "/%7Bx%7D"`},
		{"a path outside ASCII", settings{Paths: []string{"/é"}}, mcp, `HTTP.MetadataPaths[0]: metadata: path "/é": must not contain 'é': write "%C3%A9"`},
		{"a duplicate path", settings{Paths: []string{"/m", "/m"}}, mcp, `HTTP.MetadataPaths[1]: duplicate path "/m"`},
		{"the path of the resource", settings{Paths: []string{"/prod/mcp"}}, mcp, `HTTP.MetadataPaths[0]: "/prod/mcp" is the path of Identifier "https://gw.example/prod/mcp", and requests for it need a token: use another path`},
		{"the path of the resource with a slash", settings{Paths: []string{"/prod/mcp/"}}, mcp, `HTTP.MetadataPaths[0]: "/prod/mcp/" is the path of Identifier "https://gw.example/prod/mcp", and requests for it need a token: use another path`},
		{"the path of a resource without a path", settings{Paths: []string{"/"}}, gateway, `HTTP.MetadataPaths[0]: "/" is the path of Identifier "https://gw.example", and requests for it need a token: use another path`},
		{"the path of the resource without the base path", settings{BasePath: "/prod", Paths: []string{"/mcp"}}, mcp, `HTTP.MetadataPaths[0]: "/mcp" is the path of Identifier "https://gw.example/prod/mcp", and requests for it need a token: use another path`},
		{"the well-known path", settings{Paths: []string{wellKnown + "/prod/mcp"}}, mcp, `HTTP.MetadataPaths[0]: the document is served at "` + wellKnown + `/prod/mcp" in any case: remove it`},
		{"a path that the base path implies", settings{BasePath: "/prod", Paths: []string{wellKnown + "/mcp", "/prod" + wellKnown + "/mcp"}}, mcp, `HTTP.MetadataPaths[0]: the document is served at "` + wellKnown + `/mcp" in any case: remove it` + "\n" +
			`HTTP.MetadataPaths[1]: the document is served at "/prod` + wellKnown + `/mcp" in any case: remove it`},
		{"the well-known path, with a base path", settings{BasePath: "/prod", Paths: []string{wellKnown + "/prod/mcp"}}, mcp, `HTTP.MetadataPaths[0]: the document is served at "` + wellKnown + `/prod/mcp" in any case: remove it`},
		{"several mistakes", settings{URL: "m", BasePath: "prod", Paths: []string{"m"}}, mcp, `HTTP.MetadataURL: metadata: URL "m": must be an absolute URL, such as https://host.example.com/path` + "\n" +
			`HTTP.BasePath: metadata: path "prod": must begin with '/'` + "\n" + `HTTP.MetadataPaths[0]: metadata: path "m": must begin with '/'`},
	} {
		if got := locate(row.settings, row.identifier); got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}
