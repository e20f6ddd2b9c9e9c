package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
)

// Versions of MCP in requests. Servers of 2026-07-28 also answer requests without a token in the
// old version, because they decide about the token first.
const protocolVersion = "2025-11-25"

// The JSON-RPC message that the requests contain. initialize is the first message of a client.
const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + protocolVersion +
	`","capabilities":{},"clientInfo":{"name":"warder-probe","version":"1"}}}`

// ping is a message inside a session.
const ping = `{"jsonrpc":"2.0","id":2,"method":"ping"}`

// reply is the response to one request, or the error.
type reply struct {
	status  int
	header  http.Header
	body    string
	err     error
	request http.Header // that was sent
}

// ok reports whether the server accepted the request.
func (r reply) ok() bool { return r.err == nil && r.status >= 200 && r.status < 300 }

// isRedirect reports whether the server redirects the client.
func (r reply) isRedirect() bool { return r.err == nil && r.status >= 300 && r.status < 400 }

// isMessage reports whether the request was an MCP message to the server.
func (r reply) isMessage() bool { return r.request.Get("Content-Type") != "" }

// describe returns the status or the error.
func (r reply) describe() string {
	if r.err != nil {
		return "no response: " + r.err.Error()
	}
	return fmt.Sprintf("status %d", r.status)
}

// blocked reports whether the address guard prevented the request.
func (r reply) blocked() bool {
	e, ok := errors.AsType[*outbound.Error](r.err)
	return ok && (e.Outcome == outbound.RefusedAddress || e.Outcome == outbound.BadURL)
}

// sender sends the requests of one run.
type sender struct {
	client *outbound.Client
	sent   int
	tokens []string // that were sent
	all    []reply
}

var errBudget = fmt.Errorf("the limit of %d requests is reached", maxRequests)

// send sends one request and records the response.
func (s *sender) send(ctx context.Context, method, url string, header http.Header, body string) (r reply) {
	defer func() { s.all = append(s.all, r) }()
	if s.sent++; s.sent > maxRequests {
		s.sent--
		return reply{err: errBudget}
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return reply{err: errors.New("not a URL")}
	}
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	if header != nil {
		req.Header = header
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return reply{err: err, request: header}
	}
	return reply{status: resp.Status, header: resp.Header, body: string(resp.Body), request: header}
}

// mcpHeader returns the header of an MCP request, with further pairs of names and values.
func mcpHeader(pairs ...string) http.Header {
	h := http.Header{
		"Accept":               {"application/json, text/event-stream"},
		"Content-Type":         {"application/json"},
		"Mcp-Protocol-Version": {protocolVersion},
		"User-Agent":           {"warder-probe"},
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// bearer returns the value of Authorization for a token and records the token as a secret.
func (s *sender) bearer(token string) string {
	s.tokens = append(s.tokens, token)
	return "Bearer " + token
}

// Lengths of the parts of tokens that are searched for, in bytes.
const (
	shownPart     = 12 // a part of a token of this length is not printed
	reflectedPart = 24 // a part of a token of this length in a response is a reflection
)

// parts returns all parts of the tokens that have a length.
func (s *sender) parts(length int) map[string]bool {
	found := map[string]bool{}
	for _, token := range s.tokens {
		for i := 0; i+length <= len(token); i++ {
			found[token[i:i+length]] = true
		}
	}
	return found
}

// maxShownBytes limits the text of a server that is searched for tokens before it is cut further.
const maxShownBytes = 4 << 10 // of one text in a report, before it is cut to 256 bytes

// redact replaces the parts of tokens in a text.
func redact(text string, parts map[string]bool) string {
	text = text[:min(len(text), maxShownBytes)]
	hidden := make([]bool, len(text))
	for i := 0; i+shownPart <= len(text); i++ {
		if parts[text[i:i+shownPart]] {
			for j := i; j < i+shownPart; j++ {
				hidden[j] = true
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			b.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString("[token]")
		}
	}
	return b.String()
}

// show makes text of a server, or text that contains such text, fit for a report.
func (e *evidence) show(text string) string {
	return logging.Printable(withoutQuery(redact(text, e.shownParts), e.target.RawQuery))
}

// minSecret is the minimum length of a part of the query that is not printed. Shorter ones occur in
// ordinary words.
const minSecret = 4 // bytes of a value in the query of the URL

// withoutQuery replaces the query of the URL and its values, which can be secrets.
func withoutQuery(text, query string) string {
	if query == "" {
		return text
	}
	text = strings.ReplaceAll(text, query, "...")
	values, _ := url.ParseQuery(query) // as far as it can be read
	for _, list := range values {
		for _, value := range list {
			if len(value) >= minSecret {
				text = strings.ReplaceAll(text, value, "...")
				text = strings.ReplaceAll(text, url.QueryEscape(value), "...")
			}
		}
	}
	return text
}
