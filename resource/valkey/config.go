package valkey

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Defaults and bounds of Config.
const (
	defaultPrefix          = "warder"
	defaultTimeout         = 50 * time.Millisecond
	minTimeout             = 5 * time.Millisecond
	maxTimeout             = 5 * time.Second
	defaultMaxCalls        = 256
	maxMaxCalls            = 500 // less than a quarter of the queue of the client, see ringScale
	defaultMaxRevocations  = 1_000_000
	maxMaxRevocations      = 100_000_000
	defaultMaxProofsPerKey = 50_000
	maxMaxProofsPerKey     = 100_000_000
	maxAddresses           = 64
)

// Mode says how the primary server is found.
type Mode string

// The modes. The zero value of Mode is Standalone.
const (
	Standalone Mode = "standalone" // the one address is that of the primary
	Sentinel   Mode = "sentinel"   // the addresses are those of sentinels, which name the primary
	Cluster    Mode = "cluster"    // the addresses are those of nodes of a cluster
)

// Config configures a [Store]. Addresses is required.
type Config struct {
	// Addresses are host:port of the servers, at most 64. Standalone has exactly one. In the other
	// modes, they are tried in order.
	Addresses []string

	Mode Mode // empty: Standalone

	// SentinelMaster is the name of the primary at the sentinels. It is required in the mode
	// Sentinel.
	SentinelMaster string

	// SentinelUsername and SentinelPasswordFile authenticate at the sentinels. The rules for
	// PasswordFile apply. The password of the server is never sent to a sentinel.
	SentinelUsername, SentinelPasswordFile string

	// TLS is used for all connections, also for those to sentinels. Nil: without TLS, everyone on
	// the network path can read the password and forge answers, so the network must be trusted. An
	// empty ServerName stands for the host of each address. Sentinels and clusters usually name IP
	// addresses, which the certificates then need.
	TLS *tls.Config

	Username string // ACL user; empty: the user default

	// PasswordFile is the path of a file with the password. It is read for each connection, so a
	// rotated password takes effect with the next one. The file must be a regular file of at most
	// 64 KiB with one line, which is not empty. One line break at its end is ignored.
	PasswordFile string

	// PasswordFunc returns the password for each connection, within a second. It is an alternative
	// to PasswordFile. Its error is not logged, because it could contain a secret. A panic is an
	// error.
	PasswordFunc func(context.Context) (string, error)

	// Prefix begins the names of all keys, in curly brackets, and that of the channel. Programs
	// that share data need the same one, and others another one. Empty: warder. 1 to 64 characters
	// of A-Z a-z 0-9 . _ -
	Prefix string

	Database int // number of the logical database; it must be 0 in the mode Cluster

	// Timeout limits one call, with its wait for the first connection. A call that a request waits
	// for always ends in this time. Adding and reading revocations can take a second if Timeout is
	// shorter. 0: 50 ms; from 5 ms to 5 s.
	Timeout time.Duration

	// MaxCalls limits the calls at one time, separately for proofs, for answers and for calls that no
	// request waits for. A further call fails at once. 0: 256; from 1 to 500.
	MaxCalls int

	// MaxRevocations limits the revocations in the store. If it is full, adding one is an error. A
	// revocation needs about 285 bytes. 0: 1,000,000; at most 100,000,000.
	MaxRevocations int

	// MaxProofsPerKey limits the proofs of one key of a client. The count begins with the first
	// proof of a key and ends when this one expires. The further proofs are rejected with
	// [resource.ErrTooManyProofs]. 0: 50,000.
	MaxProofsPerKey int

	Logger *slog.Logger // receives changes of the state; nil: slog.Default()
}

const redacted = "[redacted valkey configuration]"

// Format writes a placeholder for every verb. Config has no password, but TLS can have a private
// key.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (c Config) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder, so that encoders do not write a private key either.
func (c Config) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// withDefaults replaces zero values.
func (c Config) withDefaults() Config {
	c.Mode = cmp.Or(c.Mode, Standalone)
	c.Prefix = cmp.Or(c.Prefix, defaultPrefix)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.MaxCalls = cmp.Or(c.MaxCalls, defaultMaxCalls)
	c.MaxRevocations = cmp.Or(c.MaxRevocations, defaultMaxRevocations)
	c.MaxProofsPerKey = cmp.Or(c.MaxProofsPerKey, defaultMaxProofsPerKey)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// mistakes collects the mistakes of a configuration.
type mistakes []error

func (m *mistakes) addf(format string, args ...any) { *m = append(*m, fmt.Errorf(format, args...)) }

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// check returns one error with all mistakes. c has its defaults.
func (c Config) check() error {
	var m mistakes
	c.checkAddresses(&m)
	c.checkSentinel(&m)
	c.checkLogin(&m)
	if !prefixPattern.MatchString(c.Prefix) {
		m.addf("Prefix: %q is not 1 to 64 characters of A-Z a-z 0-9 . _ -", c.Prefix)
	}
	if c.Database < 0 || c.Database != 0 && c.Mode == Cluster {
		m.addf("Database: %d; it must not be negative, and in a cluster it must be 0", c.Database)
	}
	if c.Timeout < minTimeout || c.Timeout > maxTimeout {
		m.addf("Timeout: %s is not between %s and %s", c.Timeout, minTimeout, maxTimeout)
	}
	inRange(&m, "MaxCalls", c.MaxCalls, maxMaxCalls)
	inRange(&m, "MaxRevocations", c.MaxRevocations, maxMaxRevocations)
	inRange(&m, "MaxProofsPerKey", c.MaxProofsPerKey, maxMaxProofsPerKey)
	if len(m) == 0 {
		return nil
	}
	return fmt.Errorf("valkey: configuration: %w", errors.Join(m...))
}

func (c Config) checkLogin(m *mistakes) {
	if c.TLS != nil && c.TLS.InsecureSkipVerify && c.TLS.VerifyConnection == nil && c.TLS.VerifyPeerCertificate == nil {
		m.addf("TLS: InsecureSkipVerify accepts every server; set RootCAs, or verify in VerifyConnection")
	}
	if c.PasswordFile != "" && c.PasswordFunc != nil {
		m.addf("PasswordFile, PasswordFunc: set at most one of them")
	}
	if c.Username != "" && c.PasswordFile == "" && c.PasswordFunc == nil {
		m.addf("Username: is set without a password; set PasswordFile or PasswordFunc")
	}
}

func inRange(m *mistakes, field string, value, limit int) {
	if value < 1 || value > limit {
		m.addf("%s: %d is not between 1 and %d", field, value, limit)
	}
}

func (c Config) checkAddresses(m *mistakes) {
	switch {
	case len(c.Addresses) == 0:
		m.addf("Addresses: none; set host:port of the server")
	case len(c.Addresses) > maxAddresses:
		m.addf("Addresses: %d; at most %d are possible", len(c.Addresses), maxAddresses)
	case len(c.Addresses) > 1 && c.Mode == Standalone:
		m.addf("Addresses: %d; set one, or Mode to %q or %q", len(c.Addresses), Sentinel, Cluster)
	}
	for i, address := range c.Addresses {
		if !isAddress(address) { // it is not shown, because a URL can contain a password
			m.addf("Addresses[%d]: is not host:port, such as valkey.example.com:6379", i)
		}
	}
}

// isAddress reports whether a text is a host and a port number.
func isAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(host, " /@") {
		return false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number > 0
}

func (c Config) checkSentinel(m *mistakes) {
	switch c.Mode {
	case Standalone, Cluster:
		if c.SentinelMaster != "" || c.SentinelUsername != "" || c.SentinelPasswordFile != "" {
			m.addf("SentinelMaster, SentinelUsername, SentinelPasswordFile: are for Mode %q only", Sentinel)
		}
	case Sentinel:
		if c.SentinelMaster == "" {
			m.addf("SentinelMaster: is empty; set the name of the primary at the sentinels")
		}
		if c.SentinelUsername != "" && c.SentinelPasswordFile == "" {
			m.addf("SentinelUsername: is set without SentinelPasswordFile")
		}
	default:
		m.addf("Mode: %q is not %q, %q or %q", c.Mode, Standalone, Sentinel, Cluster)
	}
}
