package gate

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/warder-go/warder/internal/urltable"
	"github.com/warder-go/warder/resource"
)

// forwardAuth decides about requests that another proxy received.
type forwardAuth struct {
	settings *forwardSettings
	proxies  prefixes
	style    style
}

// style is how a proxy says what the original request is.
type style struct {
	method, host, uri string // header fields; "": of the request itself
	below             bool   // the path is that of the endpoint, with the original one after it
	body              bool   // the proxy can send the whole body
	partial           string // field that says whether the body is complete; "": it always is
}

var styles = map[string]style{
	"nginx":   {method: "X-Original-Method", uri: "X-Original-Uri"},
	"traefik": {method: "X-Forwarded-Method", host: "X-Forwarded-Host", uri: "X-Forwarded-Uri", body: true},
	"caddy":   {method: "X-Forwarded-Method", host: "X-Forwarded-Host", uri: "X-Forwarded-Uri"},
	"envoy":   {below: true, body: true, partial: "X-Envoy-Auth-Partial-Body"},
}

// buildForwardAuth checks forward_auth.
func (b *builder) buildForwardAuth() {
	g := b.gate
	s := g.settings.ForwardAuth
	if s == nil {
		return
	}
	f := &forwardAuth{settings: s, proxies: b.prefixes("forward_auth.proxies", s.Proxies), style: styles[s.Style]}
	if len(s.Proxies) == 0 {
		b.decoder.at("forward_auth.proxies", "is empty; list the addresses of the proxies")
	}
	if s.Body && !f.style.body {
		b.decoder.at("forward_auth.body", "this style sends no body; remove the key")
	}
	if !strings.HasPrefix(s.Path, "/") || strings.HasSuffix(s.Path, "/") || !urltable.IsPlain(s.Path) {
		b.decoder.at("forward_auth.path", "must begin with /, end without it, and have segments of letters, digits, \"-\", \".\", \"_\" and \"~\"")
	}
	b.checkOwnPath("forward_auth.path", s.Path, f.style.below)
	external := 0
	for _, u := range g.upstreams {
		if u.url == nil {
			external++
		}
	}
	if external == 0 {
		b.decoder.at("forward_auth", "all upstreams have a url, so the gate itself is their proxy; remove the url of those that another proxy serves")
	}
	g.forward = f
}

// checkWithoutURL adds mistakes of an upstream that another proxy serves.
func (b *builder) checkWithoutURL(u *upstream) {
	s := u.settings
	if b.gate.settings.ForwardAuth == nil {
		b.decoder.at(u.key+".url", "is missing")
		return
	}
	for key, is := range map[string]bool{"ca_file": s.CAFile != "", "cors": s.CORS, "bind_sessions": s.BindSessions, "pass_challenges": s.PassChallenges, "request_headers": len(s.RequestHeaders) > 0} {
		if is {
			b.decoder.at(u.key+"."+key, "has no effect without url; remove the key")
		}
	}
}

// owns reports whether a request is for the endpoint.
func (f *forwardAuth) owns(req *http.Request) bool {
	if f.style.below {
		return strings.HasPrefix(req.URL.Path, f.settings.Path+"/")
	}
	return req.URL.Path == f.settings.Path
}

// serveForward decides about the original request. Status 200 accepts it; the identity fields are
// in the header, for the proxy to copy. Every other status rejects it, with the challenge.
func (g *Gate) serveForward(w http.ResponseWriter, req *http.Request) {
	if !g.forward.proxies.contains(req.RemoteAddr) {
		g.refuse(w, req, refusedProxy)
		return
	}
	original, r := g.forward.original(req)
	if r == nil {
		r = checkTarget(original)
	}
	if r != nil {
		g.refuse(w, req, r)
		return
	}
	at := g.find(original)
	if at == nil || at.upstream.url != nil {
		g.refuse(w, req, refusedPath)
		return
	}
	if r := g.checkOriginal(original, at.upstream); r != nil {
		g.refuse(w, req, r)
		return
	}
	original.Body = http.MaxBytesReader(w, original.Body, at.upstream.applied.Load().maxBody)
	decision, refusal := at.upstream.live.Resource().Authenticate(original)
	if refusal != nil {
		refusal.SetHeader(w.Header())
		w.WriteHeader(refusal.Status)
		_, _ = w.Write(refusal.Body)
		return
	}
	defer decision.Done()
	if r := checkAccepted(original, decision.Request, at.upstream); r != nil {
		g.refuse(w, req, r)
		return
	}
	g.acceptForward(w, req, at.upstream, decision)
}

// checkAccepted rejects an accepted request if it has what the gate as a proxy rejects or removes
// after the decision. accepted is the request without its token.
func checkAccepted(original, accepted *http.Request, u *upstream) *refusal {
	if hasToken(original.URL, u.presentedTokens(original.Header)) {
		return refusedQuery
	}
	before := len(accepted.Header["Mcp-Method"]) + len(accepted.Header["Mcp-Name"])
	if keepMirrors(accepted, u.applied.Load().maxBody) != nil || len(accepted.Header["Mcp-Method"])+len(accepted.Header["Mcp-Name"]) != before {
		return refusedMirrors
	}
	return nil
}

// acceptForward writes the response to an accepted request. It has every identity field of the
// upstream, empty without a value, so that the proxy overwrites a field that the client sent.
func (g *Gate) acceptForward(w http.ResponseWriter, req *http.Request, u *upstream, decision resource.Decision) {
	h := w.Header()
	decision.SetHeader(h)
	for _, name := range g.identityNames(u) {
		h[name] = []string{""}
	}
	if decision.Caller != nil {
		identity, err := g.identify(u, decision.Caller)
		if err != nil {
			g.logger().Error("cannot make the identity of a caller", "upstream", u.settings.Name, "error", err)
			clear(h)
			g.refuse(w, req, refusedInternal)
			return
		}
		for _, f := range identity {
			h[f.name] = []string{f.value}
		}
	}
	h.Set("Cache-Control", "no-store")
	g.metrics.countUpstream(u, "forward_auth")
	w.WriteHeader(http.StatusOK)
}

// original returns the request that the proxy received.
func (f *forwardAuth) original(req *http.Request) (*http.Request, *refusal) {
	method, host, uri := req.Method, req.Host, req.RequestURI
	ok := true
	get := func(name string, into *string) {
		if name == "" {
			return
		}
		values := req.Header[name]
		if ok = ok && len(values) == 1 && values[0] != ""; ok {
			*into = values[0]
		}
	}
	get(f.style.method, &method)
	get(f.style.host, &host)
	get(f.style.uri, &uri)
	if f.style.below {
		uri, ok = strings.CutPrefix(uri, f.settings.Path)
	}
	if !ok || !strings.HasPrefix(uri, "/") {
		return nil, refusedOriginal
	}
	target, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil, refusedOriginal
	}
	original := req.WithContext(req.Context())
	original.Method, original.Host, original.RequestURI, original.URL = method, host, uri, target
	original.Proto, original.ProtoMajor, original.ProtoMinor = "HTTP/1.1", 1, 1
	original.TLS = nil // a certificate of the proxy is not one of the client
	original.Header = maps.Clone(req.Header)
	for _, name := range []string{"X-Original-Method", "X-Original-Uri", "X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Connection", "Host"} {
		delete(original.Header, name)
	}
	return original, f.setBody(original)
}

// setBody removes the body of the proxy's request, unless it is that of the original one.
func (f *forwardAuth) setBody(original *http.Request) *refusal {
	if !f.settings.Body || original.Method != http.MethodPost {
		if f.style.body && f.settings.Body && original.ContentLength != 0 {
			return refusedContent
		}
		original.Body, original.ContentLength, original.TransferEncoding = http.NoBody, 0, nil
		return nil
	}
	if f.style.partial == "" {
		return nil
	}
	if values := original.Header[f.style.partial]; len(values) != 1 || values[0] != "false" {
		return refusedPartial
	}
	return nil
}

// checkOriginal makes the checks of a request that the gate itself passes on. In addition it rejects
// identity fields of the client, because the gate cannot remove them here.
func (g *Gate) checkOriginal(original *http.Request, u *upstream) *refusal {
	for name := range original.Header {
		if g.owned[fold(name)] {
			return refusedIdentity
		}
	}
	if original.Header["Upgrade"] != nil { // also h2c: a proxy can pass the offer on, and then every further request
		return refusedUpgrade
	}
	if original.Body == nil {
		original.Body = io.NopCloser(strings.NewReader(""))
	}
	return checkRequest(original, u)
}

// identityNames returns the names of the identity fields of an upstream.
func (g *Gate) identityNames(u *upstream) (names []string) {
	for _, f := range u.fields {
		names = append(names, f.name)
	}
	if g.keys != nil {
		names = append(names, http.CanonicalHeaderKey(g.settings.Identity.Header))
	}
	return names
}
