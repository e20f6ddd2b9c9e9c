// Package authdetails reads the authorization details of a token or of an introspection answer (RFC
// 9396 §9). It does not check who issued them, and not what their API-specific members mean.
package authdetails

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// maxDetails is far above what issuers send.
const maxDetails = 1000 // authorization details of one caller

// Detail is one authorization detail. A list is nil if the member is absent, and not nil if it is
// an empty array.
type Detail struct {
	Type       string // never empty
	Locations  []string
	Actions    []string
	DataTypes  []string
	Privileges []string
	Identifier string
	Object     jsontext.Value // all members; it aliases the claim
}

// members are the members whose meaning RFC 9396 defines (§2.1 and §2.2).
var members = strictjson.NewNames("type", "locations", "actions", "datatypes", "identifier", "privileges")

var (
	errTooMany = fmt.Errorf("more than %d authorization details", maxDetails)
	errNoType  = errors.New("an authorization detail without type")
)

// Parse reads the claim, which must be an array of objects with a type. A duplicate member, a name
// that differs from a common one only in case, and a common member of another type than in RFC 9396
// §2.2, including null, are errors. So are more than maxDetails details. An error is about the
// whole claim, and the result is nil then: what cannot be read must not grant anything.
func Parse(claim jsontext.Value) (all []Detail, err error) {
	err = strictjson.Elements(claim, func(object jsontext.Value) error {
		if len(all) == maxDetails {
			return errTooMany
		}
		d := Detail{Object: object}
		if err := strictjson.Object(object, members, d.read); err != nil {
			return err
		}
		if d.Type == "" {
			return errNoType
		}
		all = append(all, d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// read reads one common member.
func (d *Detail) read(name string, value jsontext.Value) (err error) {
	switch name {
	case "type":
		d.Type, err = strictjson.String(value)
	case "identifier":
		d.Identifier, err = strictjson.String(value)
	case "locations":
		d.Locations, err = list(value)
	case "actions":
		d.Actions, err = list(value)
	case "datatypes":
		d.DataTypes, err = list(value)
	case "privileges":
		d.Privileges, err = list(value)
	}
	return err
}

// list reads an array of strings. An empty one is not nil.
func list(value jsontext.Value) ([]string, error) {
	all, err := strictjson.Strings(value)
	if err == nil && all == nil {
		all = []string{}
	}
	return all, err
}

// IsFor reports whether the detail is for a resource, whose locations isHere recognizes: it has no
// locations, or one of them is that of the resource (RFC 9396 §12). An empty array of locations is
// for no resource.
func (d *Detail) IsFor(isHere func(location string) bool) bool {
	return d.Locations == nil || slices.ContainsFunc(d.Locations, isHere)
}
