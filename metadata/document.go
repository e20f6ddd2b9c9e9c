// Package metadata holds two kinds of documents: the one that a protected resource
// publishes about itself (RFC 9728), with its well-known locations and a handler,
// and the one that an authorization server publishes (RFC 8414, OpenID Connect
// Discovery), which it reads and checks.
//
// It does not decide whom to trust: [Discover] proves only that a document is the
// one of the issuer that was asked for.
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

// Document is the metadata of a protected resource (RFC 9728 §2; the members of
// RFC 8705, RFC 9396 and RFC 9449 included). Only Resource and
// AuthorizationServers are required. Members with their zero value are left out:
// clients refuse null, and RFC 9728 §3.2 forbids empty arrays.
//
// URLs in it come from configuration, never from a request.
type Document struct {
	Resource                              string   // the identifier, published byte for byte; see CheckIdentifier
	AuthorizationServers                  []string // issuer identifiers, not discovery URLs; at least one (MCP authorization: MUST)
	JWKSURI                               string   // the resource's own keys; not those of an authorization server
	ScopesSupported                       []string // those for basic use; not offline_access
	BearerMethodsSupported                []string // "header" is the only method there is here
	ResourceSigningAlgValuesSupported     []string
	ResourceName                          string
	ResourceDocumentation                 string
	ResourcePolicyURI                     string
	ResourceTOSURI                        string
	TLSClientCertificateBoundAccessTokens bool
	AuthorizationDetailsTypesSupported    []string
	DPoPSigningAlgValuesSupported         []string
	DPoPBoundAccessTokensRequired         bool
	SignedMetadata                        string // a compact JWS, made elsewhere (RFC 9728 §2.2)

	// Extra holds further members, such as "resource_name#de" (RFC 9728 §2.1). A
	// name of a member above, or one that differs from it only in case, is an
	// error. Values are encoded by the rules of encoding/json/v2.
	Extra map[string]any

	// AllowHTTP permits http, besides loopback hosts, in Resource, JWKSURI and
	// AuthorizationServers. It is not published.
	AllowHTTP bool
}

// Clone returns a copy that shares no slice and no map with d. The values in Extra are
// shared.
func (d Document) Clone() Document {
	for _, list := range []*[]string{&d.AuthorizationServers, &d.ScopesSupported, &d.BearerMethodsSupported,
		&d.ResourceSigningAlgValuesSupported, &d.AuthorizationDetailsTypesSupported, &d.DPoPSigningAlgValuesSupported} {
		*list = slices.Clone(*list)
	}
	d.Extra = maps.Clone(d.Extra)
	return d
}

// member is one name of the published object with its value.
type member struct {
	name  string
	value any // string, []string or bool
}

// members lists all registered members in the order in which they are published.
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

// MarshalJSON encodes a valid document: the registered members in the order of
// RFC 9728 §2, then those of Extra sorted by name. Nothing is escaped that JSON
// does not ask to be ('&' stays '&'); encoding/json, when it calls this method,
// escapes '<', '>' and '&' afterwards. An invalid document is Validate's error.
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
