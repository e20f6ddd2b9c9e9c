package probe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/strictjson"
)

// serverChecks are about the metadata of the authorization servers. A rule applies to each of them.
func serverChecks() []check {
	return []check{
		{"as-metadata", mcpASDiscovery, Must, "Each authorization server has metadata at a URL that MCP clients request.", judgeServers},
		{"as-issuer", "RFC 8414 §3.3", Must, "issuer is the authorization server that the metadata of the MCP server names, byte for byte.", eachServer(func(as server) string {
			return unless(as.doc.text("issuer") == as.issuer, fmt.Sprintf("issuer %q, want %q", as.doc.text("issuer"), as.issuer))
		})},
		{"as-endpoints", "RFC 8414 §2", Must, "authorization_endpoint and token_endpoint are present.", eachServer(func(as server) string {
			return unless(as.doc.text("authorization_endpoint") != "" && as.doc.text("token_endpoint") != "", as.issuer+": an endpoint is missing")
		})},
		{"as-https", mcpSecure, Must, "Each endpoint is an https URL, or an http URL of a loopback host.", eachServer(insecureEndpoint)},
		{"as-pkce", mcpPKCE, Must, "code_challenge_methods_supported has S256. MCP clients must not log in otherwise.", eachServer(func(as server) string {
			return unless(slices.Contains(as.doc.list("code_challenge_methods_supported"), "S256"), fmt.Sprintf("%s: code_challenge_methods_supported %q", as.issuer, as.doc.list("code_challenge_methods_supported")))
		})},
		{"as-code", "RFC 8414 §2", Must, "response_types_supported has code.", eachServer(func(as server) string {
			return unless(slices.Contains(as.doc.list("response_types_supported"), "code"), fmt.Sprintf("%s: response_types_supported %q", as.issuer, as.doc.list("response_types_supported")))
		})},
		{"as-grant", "RFC 8414 §2", Should, "grant_types_supported, if present, has authorization_code.", eachServer(func(as server) string {
			grants := as.doc.list("grant_types_supported")
			return unless(!as.doc.has("grant_types_supported") || slices.Contains(grants, "authorization_code"), fmt.Sprintf("%s: grant_types_supported %q", as.issuer, grants))
		})},
		{"as-registration", mcpRegistration + "; RFC 7591 §3", Should, "Clients can register: registration_endpoint is present or client_id_metadata_document_supported is true.", eachServer(func(as server) string {
			return unless(as.doc.text("registration_endpoint") != "" || supportsDocuments(as), as.issuer+": neither")
		})},
		{"as-public-clients", "RFC 8414 §2", Should, "If clients can register, token_endpoint_auth_methods_supported has none, for clients without a secret.", eachServer(func(as server) string {
			if as.doc.text("registration_endpoint") == "" && !supportsDocuments(as) {
				return ""
			}
			methods := as.doc.list("token_endpoint_auth_methods_supported")
			return unless(slices.Contains(methods, "none"), fmt.Sprintf("%s: token_endpoint_auth_methods_supported %q", as.issuer, methods))
		})},
		{"as-iss", "RFC 9207 §3", Should, "authorization_response_iss_parameter_supported is true, against mix-up attacks.", eachServer(func(as server) string {
			supported, err := strictjson.Bool(as.doc.members["authorization_response_iss_parameter_supported"])
			return unless(err == nil && supported, as.issuer+": not true")
		})},
		{"as-cors", fetchCORS, Should, "Pages of browsers can read the metadata of the authorization server.", func(e *evidence) verdict {
			if n := slices.IndexFunc(e.servers, func(as server) bool { return as.page.err != nil }); n >= 0 {
				return notChecked(e.servers[n].issuer + ": " + e.servers[n].page.describe())
			}
			return eachServer(func(as server) string {
				return unless(allowsOrigin(as.page, e.cfg.Origin), as.issuer+": Access-Control-Allow-Origin: "+as.page.header.Get("Access-Control-Allow-Origin"))
			})(e)
		}},
	}
}

func unless(ok bool, problem string) string { return oneOfText(ok, "", problem) }

func supportsDocuments(as server) bool {
	supported, err := strictjson.Bool(as.doc.members["client_id_metadata_document_supported"])
	return err == nil && supported
}

func judgeServers(e *evidence) verdict {
	if len(e.servers) == 0 {
		return notApplicable("no authorization server is known")
	}
	var missing, blocked []string
	for _, as := range e.servers {
		switch {
		case as.doc.members != nil:
		case len(as.tried) == 0:
			missing = append(missing, as.issuer+": not a URL")
		case as.tried[0].reply.blocked():
			blocked = append(blocked, fmt.Sprintf("%s: its address is not allowed: see -allow-host %s", as.issuer, hostOf(as.issuer)))
		default:
			missing = append(missing, as.issuer+": "+describeTried(as.tried))
		}
	}
	switch {
	case len(missing) > 0:
		return problems(missing)
	case len(blocked) > 0:
		return notChecked(strings.Join(blocked, "; "))
	case e.more > 0:
		return notChecked(fmt.Sprintf("only the first %d authorization servers were looked at", maxServers))
	}
	return good("as wanted")
}

// describeTried returns the results of all URLs of an authorization server.
func describeTried(tried []document) string {
	var found []string
	for _, d := range tried {
		text := d.reply.describe()
		if d.err != nil {
			text += ", not a JSON object: " + d.err.Error()
		}
		found = append(found, text)
	}
	return strings.Join(found, ", ")
}

// eachServer applies a rule to the authorization servers that have metadata. The rule returns what
// is wrong, or "".
func eachServer(rule func(server) string) func(*evidence) verdict {
	return func(e *evidence) verdict {
		var found []string
		looked := 0
		for _, as := range e.servers {
			if as.doc.members == nil {
				continue
			}
			looked++
			if problem := rule(as); problem != "" {
				found = append(found, problem)
			}
		}
		if looked == 0 {
			return notApplicable("no metadata of an authorization server was found")
		}
		return problems(found)
	}
}

func insecureEndpoint(as server) string {
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint", "jwks_uri", "revocation_endpoint", "introspection_endpoint"} {
		if address := as.doc.text(name); address != "" && !isSecure(address) {
			return fmt.Sprintf("%s: %s %q", as.issuer, name, address)
		}
	}
	return ""
}
