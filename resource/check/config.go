package check

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/resource/config"
)

// Limits of a run. Each request also has the limits of the package that sends it, such as 5 seconds.
const (
	DefaultTimeout = time.Minute // of a run

	maxIssuers  = 32      // issuers that are looked at, and authorization servers besides them
	maxURLs     = 8       // URLs of the server that are looked at
	maxOrigins  = 5       // of allowed_origins that are looked at
	maxRequests = 64      // requests through one public URL
	maxPages    = 20      // of the list of tools
	maxTools    = 10_000  // tools of the server that are read
	maxSimilar  = 1000    // tools of the server among which a similar name is looked for
	maxPage     = 4 << 20 // bytes of one answer of the MCP server
	maxToken    = 1 << 18 // bytes of Config.Token
	maxFindings = 1000    // of each severity in a report; further ones are left out
	maxText     = 1000    // bytes of a text of a finding that can have text of a server
)

// Config says what to look at. Config.Config is required.
type Config struct {
	// Config is the configuration, as for [config.New]. The store of the block shared_state is not
	// opened. Logger is not used.
	Config config.Config

	// Public also sends requests to the public URLs of the server (resource_server_url and
	// additional_resource_server_urls), as its clients do. It needs a running server.
	Public bool

	// Token is an access token for the server. It is sent to an issuer only for introspection, as the
	// configuration says. With Public, it is sent to resource_server_url, but only over https or to
	// a loopback host. "": what needs a token is not checked.
	Token string

	TLS       *tls.Config       // for Public, if the server has a certificate of a private CA; nil: the roots of the system
	Transport http.RoundTripper // for Public, instead of TLS and the address check; Config.Transport is for calls to issuers
	Timeout   time.Duration     // of the run; 0: DefaultTimeout
}

// Format writes the path of the file for every verb, because Token is a secret.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "check.Config("+c.Config.File+")")
}

// LogValue returns the path of the file.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Config.File) }

// MarshalText returns the path of the file, so that encoders do not disclose the token.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.Config.File), nil }

// validate returns an error for a Config that a caller must not use. It never quotes the token.
func (c *Config) validate() error {
	switch {
	case (c.Config.File == "") == (c.Config.Text == nil):
		return errors.New("check: Config.File, Config.Text: set exactly one of them")
	case c.Timeout < 0:
		return errors.New("check: Timeout: must not be negative")
	case len(c.Token) > maxToken:
		return fmt.Errorf("check: Token: is longer than %d bytes", maxToken)
	case c.Token != "" && !grammar.IsToken(c.Token):
		return errors.New("check: Token: is not one access token: write the token alone, without Bearer and white space")
	}
	return nil
}
