package urltable_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/urltable"
)

func newTable(t *testing.T, urls ...string) *urltable.Table {
	t.Helper()
	table := new(urltable.Table)
	for n, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := table.Add(u, strings.TrimSuffix(u.Path, "/")); got != n || !ok {
			t.Fatalf("%s: got %d, %v", text, got, ok)
		}
	}
	return table
}

func TestFind(t *testing.T) {
	table := newTable(t, "https://a.example/mcp", "https://b.example/mcp", "https://b.example:8443/mcp", "http://127.0.0.1/mcp",
		"https://[::1]/mcp", "https://a.example/other")
	for _, row := range []struct {
		name, path, host string
		want             int
	}{
		{"the first", "/mcp", "a.example", 0},
		{"the second", "/mcp", "b.example", 1},
		{"in upper case", "/mcp", "B.EXAMPLE", 1},
		{"with the default port", "/mcp", "b.example:443", 1},
		{"with another port", "/mcp", "b.example:8443", 2},
		{"with the default port of http, for https", "/mcp", "b.example:80", -1},
		{"with the default port of http", "/mcp", "127.0.0.1:80", 3},
		{"IPv6", "/mcp", "[::1]:443", 4},
		{"IPv6 in another form", "/mcp", "[0:0:0:0:0:0:0:1]", -1},
		{"another IPv6 address", "/mcp", "[::2]:443", 0},
		{"no host", "/mcp", "", 0},
		{"another host", "/mcp", "evil.example", 0},
		{"a dot at the end", "/mcp", "b.example.", -1},
		{"user information", "/mcp", "b.example@a.example", -1},
		{"user information before it", "/mcp", "x@b.example", -1},
		{"two hosts", "/mcp", "b.example, b.example", -1},
		{"white space", "/mcp", " b.example", -1},
		{"a path in it", "/mcp", "b.example/mcp", -1},
		{"a longer host", "/mcp", strings.Repeat("b", 300) + ".example", -1},
		{"another port and a dot at the end", "/mcp", "b.example.:1", -1},
		{"a name in brackets", "/mcp", "[b.example]:443", -1},
		{"a name in brackets and an empty port", "/mcp", "[b.example]:", -1},
		{"another name in brackets", "/mcp", "[evil.example]", -1},
		{"two ports", "/mcp", "b.example:443:443", -1},
		{"two dots at the end", "/mcp", "b.example..", -1},
		{"only a port", "/mcp", ":b.example", -1},
		{"a name as port", "/mcp", "a.example:b.example", -1},
		{"an empty port", "/mcp", "b.example:", -1},
		{"another port of an address", "/mcp", "[::1]:1", -1},
		{"another port, at a path with one host", "/other", "b.example:1", 5},
		{"another path at this host", "/other", "b.example", 5},
		{"another path", "/mcp/", "a.example", -1},
		{"a path below", "/mcp/a", "a.example", -1},
	} {
		if got, ok := table.Find(row.path, row.host); ok != (row.want >= 0) || ok && got != row.want {
			t.Errorf("%s: got %d, %v, want %d", row.name, got, ok, row.want)
		}
	}
}

func TestFindBelow(t *testing.T) {
	table := newTable(t, "https://h/mcp", "https://h/mcp/x/a", "https://h/mcp/x/b", "https://h/v1/b/", "https://i/v1/b/")
	for _, row := range []struct {
		path string
		want int
	}{
		{"/mcp", 0},
		{"/mcp/", 0},
		{"/mcp/x/a", 1},
		{"/mcp/x/a/", 1},
		{"/mcp/x/a/messages", 1},
		{"/mcp/x/a/messages/", 1},
		{"/mcp/x/a/messages/1/2", 1},
		{"/mcp/x/a/.well-known/...x", 1},
		{"/mcp/x/b/a", 2},
		{"/v1/b", 3},
		{"/v1/b/", 3},
		{"/v1/b/c", 3},
		{"", -1},
		{"/", -1},
		{"*", -1},
		{"mcp", -1},
		{"x/mcp", -1},
		{"/mcp/y", -1}, // other paths are below /mcp
		{"/mcp/x", -1},
		{"/mcp/x/ab", -1},
		{"/mcp/x/A", -1},
		{"/MCP", -1},
		{"/mcp/X/a", -1},
		{"/mcp//x/a", -1},
		{"//mcp/x/a", -1},
		{"/mcp/x/a//", -1},
		{"/mcp/x/a//b", -1},
		{"/mcp/x/./a", -1},
		{"/mcp/x/a/.", -1},
		{"/mcp/x/b/../a", -1},
		{"/mcp/x/b/..", -1},
		{"/mcp/x/b/.../a", -1},
		{"/mcp/x/b/..;/a", -1},
		{"/mcp/x/a;v=1", -1},
		{"/mcp/x/a/m;v=1", -1},
		{"/mcp/x/%61", -1},
		{"/mcp/x/a/%2e%2e/b", -1},
		{"/mcp/x%2Fa", -1},
		{"/mcp/x/a%2Fm", -1},
		{`/mcp/x/a\..\b`, -1},
		{"/mcp/x/a/\u212A", -1},
		{"/mcp/x/a/m\x00", -1},
		{"/mcp/x/a/ ", -1},
		{"/mcp/x/a?", -1},
		{"/mcp/x/a" + strings.Repeat("/b", 100_000), 1},
		{strings.Repeat("/b", 100_000), -1},
		{strings.Repeat("/", 100_000), -1},
	} {
		if got, ok := table.FindBelow(row.path, "h"); ok != (row.want >= 0) || ok && got != row.want {
			t.Errorf("%.60q: got %d, %v, want %d", row.path, got, ok, row.want)
		}
	}
	if got, ok := table.FindBelow("/v1/b/c", "I"); got != 4 || !ok {
		t.Errorf("another host: got %d, %v", got, ok)
	}
}

// The root is above every other path.
func TestFindBelowRoot(t *testing.T) {
	table := newTable(t, "https://h/", "https://h/mcp")
	for path, want := range map[string]int{"/": 0, "": 0, "/mcp": 1, "/mcp/a": 1, "/a": -1, "/MCP": -1} {
		if got, ok := table.FindBelow(path, "h"); ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: got %d, %v, want %d", path, got, ok, want)
		}
	}
}

// Add rejects a URL that requests cannot distinguish from an earlier one.
func TestAddDuplicate(t *testing.T) {
	for _, row := range []struct{ first, second string }{
		{"https://h/mcp", "https://h/mcp"},
		{"https://h/mcp", "https://h/mcp/"},
		{"https://h", "https://h/"},
		{"https://h/mcp", "http://h/mcp"},
		{"https://h/mcp", "http://h:443/mcp"},
	} {
		table := newTable(t, "https://other/mcp", row.first)
		u, err := url.Parse(row.second)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := table.Add(u, strings.TrimSuffix(u.Path, "/")); ok || other != 1 {
			t.Errorf("%s and %s: got %d, %v", row.first, row.second, other, ok)
		}
	}
}

// A request costs the same with few and with many URLs.
func TestFindAllocates(t *testing.T) {
	var urls []string
	for n := range 1000 {
		urls = append(urls, fmt.Sprintf("https://h/mcp/x/%d", n), fmt.Sprintf("https://i/mcp/x/%d", n))
	}
	table := newTable(t, urls...)
	for _, path := range []string{"/mcp/x/999", "/mcp/x/999/messages", "/mcp/x/unknown"} {
		if n := testing.AllocsPerRun(100, func() { table.FindBelow(path, "i") }); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

func FuzzFindBelow(f *testing.F) {
	for _, seed := range []string{"/mcp/x/a", "/mcp/x/b/../a", "/mcp/x/a/m", "/mcp/x/%61"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		table := newTable(t, "https://h/mcp", "https://h/mcp/x/a", "https://h/mcp/x/b")
		n, ok := table.FindBelow(path, "h")
		if !ok {
			return
		}
		// A server that reads the path tolerantly must also find it at or below that URL.
		base := []string{"/mcp", "/mcp/x/a", "/mcp/x/b"}[n]
		read := strings.ToLower(path)
		if decoded, err := url.PathUnescape(read); err == nil {
			read = decoded
		}
		if rest, below := strings.CutPrefix(read, base); !below || rest != "" && rest[0] != '/' || n == 0 && len(rest) > 1 || strings.Contains(rest, "..") && !urltable.IsPlain(strings.TrimSuffix(rest, "/")) {
			t.Errorf("%q was found as %s", path, base)
		}
	})
}
