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
	by     *Resource // that accepted it; nil after decoding
	claims *Claims
	id     string
	scopes []string // those of the claims
	how    string   // its credential

	granted []string // the scopes, and what its roles count as
	all     []string // and those that they imply
}

// newCaller makes the caller of claims that its issuer has vouched for and interpreted.
func (r *Resource) newCaller(from *issuer, c *Claims, how string) *Caller {
	granted := c.Scopes
	for _, role := range c.roles {
		granted = union(granted, from.roleScopes[role])
	}
	return r.callerWith(c, granted, how)
}

func (r *Resource) callerWith(c *Claims, granted []string, how string) *Caller {
	caller := &Caller{by: r, claims: c, id: callerID(c), scopes: c.Scopes, granted: granted, all: granted, how: how}
	if len(r.hierarchy) > 0 {
		caller.all = r.hierarchy.expand(granted)
	}
	return caller
}

// callerID joins issuer and principal. The lengths keep two pairs from spelling the
// same identifier, the letter keeps a client from passing for a subject.
func callerID(c *Claims) string {
	kind, principal := "sub", c.Subject
	if principal == "" {
		kind, principal = "client", c.ClientID
	}
	return strconv.Itoa(len(c.Issuer)) + ":" + c.Issuer + " " + kind + ":" + principal
}

// ID identifies the principal across tokens and issuers: the issuer together with
// the subject or, for a token without one, with the client. It is stable over a
// token refresh and unique among issuers; use it as key of sessions and data.
func (c *Caller) ID() string { return c.id }

// Issuer returns the authorization server that issued the token.
func (c *Caller) Issuer() string { return c.claims.Issuer }

// Subject returns the sub claim, "" if the token has none (then it is the client's
// own). It is unique only together with the issuer: see [Caller.ID].
func (c *Caller) Subject() string { return c.claims.Subject }

// ClientID returns the client that the token was issued to, "" if it does not say.
func (c *Caller) ClientID() string { return c.claims.ClientID }

// TokenID returns the jti claim, "" if the token has none.
func (c *Caller) TokenID() string { return c.claims.TokenID }

// Credential says what the caller came with: [CredentialJWT], [CredentialOpaque], or
// the name of the header field, of those in Config.Headers.
func (c *Caller) Credential() string { return c.how }

// Expiry returns when the token expires, the leeway not added; zero if unknown.
func (c *Caller) Expiry() time.Time { return c.claims.Expiry }

// Scopes returns the scopes that the token grants, in its order and with
// Issuer.ScopePrefix in front. What roles count as is not among them.
func (c *Caller) Scopes() []string { return slices.Clone(c.scopes) }

// AllScopes returns the granted scopes, those that the caller's roles count as by
// Issuer.RoleScopes, and those that all of these imply by Config.Implies.
func (c *Caller) AllScopes() []string { return slices.Clone(c.all) }

// Has reports whether all of the scopes are among [Caller.AllScopes].
func (c *Caller) Has(scopes ...string) bool {
	for _, scope := range scopes {
		if !slices.Contains(c.all, scope) {
			return false
		}
	}
	return true
}

// Roles returns the roles in Issuer.RoleClaim, in the token's order; nil where that is
// not configured. A role is no scope, whatever its name: see Issuer.RoleScopes.
func (c *Caller) Roles() []string { return slices.Clone(c.claims.roles) }

// HasRole reports whether the role is among [Caller.Roles]. It compares exactly.
func (c *Caller) HasRole(role string) bool { return slices.Contains(c.claims.roles, role) }

// Decode reads the token's claims, or the introspection answer, into v, usually a
// pointer to a struct with json tags. Names match exactly, case included.
func (c *Caller) Decode(v any) error {
	if c.claims.object == nil {
		return errors.New("resource: the verifier gave no further claims")
	}
	// A copy: a type that decodes itself may write into what it is given.
	if err := json.Unmarshal(bytes.Clone(c.claims.object), v); err != nil {
		return fmt.Errorf("resource: decoding claims: %w", err)
	}
	return nil
}

// String returns the ID, made safe for a log. As a key use ID.
func (c *Caller) String() string { return printable(c.id) }

// LogValue groups issuer, subject and client.
func (c *Caller) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("issuer", printable(c.Issuer())),
		slog.String("subject", printable(c.Subject())),
		slog.String("client", printable(c.ClientID())),
	)
}

type callerJSON struct {
	Issuer     string     `json:"issuer"`
	Subject    string     `json:"subject,omitzero"`
	ClientID   string     `json:"client_id,omitzero"`
	TokenID    string     `json:"token_id,omitzero"`
	Credential string     `json:"credential,omitzero"`
	Expiry     *time.Time `json:"expiry,omitzero"`
	Scopes     []string   `json:"scopes"`
	AllScopes  []string   `json:"all_scopes"`
	Roles      []string   `json:"roles,omitzero"`
	Claims     rawObject  `json:"claims,omitzero"`
}

// MarshalJSON encodes the caller with all its claims, without the token.
func (c *Caller) MarshalJSON() ([]byte, error) {
	out := callerJSON{
		Issuer: c.Issuer(), Subject: c.Subject(), ClientID: c.ClientID(), TokenID: c.TokenID(),
		Credential: c.how, Scopes: c.scopes, AllScopes: c.all, Roles: c.claims.roles, Claims: c.claims.object,
	}
	if !c.Expiry().IsZero() {
		out.Expiry = new(c.Expiry().UTC())
	}
	return json.Marshal(out)
}

// UnmarshalJSON restores an encoded caller into c, which must be new.
func (c *Caller) UnmarshalJSON(data []byte) error {
	var in callerJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("resource: decoding a caller: %w", err)
	}
	claims := &Claims{
		Issuer: in.Issuer, Subject: in.Subject, ClientID: in.ClientID, TokenID: in.TokenID,
		Scopes: in.Scopes, roles: in.Roles, object: in.Claims,
	}
	if in.Expiry != nil {
		claims.Expiry = *in.Expiry
	}
	if claims.Issuer == "" || claims.Subject == "" && claims.ClientID == "" {
		return errors.New("resource: decoding a caller: no issuer or no principal")
	}
	*c = Caller{claims: claims, id: callerID(claims), scopes: in.Scopes, all: in.AllScopes, how: in.Credential}
	return nil
}

// rawObject is a JSON object that is passed along as it is.
type rawObject []byte

// MarshalJSON returns the object.
func (o rawObject) MarshalJSON() ([]byte, error) { return o, nil }

// UnmarshalJSON keeps a copy of the object.
func (o *rawObject) UnmarshalJSON(data []byte) error {
	*o = slices.Clone(data)
	return nil
}
