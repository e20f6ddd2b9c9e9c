// Package probe looks at a protected MCP server from outside, as clients do, and compares what it
// sees with the sections of the MCP specification and of the RFCs.
//
// It sends requests without a token, with tokens that the server must reject, and, if it has a
// valid token or the key of a test issuer, with tokens that the server must accept. It reads the
// metadata of the server and of its authorization servers. It does not log in, register clients or
// call tools. It sends a token to no other URL than that of the server.
//
// It trusts nothing that a server sends. A report contains no tokens, also if the server repeats
// them, and all its text is printable.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/privatekey"
	"github.com/warder-go/warder/metadata"
)

// Limits of one run.
const (
	maxRequests     = 120              // of one run of a probe
	maxBodyBytes    = 256 << 10        // of one response to a probe; the rest is not read
	maxServers      = 4                // authorization servers that are looked at; the others are not checked
	maxTokenBytes   = 16 << 10         // of a token that a probe sends
	exchangeTimeout = 10 * time.Second // of one request of a probe
	runTimeout      = 3 * time.Minute  // of one run of a probe
)

// Config configures a run. URL is required.
type Config struct {
	URL string // of the MCP endpoint, as users enter it in clients

	// Token is a valid access token for the server. "" means none: what needs a valid token is not
	// checked then. Token and Key exclude each other.
	Token string

	// Issuer and Key are of a test issuer that the server trusts. With them, valid tokens are made,
	// and tokens with exactly one mistake. Scope is the scope of these tokens; "" means the scopes
	// that the server names. Audience is their audience; "" means the member resource of the
	// metadata, or, if the server rejects that, URL. If Key.ID is empty, the kid is that with which
	// the key is published, if it is found.
	Issuer   string
	Key      privatekey.Key
	Scope    string
	Audience string

	// Origin is a web origin whose pages may use the server. "" means the origin of URL, or, if URL
	// is a loopback address, that of MCP Inspector.
	Origin string

	AllowHTTP  bool     // http for hosts other than loopback hosts
	AllowHosts []string // hosts besides that of URL which may have a private address
}

// Probe looks at one server. It is used once.
type Probe struct {
	cfg    Config
	target *url.URL
	client *outbound.Client
}

// New checks the configuration. It does no I/O. The error lists all mistakes.
func New(cfg Config) (*Probe, error) {
	target, err := url.Parse(cfg.URL)
	if err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http" {
		return nil, errors.New("the URL must be absolute, such as https://mcp.example.com/mcp")
	}
	mistakes := append(cfg.checkURL(target), cfg.checkTokens()...)
	if err := outbound.CheckHosts("allowed hosts", cfg.AllowHosts); err != nil {
		mistakes = append(mistakes, err)
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return &Probe{cfg: cfg.withDefaults(target), target: target, client: outbound.New(clientConfig(cfg, target))}, nil
}

func (c Config) checkURL(target *url.URL) (mistakes []error) {
	if target.User != nil || target.Fragment != "" {
		mistakes = append(mistakes, errors.New("the URL must not have a user name, a password or a fragment"))
	}
	if target.Scheme == "http" && !c.AllowHTTP && !outbound.IsLoopbackHost(target.Hostname()) {
		mistakes = append(mistakes, errors.New("http is for loopback hosts only: use https, or allow http, which sends tokens unencrypted"))
	}
	if u, err := url.Parse(c.Origin); c.Origin != "" && (err != nil || u.Host == "" || u.Scheme+"://"+u.Host != c.Origin) {
		mistakes = append(mistakes, errors.New("the origin must be as browsers send it, such as https://app.example.com"))
	}
	return mistakes
}

func (c Config) checkTokens() (mistakes []error) {
	if c.Token != "" && (!grammar.IsToken(c.Token) || len(c.Token) > maxTokenBytes) {
		mistakes = append(mistakes, fmt.Errorf("the token is not one access token of at most %d bytes", maxTokenBytes))
	}
	if c.Key.Signer == nil {
		return mistakes
	}
	if c.Token != "" {
		mistakes = append(mistakes, errors.New("give a token or the key of a test issuer, not both"))
	}
	if metadata.CheckIssuer(c.Issuer, true) != nil {
		mistakes = append(mistakes, errors.New("the key of a test issuer needs its issuer identifier, which is a URL"))
	}
	if _, err := algorithmOf(c.Key); err != nil {
		mistakes = append(mistakes, err)
	}
	return mistakes
}

func (c Config) withDefaults(target *url.URL) Config {
	if c.Origin == "" {
		c.Origin = target.Scheme + "://" + target.Host
		if outbound.IsLoopbackHost(target.Hostname()) {
			c.Origin = "http://localhost:6274"
		}
	}
	return c
}

// clientConfig returns the configuration of the client of a run. The address guard permits a private address for the host
// that the user has typed: people look at their own servers on purpose. Hosts that the server
// names, those of authorization servers, must have public addresses, because a hostile server could
// otherwise make this machine send requests into its own network. Two exceptions are the hosts in
// AllowHosts, and the names of this machine if the server itself is on this machine.
func clientConfig(cfg Config, target *url.URL) outbound.Config {
	hosts := append(slices.Clone(cfg.AllowHosts), target.Hostname())
	if outbound.IsLoopbackHost(target.Hostname()) {
		hosts = append(hosts, "localhost", "127.0.0.1", "::1")
	}
	return outbound.Config{Hosts: hosts, AllowHTTP: cfg.AllowHTTP, Observe: true, Methods: observedMethods, Timeout: exchangeTimeout, MaxBytes: maxBodyBytes}
}

// Run sends the requests, one after the other, and returns the report. It takes at most 3 minutes.
// The error is that the server could not be reached at all, or that ctx ended.
func (p *Probe) Run(ctx context.Context) (*Report, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	defer p.client.CloseIdle()
	e := p.collect(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("not finished: %w", err)
	}
	if err := e.post.err; err != nil {
		return nil, fmt.Errorf("the server cannot be reached: %w", err)
	}
	report := &Report{Target: e.show(logging.RedactURL(p.cfg.URL)), Requests: e.sender.sent}
	for _, c := range checks() {
		v := c.judge(e)
		report.Results = append(report.Results, Result{c.id, c.section, c.level, v.outcome(c.level), c.wanted, e.show(v.seen)})
	}
	return report, nil
}

// observedMethods are the methods that a probe sends besides GET and POST.
var observedMethods = []string{http.MethodHead, http.MethodOptions, http.MethodDelete}
