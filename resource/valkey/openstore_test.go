package valkey_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
)

// The file has every setting of a Store, except functions.
func TestFileSetsEveryField(t *testing.T) {
	settings, own := reflect.TypeFor[config.StoreSettings](), reflect.TypeFor[valkey.Config]()
	for field := range own.Fields() {
		if _, ok := settings.FieldByName(field.Name); !ok && field.Type.Kind() != reflect.Func {
			t.Errorf("Config.%s is not in config.StoreSettings", field.Name)
		}
	}
	for field := range settings.Fields() {
		if _, ok := own.FieldByName(field.Name); !ok {
			t.Errorf("config.StoreSettings.%s is not in Config", field.Name)
		}
	}
}

// Each setting reaches Open, which rejects these values.
func TestOpenStorePassesEverySetting(t *testing.T) {
	insecure := &tls.Config{InsecureSkipVerify: true} // Open rejects it
	for _, row := range []struct {
		name string
		s    config.StoreSettings
		want []string // the beginnings of the mistakes
	}{
		{"valid", config.StoreSettings{Mode: "sentinel", SentinelMaster: "m", SentinelUsername: "u", SentinelPasswordFile: "f", Username: "u", PasswordFile: "f"}, nil},
		{"out of range", config.StoreSettings{Mode: "standalone", Prefix: "a b", Database: -1, Timeout: 1, MaxCalls: -1, MaxRevocations: -1, MaxProofsPerKey: -1, TLS: insecure},
			[]string{"TLS: ", "Prefix: ", "Database: ", "Timeout: ", "MaxCalls: ", "MaxRevocations: ", "MaxProofsPerKey: "}},
		{"without passwords", config.StoreSettings{Mode: "sentinel", SentinelUsername: "u", Username: "u"}, []string{"SentinelMaster: ", "SentinelUsername: ", "Username: "}},
		{"without a user", config.StoreSettings{Mode: "standalone", SentinelPasswordFile: "f"}, []string{"SentinelMaster, SentinelUsername, SentinelPasswordFile: "}},
		{"another mode", config.StoreSettings{Mode: "odd"}, []string{"Mode: "}},
	} {
		row.s.Addresses = []string{"127.0.0.1:1"}
		stores, err := valkey.OpenStore(row.s)
		if err == nil {
			stores.Close()
		}
		var got []string
		if inner := errors.Unwrap(err); inner != nil {
			got = strings.Split(inner.Error(), "\n")
		}
		if len(got) != len(row.want) {
			t.Errorf("%s: got %v, want mistakes that begin with %q", row.name, err, row.want)
			continue
		}
		for n, want := range row.want {
			if !strings.HasPrefix(got[n], want) {
				t.Errorf("%s: got %q, want %s...", row.name, got[n], want)
			}
		}
	}
	if _, err := valkey.OpenStore(config.StoreSettings{Mode: "standalone", Addresses: []string{"x"}}); err == nil || !strings.Contains(err.Error(), "Addresses[0]: ") {
		t.Errorf("an address without a port: %v", err)
	}
}

// Two servers with the same file share revocations, proofs and introspection responses. A mistake
// has the line of its key.
func TestConfigurationFile(t *testing.T) {
	m := startMini(t)
	if err := m.Set(dataKey, fmt.Sprintf("aaaa/%d", time.Now().Add(-time.Hour).UnixMilli())); err != nil { // else proofs may have been lost
		t.Fatal(err)
	}
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Audience: "https://mcp.example.test/mcp"})
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	text := "authorization:\n  issuer_url: " + issuer.Identifier() + "\n  resource_server_url: https://mcp.example.test/mcp\n  dpop_tokens: accepted\n" +
		"  client_id: test-client\n  client_secret: " + resourcetest.DefaultClientSecret + "\n" +
		"  shared_state:\n    addresses: ['" + m.Addr() + "']\n    keys: [a-common-key-of-at-least-32-bytes]\n    timeout_milliseconds: 5000\n"
	started := func() *config.Live {
		t.Helper()
		live, err := config.New(config.Config{Text: []byte(text), Environ: []string{}, Transport: issuer.Transport(), OpenStore: valkey.OpenStore})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(live.Close)
		go live.Run(t.Context())
		eventually(t, "ready", func() bool { return live.Resource().Ready(t.Context()) == nil })
		return live
	}
	one, two := started(), started()
	accepts := func(live *config.Live, scheme, token, proof string) bool {
		req := httptest.NewRequest(http.MethodPost, "https://mcp.example.test/mcp", nil)
		req.Header.Set("Authorization", scheme+" "+token)
		if proof != "" {
			req.Header.Set("DPoP", proof)
		}
		_, refusal := live.Resource().Authenticate(req)
		return refusal == nil
	}
	key := resourcetest.NewProofKey("")
	bound := issuer.Token(resourcetest.Token{ProofKey: key, Subject: "bob"})
	proof := key.Proof(resourcetest.Proof{Token: bound})
	if first, second := accepts(one, "DPoP", bound, proof), accepts(two, "DPoP", bound, proof); !first || second {
		t.Errorf("one proof: accepted %v and %v, want the first only", first, second)
	}
	eventually(t, "one call about a token is enough", func() bool { // a call of a busy machine may take too long
		opaque, before := issuer.OpaqueToken(resourcetest.Token{Subject: "bob"}), issuer.Count(resourcetest.Introspection)
		return accepts(one, "Bearer", opaque, "") && accepts(two, "Bearer", opaque, "") && issuer.Count(resourcetest.Introspection) == before+1
	})
	token := issuer.Token(resourcetest.Token{})
	if !accepts(two, "Bearer", token, "") {
		t.Error("the token is rejected before it is revoked")
	}
	if err := one.Revocations().Add(t.Context(), revocation.Entry{Issuer: issuer.Identifier(), Subject: "alice", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the token is rejected", func() bool { return !accepts(two, "Bearer", token, "") })

	_, err = config.New(config.Config{Text: []byte(strings.Replace(text, "timeout", "prefix: a b\n    timeout", 1)), Environ: []string{}, OpenStore: valkey.OpenStore})
	if want := `config: text:10: shared_state.prefix: "a b" is not 1 to 64 characters of A-Z a-z 0-9 . _ -`; err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}
