// Package config makes a [resource.Resource] of a file: the block `authorization:` of
// mcp-agent's users, key for key, and more keys beside them. All are in
// docs/configuration.md and, for editors, in authorization.schema.json.
//
//	authorization:
//	  issuer_url: https://auth.example.com
//	  resource_server_url: https://mcp.example.com/mcp
//	  expected_audiences: [https://mcp.example.com/mcp]
//	  client_id: mcp
//	  client_secret: ${CLIENT_SECRET}
//
// [Load] is for a configuration that stays what it is, [New] for one that is taken over
// when its files change. A file that is broken or says `enabled: false` never yields a
// server without protection: there is an error then and no Resource, and a reload that
// fails changes nothing.
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

// ErrDisabled says that the configuration is sound and has `enabled: false`. What that
// means is for the program to decide: ending is the safe answer, serving without
// protection one that must be written down.
var ErrDisabled = errors.New("config: authorization is disabled (enabled: false)")

// Config says where the configuration is, and what only the program knows. File or Text
// is required.
type Config struct {
	// File is YAML with the block `authorization:`; other keys at the top are not
	// looked at. Relative names in the block start from its folder.
	File string
	Text []byte // instead of File; relative names start from the working directory

	// SecretsFile is another file with such a block, such as mcp_agent.secrets.yaml.
	// What it says counts over what File says, mappings key by key. "": none.
	SecretsFile string

	// Environ are the variables for ${VAR} and AUTHORIZATION__KEY, as in os.Environ,
	// which they are if it is nil. Variables of that name count over both files.
	Environ []string

	// Complete adds what a file can't say, such as Revoked, Observers, Operations.Rule,
	// Operations.Stateless and Headers. It is called at each look at the files, by one
	// goroutine at a time, and is to put in the same verifiers and observers each time:
	// what it makes anew would count as changed. What it changes is not checked against
	// the file.
	Complete func(*resource.Config)

	// Check is asked at each look too, such as mcpsdk.Check. Its error is a mistake of the
	// configuration.
	Check func(*resource.Resource) error

	Interval  time.Duration     // between two looks at the files, by Run; 0: 10 s; at least 1 s
	Transport http.RoundTripper // to the issuers, see jwks.Config; ca_file has no effect then
	Logger    *slog.Logger      // one record per reload; nil: slog.Default()
}

// Format prints the name of the file for every verb: Text and Environ may hold secrets.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "config.Config("+c.File+")") }

// LogValue logs the name of the file.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.File) }

// MarshalText encodes the name of the file, so that encoders show nothing else either.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.File), nil }

// Load returns the resource that a file describes, with the environment's overrides. It
// asks nobody: call [resource.Resource.Ready] for that. The error is [ErrDisabled], or
// names every mistake with its line.
func Load(file string) (*resource.Resource, error) {
	live, err := New(Config{File: file})
	if err != nil {
		return nil, err
	}
	return live.Resource(), nil
}

// New returns the configuration as it is now. [Live.Run] follows its changes. Errors are
// those of [Load].
func New(c Config) (*Live, error) {
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Interval < MinInterval {
		return nil, errors.New("config: Interval: is under " + MinInterval.String())
	}
	if (c.File == "") == (c.Text == nil) {
		return nil, errors.New("config: File, Text: give one of them")
	}
	l := &Live{config: &c}
	built, sum, err := l.build(context.Background())
	if err != nil {
		return nil, err
	}
	l.resource, l.pool, l.applied = built.resource, built.next, sum
	l.metrics = newMetrics(l.resource.Identifier())
	l.metrics.appliedAt(time.Now())
	return l, nil
}
