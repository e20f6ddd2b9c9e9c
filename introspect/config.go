package introspect

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/callguard"
	"github.com/warder-go/warder/internal/clientauth"
	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/tokentype"
	"github.com/warder-go/warder/metadata"
)

// Config configures a [Verifier]. Issuer and Auth are required.
type Config struct {
	// Issuer is the issuer identifier, exactly as in iss and in the metadata document, including
	// a slash at the end. It must be a URL if the metadata is read at the well-known URLs of
	// the issuer. With MetadataURL, or with Endpoint (and KeysURL for SignedAnswers), it can be
	// any text of at most 2 KiB without control characters, because it is only compared. An
	// identifier that is not an https URL cannot be published as an authorization server, see
	// AuthorizationServers in [resource.Config].Metadata.
	Issuer string

	// MetadataURL is the URL of the issuer's metadata, for an issuer that does not publish it at
	// its well-known URLs. The issuer in the document must still be equal to Issuer,
	// byte for byte (RFC 8414 §3.3). The query can be a secret.
	MetadataURL string

	// Endpoint is the URL of the introspection endpoint. Empty: the URL in the
	// issuer's metadata (RFC 8414 §2), which is read on first use and then once an
	// hour. It is required if the issuer has a separate URL for mutual TLS
	// (RFC 8705 §5).
	Endpoint string

	Auth ClientAuth // authenticates this server at the endpoint (RFC 7662 §2.1)

	// SignedAnswers requests signed answers and rejects all others (RFC 9701). The
	// aud of an answer must contain Auth.ClientID, which is required here.
	//
	// An answer about an opaque token does not name the token. The signature proves
	// that the issuer sent the answer to this client within the last minute; only
	// the connection proves that it is about this token. For a JWT, jti and exp of
	// the answer must equal those of the token. Encrypted answers are rejected.
	SignedAnswers bool

	// TokenTypeHint is the token_type_hint of requests (RFC 7662 §2.1). Empty: access_token.
	// NoTokenTypeHint: no hint, for endpoints that report access tokens as inactive because of
	// it. A hint for another kind of token, such as refresh_token, is a mistake.
	TokenTypeHint string

	// TrustAnswersWithoutTokenType accepts an answer that has neither aud nor token_type nor
	// token_use. Set it only if THE ENDPOINT NEVER REPORTS A REFRESH TOKEN OR AN ID TOKEN AS
	// ACTIVE. Otherwise a client can use its refresh token as an access token. Without it,
	// such an answer is rejected with 401, unless it is about a JWT that has aud.
	// [resource.Issuer].TrustAnswersWithoutAudience is required too, because the answer has
	// no aud. A token_type or token_use that is present is still checked.
	TrustAnswersWithoutTokenType bool

	// KeysURL is the URL of the JWK Set for SignedAnswers. Empty: the URL in the
	// issuer's metadata.
	KeysURL string

	// AnswerTTL limits how long an answer is cached, counted from when it was
	// received. This is the longest time that a revocation can go unnoticed.
	//
	// 0: [resource.Limits].CacheTTL is the limit. Even if that is negative, an answer
	// is shared for 250 ms. Positive: the shorter of AnswerTTL and CacheTTL.
	// Negative: every request causes a call, except that requests with the same token
	// share a call that is in flight.
	//
	// An answer is never cached after its exp, and without exp for 1 minute at most.
	//
	// With Answers, an answer in the store is used for AnswerTTL, which is 5 minutes if it is 0, even
	// if CacheTTL is shorter: set AnswerTTL then. If it is negative, answers are not shared.
	AnswerTTL time.Duration

	// Answers is a store that several processes have in common, so that they share the calls.
	// All of them need the same values of Answers, AnswerKeys, Issuer, Auth.ClientID (which is
	// required here) and the settings that decide which answers are accepted. Processes with
	// different values do not use each other's answers. A rejected token is shared too, for the
	// rest of its 10 seconds. The process that receives a signed answer verifies its signature;
	// the others check the rest of the answer again. An answer of more than 16 KiB is not
	// shared. If the store fails, each process calls the endpoint. nil: answers are not shared.
	//
	// [Verifier.Forget], and so [resource.Resource.Forget], purges the whole store, which only
	// causes calls. Other processes still have the answers that their own Resource has cached.
	Answers Answers

	// AnswerKeys are 1 to 8 secrets of at least 32 random bytes each that the processes have in
	// common. They are required with Answers. The first one is used to store answers; answers
	// that were stored with the others are used too. To replace a key while the processes run,
	// add the new one at the end in every process, then move it to the front in every process,
	// then remove the old one. If a process has other keys meanwhile, calls are
	// repeated, and nothing else happens.
	AnswerKeys [][]byte

	// Timeout limits one call: its wait in the queue (two fifths of Timeout at most),
	// discovery, the functions in Auth, and the answer. 0: 5 s. Range: 100 ms to 30 s.
	Timeout time.Duration

	// MaxConcurrent limits the calls at one time. Up to 1024 more wait in a queue.
	// 0: 32. Range: 1 to 1024.
	MaxConcurrent int

	// Outbound HTTP. A host in Endpoint, KeysURL or MetadataURL may have a private address. So
	// may the host in Issuer, if the metadata is read there. A host that only the metadata
	// document names must have a public address, unless it is in AllowHosts. Link-local and
	// cloud metadata addresses are always rejected. Redirects are never followed.
	AllowHosts []string
	AllowHTTP  bool        // permits http for hosts other than loopback
	TLS        *tls.Config // for a private CA or mutual TLS; nil: the system's roots

	// CertificateFile and CertificateKeyFile are the paths of a client certificate, with its
	// chain, and of its private key, in PEM, for mutual TLS (RFC 8705 §2). They can be
	// combined with every ClientAuth.Method. The rules for the files of ClientAuth apply to
	// them too. A rotated certificate takes effect with the next call, on new connections.
	CertificateFile, CertificateKeyFile string

	Proxy     func(*http.Request) (*url.URL, error) // nil: no proxy; the environment is not read
	Transport http.RoundTripper                     // replaces all of the above, including the address checks

	Logger *slog.Logger // receives one record for each failed call; nil: slog.Default()
}

// Format prints the issuer for every verb. Package fmt does not call Format for an
// unexported field of another struct, and prints ClientSecret and AnswerKeys in clear there. Do
// not keep a Config in such a field, or use ClientSecretFile or ClientSecretFunc and no AnswerKeys.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "introspect.Config("+c.Issuer+")")
}

// LogValue returns the issuer.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Issuer) }

// MarshalText returns the issuer, so that encoders do not write secrets either.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.Issuer), nil }

func (c Config) limits() callguard.Limits {
	return callguard.Limits{Timeout: c.Timeout, MaxConcurrent: c.MaxConcurrent}
}

// needsMetadata reports whether an address is discovered in the issuer's metadata.
func (c Config) needsMetadata() bool { return c.Endpoint == "" || c.SignedAnswers && c.KeysURL == "" }

// checkIssuer checks the issuer identifier, which must be a URL only if the metadata is read at
// its well-known URLs. It also checks MetadataURL.
func (c Config) checkIssuer(mistakes *configerr.List) {
	switch {
	case c.MetadataURL != "" || !c.needsMetadata():
		mistakes.Add(metadata.CheckIssuerName(c.Issuer))
	default:
		if err := metadata.CheckIssuer(c.Issuer, c.AllowHTTP); err != nil {
			mistakes.Addf("%w; if it is only the name of the issuer, set introspection_endpoint (in Go: Endpoint, and KeysURL for SignedAnswers) or metadata_url (MetadataURL)", err)
		}
	}
	if c.MetadataURL != "" {
		mistakes.AddAt("MetadataURL", metadata.CheckEndpoint(c.MetadataURL, c.AllowHTTP))
		if !c.needsMetadata() {
			mistakes.Addf("MetadataURL: is not used, because no address has to be discovered; remove it or Endpoint")
		}
	}
}

// NoTokenTypeHint is the value of Config.TokenTypeHint for requests without token_type_hint.
const NoTokenTypeHint = "none"

// New returns a verifier for the configuration. It reads the files that the configuration
// names, and performs no other I/O. The error reports all mistakes in the configuration at
// once, and no secret.
func New(c Config) (*Verifier, error) {
	var mistakes configerr.List
	c.checkIssuer(&mistakes)
	if c.Endpoint != "" {
		mistakes.Add(metadata.CheckEndpoint(c.Endpoint, c.AllowHTTP))
	}
	if c.KeysURL != "" {
		if err := metadata.CheckEndpoint(c.KeysURL, c.AllowHTTP); err != nil {
			mistakes.Addf("KeysURL: %w", err)
		}
	}
	mistakes.Add(outbound.CheckHosts("AllowHosts", c.AllowHosts))
	clientauth.Config(c.Auth).Check(&mistakes)
	clientauth.Connections{
		CertificateFile: c.CertificateFile, CertificateKeyFile: c.CertificateKeyFile, TLS: c.TLS, Transport: c.Transport,
	}.Check(c.Auth.Method, &mistakes)
	c.checkHint(&mistakes)
	c.checkAnswers(&mistakes)
	if c.SignedAnswers && c.Auth.ClientID == "" {
		mistakes.Addf("SignedAnswers: Auth.ClientID is empty; it is required because it is the aud of signed answers")
	}
	if !c.SignedAnswers && c.KeysURL != "" {
		mistakes.Addf("KeysURL: must be empty unless SignedAnswers is true")
	}
	c.limits().Check(&mistakes)
	if err := mistakes.Err("introspect: configuration"); err != nil {
		return nil, err
	}
	return build(c), nil
}

func (c Config) checkAnswers(mistakes *configerr.List) {
	if c.Answers != nil && anyvalue.IsNil(c.Answers) {
		mistakes.Addf("Answers: a nil pointer; leave it out if answers are not shared")
	}
	if c.Answers != nil && len(c.AnswerKeys) == 0 {
		mistakes.Addf("AnswerKeys: none; Answers requires at least one")
	}
	if c.Answers == nil && len(c.AnswerKeys) > 0 {
		mistakes.Addf("AnswerKeys: are not used without Answers; remove them or set Answers")
	}
	if c.Answers != nil && c.Auth.ClientID == "" {
		mistakes.Addf("Answers: Auth.ClientID is empty; it is required because an answer is shared only with processes of the same client")
	}
	mistakes.AddAt("AnswerKeys", commonkey.Check(c.AnswerKeys))
}

func (c Config) checkHint(mistakes *configerr.List) {
	// RFC 7009 §2.1 lets servers define further hints, so only these mistakes can be found.
	switch {
	case c.TokenTypeHint == "":
	case strings.Trim(c.TokenTypeHint, grammar.B64TokenChars+":") != "":
		mistakes.Addf("TokenTypeHint: %q cannot be a token type; use letters, digits and -._~+/:", c.TokenTypeHint)
	case tokentype.IsOther(c.TokenTypeHint):
		mistakes.Addf("TokenTypeHint: %q is for tokens that are not access tokens, which are never accepted; use access_token or %s", c.TokenTypeHint, NoTokenTypeHint)
	}
}
