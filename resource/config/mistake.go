package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/nearest"
)

// A position is where a key, a value or a mistake is.
type position struct {
	source source
	name   string // of the file or the environment variable
	line   int    // 0: unknown
}

// A source is a kind of input. A later one overrides an earlier one.
type source int

const (
	mainFile source = iota
	secretsFile
	environment
)

func (p position) String() string {
	switch {
	case p.line > 0:
		return fmt.Sprintf("%s:%d", p.name, p.line)
	case p.name == "":
		return "config"
	}
	return p.name
}

// mistakes collects mistakes with their positions. The zero value is ready for use.
type mistakes struct {
	all  []mistake
	read int // number of mistakes from reading; the others are from building
}

type mistake struct {
	at   position
	text string
}

// add adds a mistake, unless it is a duplicate.
func (m *mistakes) add(at position, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")
	text = fieldNames.Replace(text)
	if added := (mistake{at, text}); !slices.Contains(m.all, added) {
		m.all = append(m.all, added)
	}
}

// fieldNames replaces names of fields within texts by names of keys.
var fieldNames = strings.NewReplacer(
	", or with AllowHTTP", "", // has no key
	" the path of Identifier ", " the path of resource_server_url ",
	": BasePath is the beginning", ": base_path is the beginning",
	" is Identifier: name", " is resource_server_url: name",
	"; LiteralAudiences allows", "; literal_audiences: true allows",
	"set exactly one of URI, Prefix and Template", "set exactly one of uri, prefix and template",
	"set exactly one of Allow and AllowFunc;", "list the allowed tenants;",
	"set exactly one of Equals, OneOf, Contains, ContainsOneOf, ContainsDetail and PathPrefix", "set exactly one of equals, one_of, contains, contains_one_of, contains_detail and path_prefix",
	"]: Claim: ", "]: claim: ",
	"]: Equals: ", "]: equals: ",
	"]: OneOf: ", "]: one_of: ",
	"]: Contains: ", "]: contains: ",
	"]: ContainsOneOf: ", "]: contains_one_of: ",
	"]: PathPrefix: ", "]: path_prefix: ",
	"]: ContainsDetail.Type: ", "]: contains_detail.type: ",
	"]: ContainsDetail.Actions: ", "]: contains_detail.actions: ",
	"]: ContainsDetail.DataTypes: ", "]: contains_detail.datatypes: ",
	"]: ContainsDetail.Privileges: ", "]: contains_detail.privileges: ",
	" is not in Metadata.AuthorizationDetailsTypesSupported, where", " is not in authorization_details_types_supported, where",
	"].Conditions[", "].conditions[",
	"].Values[", "].values[",
	": RoleClaim is empty,", ": role_claim is empty,",
	": StrictRFC9068 is set,", ": strict_rfc9068 is set,",
	": set either Claim and Value, or SubjectIsClient", ": set either client_token_claim and client_token_value, or subject_is_client",
	": initialize needs Stateless: a session", ": initialize needs stateless: true, because a session",
	"requires in Metadata.ScopesSupported", "requires in scopes_supported",
	" does not have in UnavailableScopes", " does not have in unavailable_scopes",
	", or list it in UnavailableScopes", ", or list it in unavailable_scopes",
	" has a name in ScopeNames;", " has a name in scope_names;",
	" another name by ScopeNames", " another name by scope_names",
	" does not begin with ScopePrefix ", " does not begin with scope_prefix ",
	", or set ScopeNames", ", or set scope_names",
	"because of its ScopePrefix, ScopeNames or UnavailableScopes;", "because of its scope_prefix, scope_names or unavailable_scopes;",
	": RequireNonce is not set,", ": dpop_require_nonce is not set,",
	": is set without Field: name the header field of the proxy, or remove Format", ": client_certificate_field is not set; set it, or remove this key",
	": is set without Field: name the header field of the proxy, or remove Proxies", ": client_certificate_field is not set; set it, or remove this key",
	": is empty, but Field is set: list", ": is empty, but client_certificate_field is set: list",
	": BindingRequired applies to all credentials, and those in Headers and TokenHeaders cannot be bound; set it for the issuers instead (dpop, client_certificates)",
	": required applies to all credentials, and those of api_keys_file and token_header cannot be bound; set dpop or client_certificates of each issuer that can",
	"set Credentials.DPoP.Tokens (dpop_tokens, client_certificate_tokens) or DPoP of an issuer", "set dpop_tokens, or dpop of an issuer",
	"set Credentials.Certificates.Tokens (dpop_tokens, client_certificate_tokens) or Certificates of an issuer", "set client_certificate_tokens, or client_certificates of an issuer",
	" is also a field of Headers, TokenHeaders or HeaderClaims;", " is also the field of api_keys_file, token_header or header_claims;",
	": BindingRequired in Credentials applies", ": required, in dpop_tokens or client_certificate_tokens, applies",
	": both are BindingRequired, and a token is bound to one thing; require one, or accept both and set Operations.Bound", ": both dpop and client_certificates are required, and a token is bound to one thing; require one, or accept both and set bound_tools or the keys like it",
	": a token in this field cannot be bound,", ": a token in token_header cannot be bound,",
	": use ScopeOptions.Implies, with", ": use implied_scopes, with",
	"; make a verifier for one issuer", "; name one issuer",
)

func (m *mistakes) count() int { return len(m.all) }

// endRead marks the end of reading: later mistakes are from building.
func (m *mistakes) endRead() { m.read = len(m.all) }

// maxMistakes is the number of mistakes in one error.
const maxMistakes = 50

// err returns nil if there are no mistakes. Otherwise it returns an error with a line for
// each mistake, in the order of their positions, and with secrets removed.
func (m *mistakes) err(secrets []Secret) error {
	all := m.withoutConsequences()
	slices.SortStableFunc(all, func(a, b mistake) int {
		return cmp.Or(cmp.Compare(a.at.source, b.at.source), a.at.line-b.at.line)
	})
	var list configerr.List
	for n, one := range all {
		if n == maxMistakes {
			list.Addf("and %d more mistakes", len(all)-n)
			break
		}
		list.Add(errors.New(redact(one.at.String()+": "+one.text, secrets)))
	}
	return list.Err("config")
}

// withoutConsequences leaves out mistakes from building about keys that could not be
// read, or about keys above or below them: they are consequences.
func (m *mistakes) withoutConsequences() []mistake {
	if m.read == 0 {
		return m.all
	}
	read := m.all[:m.read:m.read]
	out := slices.Clone(read)
	for _, built := range m.all[m.read:] {
		path := built.path()
		if !slices.ContainsFunc(read, func(r mistake) bool { return within(path, r.path()) || within(r.path(), path) }) {
			out = append(out, built)
		}
	}
	return out
}

// path returns the path of the key that the mistake is about.
func (m mistake) path() string {
	path, _, _ := strings.Cut(m.text, ": ")
	return path
}

// within reports whether path is other or below it.
func within(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '[' || rest[0] == '.')
}

// minRedacted is the minimum length of a secret that is removed from errors. Shorter ones
// occur in ordinary words. No error quotes a secret intentionally.
const minRedacted = 4

func redact(text string, secrets []Secret) string {
	for _, secret := range secrets {
		if len(secret) >= minRedacted {
			text = strings.ReplaceAll(text, string(secret), redacted)
		}
	}
	return text
}

// didYouMean returns the end of a message about an unknown name.
func didYouMean(name string, known []string) string {
	if match := nearest.Name(name, known); match != "" {
		return fmt.Sprintf("; did you mean %s?", match)
	}
	return ""
}

// isPrintableKey reports whether a key looks like a key and may be in an error. Other text
// may contain a secret, for example if the space after a colon is missing.
func isPrintableKey(key string) bool {
	return key != "" && len(key) <= 64 && strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
