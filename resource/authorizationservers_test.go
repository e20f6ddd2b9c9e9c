package resource_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The list of published servers is exactly that of the configuration (RFC 9728 §2). Without one it
// is the issuers, each of which must be an address then (MCP authorization: at least one).
func TestPublishedServers(t *testing.T) {
	const mistake = "resource: configuration: Metadata.AuthorizationServers"
	const unpublished = mistake + ": not set, and the name of an issuer cannot be published; name the servers where clients log in: metadata: issuer "
	issuers := func(names ...string) (list []resource.Issuer) {
		for _, name := range names {
			list = append(list, resource.Issuer{Verifier: verifierFunc{issuer: name}})
		}
		return list
	}
	a, b, c := "https://a.example.test", "https://b.example.test", "https://c.example.test"
	tenants := resource.Issuer{Verifier: verifierFunc{issuer: "https://t.example.test/{tenantid}"}, Tenants: &resource.Tenants{Allow: []string{"x"}}}
	resolve := resource.Hooks{ResolveIssuer: func(string) (*resource.Issuer, bool) { return nil, false }}
	for _, row := range []struct {
		name   string
		config resource.Config
		listed []string
		want   string // the published list, or the error
	}{
		{"nil: the issuers in their order", resource.Config{Issuers: issuers(b, a)}, nil, fmt.Sprint([]string{b, a})},
		{"nil: Opaque is last", resource.Config{Issuers: issuers(b), Opaque: &issuers(a)[0]}, nil, fmt.Sprint([]string{b, a})},
		{"nil: Opaque is an issuer", resource.Config{Issuers: issuers(b, a), Opaque: &issuers(b)[0]}, nil, fmt.Sprint([]string{b, a})},
		{"another order", resource.Config{Issuers: issuers(a, b)}, []string{b, a}, fmt.Sprint([]string{b, a})},
		{"an issuer is not advertised", resource.Config{Issuers: issuers(a, b)}, []string{b}, fmt.Sprint([]string{b})},
		{"Opaque is not advertised", resource.Config{Issuers: issuers(a), Opaque: &issuers(b)[0]}, []string{a}, fmt.Sprint([]string{a})},
		{"a server that is not accepted", resource.Config{Issuers: issuers(a)}, []string{c, a}, fmt.Sprint([]string{c, a})},
		{"none of the issuers", resource.Config{Issuers: issuers(a)}, []string{c}, fmt.Sprint([]string{c})},
		{"tenants and an issuer, nil", resource.Config{Issuers: append(issuers(a), tenants)}, nil, fmt.Sprint([]string{a})},
		{"names that are not addresses", resource.Config{Issuers: issuers("pomerium.example.test", "http://adfs.example.test/adfs/services/trust")}, []string{c}, fmt.Sprint([]string{c})},
		{"a loopback issuer over http", resource.Config{Issuers: issuers("http://127.0.0.1:9000")}, nil, "[http://127.0.0.1:9000]"},

		{"empty", resource.Config{Issuers: issuers(a)}, []string{}, mistake + ": empty; name at least one server where clients log in (MCP authorization)"},
		{"an empty text", resource.Config{Issuers: issuers(a)}, []string{a, ""}, mistake + `[1]: metadata: issuer "": must be an absolute URL, such as https://host.example.com/path`},
		{"a duplicate", resource.Config{Issuers: issuers(a)}, []string{a, b, a}, mistake + `[2]: duplicate server "https://a.example.test"`},
		{"a name", resource.Config{Issuers: issuers(a)}, []string{"sso.example.test"}, mistake + `[0]: metadata: issuer "sso.example.test": must be an absolute URL, such as https://host.example.com/path`},
		{"a pattern", resource.Config{Issuers: append(issuers(a), tenants)}, []string{"https://t.example.test/{tenantid}"}, mistake + `[0]: metadata: issuer "https://t.example.test/{tenantid}": is not in canonical form: write "https://t.example.test/%7Btenantid%7D"`},
		{"an issuer over http, nil", resource.Config{Issuers: issuers("http://adfs.example.test/trust")}, nil, unpublished + `"http://adfs.example.test/trust": must begin with https://: http is for loopback hosts, or with AllowHTTP`},
		{"a name, nil", resource.Config{Issuers: issuers(a), Opaque: &issuers("sso.example.test")[0]}, nil, unpublished + `"sso.example.test": must be an absolute URL, such as https://host.example.com/path`},
		{"only tenants, nil", resource.Config{Issuers: []resource.Issuer{tenants}}, nil, mistake + ": none; name where clients of tenants, of ResolveIssuer's issuers, of TokenHeaders and of Prefixed log in"},
		{"only ResolveIssuer, nil", resource.Config{Hooks: resolve}, nil, mistake + ": none; name where clients of tenants, of ResolveIssuer's issuers, of TokenHeaders and of Prefixed log in"},
		{"only ResolveIssuer", resource.Config{Hooks: resolve}, []string{c}, fmt.Sprint([]string{c})},
	} {
		row.config.Identifier, row.config.Metadata.AuthorizationServers = identifier, row.listed
		res, err := resource.New(row.config)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(res.Metadata().AuthorizationServers)
		}
		if got != row.want {
			t.Errorf("%s (-want +got)\n- %s\n+ %s", row.name, row.want, got)
		}
	}
}

// What is published does not decide which issuers are accepted.
func TestPublishedServersAreNotAccepted(t *testing.T) {
	other, err := resourcetest.NewIssuer(resourcetest.Config{Issuer: "https://other.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Metadata.AuthorizationServers = []string{other.Identifier()}
	})
	f.expectReason("an issuer that is not published", f.token(resourcetest.Token{}), "")
	f.expectReason("a published server that is not an issuer", other.Token(resourcetest.Token{}), reasonIssuerUnknown)
	if n := other.Count(resourcetest.JWKS) + other.Count(resourcetest.Metadata); n != 0 {
		t.Errorf("%d requests to a server that is only published", n)
	}
}

// Replace publishes the new list.
func TestReplacePublishedServers(t *testing.T) {
	f := newFixture(t, nil)
	next := newFixtureWith(t, f.issuer, func(c *resource.Config, _ *jwks.Config) {
		c.Metadata.AuthorizationServers = []string{"https://login.example.test"}
	})
	if err := f.res.Replace(next.res); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.res.Metadata().AuthorizationServers); got != "[https://login.example.test]" {
		t.Errorf("got %s", got)
	}
	f.expect("the issuer is still accepted", f.bearer(f.token(resourcetest.Token{})), answer{status: http.StatusOK})
}
