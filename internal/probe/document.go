package probe

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// document is a JSON document that a client requests without a token.
type document struct {
	place   string // where the client finds the URL
	url     string
	reply   reply
	members map[string]jsontext.Value // nil: not a document that clients can use
	err     error                     // why the body is not a JSON object
}

// fetch requests a document as MCP clients do.
func (s *sender) fetch(ctx context.Context, place, url string) document {
	d := document{place: place, url: url, reply: s.send(ctx, http.MethodGet, url, documentHeader(), "")}
	if d.reply.err != nil || d.reply.status != http.StatusOK {
		return d
	}
	d.members, d.err = readObject([]byte(d.reply.body))
	return d
}

func documentHeader(pairs ...string) http.Header {
	h := mcpHeader(pairs...)
	h.Del("Content-Type")
	h.Set("Accept", "application/json")
	return h
}

// readObject reads a JSON object strictly. It returns an error without text of the document.
func readObject(data []byte) (map[string]jsontext.Value, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("empty")
	}
	if err := strictjson.Valid(data); err != nil {
		return nil, err
	}
	members := map[string]jsontext.Value{}
	err := strictjson.Members(data, func(name string, value jsontext.Value) error {
		members[name] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members, nil
}

// text returns a member that must be a string; "" if it is not one.
func (d document) text(name string) string {
	text, err := strictjson.String(d.members[name])
	if err != nil {
		return ""
	}
	return text
}

// list returns a member that must be an array of strings; nil if it is not one.
func (d document) list(name string) []string {
	list, err := strictjson.Strings(d.members[name])
	if err != nil {
		return nil
	}
	return list
}

// has reports whether the document has a member, whatever its value.
func (d document) has(name string) bool {
	_, ok := d.members[name]
	return ok
}

const wellKnown = "/.well-known/oauth-protected-resource"

// wellKnownURLs returns the path-inserted URL of the metadata (RFC 9728 §3.1), and the URL at the
// root, which is "" if it is the same.
func wellKnownURLs(target *url.URL) (inserted, root string) {
	origin := target.Scheme + "://" + target.Host
	path := target.EscapedPath()
	if path == "/" {
		path = ""
	}
	inserted, root = origin+wellKnown+path, origin+wellKnown
	if target.RawQuery != "" {
		inserted += "?" + target.RawQuery
	}
	if inserted == root {
		root = ""
	}
	return inserted, root
}

// serverURLs returns the URLs of the metadata of an authorization server, in the order in which MCP
// clients request them.
func serverURLs(issuer string) []string {
	const oauth, openID = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil {
		return nil
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return []string{origin + oauth, origin + openID}
	}
	return []string{origin + oauth + path, origin + openID + path, origin + path + openID}
}
