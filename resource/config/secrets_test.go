package config_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/config"
)

// Errors contain no secrets, even if a quote or a space is missing in the file.
func TestErrorsContainNoSecrets(t *testing.T) {
	const secret = "S3cr3t-0f-mine"
	for _, row := range []struct{ name, text string }{
		{"alias", block("  client_secret: *" + secret)},
		{"directive", block("  client_secret: %" + secret)},
		{"YAML tag", block("  client_secret: !" + secret)},
		{"at sign", block("  client_secret: @" + secret)},
		{"text after the closing quote", block(`  client_secret: "` + secret + `"x`)},
		{"invalid escape", block(`  client_secret: "\` + secret + `"`)},
		{"colon after the secret", block("  client_secret: " + secret + ": x")},
		{"no space after the colon", block("  client_secret:" + secret)},
		{"no space after the colon, in braces", "authorization: {client_secret:" + secret + "}"},
		{"list", block("  client_secret: [" + secret + "]")},
		{"mapping", block("  client_secret: {a: " + secret + "}")},
		{"two lines", block(`  client_secret: "` + secret + `\nx"`)},
		{"number", block("  leeway_seconds: " + secret)},
		{"enumeration", block("  step_up: " + secret)},
		{"boolean", block("  enabled: " + secret)},
		{"name of a variable", block("  client_secret: ${" + secret + "}")},
		{"also a scope", block("  client_id: x", "  client_secret: "+secret, "  required_scopes: ['a "+secret+"']")},
		{"key of nonces", block("  dpop_nonce_keys: [" + secret + "]")},
		{"key of nonces, as a mapping", block("  dpop_nonce_keys: {" + secret + ": x}")},
		{"also an algorithm", block("  client_id: x", "  client_secret: "+secret, "  algorithms: ['"+secret+"']")},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := mistakesOf(t, textConfig(row.text)); got == "" || strings.Contains(got, secret) {
				t.Errorf("got %q, want a mistake without the secret", got)
			}
		})
	}
	settings, err := config.Read(textConfig(block("  client_id: x", "  client_secret: "+secret)))
	if err != nil || settings.ClientSecret != secret {
		t.Fatalf("got %q, %v", string(settings.ClientSecret), err)
	}
	var log strings.Builder
	c := textConfig(block("  client_id: x", "  client_secret: "+secret), "S="+secret)
	live, err := config.New(c)
	if err != nil {
		t.Fatal(err)
	}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "settings", settings, "secret", settings.ClientSecret, "config", c, "live", live, "nested", struct{ C config.Config }{c})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "settings", settings, "config", c, "live", live, "nested", struct{ C config.Config }{c})
	for _, value := range []any{c, &c, live, live.Resource(), struct{ C any }{c}, struct{ l *config.Live }{live}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if printed := fmt.Sprintf(verb, value); strings.Contains(printed, secret) || strings.Contains(printed, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T contains the secret", verb, value)
			}
		}
	}
	for _, printed := range []string{fmt.Sprint(settings), fmt.Sprintf("%+v", settings), fmt.Sprintf("%#v", settings), fmt.Sprintf("%x %q", settings.ClientSecret, settings.ClientSecret), log.String()} {
		if strings.Contains(printed, secret) || !strings.Contains(printed, "[redacted]") {
			t.Errorf("got %s, want [redacted] instead of the secret", printed)
		}
	}
}

// Mistakes, records and printed values do not contain the query or the user information of an
// address, because programs put secrets there.
func TestQueriesOfAddressesAreSecret(t *testing.T) {
	const secret = "S3cr3t-in-a-query"
	for _, address := range []string{
		"http://auth.example.com/k?code=" + secret, "https://u:" + secret + "@auth.example.com/k", "'https://auth.example.com/k?code=" + secret + "#f'", "HTTPS://auth.example.com/k?code=" + secret,
		"k?code=" + secret, "https:/u:" + secret + "@auth.example.com/", "u:" + secret + "@auth.example.com", "https://auth.example.com:x/k?code=" + secret,
	} {
		for _, text := range []string{
			block("  jwks_uri: " + address),
			block("  introspection_endpoint: "+address, "  client_id: c", "  client_secret: x"),
			block("  service_documentation_url: " + address),
			"authorization:\n  issuer_url: " + address + "\n  resource_server_url: https://mcp.example.com/mcp\n",
			"authorization:\n  issuer_url: https://auth.example.com\n  resource_server_url: " + address + "\n",
			block("  additional_issuers:", "  - issuer_url: https://b.example.com", "    jwks_uri: "+address),
		} {
			if got := mistakesOf(t, textConfig(text)); strings.Contains(got, secret) {
				t.Errorf("got %q, want a mistake without the secret", got)
			}
		}
	}
	c := textConfig(block("  jwks_uri: https://auth.example.com/k?code="+secret, "  introspection_endpoint: https://auth.example.com/i?code="+secret, "  client_id: c", "  client_secret: x"))
	live, err := config.New(c)
	if err != nil {
		t.Fatal(err)
	}
	settings, err := config.Read(c)
	if err != nil || !strings.HasSuffix(string(settings.JWKSURI), secret) {
		t.Fatal(settings, err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "live", live, "resource", live.Resource(), "settings", settings, "address", settings.JWKSURI)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "settings", settings, "address", settings.JWKSURI)
	for _, value := range []any{live, live.Resource(), settings, settings.JWKSURI} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			fmt.Fprintf(&log, verb, value)
		}
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the secret was printed: %s", &log)
	}
}
