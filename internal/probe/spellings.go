package probe

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// spellingEvidence is what was seen of requests without a token to other spellings of the path. A
// proxy can protect only one of them, while the server behind it knows several.
type spellingEvidence struct {
	paths   []string
	replies []reply
}

func spellingChecks() []check {
	return []check{
		{"other-spellings", mcpRequirements, Must, "Other spellings of the path, such as with an additional slash, are not open without a token.", judgeSpellings},
	}
}

func (e *evidence) collectSpellings(ctx context.Context) {
	for _, path := range spellingsOf(e.target) {
		address := e.target.Scheme + "://" + e.target.Host + path
		if e.target.RawQuery != "" {
			address += "?" + e.target.RawQuery
		}
		e.spellings.paths = append(e.spellings.paths, path)
		e.spellings.replies = append(e.spellings.replies, e.sender.send(ctx, http.MethodPost, address, mcpHeader(), initialize))
	}
}

// spellingsOf returns paths that some servers do not distinguish from that of a URL (RFC 3986 §6.2.2
// and what programs do beyond it).
func spellingsOf(target *url.URL) (paths []string) {
	path := target.EscapedPath()
	if path == "" {
		path = "/"
	}
	plain := strings.TrimRight(path, "/")
	paths = []string{"/" + path, "/." + path, "/x/.." + path, plain + "/;x=1"}
	if plain == "" {
		return paths
	}
	other := plain + "/"
	if strings.HasSuffix(path, "/") {
		other = plain
	}
	paths = append(paths, other, plain+";x=1")
	if upper := strings.ToUpper(path); upper != path && !strings.Contains(path, "%") {
		paths = append(paths, upper)
	}
	if at := strings.LastIndexByte(plain, '/') + 1; at < len(plain) && plain[at] >= 'a' && plain[at] <= 'z' {
		paths = append(paths, fmt.Sprintf("%s%%%02X%s", path[:at], plain[at], path[at+1:]))
	}
	return paths
}

func judgeSpellings(e *evidence) verdict {
	if e.post.status != http.StatusUnauthorized {
		return notApplicable("no 401 without a token")
	}
	var open, failed []string
	for n, r := range e.spellings.replies {
		switch path := e.spellings.paths[n]; {
		case r.err != nil:
			failed = append(failed, path+": "+r.describe())
		case initializes(r), !r.ok() && e.takes(r):
			open = append(open, path+": "+r.describe())
		}
	}
	if len(open) == 0 && len(failed) > 0 {
		return notChecked(strings.Join(failed, "; "))
	}
	return problems(open)
}

// initializes reports whether a response is the result of initialize. A site can answer every path
// with a page.
func initializes(r reply) bool {
	if !r.ok() {
		return false
	}
	if media, _, _ := mime.ParseMediaType(r.header.Get("Content-Type")); media == "text/event-stream" {
		return r.header.Get("Mcp-Session-Id") != "" || strings.Contains(r.body, `"jsonrpc"`)
	}
	members, err := readObject([]byte(r.body))
	return err == nil && members["jsonrpc"] != nil && members["result"] != nil
}
