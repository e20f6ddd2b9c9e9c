package interop_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/probe"
	"github.com/warder-go/warder/introspect"
	deployment "github.com/warder-go/warder/resource/check"
	"github.com/warder-go/warder/resource/config"
)

// checkedFormats are the formats of tokens with which the check and the probe look at a server.
var checkedFormats = []providerResource{{Format: "jwt", Alg: "ES256"}, {Format: "opaque"}}

// The check finds nothing wrong with a server whose issuer is oidc-provider. It names a wrong issuer, and wrong
// credentials for introspection.
func TestCheck(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	auth := p.resourceServer("rs", introspect.ClientSecretBasic, nil)
	jwt, opaque := checkedFormats[0], checkedFormats[1]
	const mismatch, metadata = "error issuer_mismatch: ISSUER/", "error public_metadata_differs: SERVER/.well-known/oauth-protected-resource/mcp"
	for _, row := range []struct {
		format providerResource
		what   string
		change map[string]any
		want   string
	}{
		{jwt, "correct", nil, "0 findings"},
		{jwt, "another issuer_url", map[string]any{"issuer_url": p.issuer + "/"}, mismatch + ", error token_issuer: token, " + metadata},
		{opaque, "correct", nil, "0 findings"},
		{opaque, "another issuer_url", map[string]any{"issuer_url": p.issuer + "/"}, mismatch + ", " + metadata},
		{opaque, "another client_secret", map[string]any{"client_secret": "wrong"}, "error introspection_credentials: ISSUER/token/introspection"},
		// The secret has characters that some servers do not decode.
		{opaque, "another client_id", map[string]any{"client_id": "unknown"}, "error secret_form: ISSUER/token/introspection"},
	} {
		s := scenario{path: "/mcp", resource: row.format}
		m := p.newMCPServer(t, s)
		block := p.gateBlock(m.url, s)
		if row.format == opaque {
			block["client_id"], block["client_secret"] = auth.ClientID, auth.ClientSecret
		}
		delete(block, "leeway_seconds") // the Date of Node can be late
		maps.Copy(block, row.change)
		got := checkBlock(t, block, p.userTokens(m.url).Access)
		got = strings.NewReplacer(p.issuer, "ISSUER", strings.TrimSuffix(m.url, "/mcp"), "SERVER").Replace(got)
		check(t, "warder check, "+row.format.Format+": "+row.what, row.want, got)
	}
}

// checkBlock runs the check with a token and through the public URL. It returns the errors and the warnings.
func checkBlock(t *testing.T, block map[string]any, token string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"authorization": block}) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	report, err := deployment.Run(t.Context(), deployment.Config{Config: config.Config{Text: text, Environ: []string{}}, Public: true, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range report.Findings {
		if f.Severity == deployment.SeverityError || f.Severity == deployment.SeverityWarning {
			t.Logf("%s: %s: %s", f.ID, f.Subject, f.Seen)
			found = append(found, string(f.Severity)+" "+string(f.ID)+": "+f.Subject)
		}
	}
	if found == nil {
		return "0 findings"
	}
	return strings.Join(found, ", ")
}

// The probe finds nothing wrong with a server that warder protects and whose issuer is oidc-provider.
func TestProbeWithProvider(t *testing.T) {
	p := startProvider(t)
	p.registerApp()
	for _, format := range checkedFormats {
		m := p.newMCPServer(t, scenario{path: "/mcp", resource: format})
		run, err := probe.New(probe.Config{URL: m.url, Token: p.userTokens(m.url).Access})
		if err != nil {
			t.Fatal(err)
		}
		report, err := run.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range report.Results {
			if r.Outcome == probe.Fail || r.Outcome == probe.Warn {
				t.Logf("%s: %s: %s", r.ID, r.Outcome, r.Seen)
			}
		}
		got := strings.Join(report.IDs(probe.Fail, probe.Warn), " ")
		if !slices.Contains(report.IDs(probe.Pass), "valid-token") {
			got += " without an accepted token"
		}
		check(t, "warder probe, "+format.Format+": FAIL and warn", "", got)
	}
}
