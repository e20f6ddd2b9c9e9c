package onbehalf

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/clientauth"
	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/metadata"
)

// Defaults and bounds.
const (
	defaultCacheEntries = 10_000
	maxCacheEntries     = 1_000_000
	maxTargets          = 1000
)

// Config configures an [Exchanger]. Issuer, Auth and Targets are required.
type Config struct {
	// Issuer is the issuer whose tokens are exchanged, exactly as in iss and in
	// resource.Issuer.Verifier. Callers of other issuers get KindOtherIssuer.
	Issuer string

	// MetadataURL is the URL of the issuer's metadata, if it is not at its well-known URLs. The
	// query can be a secret.
	MetadataURL string

	// TokenEndpoint is the URL of the token endpoint. Empty: the URL in the issuer's metadata (RFC
	// 8414 §2), which is read on first use and then once an hour.
	TokenEndpoint string

	// Auth authenticates this server at the token endpoint. It needs credentials of its own: those
	// of a confidential client that may exchange tokens. The method introspect.Bearer is for
	// introspection only.
	Auth introspect.ClientAuth

	Targets []Target // 1 to 1,000

	// Timeout limits one exchange: its wait in the queue (two fifths of Timeout at most),
	// discovery, the functions in Auth and Targets, and the answer. 0: 5 s. Range: 100 ms to 30 s.
	Timeout time.Duration

	// MaxConcurrent limits the exchanges at one time. Up to 1024 more wait in a queue. 0: 32.
	// Range: 1 to 1024.
	MaxConcurrent int

	// CacheEntries is the most issued tokens that are cached. 0: 10,000. Range: 1 to 1,000,000. All
	// of them together also have at most about 64 MiB.
	CacheEntries int

	// Outbound HTTP, as in introspect.Config. Redirects are never followed.
	AllowHosts []string
	AllowHTTP  bool        // permits http for hosts other than loopback, also in Target.Origins
	TLS        *tls.Config // for a private CA or mutual TLS; nil: the system's roots

	// CertificateFile and CertificateKeyFile are the paths of a client certificate and its key, as in
	// introspect.Config.
	CertificateFile, CertificateKeyFile string

	Proxy     func(*http.Request) (*url.URL, error) // nil: no proxy; the environment is not read
	Transport http.RoundTripper                     // replaces all of the above, including the address checks

	Logger *slog.Logger // receives records of failed exchanges; nil: slog.Default()
}

// Format prints the issuer for every verb. Package fmt does not call Format for an unexported field
// of another struct: do not keep a Config in one.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "onbehalf.Config("+c.Issuer+")")
}

// LogValue returns the issuer.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Issuer) }

// MarshalText returns the issuer, so that encoders do not write secrets either.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.Issuer), nil }

// New returns an exchanger for the configuration. It reads the files that the configuration names,
// and performs no other I/O. The error reports all mistakes at once, and no secret.
func New(c Config) (*Exchanger, error) {
	var mistakes configerr.List
	c.checkIssuer(&mistakes)
	mistakes.Add(outbound.CheckHosts("AllowHosts", c.AllowHosts))
	auth := clientauth.Config(c.Auth)
	if c.Auth.Method == introspect.Bearer {
		mistakes.Addf("Auth.Method: %q authenticates at introspection endpoints only; use a client secret, a private key or a certificate", introspect.Bearer)
	} else {
		auth.Check(&mistakes)
	}
	clientauth.Connections{CertificateFile: c.CertificateFile, CertificateKeyFile: c.CertificateKeyFile, TLS: c.TLS, Transport: c.Transport}.Check(c.Auth.Method, &mistakes)
	c.limits().Check(&mistakes)
	if c.CacheEntries < 0 || c.CacheEntries > maxCacheEntries {
		mistakes.Addf("CacheEntries: %d is not between 1 and %d", c.CacheEntries, maxCacheEntries)
	}
	targets := c.targets(&mistakes)
	if err := mistakes.Err("onbehalf: configuration"); err != nil {
		return nil, err
	}
	e := new(Exchanger)
	e.engine.Store(build(c, targets))
	return e, nil
}

func (c Config) limits() callguard.Limits {
	return callguard.Limits{Timeout: c.Timeout, MaxConcurrent: c.MaxConcurrent}
}

// checkIssuer checks the issuer identifier and the URLs.
func (c Config) checkIssuer(mistakes *configerr.List) {
	switch {
	case c.MetadataURL != "" || c.TokenEndpoint != "":
		mistakes.Add(metadata.CheckIssuerName(c.Issuer))
	default:
		if err := metadata.CheckIssuer(c.Issuer, c.AllowHTTP); err != nil {
			mistakes.Addf("%w; if it is only the name of the issuer, set TokenEndpoint or MetadataURL", err)
		}
	}
	if c.MetadataURL != "" {
		mistakes.AddAt("MetadataURL", metadata.CheckEndpoint(c.MetadataURL, c.AllowHTTP))
	}
	if c.TokenEndpoint != "" {
		mistakes.AddAt("TokenEndpoint", metadata.CheckEndpoint(c.TokenEndpoint, c.AllowHTTP))
	}
	if c.MetadataURL != "" && c.TokenEndpoint != "" {
		mistakes.Addf("MetadataURL: is not used, because TokenEndpoint is set; remove one of them")
	}
}

// targets checks and compiles Targets.
func (c Config) targets(mistakes *configerr.List) map[string]*target {
	if len(c.Targets) == 0 || len(c.Targets) > maxTargets {
		mistakes.Addf("Targets: %d; configure 1 to %d", len(c.Targets), maxTargets)
	}
	all := map[string]*target{}
	for n, given := range c.Targets {
		where := fmt.Sprintf("Targets[%d]", n)
		if all[given.Name] != nil {
			mistakes.Addf("%s.Name: duplicate target %q", where, given.Name)
		}
		all[given.Name] = given.compile(where, c.AllowHTTP, mistakes)
	}
	return all
}
