package probe

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
)

// evidence is everything that a run has seen. The checks only read it.
type evidence struct {
	cfg        Config
	target     *url.URL
	sender     *sender
	shownParts map[string]bool // of tokens: see show

	// Requests without a token.
	post, get, head, remove, options reply
	challenges                       []challenge // of post
	challengeErr                     error       // of their grammar

	// The metadata of the server. inserted and root are the well-known URLs.
	named, inserted, root document
	metadata              document // that clients use
	metadataPreflight     reply
	metadataPage          reply // requested by a page of a browser

	servers []server
	more    int // authorization servers that were not looked at

	// Requests with tokens and header fields that the server must reject, by the check.
	rejected map[string]attempt

	control      string // a valid token; "" none
	controlReply reply
	controlWhy   string // why control is empty
	query        reply  // the valid token in the query
	lowerCase    reply  // the valid token with "bearer"

	session   sessionEvidence
	cors      corsEvidence
	spellings spellingEvidence
	forwarded forwardedEvidence
}

// attempt is a request that the server must reject.
type attempt struct {
	reply reply
	why   string // the request was not sent for this reason; "" sent
}

// server is an authorization server that the metadata names.
type server struct {
	issuer string
	tried  []document
	doc    document // the one that clients use; without members if none was found
	page   reply    // doc requested by a page of a browser
}

// collect sends all requests of a run.
func (p *Probe) collect(ctx context.Context) *evidence {
	e := &evidence{cfg: p.cfg, target: p.target, sender: &sender{client: p.client}}
	s := e.sender
	e.post = s.send(ctx, http.MethodPost, p.cfg.URL, mcpHeader(), initialize)
	if e.post.err != nil {
		return e
	}
	e.get = s.send(ctx, http.MethodGet, p.cfg.URL, withoutBody(), "")
	e.head = s.send(ctx, http.MethodHead, p.cfg.URL, withoutBody(), "")
	e.remove = s.send(ctx, http.MethodDelete, p.cfg.URL, withoutBody(), "")
	e.options = s.send(ctx, http.MethodOptions, p.cfg.URL, withoutBody(), "")
	e.challenges, e.challengeErr = challengesOf(e.post)
	e.collectMetadata(ctx)
	e.collectServers(ctx)
	f := e.newForge(ctx)
	e.collectControl(ctx, f)
	e.collectRejected(ctx, f)
	e.collectSession(ctx)
	e.collectCORS(ctx)
	e.collectSpellings(ctx)
	e.collectForwarded(ctx)
	e.endSessions(ctx)
	e.shownParts = s.parts(shownPart)
	return e
}

func withoutBody(pairs ...string) http.Header {
	h := mcpHeader(pairs...)
	h.Del("Content-Type")
	return h
}

// challengesOf returns the challenges of a response. All fields form one list (RFC 9110 §5.3).
func challengesOf(r reply) (all []challenge, err error) {
	for _, value := range r.header.Values("WWW-Authenticate") {
		found, mistake := parseChallenges(value)
		all = append(all, found...)
		if mistake != nil && err == nil {
			err = mistake
		}
	}
	return all, err
}

func (e *evidence) collectMetadata(ctx context.Context) {
	inserted, root := wellKnownURLs(e.target)
	e.inserted = e.sender.fetch(ctx, "the path-inserted well-known URL", inserted)
	if root == "" {
		e.root = e.inserted
	} else {
		e.root = e.sender.fetch(ctx, "the well-known URL at the root", root)
	}
	if named, ok := e.bearer().get("resource_metadata"); ok {
		switch named.value {
		case inserted:
			e.named = e.inserted
		case root:
			e.named = e.root
		default:
			e.named = e.sender.fetch(ctx, "the URL in the challenge", named.value)
		}
	}
	for _, d := range []document{e.named, e.inserted, e.root} {
		if d.members != nil {
			e.metadata = d
			break
		}
	}
	if e.metadata.members == nil {
		return
	}
	e.metadataPage = e.sender.send(ctx, http.MethodGet, e.metadata.url, documentHeader("Origin", e.cfg.Origin), "")
	e.metadataPreflight = e.sender.send(ctx, http.MethodOptions, e.metadata.url, http.Header{
		"Origin": {e.cfg.Origin}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"mcp-protocol-version"},
	}, "")
}

func (e *evidence) collectServers(ctx context.Context) {
	issuers := e.metadata.list("authorization_servers")
	e.more = max(0, len(issuers)-maxServers)
	for _, issuer := range issuers[:min(len(issuers), maxServers)] {
		as := server{issuer: issuer}
		for _, url := range serverURLs(issuer) {
			d := e.sender.fetch(ctx, "the metadata of the authorization server", url)
			as.tried = append(as.tried, d)
			if d.members != nil {
				as.doc = d
				as.page = e.sender.send(ctx, http.MethodGet, url, documentHeader("Origin", e.cfg.Origin), "")
				break
			}
		}
		e.servers = append(e.servers, as)
	}
}

// bearer returns the first Bearer challenge without a token, or a challenge without a scheme.
func (e *evidence) bearer() challenge {
	if e.post.status != http.StatusUnauthorized {
		return challenge{}
	}
	c, _ := bearerOf(e.challenges)
	return c
}

// collectControl finds a token that the server accepts.
func (e *evidence) collectControl(ctx context.Context, f *forge) {
	switch {
	case f.test.Signer != nil:
		e.control = f.signed(nil, nil)
	case e.cfg.Token != "":
		e.control = e.cfg.Token
	default:
		e.controlWhy = "needs a valid token: give a token, or the key of a test issuer"
		return
	}
	e.controlReply = e.sender.send(ctx, http.MethodPost, e.cfg.URL, mcpHeader("Authorization", e.sender.bearer(e.control)), initialize)
	if !accepted(e.controlReply) && f.test.Signer != nil && e.cfg.Audience == "" && f.audience != e.cfg.URL {
		f.audience = e.cfg.URL
		e.control = f.signed(nil, nil)
		e.controlReply = e.sender.send(ctx, http.MethodPost, e.cfg.URL, mcpHeader("Authorization", e.sender.bearer(e.control)), initialize)
	}
	if !accepted(e.controlReply) {
		e.control, e.controlWhy = "", "needs a valid token, and the server did not accept the one that it got"
		return
	}
	e.lowerCase = e.sender.send(ctx, http.MethodPost, e.cfg.URL, mcpHeader("Authorization", "bearer "+e.control), initialize)
	if f.test.Signer == nil {
		return // a URL can be written to logs, so a token of the user is not sent in one
	}
	withQuery := *e.target
	query := withQuery.Query()
	query.Set("access_token", e.control)
	withQuery.RawQuery = query.Encode()
	e.query = e.sender.send(ctx, http.MethodPost, withQuery.String(), mcpHeader(), initialize)
}

// accepted reports whether the server has accepted a token. A server that does not support the
// protocol version answers with 400 and a JSON-RPC error after it has accepted the token.
func accepted(r reply) bool {
	if r.ok() {
		return true
	}
	members, err := readObject([]byte(r.body))
	return r.status == http.StatusBadRequest && err == nil && members["jsonrpc"] != nil && members["error"] != nil && r.header.Get("WWW-Authenticate") == ""
}

// takes reports whether the server has accepted a request: it answers with 2xx, or with the JSON-RPC
// error with which it also answers to the valid token.
func (e *evidence) takes(r reply) bool {
	return r.ok() || e.control != "" && r.err == nil && r.status == e.controlReply.status && accepted(r)
}

// random returns text that no server knows.
func random() string { return rand.Text() }
