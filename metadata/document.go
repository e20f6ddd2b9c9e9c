// Package metadata implements two kinds of metadata documents. It publishes the document of a
// protected resource (RFC 9728) at its well-known locations. It fetches and checks the document
// of an authorization server (RFC 8414, OpenID Connect Discovery).
//
// It makes no trust decisions: [Discover] verifies only that a document belongs to the
// requested issuer.
package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Document is the metadata of a protected resource (RFC 9728 §2, with the members of RFC 8705,
// RFC 9396 and RFC 9449). Only Resource and AuthorizationServers are required. Members with
// their zero value are omitted: clients reject null, and RFC 9728 §3.2 forbids empty arrays.
//
// Take URLs in a Document from the configuration, never from a request.
type Document struct {
	Resource                              string   // the identifier, published byte for byte; see CheckIdentifier
	AuthorizationServers                  []string // issuer identifiers, not discovery URLs; at least one (MCP authorization: MUST)
	JWKSURI                               string   // keys of the resource, not of an authorization server
	ScopesSupported                       []string // scopes for basic use; not offline_access
	BearerMethodsSupported                []string // "header" is the only supported method
	ResourceSigningAlgValuesSupported     []string
	ResourceName                          string
	ResourceDocumentation                 string
	ResourcePolicyURI                     string
	ResourceTOSURI                        string
	TLSClientCertificateBoundAccessTokens bool
	AuthorizationDetailsTypesSupported    []string
	DPoPSigningAlgValuesSupported         []string
	DPoPBoundAccessTokensRequired         bool
	SignedMetadata                        string // a compact JWS (RFC 9728 §2.2); this package does not create it

	// Extra contains further members, such as "resource_name#de" (RFC 9728 §2.1). The name
	// of a member above, also in another case, is an error. Values are encoded by the rules
	// of encoding/json/v2.
	Extra map[string]any

	// AllowHTTP allows http in Resource, JWKSURI and AuthorizationServers for hosts other
	// than loopback hosts. It is not published.
	AllowHTTP bool

	// Paths are escaped paths at which a Handler serves the document besides its well-known
	// path, for servers behind proxies that do not pass on requests for the well-known path.
	// They are not published. See CheckPath.
	Paths []string
}

// Clone returns a copy that shares no slices and maps with d, except the values in Extra.
func (d Document) Clone() Document {
	for _, list := range []*[]string{&d.AuthorizationServers, &d.ScopesSupported, &d.BearerMethodsSupported,
		&d.ResourceSigningAlgValuesSupported, &d.AuthorizationDetailsTypesSupported, &d.DPoPSigningAlgValuesSupported, &d.Paths} {
		*list = slices.Clone(*list)
	}
	d.Extra = maps.Clone(d.Extra)
	return d
}

// member is a member of the published object.
type member struct {
	name  string
	value any // string, []string or bool
}

// members returns all registered members in the order in which they are published.
func (d Document) members() []member {
	return []member{
		{"resource", d.Resource},
		{"authorization_servers", d.AuthorizationServers},
		{"jwks_uri", d.JWKSURI},
		{"scopes_supported", d.ScopesSupported},
		{"bearer_methods_supported", d.BearerMethodsSupported},
		{"resource_signing_alg_values_supported", d.ResourceSigningAlgValuesSupported},
		{"resource_name", d.ResourceName},
		{"resource_documentation", d.ResourceDocumentation},
		{"resource_policy_uri", d.ResourcePolicyURI},
		{"resource_tos_uri", d.ResourceTOSURI},
		{"tls_client_certificate_bound_access_tokens", d.TLSClientCertificateBoundAccessTokens},
		{"authorization_details_types_supported", d.AuthorizationDetailsTypesSupported},
		{"dpop_signing_alg_values_supported", d.DPoPSigningAlgValuesSupported},
		{"dpop_bound_access_tokens_required", d.DPoPBoundAccessTokensRequired},
		{"signed_metadata", d.SignedMetadata},
	}
}

func (m member) isZero() bool {
	switch v := m.value.(type) {
	case string:
		return v == ""
	case []string:
		return len(v) == 0
	case bool:
		return !v
	}
	return false
}

// MarshalJSON encodes the document: the registered members in the order of RFC 9728 §2, then
// those of Extra sorted by name. It returns the error of Validate if the document is invalid.
// It escapes only characters that JSON requires to be escaped. When encoding/json calls this
// method, it also escapes '<', '>' and '&'.
func (d Document) MarshalJSON() ([]byte, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out)
	err := enc.WriteToken(jsontext.BeginObject)
	for _, m := range d.members() {
		if !m.isZero() {
			err = errors.Join(err, writeMember(enc, m.name, m.value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Extra)) {
		err = errors.Join(err, writeMember(enc, name, d.Extra[name]))
	}
	err = errors.Join(err, enc.WriteToken(jsontext.EndObject))
	if err != nil {
		return nil, fmt.Errorf("metadata: encoding the document: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func writeMember(enc *jsontext.Encoder, name string, value any) error {
	if err := enc.WriteToken(jsontext.String(name)); err != nil {
		return err
	}
	return json.MarshalEncode(enc, value, json.Deterministic(true))
}
