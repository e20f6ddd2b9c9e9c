package onbehalf

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/scopeset"
	"github.com/warder-go/warder/internal/secretfile"
	"github.com/warder-go/warder/internal/weborigin"
	"github.com/warder-go/warder/metadata"
)

// Grant is how a token is exchanged.
type Grant string

// The grants.
const (
	TokenExchange   Grant = "token_exchange"     // RFC 8693 §2.1; the default
	EntraOnBehalfOf Grant = "entra_on_behalf_of" // jwt-bearer with requested_token_use=on_behalf_of, of Microsoft Entra
	JWTBearer       Grant = "jwt_bearer"         // RFC 7523 §2.1: the caller's token is the assertion
)

// Token types (RFC 8693 §3).
const (
	AccessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	JWTType         = "urn:ietf:params:oauth:token-type:jwt"
)

// Bounds of a Target.
const (
	maxNameBytes  = 64
	maxValues     = 64 // audiences, resources, scopes, origins: of each
	maxValueBytes = 2 << 10
)

// Target is another server that tokens are issued for. Name is required, and so is at least one of
// Audiences, Resources and Scopes.
type Target struct {
	// Name is what the program calls the target: 1 to 64 characters of a-z, 0-9, "-" and "_". It is
	// a label of metrics.
	Name string

	Grant Grant // "": TokenExchange

	Audiences []string // parameters audience (RFC 8693 §2.1), with TokenExchange only
	Resources []string // parameters resource (RFC 8707 §2): absolute URIs without a fragment

	// Scopes are the scopes to request. An answer with another scope is rejected. With
	// EntraOnBehalfOf an answer can name a scope without the part up to its last slash, and if a scope
	// ends in "/.default", which stands for all granted scopes, the scopes of the answer are not
	// compared.
	Scopes []string

	// AcceptWiderScopes accepts an issued token with scopes that were not requested. Set it only if
	// the issuer names scopes in answers in another way than in requests, or adds scopes: Entra adds
	// those that the user has granted to this client before, and Keycloak the default client scopes.
	AcceptWiderScopes bool

	// SubjectTokenType is what the caller's token is called, RequestedTokenType what is requested,
	// and IssuedTokenType what must come back, each AccessTokenType or JWTType. "": AccessTokenType
	// for the first two, and RequestedTokenType for the last. For TokenExchange only.
	SubjectTokenType, RequestedTokenType, IssuedTokenType string

	// Actor is the token of this server as the acting party (RFC 8693 §1.1); nil: none. For
	// TokenExchange only.
	Actor *Actor

	// IssuedAudiences must all be in aud of an issued token that is a readable JWT. Nil: Audiences,
	// otherwise Resources. If these are empty too, aud is not checked. Opaque tokens and encrypted
	// ones cannot be checked.
	IssuedAudiences []string

	// Origins are the only origins to which Transport sends tokens, as browsers write them, such as
	// https://api.example.com. http is for loopback hosts, unless Config.AllowHTTP is set. Nil: the
	// origins of the http and https URLs in Resources. Without any, Transport sends nothing.
	Origins []string

	// ChallengeScopes are the scopes of this server that a challenge names if the issuer requires
	// an interaction with the user: see [Error.Challenge].
	ChallengeScopes []string

	// InteractionURL is a page at which every user can do what the issuer requires, such as its page for
	// consent: see [Error.InteractionURL]. It is sent to clients, so it must not contain a secret or the
	// name of a user. It must be an https URL without a fragment, or http for a loopback host.
	InteractionURL string
}

// Actor is the token that identifies this server as the acting party. Exactly one of TokenFile and
// TokenFunc must be set. The file is read, and the function is called, for each exchange. The
// function must honor ctx.
type Actor struct {
	TokenFile string // path of a file with the token
	TokenFunc func(ctx context.Context) (string, error)
	TokenType string // "": AccessTokenType
}

// target is the compiled form of a Target.
type target struct {
	Target
	form      url.Values // without the caller's token
	subject   string     // name of the parameter with the caller's token
	audiences []string   // of issued JWTs
	origins   []string
	anyScope  bool
	actor     func(ctx context.Context) (string, error) // nil: none
}

// compile checks a target and prepares its requests.
func (t Target) compile(where string, allowHTTP bool, mistakes *configerr.List) *target {
	t.Grant = cmp.Or(t.Grant, TokenExchange)
	t.Audiences, t.Resources, t.Scopes = slices.Clone(t.Audiences), slices.Clone(t.Resources), slices.Clone(t.Scopes)
	t.ChallengeScopes = slices.Clone(t.ChallengeScopes)
	t.check(where, mistakes)
	c := &target{Target: t, anyScope: t.AcceptWiderScopes, audiences: slices.Clone(t.IssuedAudiences)}
	if c.audiences == nil {
		c.audiences = t.Audiences
	}
	if len(c.audiences) == 0 && t.IssuedAudiences == nil {
		c.audiences = t.Resources
	}
	c.setOrigins(where+".Origins", allowHTTP, mistakes)
	c.setTypes(where, mistakes)
	c.setForm()
	c.setActor(where+".Actor", mistakes)
	return c
}

func (t Target) check(where string, mistakes *configerr.List) {
	if t.Name == "" || len(t.Name) > maxNameBytes || strings.Trim(t.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		mistakes.Addf("%s.Name: %q must have 1 to %d characters of a-z, 0-9, - and _", where, t.Name, maxNameBytes)
	}
	if !slices.Contains([]Grant{TokenExchange, EntraOnBehalfOf, JWTBearer}, t.Grant) {
		mistakes.Addf("%s.Grant: %q is not one of %q", where, t.Grant, []Grant{TokenExchange, EntraOnBehalfOf, JWTBearer})
	}
	if len(t.Audiences)+len(t.Resources)+len(t.Scopes) == 0 {
		mistakes.Addf("%s: has neither Audiences nor Resources nor Scopes, so the issuer does not learn which server the token is for", where)
	}
	if t.Grant != TokenExchange && len(t.Audiences) > 0 {
		mistakes.Addf("%s.Audiences: are for grant %q only; use Resources, or Scopes with Entra", where, TokenExchange)
	}
	if t.Grant == EntraOnBehalfOf && len(t.Resources) > 0 {
		mistakes.Addf("%s.Resources: Entra has no parameter resource; use Scopes", where)
	}
	checkValues(where+".Audiences", t.Audiences, mistakes, "visible ASCII", isPlain)
	checkValues(where+".IssuedAudiences", t.IssuedAudiences, mistakes, "visible ASCII", isPlain)
	checkValues(where+".Resources", t.Resources, mistakes, "an absolute URI without a fragment", isResource)
	checkValues(where+".Scopes", t.Scopes, mistakes, "one scope (RFC 6749 §3.3)", grammar.IsScopeToken)
	t.checkInteractionURL(where+".InteractionURL", mistakes)
	checkValues(where+".ChallengeScopes", t.ChallengeScopes, mistakes, "a scope or alternatives of scopes", func(s string) bool { return scopeset.CheckEntry(s) == nil })
}

func (t Target) checkInteractionURL(where string, mistakes *configerr.List) {
	switch {
	case t.InteractionURL == "":
	case len(t.InteractionURL) > maxValueBytes:
		mistakes.Addf("%s: %d bytes are over the limit of %d", where, len(t.InteractionURL), maxValueBytes)
	default:
		mistakes.AddAt(where, metadata.CheckEndpoint(t.InteractionURL, false))
	}
}

// checkValues checks the values of one field. want says what they must be.
func checkValues(where string, values []string, mistakes *configerr.List, want string, valid func(string) bool) {
	if len(values) > maxValues {
		mistakes.Addf("%s: %d values are over the limit of %d", where, len(values), maxValues)
	}
	for n, value := range values {
		switch {
		case len(value) > maxValueBytes || !valid(value):
			mistakes.Addf("%s[%d]: %q is not valid; want %s, at most %d bytes", where, n, value, want, maxValueBytes)
		case slices.Contains(values[:n], value):
			mistakes.Addf("%s[%d]: duplicate value %q", where, n, value)
		}
	}
}

// isPlain reports whether s is not empty and has only visible ASCII characters and spaces.
func isPlain(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// isResource reports whether s is an absolute URI without a fragment (RFC 8707 §2).
func isResource(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && u.User == nil && isPlain(s) && !strings.ContainsAny(s, "# ")
}

// setOrigins sets where Transport sends tokens.
func (t *target) setOrigins(where string, allowHTTP bool, mistakes *configerr.List) {
	if len(t.Origins) > maxValues {
		mistakes.Addf("%s: %d values are over the limit of %d", where, len(t.Origins), maxValues)
	}
	for _, origin := range t.Origins {
		if !strings.HasPrefix(origin, "https://") && !strings.HasPrefix(origin, "http://") {
			mistakes.Addf("%s: %q does not begin with https://", where, origin)
		}
		mistakes.AddAt(where, weborigin.Check(origin, allowHTTP))
	}
	t.origins = slices.Clone(t.Origins)
	if t.Origins != nil {
		return
	}
	for _, resource := range t.Resources {
		u, err := url.Parse(resource)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" {
			continue
		}
		if origin := weborigin.Of(u); origin != "" && weborigin.Check(origin, allowHTTP) == nil {
			t.origins = append(t.origins, origin)
		}
	}
}

// setTypes sets the token types of a token exchange.
func (t *target) setTypes(where string, mistakes *configerr.List) {
	if t.Grant != TokenExchange {
		if t.SubjectTokenType != "" || t.RequestedTokenType != "" || t.IssuedTokenType != "" || t.Target.Actor != nil {
			mistakes.Addf("%s: token types and Actor are for grant %q only", where, TokenExchange)
		}
		return
	}
	t.SubjectTokenType = cmp.Or(t.SubjectTokenType, AccessTokenType)
	t.RequestedTokenType = cmp.Or(t.RequestedTokenType, AccessTokenType)
	t.IssuedTokenType = cmp.Or(t.IssuedTokenType, t.RequestedTokenType)
	for _, field := range []struct{ name, value string }{
		{"SubjectTokenType", t.SubjectTokenType}, {"RequestedTokenType", t.RequestedTokenType}, {"IssuedTokenType", t.IssuedTokenType},
	} {
		checkTokenType(where+"."+field.name, field.value, mistakes)
	}
}

func checkTokenType(where, value string, mistakes *configerr.List) {
	if value != AccessTokenType && value != JWTType {
		mistakes.Addf("%s: %q is neither %q nor %q; other types are not access tokens", where, value, AccessTokenType, JWTType)
	}
}

// setForm prepares the parameters that do not depend on the caller.
func (t *target) setForm() {
	f := url.Values{}
	switch t.Grant {
	case TokenExchange: // RFC 8693 §2.1
		t.subject = "subject_token"
		f.Set("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
		f.Set("subject_token_type", t.SubjectTokenType)
		f.Set("requested_token_type", t.RequestedTokenType)
	default: // RFC 7523 §2.1
		t.subject = "assertion"
		f.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		if t.Grant == EntraOnBehalfOf {
			f.Set("requested_token_use", "on_behalf_of")
			isDefault := func(scope string) bool { return strings.HasSuffix(scope, "/.default") }
			t.anyScope = t.anyScope || slices.ContainsFunc(t.Scopes, isDefault)
		}
	}
	for name, values := range map[string][]string{"audience": t.Audiences, "resource": t.Resources} {
		if len(values) > 0 {
			f[name] = values
		}
	}
	if len(t.Scopes) > 0 {
		f.Set("scope", strings.Join(t.Scopes, " "))
	}
	t.form = f
}

// setActor sets the source of the actor token.
func (t *target) setActor(where string, mistakes *configerr.List) {
	a := t.Target.Actor
	switch {
	case a == nil || t.Grant != TokenExchange:
		return
	case (a.TokenFile == "") == (a.TokenFunc == nil):
		mistakes.Addf("%s: set exactly one of TokenFile and TokenFunc", where)
		return
	}
	kind := cmp.Or(a.TokenType, AccessTokenType)
	checkTokenType(where+".TokenType", kind, mistakes)
	t.form.Set("actor_token_type", kind)
	if t.actor = a.TokenFunc; t.actor == nil {
		file := secretfile.New(a.TokenFile)
		t.actor = func(context.Context) (string, error) { return file.Read() }
		_, err := file.Read()
		mistakes.AddAt(where+".TokenFile", err)
	}
}
