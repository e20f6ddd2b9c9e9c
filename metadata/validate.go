package metadata

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/warder-go/warder/internal/grammar"
)

// Validate returns an error that lists all mistakes of the document with their fixes, one per
// line, or nil.
func (d Document) Validate() error {
	errs := []error{CheckIdentifier(d.Resource, d.AllowHTTP), d.checkServers()}
	if d.JWKSURI != "" {
		errs = append(errs, inMember("jwks_uri", checkEndpoint(d.JWKSURI, d.AllowHTTP)))
	}
	for _, m := range d.members() {
		switch v := m.value.(type) {
		case []string:
			errs = append(errs, checkList(m.name, v))
		case string:
			errs = append(errs, checkText(m.name, v))
		}
	}
	errs = append(errs,
		checkScopes(d.ScopesSupported),
		checkBearerMethods(d.BearerMethodsSupported),
		checkAlgorithms("resource_signing_alg_values_supported", d.ResourceSigningAlgValuesSupported),
		checkAlgorithms("dpop_signing_alg_values_supported", d.DPoPSigningAlgValuesSupported),
		checkPage("resource_documentation", d.ResourceDocumentation),
		checkPage("resource_policy_uri", d.ResourcePolicyURI),
		checkPage("resource_tos_uri", d.ResourceTOSURI),
		checkSignedMetadata(d.SignedMetadata),
		d.checkExtra(),
		d.checkPaths(),
	)
	return errors.Join(errs...)
}

func (d Document) checkPaths() error {
	errs := []error{checkList("Paths", d.Paths)}
	own, _ := WellKnownPath(d.Resource) // Validate reports the error
	for _, path := range d.Paths {
		errs = append(errs, CheckPath(path))
		if path == own {
			errs = append(errs, fmt.Errorf("metadata: path %q: the document is served there in any case: remove it from Paths", path))
		}
	}
	return errors.Join(errs...)
}

// inMember adds the name of a member to an error.
func inMember(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("metadata: %s: %w", name, err)
}

func (d Document) checkServers() error {
	// MCP authorization: at least one is REQUIRED. Without it, clients cannot get a token.
	if len(d.AuthorizationServers) == 0 {
		return errors.New("metadata: authorization_servers is empty: name at least one issuer")
	}
	var errs []error
	for _, issuer := range d.AuthorizationServers {
		errs = append(errs, inMember("authorization_servers", checkIssuer(issuer, d.AllowHTTP)))
	}
	return errors.Join(errs...)
}

func checkList(name string, values []string) error {
	for i, v := range values {
		if err := checkText(name, v); err != nil {
			return err
		}
		if v == "" {
			return fmt.Errorf("metadata: %s has an empty entry: remove it", name)
		}
		if slices.Contains(values[:i], v) {
			return fmt.Errorf("metadata: %s contains %s twice: remove one", name, quoteText(v))
		}
	}
	return nil
}

func checkText(name, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("metadata: %s: %s must be UTF-8 text without control characters", name, quoteText(text))
	}
	return nil
}

func checkScopes(scopes []string) error {
	var errs []error
	for _, scope := range scopes {
		if !grammar.IsScopeToken(scope) {
			errs = append(errs, fmt.Errorf("metadata: scopes_supported: %q is not a scope (RFC 6749 §3.3): use one scope per entry, of printable ASCII without space, '\"' and '\\'", scope))
		}
		// MCP authorization: SHOULD NOT. Refresh tokens concern only the client and the
		// authorization server.
		if scope == "offline_access" {
			errs = append(errs, errors.New("metadata: scopes_supported: offline_access is not a scope of a resource: remove it"))
		}
	}
	return errors.Join(errs...)
}

func checkBearerMethods(methods []string) error {
	for _, m := range methods {
		// MCP authorization: tokens in the header only, never in the query.
		if m != "header" {
			return fmt.Errorf("metadata: bearer_methods_supported: %q is not supported: use \"header\" only", m)
		}
	}
	return nil
}

func checkAlgorithms(name string, algs []string) error {
	for _, alg := range algs {
		// RFC 9728 §2 and RFC 9449 §5.1: "none" MUST NOT be used.
		if strings.EqualFold(alg, "none") {
			return fmt.Errorf("metadata: %s must not contain %q: remove it", name, alg)
		}
		if strings.HasPrefix(name, "dpop_") && strings.HasPrefix(alg, "HS") {
			return fmt.Errorf("metadata: %s: %q is symmetric and cannot prove possession (RFC 9449 §4.2): remove it", name, alg)
		}
	}
	return nil
}

// checkPage checks a URL that people open in a browser. Because no token is sent there, http
// is allowed.
func checkPage(name, page string) error {
	if page == "" {
		return nil
	}
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return fmt.Errorf("metadata: %s: %s must be the absolute URL of a page, such as https://example.com/docs", name, quoteURL(page))
	}
	return nil
}

// checkSignedMetadata checks the form only. Clients check the signature and the content.
func checkSignedMetadata(jws string) error {
	if jws == "" {
		return nil
	}
	parts := strings.Split(jws, ".")
	ok := len(parts) == 3
	for _, part := range parts {
		_, err := base64.RawURLEncoding.Strict().DecodeString(part)
		ok = ok && err == nil && part != ""
	}
	if !ok || !strings.HasPrefix(jws, "ey") {
		return errors.New("metadata: signed_metadata must be a compact JWS (RFC 9728 §2.2): three non-empty base64url parts, separated by dots")
	}
	return nil
}

// languageTagged lists the members that may carry a "#lang" suffix (RFC 9728 §2.1).
var languageTagged = [...]string{"resource_name", "resource_documentation", "resource_policy_uri", "resource_tos_uri"}

func (d Document) checkExtra() error {
	var errs []error
	for name, value := range d.Extra {
		if err := d.checkExtraName(name); err != nil {
			errs = append(errs, err)
			continue
		}
		encoded, err := json.Marshal(value, json.Deterministic(true))
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("metadata: extra member %q cannot be encoded as JSON: %w", name, err))
		case string(encoded) == "null", string(encoded) == "[]", string(encoded) == `""`:
			// RFC 9728 §3.2 forbids empty arrays, and clients reject null.
			errs = append(errs, fmt.Errorf("metadata: extra member %q has no value: omit it", name))
		case strings.Contains(name, "#") && encoded[0] != '"':
			errs = append(errs, fmt.Errorf("metadata: extra member %q must be a string (RFC 9728 §2.1)", name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// checkExtraName rejects names of registered members, so that no member has two values, even
// for readers that ignore case.
func (d Document) checkExtraName(name string) error {
	if err := checkText("extra member", name); err != nil || name == "" {
		return errors.Join(err, fmt.Errorf("metadata: extra member %q has an invalid name", name))
	}
	base, lang, tagged := strings.Cut(name, "#")
	for _, m := range d.members() {
		if !strings.EqualFold(base, m.name) {
			continue
		}
		if tagged && base == m.name && lang != "" && slices.Contains(languageTagged[:], base) {
			return nil
		}
		return fmt.Errorf("metadata: extra member %q collides with %q: set the field of Document instead", name, m.name)
	}
	return nil
}
