package valkey_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/valkey"
)

func TestMistakes(t *testing.T) {
	one := []string{"127.0.0.1:6379"}
	password := func(context.Context) (string, error) { return "x", nil }
	for _, row := range []struct {
		name   string
		config valkey.Config
		want   string // empty: valid
	}{
		{"the least", valkey.Config{Addresses: one}, ""},
		{"a host name", valkey.Config{Addresses: []string{"store.example.com:6379"}}, ""},
		{"IPv6", valkey.Config{Addresses: []string{"[::1]:6379"}}, ""},
		{"no addresses", valkey.Config{}, "Addresses: none"},
		{"two addresses", valkey.Config{Addresses: []string{one[0], one[0]}}, `Addresses: 2; set one, or Mode to "sentinel" or "cluster"`},
		{"64 addresses", valkey.Config{Addresses: slice(64), Mode: valkey.Cluster}, ""},
		{"65 addresses", valkey.Config{Addresses: slice(65), Mode: valkey.Cluster}, "Addresses: 65; at most 64"},
		{"no port", valkey.Config{Addresses: []string{"127.0.0.1"}}, "Addresses[0]: is not host:port"},
		{"no host", valkey.Config{Addresses: []string{":6379"}}, "Addresses[0]: is not host:port"},
		{"port 0", valkey.Config{Addresses: []string{"a:0"}}, "Addresses[0]: is not host:port"},
		{"port 65536", valkey.Config{Addresses: []string{"a:65536"}}, "Addresses[0]: is not host:port"},
		{"a named port", valkey.Config{Addresses: []string{"a:redis"}}, "Addresses[0]: is not host:port"},
		{"a URL", valkey.Config{Addresses: []string{"redis://:p4ss@a:6379"}}, "Addresses[0]: is not host:port"},
		{"a password", valkey.Config{Addresses: []string{"user:p4ss@a:6379"}}, "Addresses[0]: is not host:port"},
		{"a connection string", valkey.Config{Addresses: []string{"a:6379", "a:6379,password=p4ss"}, Mode: valkey.Cluster}, "Addresses[1]: is not host:port"},
		{"an unknown mode", valkey.Config{Addresses: one, Mode: "replica"}, `Mode: "replica" is not "standalone", "sentinel" or "cluster"`},
		{"sentinel", valkey.Config{Addresses: one, Mode: valkey.Sentinel, SentinelMaster: "m"}, ""},
		{"sentinel without a name", valkey.Config{Addresses: one, Mode: valkey.Sentinel}, "SentinelMaster: is empty"},
		{"sentinel with a user without a password", valkey.Config{Addresses: one, Mode: valkey.Sentinel, SentinelMaster: "m", SentinelUsername: "u"}, "SentinelUsername: is set without SentinelPasswordFile"},
		{"a name without sentinels", valkey.Config{Addresses: one, SentinelMaster: "m"}, `SentinelMaster, SentinelUsername, SentinelPasswordFile: are for Mode "sentinel" only`},
		{"TLS", valkey.Config{Addresses: one, TLS: &tls.Config{}}, ""},
		{"TLS without verification", valkey.Config{Addresses: one, TLS: &tls.Config{InsecureSkipVerify: true}}, "TLS: InsecureSkipVerify accepts every server"},
		{"TLS with own verification", valkey.Config{Addresses: one, TLS: &tls.Config{InsecureSkipVerify: true, VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return nil }}}, ""},
		{"a user without a password", valkey.Config{Addresses: one, Username: "u"}, "Username: is set without a password"},
		{"a user with a function", valkey.Config{Addresses: one, Username: "u", PasswordFunc: password}, ""},
		{"a file and a function", valkey.Config{Addresses: one, PasswordFile: "f", PasswordFunc: password}, "PasswordFile, PasswordFunc: set at most one"},
		{"a prefix", valkey.Config{Addresses: one, Prefix: strings.Repeat("aZ0._-0a", 8)}, ""},
		{"a long prefix", valkey.Config{Addresses: one, Prefix: strings.Repeat("a", 65)}, "Prefix: "},
		{"a prefix that ends the hash tag", valkey.Config{Addresses: one, Prefix: "a}"}, `Prefix: "a}" is not`},
		{"a prefix with a line break", valkey.Config{Addresses: one, Prefix: "a\n"}, `Prefix: "a\n" is not`},
		{"a database", valkey.Config{Addresses: one, Database: 3}, ""},
		{"a negative database", valkey.Config{Addresses: one, Database: -1}, "Database: -1"},
		{"a database in a cluster", valkey.Config{Addresses: one, Mode: valkey.Cluster, Database: 1}, "Database: 1"},
		{"the shortest timeout", valkey.Config{Addresses: one, Timeout: 5 * time.Millisecond}, ""},
		{"a shorter timeout", valkey.Config{Addresses: one, Timeout: 4999 * time.Microsecond}, "Timeout: 4.999ms is not between 5ms and 5s"},
		{"the longest timeout", valkey.Config{Addresses: one, Timeout: 5 * time.Second}, ""},
		{"a longer timeout", valkey.Config{Addresses: one, Timeout: 5001 * time.Millisecond}, "Timeout: 5.001s is not"},
		{"most calls", valkey.Config{Addresses: one, MaxCalls: 500}, ""},
		{"too many calls", valkey.Config{Addresses: one, MaxCalls: 501}, "MaxCalls: 501 is not between 1 and 500"},
		{"negative calls", valkey.Config{Addresses: one, MaxCalls: -1}, "MaxCalls: -1 is not"},
		{"negative revocations", valkey.Config{Addresses: one, MaxRevocations: -1}, "MaxRevocations: -1 is not between 1 and 100000000"},
		{"negative proofs", valkey.Config{Addresses: one, MaxProofsPerKey: -1}, "MaxProofsPerKey: -1 is not"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := valkey.Open(row.config)
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "valkey: configuration: ") {
				t.Errorf("got %v, want the prefix of the package", err)
			}
			if err != nil && strings.Contains(err.Error(), "p4ss") {
				t.Errorf("the error contains a password: %v", err)
			}
		})
	}
}

func slice(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("node%d:6379", i))
	}
	return all
}

// All mistakes are reported at once.
func TestAllMistakes(t *testing.T) {
	_, err := valkey.Open(valkey.Config{Mode: "x", Prefix: "/", Username: "u", Timeout: time.Hour, MaxCalls: -1})
	if err == nil {
		t.Fatal("accepted")
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 6 {
		t.Errorf("got %d lines, want 6:\n%v", got, err)
	}
}

// Open does no I/O: it neither connects nor reads the password, and starts no goroutine.
func TestOpenDoesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := valkey.Open(valkey.Config{Addresses: []string{"127.0.0.1:1"}, PasswordFile: "/does/not/exist"})
	if err != nil {
		t.Fatal(err)
	}
	if got := runtime.NumGoroutine(); got != before {
		t.Errorf("got %d goroutines, want %d", got, before)
	}
	s.Close()
	s.Close() // is permitted
}

// Neither a Config nor a Store prints a private key, a path or a user.
func TestPrinting(t *testing.T) {
	c := valkey.Config{
		Addresses: []string{"secret-host:6379"}, Username: "secret-user", PasswordFile: "/secret/path",
		TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{[]byte("secret")}, PrivateKey: "secret-key"}}},
	}
	s := open(t, c)
	var b strings.Builder
	for _, value := range []any{c, &c, s, struct{ C valkey.Config }{c}} {
		fmt.Fprintf(&b, "%v %+v %#v %s %q\n", value, value, value, value, value)
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "value", value)
		if text, err := json.Marshal(value); err == nil {
			b.Write(text)
		}
	}
	if strings.Contains(b.String(), "secret") || strings.Contains(b.String(), fmt.Sprint([]byte("secret"))) {
		t.Errorf("got %s", b.String())
	}
}
