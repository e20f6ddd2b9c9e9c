package resource

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/weborigin"
)

// checkOrigin implements the rule of MCP 2026-07-28 (Streamable HTTP, "Security & Endpoint"):
// a request with an Origin that is not allowed is rejected with 403. Programs send none.
// Browsers send one with each request that could change something, and with each request to
// another origin. If a name was rebound to this server's address, it is the origin of that
// name, which is on no list. net/http.CrossOriginProtection compares Origin with Host, which
// are equal in that case.
//
// The comparison is exact, because browsers write an origin in one way only (RFC 6454
// §6.2). Two header lines, an empty one and a list match no origin.
func (p *policy) checkOrigin(header http.Header) *fault {
	sent, ok := header["Origin"]
	if !ok || len(sent) == 1 && p.origins.Allows(sent[0]) {
		return nil
	}
	return &fault{reason: ReasonOrigin, got: strings.Join(sent, ", "), want: p.origins.String()}
}

// setOrigins checks HTTPOptions.Origins and adds the origins of the identifiers.
func (b *builder) setOrigins() {
	given := b.config.HTTP.Origins
	for n, origin := range given {
		where := fmt.Sprintf("HTTP.Origins[%d]", n)
		if slices.Contains(given[:n], origin) {
			b.mistakes.Addf("%s: duplicate origin %q", where, origin)
			continue
		}
		b.mistakes.AddAt(where, weborigin.Check(origin, b.config.HTTP.AllowHTTP))
	}
	var own []string
	for _, e := range b.policy.endpoints.all {
		if u, err := url.Parse(e.identifier); err == nil { // otherwise reported elsewhere
			own = append(own, weborigin.Of(u))
		}
	}
	b.policy.origins = weborigin.NewSet(own, given, b.config.HTTP.DenyLoopbackOrigins)
}
