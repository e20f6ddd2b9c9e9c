package condition

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/authdetails"
)

// Detail describes the authorization detail (RFC 9396) that a claim must contain. One detail must
// have all of it. An empty field, except Type, is not tested.
type Detail struct {
	Type       string
	Actions    []string
	DataTypes  []string
	Privileges []string
	Identifier string
}

// newDetail checks and copies a Detail.
func newDetail(given *Detail) (*Detail, error) {
	const field = "ContainsDetail"
	if given.Type == "" {
		return nil, fmt.Errorf("%s.Type: empty; every authorization detail has a type (RFC 9396 §2)", field)
	}
	d := *given
	d.Actions, d.DataTypes, d.Privileges = slices.Clone(d.Actions), slices.Clone(d.DataTypes), slices.Clone(d.Privileges)
	for _, list := range []struct {
		name   string
		values []string
	}{{"Actions", d.Actions}, {"DataTypes", d.DataTypes}, {"Privileges", d.Privileges}} {
		if err := checkList(list.values); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", field, list.name, err)
		}
	}
	return &d, nil
}

// checkList rejects values that are mistakes. A nil list is not tested.
func checkList(values []string) error {
	if values != nil && len(values) == 0 {
		return errors.New("empty; name at least one value, or do not set it")
	}
	for n, value := range values {
		switch {
		case value == "":
			return errors.New("an empty string is not a value")
		case slices.Contains(values[:n], value):
			return fmt.Errorf("duplicate value %q", value)
		}
	}
	return nil
}

// isIn reports whether the claim has a detail for this resource that is as wanted. Strings are
// compared byte for byte (RFC 9396 §12).
func (d *Detail) isIn(claim jsontext.Value, isHere func(location string) bool) bool {
	all, err := authdetails.Parse(claim)
	if err != nil {
		return false
	}
	for i := range all {
		if all[i].IsFor(isHere) && d.matches(&all[i]) {
			return true
		}
	}
	return false
}

// matches reports whether a single detail has everything that is wanted.
func (d *Detail) matches(given *authdetails.Detail) bool {
	return given.Type == d.Type && (d.Identifier == "" || given.Identifier == d.Identifier) &&
		hasAll(given.Actions, d.Actions) && hasAll(given.DataTypes, d.DataTypes) && hasAll(given.Privileges, d.Privileges)
}

func hasAll(given, wanted []string) bool {
	for _, value := range wanted {
		if !slices.Contains(given, value) {
			return false
		}
	}
	return true
}

// want describes the detail for a log.
func (d *Detail) want() string {
	return "contains a detail with " + describe(&authdetails.Detail{Type: d.Type, Actions: d.Actions, DataTypes: d.DataTypes, Privileges: d.Privileges, Identifier: d.Identifier})
}

// got describes the details of a claim for a log. It shows only the common members, because the
// others can contain personal data (RFC 9396 §13).
func got(claim jsontext.Value, isHere func(location string) bool) string {
	all, err := authdetails.Parse(claim)
	if err != nil {
		return "cannot be read as authorization details: " + err.Error()
	}
	total := len(all)
	here := slices.DeleteFunc(all, func(d authdetails.Detail) bool { return !d.IsFor(isHere) })
	switch {
	case total == 0:
		return "is empty"
	case len(here) == 0:
		return fmt.Sprintf("has only details for other locations (%d)", total)
	}
	var texts []string
	for i := range here {
		if i == maxShownValues {
			texts = append(texts, fmt.Sprintf("%d more", len(here)-i))
			break
		}
		texts = append(texts, describe(&here[i]))
	}
	return "has details with " + strings.Join(texts, "; ")
}

// describe lists the members of a detail, without its locations and what is not common. The result
// is a few times maxShownBytes long at most.
func describe(d *authdetails.Detail) string {
	text := "type " + quote(d.Type)
	for _, list := range []struct {
		name   string
		values []string
	}{{"actions", d.Actions}, {"datatypes", d.DataTypes}, {"privileges", d.Privileges}} {
		if len(list.values) > 0 {
			text += ", " + list.name
		}
		for n, value := range list.values {
			if n == maxShownValues {
				text += fmt.Sprintf(" and %d more", len(list.values)-n)
				break
			}
			text += " " + quote(value)
		}
	}
	if d.Identifier != "" {
		text += ", identifier " + quote(d.Identifier)
	}
	return text
}

// quote returns the quoted beginning of a value.
func quote(value string) string {
	return strconv.Quote(value[:min(len(value), maxShownBytes)])
}
