package jwks

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/keyset"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/tenant"
	"github.com/warder-go/warder/metadata"
)

// Config configures a Verifier. Issuer is required. At most one of URL, File, Keys, KeysFunc and
// MetadataURL may be set. Without the first four, the address of the keys is discovered from
// the issuer's metadata (RFC 8414, OpenID Connect Discovery) on first use.
type Config struct {
	// Issuer is the issuer identifier, exactly as in iss and in the metadata, including a
	// slash at the end. It must be a URL if the metadata is read at the well-known URLs of the
	// issuer. With URL, File, Keys, KeysFunc or MetadataURL it can be any text of at most 2 KiB
	// without control characters, such as the name of a host, because it is only compared. An
	// identifier that is not an https URL cannot be published as an authorization server, see
	// AuthorizationServers in [resource.Config].Metadata.
	//
	// For many tenants with one key set it is a pattern, see [resource.Tenants]; then one of
	// URL, File, Keys and KeysFunc is required. A key whose member "issuer" names a tenant
	// verifies only tokens of that tenant.
	Issuer string

	URL  string // of the JWK Set
	File string // with the JWK Set; read again at each refresh
	Keys []byte // the JWK Set itself; it never changes (for use without a network)

	// MetadataURL is the URL of the issuer's metadata, for an issuer that does not publish it at
	// its well-known URLs. The issuer in the document must still be equal to Issuer,
	// byte for byte (RFC 8414 §3.3). The query can be a secret.
	MetadataURL string

	// KeysFunc returns the JWK Set, for example from a vault or a database. It is called on first
	// use, at each refresh, and if a token names an unknown key. It must return the newest keys
	// within 5 s, in at most 512 KiB. Concurrent requests share one call. Its errors are logged,
	// and a panic counts as an error.
	KeysFunc func(ctx context.Context) ([]byte, error)

	// BearerToken, or the content of BearerTokenFile, is sent with requests for the metadata and
	// for the keys, to servers such as Kubernetes that answer 401 without a token. Only one can
	// be set. The file is read for each fetch, so that a rotated token takes effect. One line
	// break at its end is dropped. A file that cannot be read makes the fetch fail.
	//
	// THE TOKEN IS SENT TO the scheme, host and port of URL, of MetadataURL or, with neither, of
	// Issuer, AND TO ALL PORTS OF AllowHosts. It is not sent to another server that only the
	// metadata names, nor over http, except to a loopback host without Proxy.
	BearerToken     string
	BearerTokenFile string

	// Algorithms is the allow-list; nil allows RS, PS and ES 256, 384 and 512, EdDSA and its
	// other name Ed25519. HMAC and "none" cannot be allowed.
	Algorithms []string

	// KeyUses are accepted values of the member use of a key besides sig (RFC 7517 §4.2), such as
	// jwt-svid for the keys of SPIFFE. They are compared exactly. A KEY WITH SUCH A USE VERIFIES
	// EVERY TOKEN OF THE ISSUER, so it must be for signing JWTs. If KeyUses is set, keys with
	// other values are ignored. enc is a mistake.
	KeyUses []string

	// RefreshInterval is the longest time between refreshes of the keys, less up to 10 % at
	// random. A server's Cache-Control or Expires can only shorten it, to 30 seconds. 0: as the
	// server says, 30 seconds to 1 hour, and otherwise 15 minutes; for a File 1 minute. Range:
	// 30 seconds to 1 hour.
	RefreshInterval time.Duration

	// Settings of outbound HTTP. The host in URL, in MetadataURL or, with neither, in Issuer may
	// have a private address. A host that only the metadata names must have a public one, unless
	// it is in AllowHosts. Link-local and cloud metadata addresses are always rejected.
	AllowHosts []string
	AllowHTTP  bool                                  // permits http to hosts that are not loopback
	TLS        *tls.Config                           // for a private CA; nil: the roots of the system
	Proxy      func(*http.Request) (*url.URL, error) // nil: none; the environment is not read
	Transport  http.RoundTripper                     // replaces all of the above, including the address check

	Logger *slog.Logger // one record per failed fetch; nil: slog.Default()
}

// Format prints the issuer for every verb. Package fmt does not call Format for an unexported
// field of another struct, and prints URL there, whose query may be a secret, and BearerToken.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "jwks.Config("+c.Issuer+")")
}

// LogValue returns the issuer.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Issuer) }

// MarshalText returns the issuer, so that encoders do not write the query of URL and
// BearerToken either.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.Issuer), nil }

// sources returns how many settings say where the keys are.
func (c Config) sources() int {
	return countTrue(c.URL != "", c.File != "", c.Keys != nil, c.KeysFunc != nil)
}

// checkIssuer checks the issuer identifier, which must be a URL only if its metadata is read at
// its well-known URLs. It also checks that at most one setting says where the keys are.
func (c Config) checkIssuer(mistakes *configerr.List) {
	switch {
	case tenant.IsPattern(c.Issuer):
		mistakes.Add(metadata.CheckIssuer(tenant.Fill(c.Issuer, "tenant"), c.AllowHTTP))
		if err := tenant.Check(c.Issuer); err != nil {
			mistakes.Addf("Issuer: %w", err)
		}
		if c.sources() == 0 {
			mistakes.Addf("URL: empty; the keys of many tenants cannot be discovered, so name their address")
		}
	case c.sources() > 0 || c.MetadataURL != "":
		mistakes.Add(metadata.CheckIssuerName(c.Issuer))
	default:
		if err := metadata.CheckIssuer(c.Issuer, c.AllowHTTP); err != nil {
			mistakes.Addf("%w; if it is only the name of the issuer, set jwks_uri (in Go: URL), jwks_file (File) or metadata_url (MetadataURL)", err)
		}
	}
	if c.sources() > 1 {
		mistakes.Addf("URL, File, Keys, KeysFunc: more than one is set; keep one, or none for discovery")
	}
	if c.sources() > 0 && c.MetadataURL != "" {
		mistakes.Addf("MetadataURL: is not used, because URL, File, Keys or KeysFunc says where the keys are; keep one")
	}
}

// checkKeyUses rejects uses of keys that are not for signing JWTs.
func (c Config) checkKeyUses(mistakes *configerr.List) {
	for n, use := range c.KeyUses {
		switch {
		case use == "":
			mistakes.Addf("KeyUses[%d]: empty; keys without use are accepted anyway", n)
		case strings.EqualFold(use, "enc"):
			mistakes.Addf("KeyUses[%d]: %q is for encryption (RFC 7517 §4.2)", n, use)
		case strings.EqualFold(use, "x509-svid"):
			mistakes.Addf("KeyUses[%d]: %q is for certificates; tokens of SPIFFE are signed with keys for jwt-svid", n, use)
		case strings.ContainsFunc(use, func(r rune) bool { return r <= ' ' || r > '~' || r == '*' }):
			mistakes.Addf("KeyUses[%d]: %q has a space, * or another character that no use has; patterns are not supported", n, use)
		}
	}
}

func countTrue(conditions ...bool) (n int) {
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

func interval(c Config) time.Duration {
	if c.RefreshInterval == 0 && c.File != "" {
		return keyset.FileInterval
	}
	return c.RefreshInterval
}

// urlSetting is the setting of the keys' address, in the configuration file and here.
const urlSetting = "jwks_uri (in Go: URL)"

func source(c Config) keyset.Source {
	switch {
	case c.Keys != nil:
		return keyset.Inline(slices.Clone(c.Keys))
	case c.File != "":
		return keyset.File(c.File)
	case c.KeysFunc != nil:
		return keyset.NewFunction(c.KeysFunc)
	}
	client := outbound.New(outbound.Config{
		Transport: c.Transport, TLS: c.TLS, Proxy: c.Proxy, AllowHTTP: c.AllowHTTP,
		Hosts: outbound.Hosts(c.firstURL()), AllowHosts: c.AllowHosts,
	})
	if c.URL != "" {
		return keyset.URL{Client: client, URL: c.URL, Setting: urlSetting, Bearer: c.bearer()}
	}
	return &keyset.Discovery{Client: client, Issuer: c.Issuer, MetadataURL: c.MetadataURL, Setting: urlSetting, Bearer: c.bearer()}
}
