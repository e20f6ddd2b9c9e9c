package config_test

import (
	"fmt"
	"testing"

	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/resourcetest"
)

// describeParts returns which verifiers each issuer has.
func describeParts(p *config.Parts) (text string) {
	for _, i := range p.Issuers {
		text += fmt.Sprintf("%q %s keys=%v introspection=%v ca=%v tls=%v proxy=%v; ", i.Key, i.Settings.IssuerURL, i.Keys != nil, i.Introspection != nil, i.CA != nil, i.TLS != nil, i.Proxy != nil)
	}
	return text
}

// Parts returns the issuers of the applied configuration, in the order of the file.
func TestParts(t *testing.T) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://auth.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	s := newTestServer(t, issuer, nil, "  client_id: a", "  client_secret: b")
	want := `"" https://auth.example.com keys=true introspection=true ca=false tls=false proxy=false; `
	if got := describeParts(s.live.Parts()); got != want {
		t.Errorf("(-want +got)\n- %s\n+ %s", want, got)
	}
	s.write("a.yaml", s.settings("  introspect_jwts: true", "  client_id: a", "  client_secret: b", "  additional_issuers:", "    - {issuer_url: https://other.example.com, jwks_uri: https://keys.example.com/k, proxy_url: https://proxy.example.com}"))
	if err := s.live.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	want = `"" https://auth.example.com keys=false introspection=true ca=false tls=false proxy=false; ` +
		`"additional_issuers[0]" https://other.example.com keys=true introspection=false ca=false tls=false proxy=true; `
	if got := describeParts(s.live.Parts()); got != want {
		t.Errorf("after a reload (-want +got)\n- %s\n+ %s", want, got)
	}
	if got := s.live.Parts().Settings.ResourceServerURL; got != identifier {
		t.Errorf("got %s, want %s", got, identifier)
	}
}
