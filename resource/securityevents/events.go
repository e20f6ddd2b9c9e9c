package securityevents

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/resource/revocation"
)

// maxEvents is the limit for the events in a token. RFC 8417 §2 allows several, and SSF sends one.
const maxEvents = 32 // in a security event token

// kind is a type of events that revoke tokens.
type kind struct {
	name    string // for the log
	session bool   // the subject can be one session
	account bool   // the user cannot log in any more
}

// kinds has the kinds by the URIs of their types.
var kinds = map[string]kind{
	"https://schemas.openid.net/secevent/caep/event-type/session-revoked":  {name: "session-revoked", session: true},
	"https://schemas.openid.net/secevent/risc/event-type/sessions-revoked": {name: "sessions-revoked"},
	"https://schemas.openid.net/secevent/risc/event-type/account-disabled": {name: "account-disabled", account: true},
	"https://schemas.openid.net/secevent/risc/event-type/account-purged":   {name: "account-purged", account: true},
}

// event is an event that revokes tokens.
type event struct {
	kind    kind
	format  string // of the subject
	subject subject
	entries []revocation.Entry // none: the subject does not identify tokens
}

// payloadNames are the members of an event that are read.
var payloadNames, noNames = strictjson.NewNames("subject", "event_timestamp"), strictjson.NewNames()

// readEvents returns the events of a verified token that revoke tokens. Other events have no effect, so
// only their form is checked.
func (r *Receiver) readEvents(c *claims) (found []event, err error) {
	count := 0
	err = strictjson.Members(c.events, func(uri string, payload jsontext.Value) error {
		if count++; count > maxEvents {
			return fmt.Errorf("more than %d events", maxEvents)
		}
		kind, ok := kinds[uri]
		if !ok {
			return strictjson.Object(payload, noNames, nil) // RFC 8417 §2.2: an object
		}
		e, err := r.readEvent(c, kind, payload)
		found = append(found, e)
		return err
	})
	if err == nil && count == 0 {
		err = errors.New("no events")
	}
	return found, err
}

// readEvent reads the payload of an event. The subject is sub_id (SSF 1.0 §3.1), or the member
// subject of the event in older versions. If there are both, they must name the same.
func (r *Receiver) readEvent(c *claims, k kind, payload jsontext.Value) (event, error) {
	var inner jsontext.Value
	var timestamp time.Time
	err := strictjson.Object(payload, payloadNames, func(name string, value jsontext.Value) (err error) {
		switch {
		case string(value) == "null": // Keycloak writes null for members without a value
		case name == "subject":
			inner = value
		case name == "event_timestamp":
			timestamp, err = jose.NumericDate(value)
			if err != nil && value.Kind() == '0' { // in milliseconds, a date of today is out of range
				timestamp, err = c.issuedAt, nil
			}
		}
		return err
	})
	if err != nil {
		return event{}, err
	}
	e := event{kind: k}
	switch {
	case c.subject == nil && inner == nil:
		return event{}, errors.New("no subject")
	case c.subject == nil:
		e.subject, e.format, err = r.readSubject(inner)
	default:
		e.subject, e.format, err = r.readSubject(c.subject)
	}
	if err != nil {
		return event{}, fmt.Errorf("subject: %w", err)
	}
	if c.subject != nil && inner != nil {
		second, _, err := r.readSubject(inner)
		if err != nil || !e.subject.equals(&second) {
			return event{}, errors.New("sub_id and the subject of the event differ")
		}
	}
	e.entries = r.entries(&e, c, timestamp)
	return e, nil
}

// entries returns the revocations of an event.
//
// An entry for a user has IssuedBy, so that the tokens of a later login stay valid. That is right for
// account-disabled and account-purged too: while the account is disabled, the user cannot log
// in, and no event removes an entry when the account is enabled again. Tokens that the issuer
// issued after the account was disabled and before it made the event are not from a later login.
func (r *Receiver) entries(e *event, c *claims, timestamp time.Time) (all []revocation.Entry) {
	until := c.issuedAt.Add(r.tokenLifetime)
	add := func(entry revocation.Entry) {
		entry.Issuer, entry.Until = r.tokenIssuer, until
		all = append(all, entry)
	}
	users := e.subject.users
	if e.kind.session {
		for _, id := range e.subject.sessions {
			add(revocation.Entry{Session: id})
		}
		for _, id := range e.subject.unclear {
			add(revocation.Entry{Session: id})
		}
		if r.tokensHaveSession && len(e.subject.sessions) > 0 {
			users = nil
		}
	}
	issuedBy := c.issuedAt
	if !e.kind.account {
		issuedBy = c.eventTime(timestamp)
	}
	for _, list := range [][]string{users, e.subject.unclear} {
		for _, user := range list {
			add(revocation.Entry{Subject: user, IssuedBy: issuedBy})
		}
	}
	for _, id := range e.subject.tokens {
		add(revocation.Entry{TokenID: id})
	}
	return all
}

// eventTime returns when an event occurred: event_timestamp (CAEP 1.0 §2), otherwise toe (RFC 8417 §2.2),
// otherwise iat. 0 counts as absent. An event cannot occur after iat: such a time is wrong, for example in
// milliseconds as in drafts of CAEP, and would revoke the tokens of later logins.
func (c *claims) eventTime(timestamp time.Time) time.Time {
	for _, t := range []time.Time{timestamp, c.occurredAt} {
		if t.Unix() > 0 && t.Before(c.issuedAt) {
			return t
		} else if t.Unix() > 0 {
			break
		}
	}
	return c.issuedAt
}
