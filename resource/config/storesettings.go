package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/secretfile"
)

// storeSettings converts the keys that are about the store, and returns the content of ca_file.
// It adds mistakes.
func (b *builder) storeSettings(s *SharedState) (StoreSettings, []byte) {
	settings := StoreSettings{
		Addresses: s.Addresses, Mode: cmp.Or(s.Mode, "standalone"), SentinelMaster: s.SentinelMaster,
		Username: s.Username, PasswordFile: b.passwordFile("password_file", s.PasswordFile),
		SentinelUsername: s.SentinelUsername, SentinelPasswordFile: b.passwordFile("sentinel_password_file", s.SentinelPasswordFile),
		Prefix: s.Prefix, Database: number(s.Database), Timeout: time.Duration(number(s.Timeout)) * time.Millisecond,
		MaxCalls: number(s.MaxCalls), MaxRevocations: number(s.MaxRevocations), MaxProofsPerKey: number(s.MaxProofsPerKey), Logger: b.config.Logger,
	}
	b.checkAddresses(settings)
	b.checkLogin("username", s.Username, "password_file", s.PasswordFile)
	b.checkLogin("sentinel_username", s.SentinelUsername, "sentinel_password_file", s.SentinelPasswordFile)
	if settings.Mode == "sentinel" {
		if s.SentinelMaster == "" {
			b.addShared("sentinel_master", "is missing; with mode sentinel, it is required")
		}
	} else {
		b.rejectShared("is used with mode sentinel only; remove it, or set mode", "sentinel_master", "sentinel_username", "sentinel_password_file")
	}
	if settings.Mode == "cluster" && settings.Database != 0 {
		b.addShared("database", "a cluster has only database 0; remove it")
	}
	var ca []byte
	settings.TLS, ca = b.storeTLS(s)
	return settings, ca
}

func (b *builder) checkAddresses(s StoreSettings) {
	switch n := len(s.Addresses); {
	case n == 0:
		b.addShared("addresses", "is empty; name a server as host:port")
	case n > 1 && s.Mode == "standalone":
		b.addShared("addresses", "has %d servers, and mode standalone has one; remove the others, or set mode to sentinel or cluster", n)
	}
	for n, address := range s.Addresses {
		host, port, err := net.SplitHostPort(address)
		if number, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || number == 0 || host == "" || strings.ContainsAny(host, " /@") {
			b.addShared(fmt.Sprintf("addresses[%d]", n), "is not host:port, such as valkey.example.com:6379")
		}
	}
}

func (b *builder) checkLogin(userKey, user, passwordKey, password string) {
	if user != "" && password == "" {
		b.addShared(userKey, "requires %s", passwordKey)
	}
}

// passwordFile returns the path of a file with a password. It reads the file only to find mistakes.
func (b *builder) passwordFile(key, name string) string {
	if name == "" {
		return ""
	}
	path := b.files.path(name)
	password, err := b.files.readRotated(path)
	b.secrets = append(b.secrets, Secret(password))
	if err != nil {
		b.addShared(key, "%s", err)
	}
	return path
}

// storeTLS returns the configuration of TLS, and the content of ca_file.
func (b *builder) storeTLS(s *SharedState) (*tls.Config, []byte) {
	if !s.TLS {
		b.rejectShared("requires tls: true", "ca_file", "server_name", "tls_client_certificate_file", "tls_client_key_file")
		return nil, nil
	}
	c := &tls.Config{ServerName: s.ServerName, MinVersion: tls.VersionTLS12}
	var ca []byte
	if s.CAFile != "" {
		var err error
		if ca, c.RootCAs, err = b.readRoots(s.CAFile); err != nil {
			b.addShared("ca_file", "%s", err)
		}
	}
	switch {
	case s.ClientCertificate == "" && s.ClientKey == "":
	case s.ClientCertificate == "":
		b.addShared("tls_client_key_file", "requires tls_client_certificate_file")
	case s.ClientKey == "":
		b.addShared("tls_client_certificate_file", "requires tls_client_key_file")
	default:
		certificate := certificateFiles{secretfile.New(b.files.path(s.ClientCertificate)), secretfile.New(b.files.path(s.ClientKey))}
		if _, err := certificate.load(); err != nil {
			b.files.note(err)
			b.addShared("tls_client_certificate_file", "%s", err)
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate.load() }
	}
	return c, ca
}

// certificateFiles are the files of a client certificate and of its private key.
type certificateFiles struct{ chain, key *secretfile.File }

// load reads the files.
func (f certificateFiles) load() (*tls.Certificate, error) {
	chain, err := f.chain.ReadAll()
	if err != nil {
		return nil, err
	}
	key, err := f.key.ReadAll()
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(chain, key) // its errors do not contain the key
	if err != nil {
		return nil, fmt.Errorf("files %q and %q: %w", f.chain.Path(), f.key.Path(), err)
	}
	return &pair, nil
}

// readRoots reads a file of trusted certificates.
func (b *builder) readRoots(name string) ([]byte, *x509.CertPool, error) {
	path := b.files.path(name)
	body, err := b.files.read(path)
	if err != nil {
		return nil, nil, fmt.Errorf("file %q: %w", path, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(body) {
		return nil, nil, fmt.Errorf("file %q: has no PEM certificate", path)
	}
	return body, roots, nil
}

// checkShared adds mistakes about keys that contradict each other.
func (b *builder) checkShared(s *SharedState) {
	if !s.sharesRevocations() && !s.sharesReplays() && !s.sharesAnswers() {
		b.mistakes.add(b.position(sharedBlock), "%s: nothing is shared; remove the block, or one of revocations, replays and introspection_answers", sharedBlock)
	}
	if !s.sharesRevocations() {
		b.rejectShared("has no effect, because revocations is false; remove one of them", "max_revocations", "max_revocation_age_seconds", "accept_outdated_revocations")
	}
	if !s.sharesReplays() {
		b.rejectShared("has no effect, because replays is false; remove one of them", "max_proofs_per_key")
	} else {
		for _, key := range []string{"dpop_max_proofs", "dpop_max_proofs_per_key"} {
			if _, ok := b.positions[key]; ok {
				b.mistakes.add(b.position(key), "%s: shared_state stores the proofs, so it has no effect; remove it, and see max_proofs_per_key in shared_state", key)
			}
		}
	}
}

// rejectShared adds a mistake for each of the keys of shared_state that is present.
func (b *builder) rejectShared(reason string, keys ...string) {
	for _, key := range keys {
		if _, ok := b.positions[join(sharedBlock, key)]; ok {
			b.addShared(key, "%s", reason)
		}
	}
}
