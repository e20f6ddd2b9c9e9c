package apikey

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// Members of the two kinds of objects in a key file.
var (
	fileMembers = []string{"keys"}
	keyMembers  = []string{"id", "sha256", "subject", "client_id", "scopes", "expires", "resources"}
)

var (
	fileNames = strictjson.NewNames(fileMembers...)
	keyNames  = strictjson.NewNames(keyMembers...)
)

// parse parses and compiles a key file and adds its mistakes to m. An unknown member is a
// mistake, because it may be meant as a restriction.
func (v *Verifier) parse(body []byte, current entries, m *mistakes) entries {
	var elements []jsontext.Value
	found := false
	err := strictjson.Object(body, fileNames, func(_ string, value jsontext.Value) error {
		found = true
		return strictjson.Elements(value, func(element jsontext.Value) error {
			if len(elements) > maxKeys {
				return fmt.Errorf("more than %d keys", maxKeys)
			}
			elements = append(elements, element.Clone())
			return nil
		})
	})
	if err != nil {
		m.addf("%s%w", syntaxErrorLine(body), err)
		return nil
	}
	given := make([]Key, len(elements))
	for n, element := range elements {
		given[n] = parseKey(n, element, m)
	}
	for _, n := range unknownMembers(body, fileMembers) {
		m.addf("the file: member %d is unknown; known members: %s", n, strings.Join(fileMembers, ", "))
	}
	if !found {
		m.addf(`member "keys" is missing; for a file without keys, write {"keys": []}`)
	}
	if m.count() > 0 {
		return nil
	}
	return v.compileAll("keys", given, current, m)
}

// parseKey parses the nth key and adds its mistakes to m.
func parseKey(n int, value jsontext.Value, m *mistakes) (k Key) {
	var errs []error // without the position, which includes the ID
	err := strictjson.Object(value, keyNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "id":
			k.ID, err = strictjson.String(value)
		case "sha256":
			k.SHA256, err = strictjson.String(value)
		case "subject":
			k.Subject, err = strictjson.String(value)
		case "client_id":
			k.ClientID, err = strictjson.String(value)
		case "scopes":
			k.Scopes, err = strictjson.Strings(value)
		case "resources":
			if k.Resources, err = strictjson.Strings(value); k.Resources == nil {
				k.Resources = []string{} // an empty list is a mistake, and not the default
			}
		case "expires":
			k.Expires, err = parseTime(value)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		return nil
	})
	if err != nil {
		errs = append(errs, err)
	} else {
		for _, n := range unknownMembers(value, keyMembers) {
			errs = append(errs, fmt.Errorf("member %d is unknown; known members: %s", n, strings.Join(keyMembers, ", ")))
		}
	}
	for _, err := range errs {
		m.addf("%s: %w", k.position("keys", n), err)
	}
	return k
}

// parseTime parses an RFC 3339 time. The empty text does not mean "never": for that, the
// member must be absent.
func parseTime(value jsontext.Value) (time.Time, error) {
	text, err := strictjson.String(value)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.IsZero() {
		return time.Time{}, errors.New(`must be a time such as "2027-01-01T00:00:00Z" (RFC 3339)`)
	}
	return t, nil
}

// unknownMembers returns the positions, from 1 on, of the members of a well-formed object
// that are not among known. It does not return their names, which could be secrets.
func unknownMembers(object []byte, known []string) (positions []int) {
	d := jsontext.NewDecoder(bytes.NewReader(object))
	_, err := d.ReadToken()
	for n := 1; err == nil && d.PeekKind() == '"'; n++ {
		var name jsontext.Token
		if name, err = d.ReadToken(); err == nil && !slices.Contains(known, name.String()) {
			positions = append(positions, n)
		}
		if err == nil {
			err = d.SkipValue()
		}
	}
	return positions
}

// syntaxErrorLine returns the line where text stops being JSON without duplicate names, as
// "line N: ", or "" if it is JSON.
func syntaxErrorLine(text []byte) string {
	err := jsontext.NewDecoder(bytes.NewReader(text)).SkipValue()
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return ""
	}
	before := text[:min(int64(len(text)), max(0, syntax.ByteOffset))]
	return fmt.Sprintf("line %d: ", 1+bytes.Count(before, []byte("\n")))
}
