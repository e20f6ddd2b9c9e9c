package probe

import (
	"context"
	"net/http"
)

// forwardedHost is a host that a client claims to have called.
const forwardedHost = "forwarded.invalid"

// forwardedEvidence is what was seen of requests without a token that have the header fields of a
// proxy with a false host.
type forwardedEvidence struct {
	post, metadata reply // metadata: the zero reply if no metadata was found
}

func forwardedChecks() []check {
	return []check{
		{"forwarded-host", "RFC 7239 §8.1", Should, "URLs in the challenge and in the metadata do not have the host in Forwarded or X-Forwarded-Host, which every client can send.", judgeForwarded},
	}
}

func (e *evidence) collectForwarded(ctx context.Context) {
	fields := []string{"Forwarded", "host=" + forwardedHost, "X-Forwarded-Host", forwardedHost}
	e.forwarded.post = e.sender.send(ctx, http.MethodPost, e.cfg.URL, mcpHeader(fields...), initialize)
	if e.metadata.members != nil {
		e.forwarded.metadata = e.sender.send(ctx, http.MethodGet, e.metadata.url, documentHeader(fields...), "")
	}
}

func judgeForwarded(e *evidence) verdict {
	post, document := e.forwarded.post, e.forwarded.metadata
	switch {
	case post.status != http.StatusUnauthorized && e.metadata.members == nil && post.err == nil:
		return notApplicable("neither a challenge nor metadata was found")
	case contains(post, forwardedHost):
		return bad("a POST without a token: " + post.describe() + " with the host " + forwardedHost)
	case contains(document, forwardedHost):
		return bad("the metadata has the host " + forwardedHost)
	case post.err != nil:
		return notChecked(post.describe())
	case document.err != nil:
		return notChecked(document.describe())
	}
	return good("as wanted")
}
