package check

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/strictjson"
)

// serverDocument has the members of an authorization server's metadata that a report needs (RFC 8414
// §2, RFC 9728 §4). Lists are nil if they are absent or malformed.
type serverDocument struct {
	url           string // without the query
	issuer        string
	authorization string // authorization_endpoint
	token         string // token_endpoint
	lists         map[string][]string
}

// Members with lists.
const (
	scopesSupported     = "scopes_supported"
	challengeMethods    = "code_challenge_methods_supported"
	introspectionAuth   = "introspection_endpoint_auth_methods_supported"
	tokenAuth           = "token_endpoint_auth_methods_supported"
	protectedResources  = "protected_resources"
	authorizationMember = "authorization_endpoint"
	tokenMember         = "token_endpoint"
	grantTypes          = "grant_types_supported"
)

var documentNames = strictjson.NewNames("issuer", authorizationMember, tokenMember, grantTypes, scopesSupported, challengeMethods, introspectionAuth, tokenAuth, protectedResources)

// findDocument returns the last of the responses that is the metadata of the issuer, or nil. Package
// metadata has checked it.
func findDocument(all []outbound.Exchange, issuer string) *serverDocument {
	for _, e := range slices.Backward(all) {
		if e.Status != 200 || e.Body == nil {
			continue
		}
		if d := parseDocument(e.Body); d != nil && d.issuer == issuer {
			d.url = logging.RedactURL(e.URL)
			return d
		}
	}
	return nil
}

// parseDocument returns nil for another document.
func parseDocument(body []byte) *serverDocument {
	d := &serverDocument{lists: map[string][]string{}}
	err := strictjson.Object(body, documentNames, func(name string, value jsontext.Value) (err error) {
		switch {
		case strictjson.IsAbsent(value):
		case name == "issuer":
			d.issuer, err = strictjson.String(value)
		case name == authorizationMember:
			d.authorization, _ = strictjson.String(value) // the server does not read it
		case name == tokenMember:
			d.token, _ = strictjson.String(value)
		default:
			if list, err := strictjson.Strings(value); err == nil {
				d.lists[name] = list
			}
		}
		return err
	})
	if err != nil || d.issuer == "" {
		return nil
	}
	return d
}

// checkLogin looks at what clients need to log in at an authorization server.
func (r *run) checkLogin(server string, d *serverDocument) {
	if !slices.Contains(r.resource.Metadata().AuthorizationServers, server) {
		return
	}
	switch methods := d.lists[challengeMethods]; {
	case d.authorization == "":
		r.add(IDNotChecked, "login at "+server, "its metadata has no authorization_endpoint: users cannot log in there, and clients get tokens in other ways", "")
	case len(methods) == 0:
		r.add(IDLoginPKCE, server, "its metadata has no "+challengeMethods, "switch on PKCE at the authorization server, or make it publish "+challengeMethods+` with "S256"`)
	case !slices.Contains(methods, "S256"):
		r.add(IDLoginPKCE, server, challengeMethods+" is "+strings.Join(methods, ", "), "switch on the PKCE method S256 at the authorization server")
	default:
		r.add(IDLogin, server, "its metadata has an authorization endpoint and PKCE with S256", "")
	}
}

// checkAudience compares the accepted audiences with the resources that the issuer lists.
func (i *issuerRun) checkAudience() {
	listed := i.document.lists[protectedResources]
	accepted := i.acceptedAudiences()
	if len(listed) == 0 || slices.ContainsFunc(accepted, func(a string) bool { return slices.Contains(listed, a) }) {
		return
	}
	i.add(IDAudienceUnlisted, i.name, protectedResources+" has "+some(listed)+", and not "+some(accepted),
		"register resource_server_url as a resource at the issuer, or set "+i.key("expected_audiences")+" to the audience of its tokens")
}

// acceptedAudiences returns the audiences that tokens of the issuer can have.
func (i *issuerRun) acceptedAudiences() []string {
	return audiencesOf(i.settings, i.resource.Identifiers())
}

// some lists at most five values.
func some(values []string) string {
	if len(values) > 5 {
		return strings.Join(values[:5], ", ") + " and others"
	}
	return strings.Join(values, ", ")
}
