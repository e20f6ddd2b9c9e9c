package jwks_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The name of an issuer can be any text if no metadata is read at its well-known URLs. The error
// names the settings for this case.
func TestIssuerNames(t *testing.T) {
	const hint = "; if it is only the name of the issuer, set jwks_uri (in Go: URL), jwks_file (File) or metadata_url (MetadataURL)"
	const keysURL = "https://keys.example.test/jwks"
	for _, row := range []struct {
		name   string
		config jwks.Config
		want   string // the error without its beginning; "" for none
	}{
		{"AD FS", jwks.Config{Issuer: "http://adfs.example.test/adfs/services/trust", URL: keysURL}, ""},
		{"AD FS, without keys", jwks.Config{Issuer: "http://adfs.example.test/adfs/services/trust"},
			`metadata: issuer "http://adfs.example.test/adfs/services/trust": must begin with https://: http is for loopback hosts, or with AllowHTTP` + hint},
		{"Pomerium", jwks.Config{Issuer: "pomerium.example.test", File: "keys.json"}, ""},
		{"Pomerium, without keys", jwks.Config{Issuer: "pomerium.example.test"},
			`metadata: issuer "pomerium.example.test": must be an absolute URL, such as https://host.example.com/path` + hint},
		{"B2C", jwks.Config{Issuer: "https://b2c.example.test/4c1f/v2.0/", MetadataURL: "https://b2c.example.test/t/policy/v2.0/.well-known/openid-configuration"}, ""},
		{"a name with letters outside ASCII", jwks.Config{Issuer: "bücher, GmbH", URL: keysURL}, ""},
		{"2 KiB", jwks.Config{Issuer: strings.Repeat("x", 2<<10), URL: keysURL}, ""},
		{"2 KiB and a byte", jwks.Config{Issuer: strings.Repeat("x", 2<<10+1), URL: keysURL}, "metadata: issuer is longer than 2048 bytes"},
		{"empty", jwks.Config{URL: keysURL}, "metadata: issuer is empty: it must be the iss of the tokens"},
		{"a line break", jwks.Config{Issuer: "a\nb", URL: keysURL}, `metadata: issuer "a\nb": must be UTF-8 text of printable characters`},
		{"not UTF-8", jwks.Config{Issuer: "a\xff", URL: keysURL}, `metadata: issuer "a\xff": must be UTF-8 text of printable characters`},
		{"a pattern is not a name", jwks.Config{Issuer: "a{tenantid}", URL: keysURL}, `metadata: issuer "atenant": must be an absolute URL, such as https://host.example.com/path` + "\nIssuer: {tenantid} must be a whole segment of the path"},
		{"metadata and keys", jwks.Config{Issuer: "a", URL: keysURL, MetadataURL: "https://a.example.test/m"}, "MetadataURL: is not used, because URL, File, Keys or KeysFunc says where the keys are; keep one"},
		{"metadata of tenants", jwks.Config{Issuer: "https://a.example.test/{tenantid}", MetadataURL: "https://a.example.test/m"}, "URL: empty; the keys of many tenants cannot be discovered, so name their address"},
		{"metadata over http", jwks.Config{Issuer: "a", MetadataURL: "http://a.example.test/m?" + secret}, `MetadataURL: metadata: URL "http://a.example.test/m?...": must begin with https://: http is for loopback hosts, or with AllowHTTP`},
	} {
		_, err := jwks.New(row.config)
		want := "<nil>"
		if row.want != "" {
			want = "jwks: configuration: " + row.want
		}
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, want, got)
		}
	}
}

// A name is compared byte for byte, and no metadata is requested for it.
func TestNamesAreCompared(t *testing.T) {
	const name = "pomerium.example.test"
	for iss, want := range map[string]int{name: 200, name + ".": 401, "https://" + name: 401, "Pomerium.example.test": 401, "": 401} {
		withFixtureConfig(t, func(c *resource.Config, k *jwks.Config) {
			k.Issuer, k.URL = name, "https://auth.example.test/jwks"
			c.Metadata.AuthorizationServers = []string{"https://login.example.test"}
		}, func(w *fixture) {
			w.expect(iss, w.issuer.Token(resourcetest.Token{Claims: map[string]any{"iss": iss}}), want)
			if n := w.issuer.Count(resourcetest.Metadata); n != 0 {
				w.Errorf("%s: %d requests for metadata", iss, n)
			}
		})
	}
}

// The metadata is read at MetadataURL only, and its issuer must be exactly the configured one (RFC
// 8414 §3.3), whatever the address is.
func TestMetadataURL(t *testing.T) {
	const name = "https://b2c.example.test/4c1f/v2.0/"
	const address = "https://auth.example.test/.well-known/oauth-authorization-server"
	for _, row := range []struct {
		name, address string
		members       map[string]any
		want          int
		logged        string
	}{
		{"the issuer of the document", address, map[string]any{"issuer": name}, 200, ""},
		{"a query", address + "?p=" + secret, map[string]any{"issuer": name}, 200, ""},
		{"another issuer", address, nil, 503, `the document has issuer "https://auth.example.test", want "` + name + `"`},
		{"another issuer, with a query", address + "?p=" + secret, nil, 503, `"` + address + `?...": issuer mismatch`},
		{"a slash at the end", address, map[string]any{"issuer": strings.TrimSuffix(name, "/")}, 503, "they differ in the terminal slash only"},
		{"no issuer", address, map[string]any{"issuer": resourcetest.Remove}, 503, "the document has no issuer"},
		{"not found", "https://auth.example.test/elsewhere?p=" + secret, nil, 503, "; check metadata_url (in Go: MetadataURL), or set jwks_uri (in Go: URL)"},
		{"keys over http", address, map[string]any{"issuer": name, "jwks_uri": "http://auth.example.test/jwks"}, 503, "must begin with https://"},
		{"no keys", address, map[string]any{"issuer": name, "jwks_uri": resourcetest.Remove}, 503, `has no jwks_uri: set jwks_uri (in Go: URL)`},
	} {
		var log lockedBuffer
		withFixtureConfig(t, func(c *resource.Config, k *jwks.Config) {
			k.Issuer, k.MetadataURL, k.Logger = name, row.address, slog.New(slog.NewTextHandler(&log, nil))
		}, func(w *fixture) {
			w.issuer.SetMetadata(row.members)
			w.expect(row.name, w.issuer.Token(resourcetest.Token{Claims: map[string]any{"iss": name}}), row.want)
		})
		got := strings.ReplaceAll(log.String(), `\"`, `"`)
		if !strings.Contains(got, row.logged) || (got == "") != (row.logged == "") || strings.Contains(got, secret) {
			t.Errorf("%s: the log is %s, want %s", row.name, got, row.logged)
		}
	}
}

// A host that is only in the name of the issuer is not a configured address. If the metadata
// names it, its address must be public.
func TestHostsOfNames(t *testing.T) {
	issuer := resourcetest.Start(t)
	host := strings.Replace(issuer.Identifier(), "127.0.0.1", "localhost", 1)
	issuer.SetMetadata(map[string]any{"issuer": host, "jwks_uri": host + "/jwks"})
	verifier, err := jwks.New(jwks.Config{Issuer: host, MetadataURL: issuer.URL(resourcetest.Metadata), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := verifier.Ready(ctx); err == nil || !strings.Contains(err.Error(), "AllowHosts") {
		t.Errorf("got %v, want an error that names AllowHosts", err)
	}
}

// Keys with the use jwt-svid of SPIFFE verify tokens if KeyUses has this value. Keys with other
// uses are then ignored (RFC 7517 §4.2).
func TestKeyUses(t *testing.T) {
	for _, row := range []struct {
		name string
		uses []string
		use  any // of the issuer's key
		want int
	}{
		{"default, sig", nil, "sig", 200},
		{"default, absent", nil, nil, 200},
		{"default, jwt-svid", nil, "jwt-svid", 503},
		{"jwt-svid", []string{"jwt-svid"}, "jwt-svid", 200},
		{"jwt-svid in another case", []string{"jwt-svid"}, "JWT-SVID", 503},
		{"sig besides jwt-svid", []string{"jwt-svid"}, "sig", 200},
		{"absent besides jwt-svid", []string{"jwt-svid"}, nil, 200},
		{"x509-svid besides jwt-svid", []string{"jwt-svid"}, "x509-svid", 503},
		{"enc besides jwt-svid", []string{"jwt-svid"}, "enc", 503},
		{"use is an array", []string{"jwt-svid"}, []string{"jwt-svid"}, 503},
		{"the second of two values", []string{"x", "jwt-svid"}, "jwt-svid", 200},
	} {
		withFixtureConfig(t, func(_ *resource.Config, k *jwks.Config) { k.KeyUses = row.uses }, func(w *fixture) {
			kid := w.issuer.SigningKeyID("")
			members := map[string]any{"kid": kid}
			if row.use != nil {
				members["use"] = row.use
			}
			w.issuer.SetJWKS([]byte(`{"keys":[` + string(resourcetest.JWK(w.issuer.PublicKey(kid), members)) + `]}`))
			w.expect(row.name, w.token(), row.want)
		})
	}
}

// Keys for other uses in a bundle of SPIFFE do not count as unusable once KeyUses says which count.
func TestKeysForOtherUsesAreIgnored(t *testing.T) {
	for uses, want := range map[string]int{"": 1, "jwt-svid": 0} {
		var log lockedBuffer
		withFixtureConfig(t, func(_ *resource.Config, k *jwks.Config) {
			k.Logger = slog.New(slog.NewTextHandler(&log, nil))
			if uses != "" {
				k.KeyUses = []string{uses}
			}
		}, func(w *fixture) {
			kid := w.issuer.SigningKeyID("")
			key := func(use string) string {
				return string(resourcetest.JWK(w.issuer.PublicKey(kid), map[string]any{"kid": kid, "use": use}))
			}
			w.issuer.SetJWKS([]byte(`{"keys":[` + key("sig") + "," + key("x509-svid") + `]}`))
			w.expect(uses, w.token(), http.StatusOK)
		})
		if got := strings.Count(log.String(), "unusable key skipped"); got != want {
			t.Errorf("KeyUses %q: %d skipped keys in the log, want %d", uses, got, want)
		}
	}
}

func TestKeyUseMistakes(t *testing.T) {
	for use, want := range map[string]string{
		"jwt-svid": "", "sig": "",
		"":          `KeyUses[1]: empty; keys without use are accepted anyway`,
		"enc":       `KeyUses[1]: "enc" is for encryption (RFC 7517 §4.2)`,
		"ENC":       `KeyUses[1]: "ENC" is for encryption (RFC 7517 §4.2)`,
		"x509-svid": `KeyUses[1]: "x509-svid" is for certificates; tokens of SPIFFE are signed with keys for jwt-svid`,
		"*":         `KeyUses[1]: "*" has a space, * or another character that no use has; patterns are not supported`,
		"a b":       `KeyUses[1]: "a b" has a space, * or another character that no use has; patterns are not supported`,
	} {
		_, err := jwks.New(jwks.Config{Issuer: "https://auth.example.test", KeyUses: []string{"x", use}})
		got := ""
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "jwks: configuration: ")
		}
		if got != want {
			t.Errorf("%q (-want +got)\n- %s\n+ %s", use, want, got)
		}
	}
}

// Only control characters are not part of a name.
func TestCheckIssuerName(t *testing.T) {
	for name, ok := range map[string]bool{"a": true, "": false, "a\x00": false, "a\u0085": false, "a b": true, "{x}": true} {
		if err := metadata.CheckIssuerName(name); (err == nil) != ok {
			t.Errorf("%q: got %v", name, err)
		}
	}
}
