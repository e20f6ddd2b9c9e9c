package probe

import (
	"context"
	"net/http"
)

// corsEvidence is what a browser would see at the MCP endpoint.
type corsEvidence struct {
	preflight        reply
	page             reply // a POST without a token
	foreignPreflight reply // from a page that no server allows
}

// corsChecks are about the MCP endpoint. They do not apply to a server that is not for browsers.
func corsChecks() []check {
	return []check{
		{"cors-preflight", "Fetch, CORS-preflight fetch", Should, "The preflight of a POST passes without a token, and allows Authorization, Content-Type and MCP-Protocol-Version by name.", forBrowsers(func(e *evidence) verdict {
			return answered(e.cors.preflight, func(r reply) verdict { return judgePreflight(e, r) })
		})},
		{"cors-response", fetchCORS, Should, "Pages of browsers can read a 401.", forBrowsers(func(e *evidence) verdict {
			return answered(e.cors.page, func(r reply) verdict {
				return goodIf(allowsOrigin(r, e.cfg.Origin), "Access-Control-Allow-Origin: "+r.header.Get("Access-Control-Allow-Origin"))
			})
		})},
		{"cors-expose", fetchCORS, Should, "Access-Control-Expose-Headers of a 401 has WWW-Authenticate.", forBrowsers(func(e *evidence) verdict {
			if !allowsOrigin(e.cors.page, e.cfg.Origin) {
				return notApplicable("see cors-response")
			}
			return goodIf(allows(e.cors.page.header, "Access-Control-Expose-Headers", "WWW-Authenticate", true), "Access-Control-Expose-Headers: "+e.cors.page.header.Get("Access-Control-Expose-Headers"))
		})},
		{"cors-credentials", fetchCORS, Should, "Pages of all origins may not send requests with cookies.", forBrowsers(func(e *evidence) verdict {
			for _, r := range []reply{e.cors.foreignPreflight, e.session.foreign} {
				if r.header.Get("Access-Control-Allow-Origin") == foreignOrigin && r.header.Get("Access-Control-Allow-Credentials") == "true" {
					return bad("an unknown origin is allowed with credentials")
				}
			}
			return good("as wanted")
		})},
	}
}

func (e *evidence) collectCORS(ctx context.Context) {
	preflight := func(origin string) reply {
		return e.sender.send(ctx, http.MethodOptions, e.cfg.URL, http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {"POST"},
			"Access-Control-Request-Headers": {"authorization,content-type,mcp-protocol-version"},
		}, "")
	}
	e.cors.preflight = preflight(e.cfg.Origin)
	e.cors.foreignPreflight = preflight(foreignOrigin)
	e.cors.page = e.sender.send(ctx, http.MethodPost, e.cfg.URL, mcpHeader("Origin", e.cfg.Origin), initialize)
}

// forBrowsers applies a rule if a response shows that the server has CORS.
func forBrowsers(judge func(*evidence) verdict) func(*evidence) verdict {
	return func(e *evidence) verdict {
		const field = "Access-Control-Allow-Origin"
		if e.cors.preflight.header.Get(field) == "" && e.cors.page.header.Get(field) == "" && e.cors.foreignPreflight.header.Get(field) == "" {
			return notApplicable("no response allows pages of browsers")
		}
		return judge(e)
	}
}

func judgePreflight(e *evidence, r reply) verdict {
	var found []string
	if !r.ok() {
		found = append(found, r.describe())
	}
	if !allowsOrigin(r, e.cfg.Origin) {
		found = append(found, "the origin is not allowed")
	}
	if !allows(r.header, "Access-Control-Allow-Headers", "authorization", false) { // Fetch, CORS protocol: the wildcard excludes it
		found = append(found, "Authorization is not allowed")
	}
	for _, name := range []string{"content-type", "mcp-protocol-version"} {
		if !allows(r.header, "Access-Control-Allow-Headers", name, true) {
			found = append(found, name+" is not allowed")
		}
	}
	return problems(found)
}
