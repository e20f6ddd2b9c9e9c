package resource

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/instant"
	"github.com/warder-go/warder/internal/scopeset"
)

type callerJSON struct {
	Issuer     string         `json:"issuer"`
	Principal  string         `json:"principal"` // kind
	Token      string         `json:"token,omitzero"`
	Subject    string         `json:"subject,omitzero"`
	Sub        *string        `json:"sub,omitzero"` // nil: as Subject
	ClientID   string         `json:"client_id,omitzero"`
	TokenID    string         `json:"token_id,omitzero"`
	Resource   string         `json:"resource,omitzero"`
	Path       string         `json:"path,omitzero"` // see Caller.Owner
	Credential string         `json:"credential,omitzero"`
	Expiry     *time.Time     `json:"expiry,omitzero"`
	Scopes     []string       `json:"scopes"`
	AllScopes  []string       `json:"all_scopes"`
	Roles      []string       `json:"roles,omitzero"`
	Claims     jsontext.Value `json:"claims,omitzero"`

	// The details for Resource. Claims can lack them, and can have details for other resources.
	AuthorizationDetails jsontext.Value `json:"authorization_details,omitzero"`
}

// MarshalJSON encodes the caller with all its claims and its authorization details, without the
// token.
func (c *Caller) MarshalJSON() ([]byte, error) {
	out := callerJSON{
		Issuer: c.Issuer(), Principal: string(c.kind), Token: c.token, Subject: c.Subject(), ClientID: c.ClientID(), TokenID: c.TokenID(),
		Resource: c.resource, Path: c.path, Credential: c.credential, Scopes: c.grant.Scopes(), AllScopes: c.grant.All(), Roles: c.grant.Roles(), Claims: c.object,
		AuthorizationDetails: c.encodedDetails(),
	}
	if c.sub != c.subject {
		out.Sub = new(c.sub)
	}
	if !c.Expiry().IsZero() {
		out.Expiry = new(c.Expiry().UTC())
	}
	return json.Marshal(out)
}

// UnmarshalJSON decodes a caller into c, which must be the zero value.
func (c *Caller) UnmarshalJSON(data []byte) error {
	var in callerJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("resource: decoding a caller: %w", err)
	}
	*c = Caller{
		kind: principalKind(in.Principal), token: in.Token,
		issuer: in.Issuer, subject: in.Subject, sub: in.Subject, clientID: in.ClientID, tokenID: in.TokenID,
		object: in.Claims, resource: in.Resource, path: in.Path, credential: in.Credential, grant: scopeset.RestoreGrant(in.Scopes, in.Roles, in.AllScopes),
		decodedDetails: in.AuthorizationDetails,
	}
	known := c.kind == ofSubject || c.kind == ofClient || c.kind == ofToken
	if !known || c.issuer == "" || c.principal() == "" {
		*c = Caller{}
		return errors.New("resource: decoding a caller: no issuer or no principal")
	}
	if in.Sub != nil {
		c.sub = *in.Sub
	}
	if in.Expiry != nil {
		c.expiry = instant.Of(*in.Expiry)
	}
	return nil
}
