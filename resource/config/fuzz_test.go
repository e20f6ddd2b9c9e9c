package config_test

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/config"
)

// For any file, New returns either a resource or an error, and no error contains a secret.
func FuzzNew(f *testing.F) {
	sample, err := os.ReadFile("authorization.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(sample))
	for _, seed := range []string{block(), block("  enabled: false"), block("  client_id: ${A}", "  client_secret: ${S}"), block(shared("prefix: ${S}")), block(events("authorization: ${S}")),
		block("  tool_scopes: &a {x: [y]}", "  prompt_scopes: *a"), block("  resource_scopes: [{template: 'a://{b}', scopes: []}]"), "authorization: {<<: {a: b}}", "? a\n: b\n"} {
		f.Add(seed)
	}
	const secret = "S3cr3t-0f-mine"
	f.Fuzz(func(t *testing.T, text string) {
		c := textConfig(text, "S="+secret, "A=x", "AUTHORIZATION__CLIENT_SECRET="+secret)
		c.Logger, c.OpenStore = slog.New(slog.DiscardHandler), new(memory).open
		live, err := config.New(c)
		if (live == nil) == (err == nil) {
			t.Errorf("got %v and error %v, want exactly one of them", live, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error contains the secret: %v", err)
		}
	})
}
