package check

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/metadataurl"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// public is the check of one public URL.
type public struct {
	*run
	url      string // the identifier
	metadata string // the URL of the metadata that challenges have
	client   *outbound.Client
	mcp      *outbound.Client // for the MCP server: answers are longer
	requests int
	exchanges
}

// checkPublic looks at the public URLs. tokenUsable says that the token can be sent.
func (r *run) checkPublic(ctx context.Context, tokenUsable bool) {
	if !r.config.Public {
		r.add(IDNotChecked, "public URL", "the check through the public URL was not requested (-public)", "")
		return
	}
	documents := r.resource.Documents()
	for n, identifier := range r.resource.Identifiers() {
		if n == maxURLs {
			r.add(IDNotChecked, "additional_resource_server_urls", "only the first of them are looked at", "")
			return
		}
		r.newPublic(identifier).check(ctx, documents[n](), n == 0, tokenUsable)
	}
}

func (r *run) newPublic(identifier string) *public {
	s := &r.parts.Settings
	p := &public{run: r, url: identifier}
	var none configerr.List // package resource has checked the settings
	p.metadata = metadataurl.Settings{URL: s.ResourceMetadataURL, BasePath: s.BasePath, Paths: s.ResourceMetadataPaths, AllowHTTP: s.AllowHTTP}.Of(identifier, &none).URL
	c := outbound.Config{Transport: r.config.Transport, TLS: r.config.TLS, AllowHTTP: s.AllowHTTP,
		Hosts: outbound.Hosts(identifier, p.metadata), Methods: []string{http.MethodOptions, http.MethodDelete}}
	p.client = outbound.New(c)
	c.MaxBytes = maxPage
	p.mcp = outbound.New(c)
	return p
}

// check looks at the URL. Most findings are the same for all URLs, so only the first one gets all requests.
func (p *public) check(ctx context.Context, document metadata.Document, first, tokenUsable bool) {
	ctx = p.record(ctx)
	defer p.client.CloseIdle()
	defer p.mcp.CloseIdle()
	p.checkMetadata(ctx, document)
	reached := p.checkChallenge(ctx)
	if first {
		p.checkPlaintext(ctx)
	}
	switch {
	case reached && first:
		p.checkAuthorization(ctx)
		p.checkOrigin(ctx)
		p.checkCORS(ctx)
		p.checkTools(ctx, tokenUsable)
	case first:
		p.add(IDNotChecked, "caches, web pages (CORS) and tools", "the response to a request without a token is not that of this server", "")
	}
	p.checkClocks(&p.exchanges)
	p.checkCertificates(&p.exchanges)
}

var errTooMany = errors.New("check: too many requests through the public URL")

// send sends a request. A response with any status but 3xx is not an error.
func (p *public) send(client *outbound.Client, req *http.Request) (*outbound.Response, error) {
	if p.requests++; p.requests > maxRequests {
		return nil, errTooMany
	}
	return client.Do(req)
}

// get requests a URL without a token.
func (p *public) get(ctx context.Context, address string, header http.Header) (*outbound.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return p.send(p.client, req)
}

// addNetwork adds the finding for a request to the public URL without a response. The subject is the
// origin, because all URLs there have the same problem.
func (p *public) addNetwork(address string, err error) {
	origin := originOf(address)
	failed, _ := errors.AsType[*outbound.Error](err)
	switch {
	case failed == nil:
		p.add(IDNotChecked, logging.RedactURL(address), err.Error(), "")
	case failed.Outcome == outbound.Redirect:
		target := redirectTarget(p.last())
		p.add(IDPublicRedirect, origin, logging.RedactURL(address)+" redirects to "+target,
			"stop the redirect at the proxy, or set resource_server_url to the URL after it, if clients use that one")
	case speaksHTTP(err):
		p.add(IDPublicHTTP, origin, errorText(failed), "switch on TLS at the proxy, or correct resource_server_url")
	case failed.Outcome == outbound.TLS && strings.Contains(err.Error(), "tls: certificate required"): // an alert (RFC 8446 §6.2)
		p.add(IDNotChecked, origin, "the server wants a certificate of the client, and this check has none (in Go: TLS)", "")
	case failed.Outcome == outbound.TLS:
		seen, _, _ := strings.Cut(errorText(failed), ": if the CA is your own") // what follows is about ca_file
		p.add(IDPublicTLS, origin, seen, "install a certificate for this host at the proxy, with its whole chain, or pass its CA with -public-ca (in Go: TLS)")
	case failed.Outcome == outbound.TooLarge, failed.Outcome == outbound.Encoding, failed.Outcome == outbound.Truncated, failed.Outcome == outbound.Protocol:
		p.add(IDPublicStatus, logging.RedactURL(address), errorText(failed), "correct the proxy, or resource_server_url")
	default:
		p.add(IDPublicUnreachable, origin, errorText(failed), "start the server and the proxy in front of it, or correct resource_server_url")
	}
}

// speaksHTTP reports whether a TLS handshake has failed because the server speaks http. Which error that is
// depends on the transport.
func speaksHTTP(err error) bool {
	header, ok := errors.AsType[tls.RecordHeaderError](err)
	return errors.Is(err, http.ErrSchemeMismatch) || ok && string(header.RecordHeader[:]) == "HTTP/"
}

// redirectTarget returns the location of a redirect for a text.
func redirectTarget(e outbound.Exchange) string {
	location := e.Header.Get("Location")
	from, err := url.Parse(e.URL)
	if location == "" || err != nil {
		return "no location"
	}
	to, err := from.Parse(location)
	if err != nil {
		return "a malformed location"
	}
	return logging.RedactURL(to.String())
}

// checkPlaintext looks whether the server at the https URL also answers over http at the default port.
func (p *public) checkPlaintext(ctx context.Context) {
	u, err := url.Parse(p.url)
	if err != nil || u.Scheme != "https" || u.Port() != "" {
		return
	}
	plain := *u
	plain.Scheme = "http"
	client := outbound.New(outbound.Config{Transport: p.config.Transport, Hosts: []string{u.Hostname()}, AllowHTTP: true})
	defer client.CloseIdle()
	req, err := newRequest(ctx, plain.String(), initialize)
	if err != nil {
		return
	}
	response, err := p.send(client, req)
	if err != nil || response.Status != http.StatusUnauthorized || !strings.Contains(response.Header.Get("WWW-Authenticate"), "resource_metadata=") {
		return // nothing, a redirect, or another server
	}
	p.add(IDPublicPlaintext, plain.Scheme+"://"+plain.Host, "POST "+plain.String()+" has status 401 with the challenge of an MCP server", "close port 80 at the proxy, or redirect from it to https")
}

// challengeOf returns the decision of this configuration about a request without a token.
func (p *public) challengeOf(ctx context.Context, body, origin string) *resource.Refusal {
	_, refusal := p.decideAt(ctx, p.url, body, "", origin)
	return refusal
}
