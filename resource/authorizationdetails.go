package resource

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/authdetails"
	"github.com/warder-go/warder/internal/claimpath"
)

// AuthorizationDetail is one authorization detail of a [Caller] (RFC 9396 §2). The fields are the
// members that the RFC defines. A list is nil if the member is absent.
type AuthorizationDetail struct {
	Type       string   // never empty
	Locations  []string // where the detail counts; nil: everywhere
	Actions    []string
	DataTypes  []string // the member datatypes
	Privileges []string
	Identifier string // of something at the API; "" if absent

	object jsontext.Value
}

// Decode reads all members of the detail into v, usually a pointer to a struct with json tags for
// the members that the type defines. Names must match exactly, including their case. A value that
// [Caller.AuthorizationDetails] did not return cannot be decoded.
func (d *AuthorizationDetail) Decode(v any) error {
	// A copy, because a type with its own decoding may write into its input.
	if err := json.Unmarshal(bytes.Clone(d.object), v); err != nil {
		return fmt.Errorf("resource: decoding an authorization detail: %w", err)
	}
	return nil
}

const claimDetails = "authorization_details"

var detailsPath = claimpath.Name(claimDetails)

// AuthorizationDetails returns the authorization details that count for [Caller.Resource], in their
// order. They are in the claim authorization_details of the token, or of the introspection answer
// (RFC 9396 §9). If an answer about a JWT omits the claim, that of the JWT counts. An answer with
// an empty array has no details.
//
// A detail without locations counts. A detail with locations counts only if one of them is equal to
// Caller.Resource, byte for byte, or to one of Issuer.Audiences, which name this server too. If
// Caller.Resource has no path, a location can have a slash at its end that Caller.Resource lacks,
// and the reverse. A location above or below it is another one. All other details are left out.
// Audiences that name clients (see Issuer.AudienceClaims) are not locations.
//
// The result is nil if the claim cannot be read completely: it must be an array of at most 1000
// objects, each with a type, without duplicate members, and with members of the types in RFC 9396
// §2.2. A string with JSON is not accepted. [Condition].ContainsDetail reads the claim in the same
// way, and says in the log why it cannot be read.
//
// The claim is read again for each call. The caller of AuthorizationDetails owns the slices.
func (c *Caller) AuthorizationDetails() (all []AuthorizationDetail) {
	for _, d := range c.details() {
		all = append(all, AuthorizationDetail{
			Type: d.Type, Locations: d.Locations, Actions: d.Actions, DataTypes: d.DataTypes, Privileges: d.Privileges,
			Identifier: d.Identifier, object: d.Object,
		})
	}
	return all
}

// details returns the details that count for the resource; nil if the claim cannot be read, because
// what cannot be read must not grant anything. Those of a decoded caller were selected when it was
// encoded.
func (c *Caller) details() []authdetails.Detail {
	if c.policy == nil {
		all, _ := authdetails.Parse(c.decodedDetails)
		return all
	}
	claim, err := c.find(detailsPath)
	if err != nil {
		return nil
	}
	all, _ := authdetails.Parse(claim)
	return slices.DeleteFunc(all, func(d authdetails.Detail) bool { return !d.IsFor(c.isHere) })
}

// isHere reports whether a location is that of the resource that the caller was accepted for.
func (c *Caller) isHere(location string) bool {
	at := c.policy.endpoints.named(c.resource)
	return at != nil && slices.Contains(at.audiences, location) || slices.Contains(c.locations, location)
}

// encodedDetails returns the details as a JSON array; nil if there are none.
func (c *Caller) encodedDetails() jsontext.Value {
	all := c.details()
	if len(all) == 0 {
		return nil
	}
	var objects [][]byte
	for i := range all {
		objects = append(objects, all[i].Object)
	}
	return slices.Concat([]byte("["), bytes.Join(objects, []byte(",")), []byte("]"))
}
