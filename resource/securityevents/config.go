package securityevents

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/tenant"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource/revocation"
)

// Defaults and bounds of Config.
const (
	defaultTokenLifetime = 24 * time.Hour // the longest lifetime of access tokens
	maxTokenLifetime     = 366 * 24 * time.Hour
	defaultMaxAge        = 24 * time.Hour // since iat
	minMaxAge            = time.Minute
	maxMaxAge            = 30 * 24 * time.Hour
	defaultLeeway        = 5 * time.Minute // for iat, exp and nbf
	maxLeeway            = 15 * time.Minute
)

// Revocations stores which tokens are revoked. [revocation.List] implements it. Add must return only
// when the entries are stored for all processes. It is called concurrently, and must honor ctx.
type Revocations interface {
	Add(ctx context.Context, entries ...revocation.Entry) error
}

// Config configures a Receiver. Keys, Audience and Revocations are required.
type Config struct {
	// Keys verifies the signatures. The iss of a security event token must be its issuer. If the
	// issuer of the access tokens sends the events, use the verifier of the Resource, so that
	// both have the same keys. Otherwise, use [jwks.New] with the issuer of the events and the jwks_uri
	// of its document /.well-known/ssf-configuration. A verifier for many tenants is a mistake.
	//
	// The Receiver does not collect the series of Keys: the Resource does, or register Keys.
	Keys *jwks.Verifier

	// Audience has the accepted values of aud. One of them must be in each security event token. They are
	// compared byte for byte. The issuer chooses the value when the stream is created.
	Audience []string

	// Revocations gets the entries of revoked tokens.
	Revocations Revocations

	// TokenIssuer is the iss of the access tokens that the events revoke. An event about a user of
	// another issuer revokes nothing. "": the issuer of Keys.
	TokenIssuer string

	// TokenLifetime is the longest lifetime of the access tokens. An entry ends when that time has
	// passed since the iat of the event, because the tokens have then expired. A TokenLifetime that is too
	// short makes revoked tokens VALID AGAIN. 0: 24 h; at most 366 days.
	TokenLifetime time.Duration

	// TokensHaveSession says that every access token of TokenIssuer has the claim sid. An event about one
	// session then revokes only the tokens of this session. Otherwise, it also revokes all tokens
	// of the user that were issued up to the event, because a token without sid can belong to
	// the session. The clients of other sessions then get new tokens with their refresh tokens. An
	// event that does not identify the user revokes only the tokens of the session in any case.
	//
	// IF A TOKEN HAS NO sid, the end of its session does not revoke it.
	TokensHaveSession bool

	// Authorization, or the content of AuthorizationFile, is the value of the header field Authorization that
	// the issuer sends (authorization_header in SSF 1.0 §6.1.1), for example "Bearer" and a random text.
	// Only one can be set. With neither, the field is ignored, and the signature alone shows who
	// sends the events. A file is read again at most once per second. One line break at its end
	// is dropped. While it cannot be read, every request is rejected with 503.
	Authorization     string
	AuthorizationFile string

	// MaxAge is the accepted time since iat. An issuer sends an event again, with the same iat, until it is
	// accepted: Keycloak tries for about 7 h. A replay of an old event has no effect, see
	// TokenLifetime, so a long time is not a risk. 0: 24 h; from 1 minute to 30 days.
	MaxAge time.Duration

	// Leeway is how far the clock of the issuer can be ahead or behind. 0: 5 min; at most 15 min.
	Leeway time.Duration

	Logger *slog.Logger // nil: slog.Default()
}

// Format writes the audience for every verb, because Authorization is a secret.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.text()) }

// LogValue returns the audience.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.text()) }

// MarshalText returns the audience, so that encoders do not write Authorization either.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.text()), nil }

func (c Config) text() string { return "securityevents.Config(" + strings.Join(c.Audience, " ") + ")" }

// check returns an error that lists every mistake.
func (c Config) check() error {
	var mistakes configerr.List
	switch {
	case c.Keys == nil:
		mistakes.Addf("Keys: nil; use the verifier of the issuer that sends the events")
	case tenant.IsPattern(c.Keys.Issuer()):
		mistakes.Addf("Keys: the issuer is the pattern %q; make a verifier for one issuer", c.Keys.Issuer())
	}
	if c.Revocations == nil || anyvalue.IsNil(c.Revocations) {
		mistakes.Addf("Revocations: nil; use a revocation.List")
	}
	c.checkAudience(&mistakes)
	if c.TokenIssuer != "" {
		mistakes.AddAt("TokenIssuer", metadata.CheckIssuerName(c.TokenIssuer))
	}
	checkDuration(&mistakes, "TokenLifetime", c.TokenLifetime, time.Second, maxTokenLifetime)
	checkDuration(&mistakes, "MaxAge", c.MaxAge, minMaxAge, maxMaxAge)
	checkDuration(&mistakes, "Leeway", c.Leeway, 0, maxLeeway)
	c.checkAuthorization(&mistakes)
	return mistakes.Err("securityevents: configuration")
}

func (c Config) checkAudience(mistakes *configerr.List) {
	if len(c.Audience) == 0 {
		mistakes.Addf("Audience: empty; set the aud of the stream")
	}
	for n, audience := range c.Audience {
		switch {
		case audience == "":
			mistakes.Addf("Audience[%d]: empty", n)
		case slices.Contains(c.Audience[:n], audience):
			mistakes.Addf("Audience[%d]: duplicate", n)
		}
	}
}

// checkDuration rejects a time outside of the bounds, unless it is 0, which stands for the default.
func checkDuration(mistakes *configerr.List, field string, d, least, most time.Duration) {
	if d != 0 && (d < least || d > most) {
		mistakes.Addf("%s: %s is not between %s and %s", field, d, least, most)
	}
}

// withDefaults returns the configuration with its defaults.
func (c Config) withDefaults() Config {
	c.Audience = slices.Clone(c.Audience)
	c.TokenIssuer = cmp.Or(c.TokenIssuer, c.Keys.Issuer())
	c.TokenLifetime = cmp.Or(c.TokenLifetime, defaultTokenLifetime)
	c.MaxAge = cmp.Or(c.MaxAge, defaultMaxAge)
	c.Leeway = cmp.Or(c.Leeway, defaultLeeway)
	return c
}
