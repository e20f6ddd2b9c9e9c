package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/warder-go/warder/internal/nearest"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/resource"
)

// checkTools sends the token to the server, and compares the tools there with those that rules name.
func (p *public) checkTools(ctx context.Context, usable bool) {
	const subject = "tools"
	switch {
	case p.config.Token == "":
		p.add(IDNotChecked, subject, "the list of tools needs a token (-token)", "")
		return
	case !usable:
		p.add(IDNotChecked, subject, "this configuration does not accept the token", "")
		return
	case !maySendToken(p.url):
		p.add(IDNotChecked, subject, "the token is not sent over http", "")
		return
	}
	m := &mcpClient{public: p}
	err := m.start(ctx)
	defer m.end(ctx)
	var names []string
	all := false
	if err == nil {
		names, all, err = m.listTools(ctx)
	}
	switch failed, ok := errors.AsType[*answerError](err); {
	case ok && failed.status == http.StatusUnauthorized && p.has(IDPublicAuthorization, p.url):
		// The cause of this is reported.
	case ok && failed.status == http.StatusUnauthorized:
		p.add(IDPublicToken, p.url, "a request with the token has status 401", "stop the proxy from removing or replacing Authorization, or start the server with this configuration")
	case err != nil:
		p.add(IDNotChecked, subject, "the server does not list its tools: "+errorText(err), "")
	default:
		p.compareTools(ctx, names, all)
	}
}

// maySendToken reports whether the token is safe on the way to a URL of the configuration.
func maySendToken(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || outbound.IsLoopbackHost(u.Hostname()))
}

// compareTools compares the tools of the server with those that rules name. A server can hide the
// tools that the caller may not use, so only the others must be in its list.
func (p *public) compareTools(ctx context.Context, names []string, all bool) {
	named, keys := ruleTools(&p.parts.Settings)
	missing := 0
	for _, tool := range named {
		if slices.Contains(names, tool) {
			continue
		}
		missing++
		if !all {
			continue
		}
		similar := ""
		if name := nearest.Name(tool, names[:min(len(names), maxSimilar)]); name != "" {
			similar = "; the server has " + name
		}
		subject := keys[tool] + "." + tool
		if p.caller == nil || !p.resource.Offers(ctx, p.caller, resource.Operation{Method: "tools/call", Name: tool}) {
			p.add(IDNotChecked, subject, "the server does not list the tool, which this token may not use, so the server can hide it"+similar, "")
			continue
		}
		p.add(IDToolUnknown, subject, fmt.Sprintf("the server lists %d tools, and not %s, which this token may use", len(names), tool), "correct the name in "+keys[tool]+", or remove the rule"+similar)
	}
	switch {
	case missing > 0 && !all:
		p.add(IDNotChecked, "tools", fmt.Sprintf("the server has more than the %d tools that were read", len(names)), "")
	case missing == 0:
		p.add(IDTools, "tools", fmt.Sprintf("the server lists %d tools; rules name %d", len(names), len(named)), "")
	}
}
