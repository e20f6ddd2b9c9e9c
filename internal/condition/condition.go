// Package condition decides whether a claim passes a test: equals a value, is one of several,
// contains one, begins with a path, or contains an authorization detail (RFC 9396). Values are
// typed: a string never equals a number. The package does not check whether the claims are verified.
// Negation is not supported, because a negated test would accept an absent claim.
package condition

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/strictjson"
)

// Spec describes a condition: a claim and exactly one test. A value is a string, a bool, an int
// or an int64.
type Spec struct {
	Claim          string
	Equals         any
	OneOf          []any
	Contains       any
	ContainsOneOf  []any
	PathPrefix     string
	ContainsDetail *Detail
}

// Claims are the claims of a caller.
type Claims struct {
	// Find returns the value of a claim; nil if it is absent, null or an empty string. An error
	// means that an object on the path cannot be read.
	Find func(claimpath.Path) (jsontext.Value, error)

	// IsHere reports whether a location in an authorization detail is that of the resource.
	IsHere func(location string) bool
}

// Condition is a compiled Spec. It is safe for concurrent use.
type Condition struct {
	claim  string
	path   claimpath.Path
	test   string // for Want
	values []value
	array  bool   // the claim must be an array with one of values
	prefix string // "": see values
	detail *Detail
}

// New checks and compiles a condition. The errors follow the name of the setting.
func New(s Spec) (*Condition, error) {
	c := &Condition{claim: s.Claim}
	var err error
	if c.path, err = claimpath.Parse(s.Claim); err != nil {
		return nil, fmt.Errorf("Claim: %q %w", s.Claim, err)
	}
	switch s.Claim {
	case "":
		return nil, errors.New("Claim: empty; name the claim")
	case "jti":
		return nil, errors.New("Claim: jti differs in each token; name another claim")
	}
	return c, c.setTest(s)
}

// setTest takes the only test of s.
func (c *Condition) setTest(s Spec) (err error) {
	tests := 0
	take := func(set bool, test, field string, array bool, given ...any) {
		if !set {
			return
		}
		tests++
		c.test, c.array = test, array
		if c.values, err = valuesOf(given); err != nil {
			err = fmt.Errorf("%s: %w", field, err)
		}
	}
	take(s.Equals != nil, "equals", "Equals", false, s.Equals)
	take(s.OneOf != nil, "is one of", "OneOf", false, s.OneOf...)
	take(s.Contains != nil, "contains", "Contains", true, s.Contains)
	take(s.ContainsOneOf != nil, "contains one of", "ContainsOneOf", true, s.ContainsOneOf...)
	if s.PathPrefix != "" {
		tests++
		c.prefix, err = s.PathPrefix, errors.Join(err, checkPathPrefix(s.PathPrefix))
	}
	if s.ContainsDetail != nil {
		tests++
		c.detail, err = newDetail(s.ContainsDetail)
	}
	if tests != 1 {
		return errors.New("set exactly one of Equals, OneOf, Contains, ContainsOneOf, ContainsDetail and PathPrefix")
	}
	return err
}

// Holds reports whether the claim passes the test. A claim that is absent, null, empty,
// unreadable or of another type does not.
func (c *Condition) Holds(of Claims) bool {
	claim, err := of.Find(c.path)
	switch {
	case err != nil || claim == nil:
		return false
	case c.detail != nil:
		return c.detail.isIn(claim, of.IsHere)
	case c.prefix != "":
		text, err := strictjson.String(claim)
		return err == nil && hasPathPrefix(text, c.prefix)
	case c.array:
		return c.isIn(claim)
	}
	return c.matches(claim)
}

// matches reports whether a JSON value is one of the wanted values.
func (c *Condition) matches(given jsontext.Value) bool {
	for i := range c.values {
		if c.values[i].equals(given) {
			return true
		}
	}
	return false
}

var errFound = errors.New("found") // ends the search in an array

// isIn reports whether the claim is an array with one of the wanted values. It does not look
// into nested arrays.
func (c *Condition) isIn(claim jsontext.Value) bool {
	return errors.Is(strictjson.Elements(claim, func(element jsontext.Value) error {
		if c.matches(element) {
			return errFound
		}
		return nil
	}), errFound)
}

// Limits of texts for a log.
const (
	maxShownBytes  = 200 // of a claim, or of a condition, in a log record
	maxShownValues = 10  // wanted values of a condition in a log record
)

// Want describes the condition for a log.
func (c *Condition) Want() string {
	switch {
	case c.prefix != "":
		return fmt.Sprintf("%s is %q or a path below", c.claim, c.prefix)
	case c.detail != nil:
		return cut(c.claim + " " + c.detail.want())
	}
	var all []string
	for i := range c.values {
		if i == maxShownValues {
			all = append(all, fmt.Sprintf("%d more", len(c.values)-i))
			break
		}
		all = append(all, c.values[i].String())
	}
	return cut(c.claim + " " + c.test + " " + strings.Join(all, ", "))
}

// Got describes the claim for a log. The text is not escaped.
func (c *Condition) Got(of Claims) string {
	switch claim, err := of.Find(c.path); {
	case err != nil:
		return c.claim + " cannot be read"
	case claim == nil:
		return "no " + c.claim
	case c.detail != nil:
		return cut(c.claim + " " + got(claim, of.IsHere))
	default:
		return cut(c.claim + " " + string(claim[:min(len(claim), maxShownBytes)]))
	}
}

// cut bounds a text for a log.
func cut(text string) string {
	if len(text) <= maxShownBytes {
		return text
	}
	return text[:maxShownBytes] + "..."
}
