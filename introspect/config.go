package introspect

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/metadata"
)

// Config says where to ask and as whom. Issuer and Auth are required.
type Config struct {
	Issuer string // exactly as in iss and in the metadata document, slash included

	// Endpoint is the introspection endpoint. Empty: the one that the issuer's
	// metadata names (RFC 8414 §2), read on first use and then once an hour. It
	// must be given where mutual TLS has an address of its own (RFC 8705 §5).
	Endpoint string

	Auth ClientAuth // how the endpoint knows us (RFC 7662 §2.1)

	// SignedAnswers asks for signed answers and takes no others (RFC 9701). They
	// are for Auth.ClientID, which must be set. For an opaque token nothing in an
	// answer says which token it is about: the signature proves that the issuer
	// said this to us within the last minute, the connection that it said so of
	// this token. For a JWT jti and exp must be the token's. Encrypted answers
	// are refused.
	SignedAnswers bool

	// KeysURL is the JWK Set for SignedAnswers. Empty: the one that the issuer's
	// metadata names.
	KeysURL string

	// AnswerTTL is how long an answer may be remembered, from when it came, if that
	// is less than [resource.Config].MemoryTTL: it is the longest time for which a
	// revocation goes unseen. 0: as long as MemoryTTL, where that is negative still for
	// [Afterglow]; negative: every request asks, save that those that come while
	// a call is under way share its answer. Never is an answer remembered beyond
	// its exp, and without exp for a minute at most.
	AnswerTTL time.Duration

	Timeout       time.Duration // of one call; 0: 5 s; 100 ms to 30 s
	MaxConcurrent int           // calls at one time; 0: 32; at most 1024

	// The way out. A host in Issuer, Endpoint or KeysURL may have a private
	// address; a host that only the metadata document names must have a public
	// one unless it is in AllowHosts. Link-local and cloud metadata addresses are
	// always refused, and redirects never followed.
	AllowHosts []string
	AllowHTTP  bool                                  // permits http besides loopback
	TLS        *tls.Config                           // for a private CA or mutual TLS; nil: the system's roots
	Proxy      func(*http.Request) (*url.URL, error) // nil: none; the environment is not read
	Transport  http.RoundTripper                     // replaces all of the above, the address guard included

	Logger *slog.Logger // one record per failed call; nil: slog.Default()
}

// Format prints the issuer for every verb. In a field of yours that is not exported
// package fmt does not ask this method, and prints a ClientSecret as it is: there keep
// none, or a ClientSecretFunc.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "introspect.Config("+c.Issuer+")")
}

// LogValue logs the issuer.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Issuer) }

// MarshalText returns the issuer, so that encoders show no more either.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.Issuer), nil }

// New checks the configuration and returns a verifier. It does no I/O. The error
// names every mistake at once and no secret.
func New(c Config) (*Verifier, error) {
	var mistakes []error
	mistake := func(err error) {
		if err != nil {
			mistakes = append(mistakes, err)
		}
	}
	mistake(metadata.CheckIssuer(c.Issuer, c.AllowHTTP))
	for _, u := range []string{c.Endpoint, c.KeysURL} {
		if u != "" {
			mistake(metadata.CheckEndpoint(u, c.AllowHTTP))
		}
	}
	mistake(outbound.CheckHosts("AllowHosts", c.AllowHosts))
	mistake(c.Auth.check(c))
	if c.SignedAnswers && c.Auth.ClientID == "" {
		mistake(errors.New("SignedAnswers: Auth.ClientID is empty; it is the aud of the answers"))
	}
	if !c.SignedAnswers && c.KeysURL != "" {
		mistake(errors.New("KeysURL: it is for SignedAnswers, which is not set"))
	}
	if c.Timeout != 0 && (c.Timeout < MinTimeout || c.Timeout > MaxTimeout) {
		mistake(fmt.Errorf("Timeout: %s is not between %s and %s", c.Timeout, MinTimeout, MaxTimeout))
	}
	if c.MaxConcurrent < 0 || c.MaxConcurrent > MaxMaxConcurrent {
		mistake(fmt.Errorf("MaxConcurrent: %d is not between 1 and %d", c.MaxConcurrent, MaxMaxConcurrent))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, fmt.Errorf("introspect: configuration: %w", err)
	}
	return build(c), nil
}
