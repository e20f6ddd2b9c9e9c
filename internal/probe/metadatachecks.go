package probe

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/internal/weburl"
	"github.com/warder-go/warder/metadata"
)

// metadataChecks are about the metadata of the server (RFC 9728).
func metadataChecks() []check {
	return []check{
		{"metadata-found", mcpDiscovery, Must, "The metadata is at the URL in the challenge or at a well-known URL.", judgeFound},
		{"metadata-open", "RFC 9728 §3.1", Must, "The metadata needs no token.", judgeWellKnown("metadata-open")},
		{"metadata-redirect", "RFC 9728 §3.2", Must, "The status of the metadata is 200, and not a redirect.", judgeWellKnown("metadata-redirect")},
		{"metadata-json", "RFC 9728 §3.2; RFC 8259 §4", Must, "The metadata is one JSON object without duplicate names, which all clients read in the same way.", judgeWellKnown("metadata-json")},
		{"metadata-path", "RFC 9728 §3.1", Should, "The metadata is at the path-inserted well-known URL. Some clients request no other URL.", judgePath},
		{"metadata-root", "RFC 9728 §3.3", Should, "Metadata at the root of the host is for the same server or for the whole host.", judgeRoot},
		{"metadata-content-type", "RFC 9728 §3.2", Must, "The content type of the metadata is application/json.", withMetadata(func(e *evidence) verdict {
			media := mediaType(e.metadata.reply.header)
			return goodIf(media == "application/json", fmt.Sprintf("content type %q", media))
		})},
		{"metadata-resource", "RFC 9728 §3.3", Must, "The member resource is the URL that clients use, byte for byte.", withMetadata(func(e *evidence) verdict {
			got := e.metadata.text("resource")
			return goodIf(isSameURL(got, e.cfg.URL), fmt.Sprintf("resource %q", got))
		})},
		{"metadata-servers", mcpLocation, Must, "authorization_servers is a list of at least one authorization server.", withMetadata(func(e *evidence) verdict {
			return goodIf(len(e.metadata.list("authorization_servers")) > 0, fmt.Sprintf("authorization_servers %s", e.metadata.members["authorization_servers"]))
		})},
		{"metadata-server-urls", "RFC 8414 §2", Must, "Each authorization server is an https URL without query and fragment, or an http URL of a loopback host.", withMetadata(judgeServerURLs)},
		{"metadata-types", "RFC 9728 §3.2", Must, "No member is null or an empty array, and each registered member has its type.", withMetadata(judgeTypes)},
		{"metadata-methods", mcpRequirements, Should, "bearer_methods_supported, if present, has header and not query.", withMetadata(judgeMethods)},
		{"metadata-scopes", mcpScopes, Should, "The challenge or scopes_supported names scopes. Clients request no scope otherwise.", withMetadata(func(e *evidence) verdict {
			_, named := e.bearer().get("scope")
			ok := named || len(e.metadata.list("scopes_supported")) > 0
			return goodIf(ok, oneOfText(ok, "as wanted", "no scopes"))
		})},
		{"metadata-offline", mcpOffline, Should, "offline_access is neither in scopes_supported nor in the challenge.", withMetadata(func(e *evidence) verdict {
			named, _ := e.bearer().get("scope")
			listed := slices.Contains(e.metadata.list("scopes_supported"), "offline_access") || slices.Contains(strings.Fields(named.value), "offline_access")
			return goodIf(!listed, oneOfText(listed, "offline_access is listed", "as wanted"))
		})},
		{"metadata-cors", fetchCORS, Should, "Pages of browsers can read the metadata.", withMetadata(func(e *evidence) verdict {
			return answered(e.metadataPage, func(r reply) verdict {
				return goodIf(allowsOrigin(r, e.cfg.Origin), "Access-Control-Allow-Origin: "+r.header.Get("Access-Control-Allow-Origin"))
			})
		})},
		{"metadata-preflight", fetchCORS, Should, "The preflight of a request for the metadata with MCP-Protocol-Version passes.", withMetadata(func(e *evidence) verdict {
			return answered(e.metadataPreflight, func(r reply) verdict { return judgeMetadataPreflight(e, r) })
		})},
	}
}

func oneOfText(c bool, a, b string) string {
	if c {
		return a
	}
	return b
}

// withMetadata applies a rule to the document that clients use.
func withMetadata(judge func(*evidence) verdict) func(*evidence) verdict {
	return func(e *evidence) verdict {
		if e.metadata.members == nil {
			return notApplicable("no metadata was found")
		}
		return judge(e)
	}
}

// wellKnownFault returns the check that describes why a well-known URL has no metadata, and what
// was seen. It is "" if the URL does not exist or has metadata.
func wellKnownFault(e *evidence) (id, seen string) {
	for _, d := range []document{e.inserted, e.root} {
		switch {
		case d.members != nil:
			return "", ""
		case d.reply.status == http.StatusUnauthorized || d.reply.status == http.StatusForbidden:
			id = "metadata-open"
		case d.reply.isRedirect():
			id = "metadata-redirect"
		case d.err != nil:
			id = "metadata-json"
			return id, d.place + ": " + d.err.Error()
		}
		if id != "" {
			return id, d.place + ": " + d.reply.describe()
		}
	}
	return "", ""
}

func judgeWellKnown(id string) func(*evidence) verdict {
	return func(e *evidence) verdict {
		fault, seen := wellKnownFault(e)
		switch {
		case fault == id && e.named.members == nil:
			return bad(seen)
		case e.metadata.members == nil:
			return notApplicable("no metadata was found")
		}
		return good("as wanted")
	}
}

func judgeFound(e *evidence) verdict {
	if fault, _ := wellKnownFault(e); fault != "" && e.metadata.members == nil {
		return notApplicable("see " + fault)
	}
	if e.metadata.members != nil {
		return good(e.metadata.place)
	}
	if e.named.reply.blocked() {
		return notChecked("the URL in the challenge was not requested: see challenge-metadata-document")
	}
	return bad(logging.RedactURL(e.inserted.url) + ": " + e.inserted.reply.describe())
}

func judgePath(e *evidence) verdict {
	if fault, _ := wellKnownFault(e); e.metadata.members == nil || fault != "" {
		return notApplicable("no metadata was found")
	}
	return goodIf(e.inserted.members != nil, logging.RedactURL(e.inserted.url)+": "+e.inserted.reply.describe())
}

func judgeRoot(e *evidence) verdict {
	if e.root.url == e.inserted.url || e.root.url == e.metadata.url || e.root.members == nil {
		return notApplicable("no other metadata at the root")
	}
	got := e.root.text("resource")
	origin := e.target.Scheme + "://" + e.target.Host
	return goodIf(got == e.metadata.text("resource") || isSameURL(got, origin), fmt.Sprintf("resource %q", got))
}

// isSameURL compares byte for byte. For a URL without a path, URL libraries add a slash.
func isSameURL(got, want string) bool {
	return slices.Contains(weburl.WithAndWithoutSlash(want), got)
}

func judgeServerURLs(e *evidence) verdict {
	var found []string
	for _, issuer := range e.metadata.list("authorization_servers") {
		if err := metadata.CheckIssuer(issuer, false); err != nil {
			found = append(found, err.Error())
		}
	}
	return problems(found)
}

// memberTypes are the JSON types of registered members: string, array or bool.
var memberTypes = map[string]string{
	"resource": "string", "authorization_servers": "array", "jwks_uri": "string", "scopes_supported": "array",
	"bearer_methods_supported": "array", "resource_signing_alg_values_supported": "array", "resource_name": "string",
	"resource_documentation": "string", "resource_policy_uri": "string", "resource_tos_uri": "string",
	"tls_client_certificate_bound_access_tokens": "bool", "authorization_details_types_supported": "array",
	"dpop_signing_alg_values_supported": "array", "dpop_bound_access_tokens_required": "bool", "signed_metadata": "string",
}

// judgeTypes leaves out resource and authorization_servers, which other checks are about.
func judgeTypes(e *evidence) verdict {
	var found []string
	for name, value := range e.metadata.members {
		if name != "resource" && name != "authorization_servers" && !hasType(value, memberTypes[name]) {
			found = append(found, fmt.Sprintf("%s is %s", name, value))
		}
	}
	slices.Sort(found)
	return problems(found)
}

func hasType(value jsontext.Value, want string) (ok bool) {
	switch want {
	case "string":
		_, err := strictjson.String(value)
		return err == nil
	case "array":
		list, err := strictjson.Strings(value)
		return err == nil && len(list) > 0
	case "bool":
		_, err := strictjson.Bool(value)
		return err == nil
	}
	return !bytes.Equal(value, []byte("null")) && !bytes.Equal(value, []byte("[]"))
}

func judgeMethods(e *evidence) verdict {
	methods := e.metadata.list("bearer_methods_supported")
	if methods == nil {
		return notApplicable("not present")
	}
	return goodIf(slices.Contains(methods, "header") && !slices.Contains(methods, "query"), strings.Join(methods, " "))
}

func judgeMetadataPreflight(e *evidence, r reply) verdict {
	var found []string
	if !r.ok() {
		found = append(found, r.describe())
	}
	if !allowsOrigin(r, e.cfg.Origin) {
		found = append(found, "the origin is not allowed")
	}
	if !allows(r.header, "Access-Control-Allow-Headers", "mcp-protocol-version", true) {
		found = append(found, "MCP-Protocol-Version is not allowed")
	}
	return problems(found)
}

// hostOf returns the host of a URL, for a message.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
