package clientauth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/warder-go/warder/internal/configerr"
	"github.com/warder-go/warder/internal/grammar"
	"github.com/warder-go/warder/internal/privatekey"
)

// authMethods are the methods of client authentication, each with the fields of Config that
// it needs: exactly one field of each list must be set.
var authMethods = []struct {
	name     string
	needs    [][]string
	optional []string
}{
	{ClientSecretBasic, [][]string{{"ClientID"}, secretFields}, nil},
	{ClientSecretBasicRaw, [][]string{{"ClientID"}, secretFields}, nil},
	{ClientSecretPost, [][]string{{"ClientID"}, secretFields}, nil},
	{PrivateKeyJWT, [][]string{{"ClientID"}, {"Signer", "PrivateKeyFile"}}, []string{"KeyID", "Algorithm", "Audience"}},
	{Bearer, [][]string{{"BearerToken", "BearerTokenFile", "BearerTokenFunc"}}, []string{"ClientID"}}, // aud of signed answers
	{TLSClientAuth, [][]string{{"ClientID"}}, nil},
}

var secretFields = []string{"ClientSecret", "ClientSecretFile", "ClientSecretFunc"}

// setFields returns the names of the fields that are set, except Method.
func (c Config) setFields() (names []string) {
	for _, f := range []struct {
		name  string
		isSet bool
	}{
		{"ClientID", c.ClientID != ""},
		{"ClientSecret", c.ClientSecret != ""}, {"ClientSecretFile", c.ClientSecretFile != ""}, {"ClientSecretFunc", c.ClientSecretFunc != nil},
		{"BearerToken", c.BearerToken != ""}, {"BearerTokenFile", c.BearerTokenFile != ""}, {"BearerTokenFunc", c.BearerTokenFunc != nil},
		{"Signer", c.Signer != nil}, {"PrivateKeyFile", c.PrivateKeyFile != ""},
		{"KeyID", c.KeyID != ""}, {"Algorithm", c.Algorithm != ""}, {"Audience", c.Audience != ""},
	} {
		if f.isSet {
			names = append(names, f.name)
		}
	}
	return names
}

// Check adds to mistakes each missing field that the method requires, and each field that only
// another method uses, because then it is unclear which method is intended. It names the fields as
// fields of Auth. It reads the files.
func (c Config) Check(mistakes *configerr.List) {
	var names []string
	for _, m := range authMethods {
		if m.name == c.method() {
			c.checkFields(m.needs, m.optional, mistakes)
			c.checkValues(mistakes)
			return
		}
		names = append(names, m.name)
	}
	mistakes.Addf("Auth.Method: %q is not one of %q", c.Method, names)
}

func (c Config) checkFields(needs [][]string, optional []string, mistakes *configerr.List) {
	rest := c.setFields()
	for _, group := range needs {
		var found []string
		for _, name := range group {
			if at := slices.Index(rest, name); at >= 0 {
				found, rest = append(found, name), slices.Delete(rest, at, at+1)
			}
		}
		switch {
		case len(found) == 0:
			mistakes.Addf("Auth.%s: is missing; method %q requires it%s", group[0], c.method(), alternatives(group[1:]))
		case len(found) > 1:
			mistakes.Addf("Auth.%s: %s is also set; set only one of them", found[1], found[0])
		}
	}
	for _, name := range rest {
		if !slices.Contains(optional, name) {
			mistakes.Addf("Auth.%s: is not used by method %q; remove it or set another Method", name, c.method())
		}
	}
}

func alternatives(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " or " + strings.Join(names, " or ")
}

// checkValues adds the mistakes in values and files that the method uses. Missing ones are
// ignored.
func (c Config) checkValues(mistakes *configerr.List) {
	switch c.method() {
	case ClientSecretBasicRaw: // RFC 7617 §2
		if strings.Contains(c.ClientID, ":") {
			mistakes.Addf("Auth.ClientID: contains a colon, which ends the client ID in method %q; use another method", c.method())
		}
		if strings.ContainsFunc(c.ClientID, unicode.IsControl) {
			mistakes.Addf("Auth.ClientID: contains a control character; method %q does not allow any", c.method())
		}
		c.checkSecret(mistakes)
	case ClientSecretBasic, ClientSecretPost:
		c.checkSecret(mistakes)
	case Bearer:
		c.checkToken(mistakes)
	case PrivateKeyJWT:
		c.checkKey(mistakes)
	}
}

func (c Config) checkSecret(mistakes *configerr.List) {
	if endsInLineBreak(c.ClientSecret) {
		mistakes.Addf("Auth.ClientSecret: ends in a line break; remove it, or set ClientSecretFile, which drops the line break at the end of a file")
		return
	}
	if c.ClientSecretFunc != nil || c.ClientSecret != "" && c.ClientSecretFile != "" {
		return // it is not called before it is needed; checkFields has added the mistake
	}
	if secret, err := c.secretSource()(context.Background()); err != nil {
		mistakes.Addf("Auth.ClientSecretFile: %w", err)
	} else if err := c.checkRawSecret(secret); err != nil {
		mistakes.Addf("Auth.%s: %w", nameOfSource("ClientSecret", c.ClientSecretFile), err)
	}
}

// checkRawSecret rejects a secret that the method cannot transmit (RFC 7617 §2).
func (c Config) checkRawSecret(secret string) error {
	if c.method() == ClientSecretBasicRaw && strings.ContainsFunc(secret, unicode.IsControl) {
		return errors.New("contains a control character; method " + ClientSecretBasicRaw + " does not allow any")
	}
	return nil
}

func (c Config) checkToken(mistakes *configerr.List) {
	switch {
	case endsInLineBreak(c.BearerToken):
		mistakes.Addf("Auth.BearerToken: ends in a line break; remove it, or set BearerTokenFile, which drops the line break at the end of a file")
	case c.BearerTokenFunc != nil || (c.BearerToken == "") == (c.BearerTokenFile == ""): // as in checkSecret
	default:
		if token, err := c.tokenSource()(context.Background()); err != nil {
			mistakes.Addf("Auth.BearerTokenFile: %w", err)
		} else if !grammar.IsB64Token(token) {
			mistakes.Addf("Auth.%s: must be a b64token (RFC 6750 §2.1)", nameOfSource("BearerToken", c.BearerTokenFile))
		}
	}
}

func (c Config) checkKey(mistakes *configerr.List) {
	if (c.Signer == nil) == (c.PrivateKeyFile == "") {
		return // checkFields has added the mistake
	}
	_, err := newSigningKey(c).get()
	switch {
	case errors.Is(err, privatekey.ErrNoAlgorithm) && c.Algorithm != "":
		mistakes.Addf("Auth.Algorithm: %w", err)
	case err != nil && c.Signer != nil:
		mistakes.Addf("Auth.Signer: %w", err)
	case err != nil:
		mistakes.Addf("Auth.PrivateKeyFile: %w", err)
	}
}

func endsInLineBreak(text string) bool {
	return strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\r")
}

// nameOfSource returns the name of the field with a credential: field, or that of its file.
func nameOfSource(field, file string) string {
	if file != "" {
		return field + "File"
	}
	return field
}
