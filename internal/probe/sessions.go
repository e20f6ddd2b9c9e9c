package probe

import (
	"context"
	"net/http"
)

// foreignOrigin is the origin of a page that no server allows.
const foreignOrigin = "https://foreign.invalid"

// maxSessions limits how many sessions a run ends. Each accepted token opens one.
const maxSessions = 16 // sessions that a probe ends

// sessionEvidence is what was seen of sessions and of the check of Origin.
type sessionEvidence struct {
	id      string // of a session of the valid token, or one that does not exist
	real    bool
	post    reply // in the session, without a token
	remove  reply // DELETE of the session, without a token
	foreign reply // with a foreign Origin, and with the valid token if there is one
}

func sessionChecks() []check {
	return []check{
		{"session-post", mcpSessions, Must, "A POST with the ID of a session, but without a token, gets 401.", func(e *evidence) verdict {
			return judgeSession(e, e.session.post)
		}},
		{"session-delete", mcpSessions, Must, "A DELETE of a session without a token is not accepted.", func(e *evidence) verdict {
			if !e.session.real {
				return notChecked("needs a valid token and a server with sessions")
			}
			return answered(e.session.remove, func(r reply) verdict { return goodIf(!r.ok(), r.describe()) })
		}},
	}
}

// judgeSession leaves servers that need no token at all to another check.
func judgeSession(e *evidence, r reply) verdict {
	if e.post.status != http.StatusUnauthorized {
		return notApplicable("no 401 without a token")
	}
	return answered(r, func(r reply) verdict { return goodIf(r.status == http.StatusUnauthorized, r.describe()) })
}

func (e *evidence) collectSession(ctx context.Context) {
	s := e.sender
	e.session.id = e.controlReply.header.Get("Mcp-Session-Id")
	e.session.real = e.control != "" && validID(e.session.id)
	if !e.session.real {
		e.session.id = random()
	}
	e.session.post = s.send(ctx, http.MethodPost, e.cfg.URL, mcpHeader("Mcp-Session-Id", e.session.id), ping)
	if e.session.real {
		e.session.remove = s.send(ctx, http.MethodDelete, e.cfg.URL, withoutBody("Mcp-Session-Id", e.session.id), "")
	}
	header := mcpHeader("Origin", foreignOrigin)
	if e.control != "" {
		header.Set("Authorization", "Bearer "+e.control)
	}
	e.session.foreign = s.send(ctx, http.MethodPost, e.cfg.URL, header, initialize)
}

// validID reports whether the ID of a session can be sent back: visible ASCII of a limited length
// (MCP 2025-11-25 transports, Session Management).
func validID(id string) bool {
	for _, c := range id {
		if c < '!' || c > '~' {
			return false
		}
	}
	return id != "" && len(id) <= 1024
}

func judgeForeignOrigin(e *evidence) verdict {
	r := e.session.foreign
	switch {
	case r.err != nil:
		return notChecked(r.describe())
	case r.status == http.StatusForbidden:
		return good(r.describe())
	case e.control == "" && r.status == http.StatusUnauthorized:
		return notChecked("the server decided about the missing token first: " + e.controlWhy)
	}
	return bad(r.describe())
}

// endSessions ends the sessions that accepted requests have opened.
func (e *evidence) endSessions(ctx context.Context) {
	ended := map[string]bool{}
	for _, r := range e.sender.all {
		id := r.header.Get("Mcp-Session-Id")
		if !r.ok() || !validID(id) || ended[id] || len(ended) == maxSessions {
			continue
		}
		ended[id] = true
		header := withoutBody("Mcp-Session-Id", id)
		if authorization := r.request.Get("Authorization"); authorization != "" {
			header.Set("Authorization", authorization)
		}
		e.sender.send(ctx, http.MethodDelete, e.cfg.URL, header, "")
	}
}
