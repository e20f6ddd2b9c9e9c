package securityevents

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
)

// maxIdentifiers is the limit for the identifiers in a subject of the format aliases.
const maxIdentifiers = 32 // in a subject of the format aliases

// allSessions is the session in the events of Keycloak if an administrator has ended all sessions of a
// user. No token has this sid.
const allSessions = "ALL"

// subject is what a subject identifier names. It is empty if that cannot be compared with tokens.
type subject struct {
	users    []string // sub of tokens
	sessions []string // sid
	tokens   []string // jti
	unclear  []string // format opaque: a user or, as in the first example of CAEP 1.0 §3.1.2, a session
}

func (s *subject) add(other subject) {
	s.users = append(s.users, other.users...)
	s.sessions = append(s.sessions, other.sessions...)
	s.tokens = append(s.tokens, other.tokens...)
	s.unclear = append(s.unclear, other.unclear...)
}

func (s *subject) equals(other *subject) bool {
	return slices.Equal(s.users, other.users) && slices.Equal(s.sessions, other.sessions) &&
		slices.Equal(s.tokens, other.tokens) && slices.Equal(s.unclear, other.unclear)
}

// formats are the formats of identifiers (RFC 9493 §3.2, SSF 1.0 §3.5), for the log.
var formats = []string{"account", "email", "iss_sub", "opaque", "phone_number", "did", "uri", "aliases",
	"complex", "jwt_id", "saml_assertion_id", "ip-addresses"}

// identifier is an identifier as it was read.
type identifier struct {
	format  string // of formats, or "other"
	members map[string]jsontext.Value
}

// identifierNames are the members of the identifiers and of complex subjects that are read.
var identifierNames = strictjson.NewNames("format", "iss", "sub", "id", "jti", "identifiers", "user", "session")

// readIdentifier reads an identifier. A complex subject has no format in the Shared Signals and
// Events Framework, which preceded SSF and which Keycloak calls SSE_CAEP.
func readIdentifier(value jsontext.Value) (i identifier, err error) {
	i.members = map[string]jsontext.Value{}
	err = strictjson.Object(value, identifierNames, func(name string, value jsontext.Value) error {
		if string(value) != "null" { // Keycloak writes null for members without a value
			i.members[name] = value
		}
		return nil
	})
	if err != nil {
		return i, err
	}
	format, ok := i.members["format"]
	if !ok {
		if i.members["user"] == nil && i.members["session"] == nil {
			return i, errors.New("has no format")
		}
		i.format = "complex"
		return i, nil
	}
	if i.format, err = strictjson.String(format); err == nil && !slices.Contains(formats, i.format) {
		i.format = "other"
	}
	return i, err
}

// text returns a required member.
func (i identifier) text(name string) (string, error) {
	text, err := strictjson.String(i.members[name])
	if err != nil || text == "" {
		return "", fmt.Errorf("%s: member %s is not a text", i.format, name)
	}
	return text, nil
}

// readSubject reads a subject. format is for the log.
func (r *Receiver) readSubject(value jsontext.Value) (s subject, format string, err error) {
	i, err := readIdentifier(value)
	switch {
	case err != nil:
		return subject{}, "", err
	case i.format == "complex":
		s, err = r.readComplex(i)
	default:
		s, err = r.readSimple(i)
	}
	return s, i.format, err
}

// readMember reads a member of a complex subject: any identifier that is not complex itself (SSF 1.0 §3.2,
// §3.3).
func (r *Receiver) readMember(value jsontext.Value) (s subject, format string, err error) {
	i, err := readIdentifier(value)
	switch {
	case err != nil:
		return subject{}, "", err
	case i.format == "complex":
		return subject{}, "", errNested
	}
	s, err = r.readSimple(i)
	return s, i.format, err
}

// errNested is the error of an identifier inside another one that cannot contain it.
var errNested = errors.New("complex or aliases inside another identifier")

// readSimple reads an identifier that is not complex.
func (r *Receiver) readSimple(i identifier) (subject, error) {
	if i.format == "aliases" {
		return r.readAliases(i)
	}
	return r.simple(i)
}

// simple returns what an identifier names. Identifiers of another issuer name nothing here.
func (r *Receiver) simple(i identifier) (s subject, err error) {
	switch i.format {
	case "iss_sub": // RFC 9493 §3.2.3
		s.users, err = r.ofIssuer(i, "sub")
	case "jwt_id": // SSF 1.0 §3.5.1
		s.tokens, err = r.ofIssuer(i, "jti")
	case "opaque": // RFC 9493 §3.2.4
		var id string
		if id, err = i.text("id"); err == nil {
			s.unclear = []string{id}
		}
	}
	return s, err
}

// ofIssuer returns a member, if the identifier is of Config.TokenIssuer, which is compared byte for
// byte.
func (r *Receiver) ofIssuer(i identifier, name string) ([]string, error) {
	issuer, err := i.text("iss")
	if err != nil {
		return nil, err
	}
	text, err := i.text(name)
	if err != nil || issuer != r.tokenIssuer {
		return nil, err
	}
	return []string{text}, nil
}

// readComplex reads a complex subject (SSF 1.0 §3.3). It names one principal: a session of a user, or
// a user. Other members, such as device and tenant, only restrict it, so without them more is
// revoked, never less. Without user and session, it names nothing that tokens have.
func (r *Receiver) readComplex(i identifier) (s subject, err error) {
	if value, ok := i.members["user"]; ok {
		user, format, err := r.readMember(value)
		if err != nil {
			return subject{}, fmt.Errorf("user: %w", err)
		}
		s.users, s.tokens = append(user.users, user.unclear...), user.tokens
		if format == "iss_sub" && len(s.users) == 0 {
			return subject{}, nil // a user of another issuer, and so is the session
		}
	}
	if value, ok := i.members["session"]; ok {
		session, _, err := r.readMember(value)
		if err != nil {
			return subject{}, fmt.Errorf("session: %w", err)
		}
		s.sessions = append(session.unclear, session.users...) // in drafts of CAEP, the format of a session was iss_sub
		s.sessions = slices.DeleteFunc(s.sessions, func(id string) bool { return id == allSessions })
		s.tokens = append(s.tokens, session.tokens...)
	}
	return s, nil
}

// readAliases reads several identifiers of the same principal (RFC 9493 §3.2.8). Those that cannot
// be compared with tokens are left out.
func (r *Receiver) readAliases(i identifier) (s subject, err error) {
	count := 0
	err = strictjson.Elements(i.members["identifiers"], func(value jsontext.Value) error {
		if count++; count > maxIdentifiers {
			return fmt.Errorf("aliases: more than %d identifiers", maxIdentifiers)
		}
		one, err := readIdentifier(value)
		if err != nil {
			return err
		}
		if one.format == "complex" || one.format == "aliases" { // SSF 1.0 §3.3, RFC 9493 §3.2.8
			return errNested
		}
		named, err := r.simple(one)
		s.add(named)
		return err
	})
	if err == nil && count == 0 {
		err = errors.New("aliases: no identifiers")
	}
	return s, err
}
