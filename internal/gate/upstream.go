package gate

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2"

	"github.com/warder-go/warder/internal/regularfile"
	"github.com/warder-go/warder/internal/urltable"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

// upstream is an MCP server behind the gate.
type upstream struct {
	settings  *upstreamSet
	key       string   // of the settings, for mistakes
	url       *url.URL // nil: another proxy serves it (forward_auth)
	audience  string
	basePath  string // of the authorization block
	live      *config.Live
	transport *http.Transport
	applied   atomic.Pointer[applied]                    // set once live is there
	fields    []identityField                            // in the order of their names
	requested map[string]bool                            // canonical names of request_headers
	sent      *lru.Cache[*resource.Caller, sentIdentity] // nil: no identity JWT
}

func (u *upstream) close() {
	if u.live != nil {
		u.live.Close()
	}
	if u.transport != nil {
		u.transport.CloseIdleConnections()
	}
}

// addUpstream builds an upstream, or adds its mistakes.
func (b *builder) addUpstream(n int) {
	g := b.gate
	s := &g.settings.Upstreams[n]
	u := &upstream{settings: s, key: fmt.Sprintf("upstreams[%d]", n)}
	if strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(s.Name) > 64 {
		b.decoder.at(u.key+".name", "has other characters than letters, digits, - and _, or more than 64 of them")
	}
	if slices.ContainsFunc(g.upstreams, func(other *upstream) bool { return other.settings.Name == s.Name }) {
		b.decoder.at(u.key+".name", "is the name of another upstream")
	}
	u.audience = cmp.Or(s.Audience, s.URL) // for an upstream without a URL see buildResource
	if s.URL != "" {
		u.url = b.checkURL(u.key+".url", s.URL)
		u.transport = b.newTransport(u)
	} else {
		b.checkWithoutURL(u)
	}
	for i, path := range s.ExtraPaths {
		if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") || !urltable.IsPlain(path) {
			b.decoder.at(fmt.Sprintf("%s.extra_paths[%d]", u.key, i), "must begin with /, end without it, and have segments of letters, digits, \"-\", \".\", \"_\" and \"~\"")
		}
	}
	u.fields = b.identityFields(u)
	b.requestHeaders(u)
	if g.keys != nil {
		u.sent, _ = lru.New[*resource.Caller, sentIdentity](maxIdentities) // the size is positive
	}
	g.upstreams = append(g.upstreams, u)
	b.buildResource(u)
	b.addEvents(u)
}

// newTransport returns the transport of an upstream. It uses HTTP/1.1, so that each open stream is a
// connection, and no proxy. It follows no redirects, as every transport, and decompresses nothing.
func (b *builder) newTransport(u *upstream) *http.Transport {
	s := u.settings
	connect := time.Duration(s.ConnectSeconds) * time.Second
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connect}).DialContext,
		TLSHandshakeTimeout:    connect,
		ResponseHeaderTimeout:  time.Duration(s.HeaderSeconds) * time.Second,
		IdleConnTimeout:        time.Duration(s.IdleSeconds) * time.Second,
		MaxConnsPerHost:        s.MaxConnections,
		MaxIdleConnsPerHost:    maxIdleUpstream,
		MaxResponseHeaderBytes: maxResponseBytes,
		DisableCompression:     true, // the gate adds no Accept-Encoding
		Protocols:              protocols,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if s.CAFile == "" {
		return t
	}
	if u.url.Scheme != "https" {
		b.decoder.at(u.key+".ca_file", "url is not https; remove the key")
	}
	roots := x509.NewCertPool()
	path := b.path(s.CAFile)
	if content, err := regularfile.Read(path, maxFileBytes); err != nil {
		b.decoder.at(u.key+".ca_file", "file %q: %s", path, err)
	} else if !roots.AppendCertsFromPEM(content) {
		b.decoder.at(u.key+".ca_file", "file %q: has no certificate in PEM", path)
	}
	t.TLSClientConfig.RootCAs = roots
	return t
}

// trip sends requests to an upstream.
type trip struct{ *http.Transport }

// RoundTrip sends a request once. Responses with a status of 100 to 199 of the upstream are not
// passed on: httputil.ReverseProxy would copy their header, unfiltered, and then remove what the
// gate has set for the response itself.
func (t trip) RoundTrip(req *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil {
		trace.Got1xxResponse = nil // httputil.ReverseProxy made this trace for this request
	}
	return t.Transport.RoundTrip(req)
}

var errNoStore = errors.New("the program warder does not contain a store: remove the block, or protect the server with a Go program that sets config.Config.OpenStore to OpenStore of package resource/valkey")

// buildResource reads the authorization block of an upstream.
func (b *builder) buildResource(u *upstream) {
	s := u.settings
	block := u.key + ".authorization"
	if bool(s.Authorization) == (s.AuthorizationFile != "") {
		b.decoder.at(u.key, "set exactly one of authorization and authorization_file")
		return
	}
	c := config.Config{
		File: b.config.File, Block: block, Environ: b.environ, Interval: b.config.Interval,
		Transport: b.config.Transport, Logger: b.config.Logger,
		OpenStore: func(config.StoreSettings) (config.Stores, error) { return config.Stores{}, errNoStore },
	}
	if s.AuthorizationFile != "" {
		c.File, c.Block = b.path(s.AuthorizationFile), ""
	}
	settings, err := config.Read(c)
	var keepsToken, hasRules bool
	c.Complete = func(r *resource.Config) {
		keepsToken = r.HTTP.KeepAuthorization
		rules := r.Operations
		rules.Stateless = false // not a rule
		hasRules = !reflect.ValueOf(rules).IsZero()
	}
	withBody := u.url != nil || b.gate.settings.ForwardAuth != nil && b.gate.settings.ForwardAuth.Body
	c.Check = func(*resource.Resource) error {
		if keepsToken {
			return errors.New("keep_authorization: the gate never passes a token on; remove the key")
		}
		if settings.OnBehalfOf != nil {
			return errors.New("on_behalf_of: a server behind the gate cannot exchange tokens, because it never gets the exchanger; remove the block, or protect the server with a Go program that uses config.Live.OnBehalf")
		}
		if hasRules && !withBody {
			return errors.New("rules for operations need the body of a request, and forward_auth.body is not set; remove the rules, or let the gate be the proxy (url)")
		}
		return nil
	}
	if err == nil {
		u.basePath = settings.BasePath
		u.audience = cmp.Or(u.audience, settings.ResourceServerURL)
		u.live, err = config.New(c)
	}
	if err != nil {
		for _, line := range splitMistakes(err) {
			b.addUpstreamMistake(u, line)
		}
		return
	}
	u.setApplied()
}

// applied is what the gate needs of the authorization block that is applied. It is immutable.
type applied struct {
	maxBody     int64    // bytes of a request's body
	credentials []string // fields with a credential, besides Authorization
}

// setApplied takes over the configuration that is applied.
func (u *upstream) setApplied() {
	parts := u.live.Parts()
	next := &applied{maxBody: defaultMaxBodyBytes}
	if limit := parts.Settings.MaxBodyBytes; limit != nil && *limit > 0 {
		next.maxBody = int64(*limit)
	}
	if parts.Settings.APIKeysFile != "" {
		next.credentials = append(next.credentials, textproto.CanonicalMIMEHeaderKey(config.APIKeyHeader))
	}
	for _, issuer := range parts.Issuers {
		if issuer.Settings.TokenHeader != "" {
			next.credentials = append(next.credentials, textproto.CanonicalMIMEHeaderKey(issuer.Settings.TokenHeader))
		}
	}
	u.applied.Store(next)
}

// addEvents makes the receiver of security events reachable.
func (b *builder) addEvents(u *upstream) {
	path := u.settings.EventsPath
	if u.live == nil {
		return
	}
	receiver := u.live.SecurityEvents()
	switch {
	case (receiver == nil) != (path == ""):
		b.decoder.at(u.key+".security_events_path", "is needed with security_events in the authorization block, and only then")
	case path == "":
	case !strings.HasPrefix(path, "/") || !urltable.IsPlain(path) || b.gate.events[path] != nil:
		b.decoder.at(u.key+".security_events_path", "must begin with / and have segments of letters, digits, \"-\", \".\", \"_\" and \"~\", and differ from those of other upstreams")
	default:
		b.gate.events[path] = receiver
	}
}
