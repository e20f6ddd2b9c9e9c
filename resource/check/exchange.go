package check

import (
	"cmp"
	"slices"
	"strings"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/onbehalf"
)

// grants are the grant types (RFC 7591 §2) of the grants in the configuration.
var grants = map[string]string{
	"":                               "urn:ietf:params:oauth:grant-type:token-exchange",
	string(onbehalf.TokenExchange):   "urn:ietf:params:oauth:grant-type:token-exchange",
	string(onbehalf.EntraOnBehalfOf): "urn:ietf:params:oauth:grant-type:jwt-bearer",
	string(onbehalf.JWTBearer):       "urn:ietf:params:oauth:grant-type:jwt-bearer",
}

const onBehalfBlock = "on_behalf_of"

// exchangesTokens reports whether the tokens of the issuer are exchanged.
func (i *issuerRun) exchangesTokens() bool {
	s := i.run.parts.Settings.OnBehalfOf
	return s != nil && (s.IssuerURL == "" || s.IssuerURL == i.settings.IssuerURL)
}

// checkExchange compares on_behalf_of with the metadata of the issuer. It sends no request: an
// exchange needs the token of a user.
func (i *issuerRun) checkExchange() {
	if !i.exchangesTokens() {
		return
	}
	s, d := i.run.parts.Settings.OnBehalfOf, i.document
	switch {
	case d == nil && s.TokenEndpoint != "":
		i.run.add(IDNotChecked, onBehalfBlock, "the metadata of the issuer is not known, and an exchange needs the token of a user", "")
		return
	case d == nil: // the finding about the metadata says why
		return
	case d.token == "" && s.TokenEndpoint == "":
		i.addNoEndpoint("the metadata at " + d.url + " has no token_endpoint")
		return
	}
	if fine := i.checkGrants(d); i.checkExchangeMethod(d) && fine {
		i.run.add(IDExchange, i.name, "its metadata has a token endpoint", "")
	}
}

func (i *issuerRun) addNoEndpoint(seen string) {
	i.run.add(IDExchangeEndpoint, i.name, seen, "set token_endpoint in "+onBehalfBlock)
}

// checkGrants reports whether the issuer lists the grants of all targets, or none at all.
func (i *issuerRun) checkGrants(d *serverDocument) bool {
	listed, fine := d.lists[grantTypes], true
	var missing []string
	for _, target := range i.run.parts.Settings.OnBehalfOf.Targets {
		grant := grants[target.Grant]
		if len(listed) > 0 && !slices.Contains(listed, grant) && !slices.Contains(missing, grant) {
			missing, fine = append(missing, grant), false
		}
	}
	slices.Sort(missing)
	for _, grant := range missing {
		i.run.add(IDExchangeGrant, i.name, grantTypes+" is "+some(listed)+", without "+grant,
			"switch on the grant for the client at the issuer, or set another grant of the targets in "+onBehalfBlock)
	}
	return fine
}

// checkExchangeMethod reports whether the issuer lists the method of client authentication, or none
// at all.
func (i *issuerRun) checkExchangeMethod(d *serverDocument) bool {
	listed := d.lists[tokenAuth]
	method := cmp.Or(i.run.parts.Settings.OnBehalfOf.AuthMethod, introspect.ClientSecretBasic)
	if len(listed) == 0 || slices.Contains(listed, strings.TrimSuffix(method, "_raw")) {
		return true
	}
	i.run.add(IDExchangeMethod, i.name, "the issuer lists the methods "+some(listed)+", and the server uses "+method,
		"set auth_method in "+onBehalfBlock+" to "+strings.Join(usableMethods(listed), " or "))
	return false
}
