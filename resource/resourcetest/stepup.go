package resourcetest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// login is what an authorization request requires of the login of the user.
type login struct {
	acr  string    // "" if it was not requested
	time time.Time // zero if it was not requested
}

// requestedLogin reads "acr_values" and "max_age" (RFC 9470 section 4, OpenID Connect Core 1.0
// section 3.1.2.1). Every user is logged in at once, so all requirements are met.
func requestedLogin(form url.Values) (l login, err *oauthError) {
	values := form.Get("acr_values")
	if strings.ContainsFunc(values, func(r rune) bool { return r < ' ' || r > '~' }) {
		return l, badRequest("invalid_request", "acr_values contains a character that is not allowed")
	}
	if fields := strings.Fields(values); len(fields) > 0 {
		l.acr = fields[0]
	}
	if age := form.Get("max_age"); age != "" {
		if _, err := strconv.ParseUint(age, 10, 31); err != nil {
			return l, badRequest("invalid_request", "max_age is not a number of seconds")
		}
		l.time = time.Now()
	}
	return l, nil
}

// errDetails is never modified.
var errDetails = badRequest("invalid_authorization_details", "authorization_details is not an array of objects with a type, or was not granted")

// authorizationDetails reads the parameter "authorization_details" (RFC 9396 section 2): a JSON
// array of objects with a "type", whose value is not restricted. It returns nil for a request
// without the parameter.
func authorizationDetails(form url.Values) ([]Raw, *oauthError) {
	text := form.Get("authorization_details")
	if text == "" {
		return nil, nil
	}
	var values []jsontext.Value
	if json.Unmarshal([]byte(text), &values) != nil || values == nil {
		return nil, errDetails
	}
	details := []Raw{}
	for _, value := range values {
		object, ok := readMembers(value, "type")
		if !ok || object.text("type") == "" || value.Compact() != nil {
			return nil, errDetails
		}
		details = append(details, Raw(value))
	}
	return details, nil
}

// narrowDetails returns the details of a token: those that the token request selects, byte for byte
// except for white space, or all that were granted (RFC 9396 section 6).
func narrowDetails(granted []Raw, form url.Values) ([]Raw, *oauthError) {
	requested, err := authorizationDetails(form)
	if err != nil || requested == nil {
		return granted, err
	}
	for _, detail := range requested {
		if !slices.Contains(granted, detail) {
			return nil, errDetails
		}
	}
	return requested, nil
}

// array returns the details as a JSON array.
func array(details []Raw) Raw {
	var texts []string
	for _, detail := range details {
		texts = append(texts, string(detail))
	}
	return Raw("[" + strings.Join(texts, ",") + "]")
}
