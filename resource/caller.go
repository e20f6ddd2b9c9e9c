package resource

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// Caller is who sent a request, as its access token says and its issuer vouches for.
// It does not contain the token. It is immutable and safe for concurrent use.
//
// A Caller encodes to JSON and back, to be carried into work that outlives the
// request. One that was decoded tells who asked; it is no proof of anything.
type Caller struct {
	by *Resource // that accepted it; nil after decoding

	issuer, subject, clientID, tokenID string
	expiry, issuedAt                   instant
	live                               func(now time.Time) bool // as Claims.Live
	object                             []byte                   // the claims as text

	how    string   // its credential
	scopes []string // those of the claims
	more   *more    // nil: only the scopes
}

// more is what a caller has besides the scopes of the claims. Most have nothing.
type more struct {
	roles   []string // of the claims
	granted []string // the scopes, and what the roles count as
	all     []string // and those that they imply
}

// newCaller makes the caller of claims that its issuer has vouched for and interpreted.
func (r *Resource) newCaller(from *issuer, c *Claims, how string) *Caller {
	caller := &Caller{
		by: r, issuer: from.id, subject: c.Subject, clientID: c.ClientID, tokenID: c.TokenID,
		expiry: instantOf(c.Expiry), issuedAt: instantOf(c.IssuedAt), live: c.Live, object: c.object,
		how: how, scopes: c.Scopes,
	}
	granted := c.Scopes
	for _, role := range c.roles {
		granted = union(granted, from.roleScopes[role])
	}
	caller.add(c.roles, granted, r.hierarchy.expand(granted))
	return caller
}

// add is for a caller who has no more yet.
func (c *Caller) add(roles, granted, all []string) {
	if len(roles) > 0 || !slices.Equal(all, c.scopes) {
		c.more = &more{roles, granted, all}
	}
}

// granted are the scopes, and what the roles count as.
func (c *Caller) granted() []string {
	if c.more == nil {
		return c.scopes
	}
	return c.more.granted
}

// all are those that are granted, and those that they imply.
func (c *Caller) all() []string {
	if c.more == nil {
		return c.scopes
	}
	return c.more.all
}

func (c *Caller) roles() []string {
	if c.more == nil {
		return nil
	}
	return c.more.roles
}

// principal is who answers for the request: the subject, or the client itself.
func (c *Caller) principal() string {
	if c.subject != "" {
		return c.subject
	}
	return c.clientID
}

// ID identifies the principal across tokens and issuers: the issuer together with
// the subject or, for a token without one, with the client. It is stable over a
// token refresh and unique among issuers; use it as key of sessions and data.
//
// The lengths keep two pairs from spelling the same identifier, the word keeps a client
// from passing for a subject.
func (c *Caller) ID() string {
	kind := "sub"
	if c.subject == "" {
		kind = "client"
	}
	return strconv.Itoa(len(c.issuer)) + ":" + c.issuer + " " + kind + ":" + c.principal()
}

// Issuer returns the authorization server that issued the token.
func (c *Caller) Issuer() string { return c.issuer }

// Subject returns the sub claim, "" if the token has none (then it is the client's
// own). It is unique only together with the issuer: see [Caller.ID].
func (c *Caller) Subject() string { return c.subject }

// ClientID returns the client that the token was issued to, "" if it does not say.
func (c *Caller) ClientID() string { return c.clientID }

// TokenID returns the jti claim, "" if the token has none.
func (c *Caller) TokenID() string { return c.tokenID }

// Credential says what the caller came with: [CredentialJWT], [CredentialOpaque], or
// the name of the header field, of those in Config.Headers.
func (c *Caller) Credential() string { return c.how }

// Expiry returns when the token expires, the leeway not added; zero if unknown.
func (c *Caller) Expiry() time.Time { return c.expiry.time() }

// Scopes returns the scopes that the token grants, in its order and with
// Issuer.ScopePrefix in front. What roles count as is not among them.
func (c *Caller) Scopes() []string { return slices.Clone(c.scopes) }

// AllScopes returns the granted scopes, those that the caller's roles count as by
// Issuer.RoleScopes, and those that all of these imply by Config.Implies.
func (c *Caller) AllScopes() []string { return slices.Clone(c.all()) }

// Has reports whether all of the scopes are among [Caller.AllScopes].
func (c *Caller) Has(scopes ...string) bool {
	for _, scope := range scopes {
		if !slices.Contains(c.all(), scope) {
			return false
		}
	}
	return true
}

// Roles returns the roles in Issuer.RoleClaim, in the token's order; nil where that is
// not configured. A role is no scope, whatever its name: see Issuer.RoleScopes.
func (c *Caller) Roles() []string { return slices.Clone(c.roles()) }

// HasRole reports whether the role is among [Caller.Roles]. It compares exactly.
func (c *Caller) HasRole(role string) bool { return slices.Contains(c.roles(), role) }

// Decode reads the token's claims, or the introspection answer, into v, usually a
// pointer to a struct with json tags. Names match exactly, case included.
func (c *Caller) Decode(v any) error {
	if c.object == nil {
		return errors.New("resource: the verifier gave no further claims")
	}
	// A copy: a type that decodes itself may write into what it is given.
	if err := json.Unmarshal(bytes.Clone(c.object), v); err != nil {
		return fmt.Errorf("resource: decoding claims: %w", err)
	}
	return nil
}

// String returns the ID, made safe for a log. As a key use ID.
func (c *Caller) String() string { return printable(c.ID()) }

// LogValue groups issuer, subject and client.
func (c *Caller) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("issuer", printable(c.Issuer())),
		slog.String("subject", printable(c.Subject())),
		slog.String("client", printable(c.ClientID())),
	)
}
