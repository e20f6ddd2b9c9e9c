package check

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/resource"
)

// probes are the messages with which a request without a token is sent: the first one that this
// configuration rejects with a challenge.
var probes = []string{
	initialize, toolsList(1, ""), request(1, "resources/list", "", ""), request(1, "prompts/list", "", ""), request(1, "ping", "", ""),
}

// probe returns a message that needs a token, or "".
func (p *public) probe(ctx context.Context) string {
	for _, body := range probes {
		if refusal := p.challengeOf(ctx, body, ""); refusal != nil && refusal.Status == http.StatusUnauthorized {
			return body
		}
	}
	return ""
}

// post sends a message without a token.
func (p *public) post(ctx context.Context, body, origin string) (*outbound.Response, error) {
	req, err := newRequest(ctx, p.url, body)
	if err != nil {
		return nil, err
	}
	setIf(req.Header, "Origin", origin)
	return p.send(p.client, req)
}

// checkChallenge compares the response to a request without a token with that of this
// configuration. It reports whether the server answers, so that further requests make sense.
func (p *public) checkChallenge(ctx context.Context) (reached bool) {
	body := p.probe(ctx)
	if body == "" {
		p.add(IDNotChecked, p.url, "all requests that this check sends without a token are public operations", "")
		return true
	}
	want := p.challengeOf(ctx, body, "")
	response, err := p.post(ctx, body, "")
	if err != nil {
		p.addNetwork(p.url, err)
		return false
	}
	got := response.Header.Values("WWW-Authenticate")
	seen := fmt.Sprintf("POST without a token: status %d", response.Status)
	switch {
	case response.Status >= 200 && response.Status < 300:
		p.add(IDPublicUnprotected, p.url, seen, "put nethttp.Handler or another adapter of warder in front of the MCP server, and let the proxy pass requests only to it")
		return false
	case response.Status != http.StatusUnauthorized:
		p.add(IDPublicStatus, p.url, seen+", want 401", "pass requests for "+pathOf(p.url)+" and their responses from the proxy to the server without changes, or correct resource_server_url")
		return false
	case len(got) == 0:
		p.add(IDPublicChallengeMissing, p.url, seen+" without WWW-Authenticate", "stop the proxy from removing WWW-Authenticate from responses with status 401")
		return true
	case strings.Join(got, ", ") != strings.Join(want.Challenges, ", "):
		p.add(IDPublicChallengeDiffers, p.url, "WWW-Authenticate is "+strings.Join(got, ", ")+"; this configuration has "+strings.Join(want.Challenges, ", "),
			"start the server with this configuration, or stop the proxy from changing WWW-Authenticate and from authenticating clients itself")
		return true
	}
	p.add(IDPublicChallenge, p.url, seen+" with the challenge of this configuration", "")
	if cached := cachedBy(response.Header); cached != "" {
		p.addCached(cached)
	}
	return true
}

func (p *public) addCached(seen string) {
	p.add(IDPublicCached, p.url, seen, "switch off caching for "+pathOf(p.url)+" at the proxy or CDN: honor Cache-Control: no-store")
}

// cachedBy returns what in the header of a response with status 401 says that a cache has stored
// it or may store it, or "".
func cachedBy(header http.Header) string {
	if age := header.Get("Age"); age != "" && age != "0" { // RFC 9111 §5.1
		return "the response has Age, so it is from a cache"
	}
	for _, name := range []string{"Cache-Status", "X-Cache", "X-Cache-Status", "Cf-Cache-Status", "X-Proxy-Cache"} {
		if value := strings.ToLower(header.Get(name)); hasWord(value, "hit") {
			return "the response has " + name + " with hit, so it is from a cache"
		}
	}
	control := strings.ToLower(strings.Join(header.Values("Cache-Control"), ","))
	if !strings.Contains(control, "no-store") {
		return "the response lacks Cache-Control: no-store, which the server sends, so a proxy has changed it"
	}
	return ""
}

func hasWord(text, word string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool { return r < 'a' || r > 'z' }), word)
}

// passesGET reports whether the status of a GET request without a token can be that of the server.
func (p *public) passesGET(ctx context.Context, status int) bool {
	if refusal := p.challengeOf(ctx, "", ""); refusal != nil {
		return status == refusal.Status
	}
	return status != http.StatusNotFound && status != http.StatusMethodNotAllowed
}

// malformedToken is a credential that the server rejects in another way than a missing one, without
// a request to an issuer.
const malformedToken = "Bearer warder check"

// checkAuthorization looks whether Authorization reaches the server: a proxy can remove it, or use it
// for itself.
func (p *public) checkAuthorization(ctx context.Context) {
	body := p.probe(ctx)
	if body == "" || !p.has(IDPublicChallenge, p.url) {
		return
	}
	_, without := p.decideAt(ctx, p.url, body, "", "")
	_, with := p.decideAt(ctx, p.url, body, malformedToken, "")
	if without == nil || with == nil || isAnswer(with, without.Status, without.Challenges) {
		return
	}
	req, err := newRequest(ctx, p.url, body)
	if err != nil {
		return
	}
	req.Header.Set("Authorization", malformedToken)
	response, err := p.send(p.client, req)
	if err == nil && isAnswer(without, response.Status, response.Header.Values("WWW-Authenticate")) {
		p.add(IDPublicAuthorization, p.url, "a request with a malformed token gets the response to a request without one", "stop the proxy from removing Authorization from requests")
	}
}

// isAnswer reports whether a response has the status and the challenges of a decision.
func isAnswer(r *resource.Refusal, status int, challenges []string) bool {
	return r.Status == status && strings.Join(r.Challenges, ", ") == strings.Join(challenges, ", ")
}

// foreignOrigin is an origin of which no page may use the server (RFC 2606 §2).
const foreignOrigin = "https://warder-check.invalid"

// checkOrigin looks whether Origin reaches the server, and whether a cache answers GET requests. The
// server gives a page of another origin 403, and everyone else without a token another status. A cache
// does not distinguish them.
func (p *public) checkOrigin(ctx context.Context) {
	response, err := p.post(ctx, initialize, foreignOrigin)
	if err != nil || p.resource.AllowsOrigin(foreignOrigin) {
		return
	}
	if response.Status != http.StatusForbidden {
		p.add(IDPublicOrigin, p.url, fmt.Sprintf("a request with Origin: %s has status %d, want 403", foreignOrigin, response.Status),
			"stop the proxy from removing or changing Origin")
		return
	}
	plain, err := p.get(ctx, p.url, nil)
	if err != nil {
		return
	}
	other, err := p.get(ctx, p.url, http.Header{"Origin": {foreignOrigin}})
	switch {
	case err != nil:
	case other.Status == plain.Status && !p.passesGET(ctx, plain.Status):
		p.add(IDNotChecked, "caches", fmt.Sprintf("GET without a token has status %d, also with an Origin that the server rejects: the proxy does not pass it on", plain.Status), "")
	case other.Status == plain.Status && other.Status != http.StatusForbidden:
		p.addCached(fmt.Sprintf("GET has status %d, and again with an Origin that the server rejects with 403", plain.Status))
	case !p.has(IDPublicCached, p.url):
		p.add(IDPublicProxy, p.url, "a request with an Origin that is not allowed has status 403, and nothing shows a cache", "")
	}
}
