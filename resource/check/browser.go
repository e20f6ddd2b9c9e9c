package check

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
)

// neededHeaders are the header fields that a page must be permitted to send.
var neededHeaders = []string{"authorization", "content-type", "mcp-protocol-version"}

// checkCORS sends what a browser sends for pages of allowed_origins. The first problem of each kind is
// reported.
func (p *public) checkCORS(ctx context.Context) {
	if len(p.parts.Settings.AllowedOrigins) == 0 {
		p.add(IDNotChecked, "web pages (CORS)", "allowed_origins is empty", "")
		return
	}
	origins := p.parts.Settings.AllowedOrigins
	before := len(p.report.Findings)
	for _, origin := range origins[:min(len(origins), maxOrigins)] {
		p.checkPreflight(ctx, origin)
		p.checkExposed(ctx, origin)
		if response, err := p.get(ctx, p.metadata, http.Header{"Origin": {origin}}); err == nil && response.Status == http.StatusOK && !allows(response, origin) {
			p.add(IDCORSMetadata, logging.RedactURL(p.metadata), "the response has no Access-Control-Allow-Origin for "+origin, "stop the proxy from removing Access-Control-Allow-Origin, and serve the metadata outside of the CORS library")
		}
	}
	if len(p.report.Findings) == before {
		p.add(IDCORS, p.url, "a preflight and a response without a token for "+some(origins[:min(len(origins), maxOrigins)]), "")
	}
	if len(origins) > maxOrigins {
		p.add(IDNotChecked, "allowed_origins", fmt.Sprintf("only the first %d origins are looked at", maxOrigins), "")
	}
}

// checkPreflight sends a preflight (Fetch, CORS protocol).
func (p *public) checkPreflight(ctx context.Context, origin string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodOptions, p.url, nil)
	if err != nil {
		return
	}
	req.Header.Set("Origin", origin)
	req.Header.Set("Access-Control-Request-Method", http.MethodPost)
	req.Header.Set("Access-Control-Request-Headers", strings.Join(neededHeaders, ","))
	response, err := p.send(p.client, req)
	fix := "answer preflights for " + pathOf(p.url) + " with a CORS library in front of warder: see docs/browsers.md"
	switch {
	case err != nil:
		p.add(IDCORSPreflight, p.url, errorText(err), fix)
	case response.Status < 200 || response.Status > 299:
		p.add(IDCORSPreflight, p.url, fmt.Sprintf("the preflight has status %d", response.Status), fix)
	case !allows(response, origin):
		p.add(IDCORSPreflight, p.url, "the response to the preflight has no Access-Control-Allow-Origin for "+origin, "add "+origin+" to the origins of the CORS library: use resource.Resource.AllowsOrigin")
	default:
		if missing := missingFrom(response.Header.Values("Access-Control-Allow-Headers"), neededHeaders); len(missing) > 0 {
			p.add(IDCORSPreflight, p.url, "Access-Control-Allow-Headers lacks "+strings.Join(missing, ", "), "add "+strings.Join(missing, ", ")+" to the allowed header fields of the CORS library")
		}
	}
}

// checkExposed looks whether a page can read a response with status 401.
func (p *public) checkExposed(ctx context.Context, origin string) {
	body := p.probe(ctx)
	if body == "" {
		return
	}
	response, err := p.post(ctx, body, origin)
	switch {
	case err != nil:
	case !allows(response, origin):
		p.add(IDCORSHeaders, p.url, fmt.Sprintf("a response with status %d has no Access-Control-Allow-Origin for %s", response.Status, origin), "put the CORS library in front of warder, so that it handles the responses of warder too")
	case len(missingFrom(response.Header.Values("Access-Control-Expose-Headers"), []string{"www-authenticate"})) > 0:
		p.add(IDCORSHeaders, p.url, "Access-Control-Expose-Headers lacks WWW-Authenticate", "add WWW-Authenticate to the exposed header fields of the CORS library")
	}
}

// allows reports whether a page of the origin can read the response.
func allows(response *outbound.Response, origin string) bool {
	values := response.Header.Values("Access-Control-Allow-Origin")
	return len(values) == 1 && (values[0] == origin || values[0] == "*")
}

// missingFrom returns the names that a list of header fields lacks. "*" stands for all of them but
// Authorization (Fetch, CORS protocol).
func missingFrom(values, names []string) (missing []string) {
	var listed []string
	for name := range strings.SplitSeq(strings.ToLower(strings.Join(values, ",")), ",") {
		listed = append(listed, strings.TrimSpace(name))
	}
	for _, name := range names {
		if !slices.Contains(listed, name) && (name == "authorization" || !slices.Contains(listed, "*")) {
			missing = append(missing, name)
		}
	}
	return missing
}
