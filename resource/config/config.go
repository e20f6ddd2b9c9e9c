// Package config builds a [resource.Resource] from a YAML file. The file has the block
// `authorization:` of mcp-agent, with the same keys and additional ones. All keys are
// documented in docs/configuration.md and, for editors, in authorization.schema.json.
//
//	authorization:
//	  issuer_url: https://auth.example.com
//	  resource_server_url: https://mcp.example.com/mcp
//	  expected_audiences: [https://mcp.example.com/mcp]
//	  client_id: mcp
//	  client_secret: ${CLIENT_SECRET}
//
// Use [Load] for a configuration that does not change, and [New] for one that is reloaded
// when its files change. A file that is invalid or has `enabled: false` never results in
// an unprotected server: [Load] and [New] return an error and no Resource, and a failed
// reload changes nothing.
package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/warder-go/warder/resource"
)

// ErrDisabled means that the configuration is valid and has `enabled: false`. The program
// must decide what to do: to exit is the safe reaction, and serving without protection
// requires explicit code.
var ErrDisabled = errors.New("config: authorization is disabled (enabled: false)")

// Config says where the configuration is, and holds the values that a file cannot
// contain. Exactly one of File and Text is required.
type Config struct {
	// File is the path of a YAML file with the block `authorization:`. Other top-level
	// keys are ignored. Relative paths in the block are relative to the file's directory.
	File string
	Text []byte // YAML, instead of File; relative paths start from the working directory

	// Block is the place of the block in File or Text: keys with a dot between them, and the
	// numbers of list items in brackets, such as "upstreams[1].authorization". It is for programs
	// whose file has several blocks. "" is "authorization".
	Block string

	// SecretsFile is the optional path of another file with such a block, such as
	// mcp_agent.secrets.yaml. It overrides File: mappings are merged by key, lists and
	// scalars are replaced.
	SecretsFile string

	// Environ are the variables for ${VAR} and AUTHORIZATION__KEY, in the format of
	// os.Environ. The default is os.Environ(). Variables AUTHORIZATION__KEY override
	// both files.
	Environ []string

	// Complete, if not nil, sets what a file cannot contain, such as Hooks.Revocations,
	// Hooks.Observers, Operations.Rule and Credentials.Headers. It is called for each read of the
	// files, never concurrently. It must set the same verifiers and observers each time, because
	// new ones are treated as changes. What it sets is not checked against the file. One
	// exception: if the block shared_state shares revocations or DPoP proofs, it is a mistake to
	// set Hooks.Revocations or Credentials.DPoP.Replays. With the block security_events, it is a
	// mistake to set Hooks.Revocations. The block on_behalf_of sets Credentials.HoldTokens.
	Complete func(*resource.Config)

	// Check, if not nil, is called for each read of the files after the resource has
	// been built, for example to call mcpsdk.Check. Its error is a configuration mistake.
	// The mistakes that mcpsdk.Check finds get the lines of their keys.
	Check func(*resource.Resource) error

	// OpenStore opens the store that the block shared_state describes. It is required if the file
	// has the block. OpenStore of package resource/valkey is one. It is called once, by New, and
	// must not wait for the store. A line of its error that begins with the name of a field of
	// StoreSettings and a colon is a mistake in the key for that field.
	OpenStore func(StoreSettings) (Stores, error)

	// WithoutStore is for programs that look at a configuration and serve no requests. The block
	// shared_state is checked, but no store is opened, and nothing is shared.
	WithoutStore bool

	// KeysFile, if not empty, is a file with the signing keys (JWKS) of every issuer, instead of those
	// that the file of the configuration names. It is for programs that look at a configuration
	// without network. A server must not set it: each issuer could sign for the others.
	KeysFile string

	Interval  time.Duration     // between checks of the files by Run; default 10 s, at least 1 s
	Transport http.RoundTripper // for calls to issuers, see jwks.Config; ca_file has no effect with it
	Logger    *slog.Logger      // receives one record per reload; default slog.Default()

	onlyResource bool // Load
}

// Format writes the path of the file for every verb, because Text and Environ may contain
// secrets.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "config.Config("+c.File+")") }

// LogValue returns the path of the file.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.File) }

// MarshalText returns the path of the file, so that encoders do not disclose secrets.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.File), nil }

// Load returns the resource that a file describes, with the overrides of the environment.
// It does not call any issuer: use [resource.Resource.Ready] for that. The error is
// [ErrDisabled], or has a line for each mistake with its position. The blocks shared_state,
// security_events and on_behalf_of are mistakes, because they need [New], and [Live.Run],
// [Live.SecurityEvents] or [Live.OnBehalf].
func Load(file string) (*resource.Resource, error) {
	live, err := New(Config{File: file, onlyResource: true})
	if err != nil {
		return nil, err
	}
	return live.Resource(), nil
}

// New reads the files and builds the resource. Call [Live.Run] to apply later changes of
// the files. Errors are those of [Load].
func New(c Config) (*Live, error) {
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Interval < MinInterval {
		return nil, errors.New("config: Interval: must be at least " + MinInterval.String())
	}
	if (c.File == "") == (c.Text == nil) {
		return nil, errors.New("config: File, Text: set exactly one of them")
	}
	l := &Live{config: &c}
	b, digest, err := l.build(context.Background())
	if err != nil {
		return nil, err
	}
	l.resource, l.verifiers, l.served, l.basePath, l.applied = b.resource, b.used, b.served, b.settings.BasePath, digest
	l.shared, l.sharedKeys, l.parts = b.shared, b.sharedKeys, b.parts()
	if b.receiver != nil {
		l.events = &receivers{list: b.eventsList}
		l.events.current.Store(b.receiver)
	}
	l.exchanger, l.exchangeSettings = b.exchanger, b.exchangeSettings
	b.logOwnAudience()
	l.metrics = newMetrics(l.resource.Identifier(), l.shared)
	l.metrics.setApplied(time.Now())
	return l, nil
}
