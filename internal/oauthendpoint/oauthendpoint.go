// Package oauthendpoint calls one endpoint of an authorization server, such as the introspection
// endpoint or the token endpoint. It discovers the URL of the endpoint, authenticates this program
// and classifies the responses that do not depend on what the endpoint is for.
//
// It makes each call that it is told to make. Package callguard limits them.
package oauthendpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/clientauth"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

// Config configures an Endpoint. It must have been checked.
type Config struct {
	Issuer      string          // also the default of the aud of assertions
	MetadataURL string          // of the issuer's metadata; "": its well-known URLs
	URL         string          // of the endpoint; "": the URL in Member of the issuer's metadata
	Member      metadata.Member // required
	URLSetting  string          // what configures URL, for errors
	AuthSetting string          // what configures Auth, for errors

	Auth                                clientauth.Config
	CertificateFile, CertificateKeyFile string // "": no client certificate, or that in Outbound.TLS

	// Outbound are the requests for the metadata. Those to the endpoint additionally have the three
	// limits below.
	Outbound      outbound.Config
	Timeout       time.Duration
	MaxBytes      int64 // of a response, after decompression
	MaxConcurrent int
}

// Endpoint is one endpoint of an authorization server. It is safe for concurrent use.
type Endpoint struct {
	address     *address
	documents   *outbound.Client
	clients     *clients
	auth        *clientauth.Authenticator
	urlSetting  string
	authSetting string
}

// New returns an Endpoint. It makes no request.
func New(c Config) *Endpoint {
	out := c.Outbound
	certificates := clientauth.NewCertificateFiles(c.CertificateFile, c.CertificateKeyFile)
	if certificates != nil {
		out.TLS = certificates.Present(out.TLS)
	}
	documents := outbound.New(out)
	out.Timeout, out.MaxBytes, out.Concurrent = c.Timeout, c.MaxBytes, c.MaxConcurrent
	return &Endpoint{
		address: &address{
			fixed: c.URL != "", url: c.URL, documents: documents,
			issuer: c.Issuer, metadataURL: c.MetadataURL, member: c.Member, setting: c.URLSetting,
		},
		documents: documents, clients: &clients{config: out, certificates: certificates},
		auth: clientauth.New(c.Auth, c.Issuer), urlSetting: c.URLSetting, authSetting: c.AuthSetting,
	}
}

// Method returns the method of authentication.
func (e *Endpoint) Method() string { return e.auth.Method() }

// ClientID returns our client ID, or "".
func (e *Endpoint) ClientID() string { return e.auth.ClientID() }

// Documents returns the client for documents of the issuer, such as its metadata.
func (e *Endpoint) Documents() *outbound.Client { return e.documents }

// URL returns the URL of the endpoint. It waits for a discovery only if none has succeeded yet.
func (e *Endpoint) URL(ctx context.Context) (string, error) { return e.address.get(ctx) }

// KnownURL returns the URL of the endpoint without waiting, or "" before the first discovery.
func (e *Endpoint) KnownURL() string {
	known, _ := e.address.current()
	return known
}

// FreshURL returns the URL of the configuration or else that of the metadata, which it reads in
// each call.
func (e *Endpoint) FreshURL(ctx context.Context) (string, error) {
	if e.address.fixed {
		return e.KnownURL(), nil
	}
	return e.address.discover(ctx)
}

// RefreshSoon makes a discovery due in a second, because the endpoint may have moved.
func (e *Endpoint) RefreshSoon() { e.address.refreshSoon() }

// Exchange is a request to the endpoint and the response.
type Exchange struct {
	URL                string             // of the endpoint
	Response           *outbound.Response // nil: there was none
	SentAt, ReceivedAt time.Time          // zero: the request was not sent
	Note               string             // what may be wrong with our credentials, after "; "

	method, urlSetting, authSetting string
}

// Post sends a form with our credentials to a URL that URL or FreshURL has returned. accept is the
// media type to request. Post modifies form. It does not interpret the status of the response. The
// Exchange is complete if the Failure is nil.
func (e *Endpoint) Post(ctx context.Context, endpoint, accept string, form url.Values) (Exchange, *Failure) {
	x := Exchange{URL: endpoint, method: e.auth.Method(), urlSetting: e.urlSetting, authSetting: e.authSetting}
	client, err := e.clients.get()
	if err != nil {
		return x, newFailure(Credentials, fmt.Errorf("our client certificate is not available: %w", err))
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {accept}}
	x.Note, err = e.auth.Apply(ctx, header, form)
	if err != nil {
		return x, newFailure(Credentials, fmt.Errorf("our credentials are not available: %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil { // cannot happen: the check of the configuration and metadata.Discover check the URL
		return x, newFailure(Unreachable, errors.New("the endpoint is not a valid URL"))
	}
	req.Header = header
	x.SentAt = time.Now()
	x.Response, err = client.Do(req)
	x.ReceivedAt = time.Now()
	if err != nil {
		return x, e.outboundFailure(err)
	}
	return x, nil
}
