package audit

import (
	"encoding/base64"
	"log/slog"

	"github.com/warder-go/warder/resource"
)

// Schema is the version of the record schema, which each record contains. It changes if
// the meaning of an attribute changes, but not if an attribute is added. The record of a
// decision has the message "decision":
//
//	time          time of the decision
//	schema        the value of this constant
//	sequence      number of the decision, from 1 when the Log was made. A missing number is
//	              a record that was dropped or failed
//	resource      resource.Config.Identifier, or the one of Identifiers that the request is for
//	decision      accepted, denied, unavailable or error
//	reason        the reason, if the decision is not accepted
//	status        HTTP status of the response, if the decision is not accepted
//	issuer        configured issuer of the credential; without a subject and a client,
//	              only the issuer that the unverified credential names
//	subject       subject, exactly as verified by the issuer
//	client        client that the token was issued to
//	actors        who uses the token on behalf of the subject (RFC 8693 §4.1), the current one
//	              first, as {"issuer", "subject", "client"}; at most 8
//	credential    jwt, opaque or the name of a header field
//	principal     what identifies the verified caller besides the issuer: sub (the subject),
//	              client (the client, also if its token has a subject) or token (the token,
//	              because its claims identify no one)
//	confirmation  what the token of the verified caller is bound to: jkt (a DPoP key) or
//	              x5t#S256 (a client certificate)
//	confirmation_thumbprint
//	              its SHA-256 thumbprint in base64url, as in the claim cnf
//	jti_digest    short HMAC of the token's identifier
//	token_digest  short HMAC of the token, as in the log, if principal is token, or if the
//	              request was rejected after its credential was read and before its
//	              caller was verified. A credential over the limit is not read
//	claimed_subject, claimed_jti_digest
//	              what the token claims, if it was rejected before it was verified. Anyone
//	              can write that
//	operations    operations in the body, as {"method", "name"}, without arguments; only
//	              if resource.Config.Operations needs the body, never from header fields;
//	              at most 100. If there are more, first one of each message of a batch,
//	              then those that a rule names
//	operations_omitted  number of the other operations
//	scopes_needed scopes in the challenge, if scopes were missing (also with
//	              insufficient_authentication and binding_required)
//	trace_id      from a valid traceparent (W3C Trace Context)
//
// Each HMAC has the key resource.Credentials.DigestKey. Empty attributes are omitted. The records
// of accepted requests with a caller are in the order of their decisions, and so are the others.
// Sort by sequence for the order of all.
//
// If a queue was full, one more record has the message "dropped". It follows the records of
// the events that were in that queue:
//
//	time            time of the first dropped decision
//	until           time of the last one
//	schema          the value of this constant
//	resource        that of the first one
//	queue           accepted (accepted requests with a caller) or other
//	dropped         number of decisions without a record
//	first_sequence  sequence number of the first one
//	last_sequence   sequence number of the last one
const Schema = "warder.audit.v1"

// operation is the form of a resource.Operation in a record.
type operation struct {
	Method string `json:"method"`
	Name   string `json:"name,omitempty"`
}

// actor is the form of a resource.Actor in a record.
type actor struct {
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
	Client  string `json:"client,omitempty"`
}

// record returns the record of an event.
func (queued entry) record() slog.Record {
	e := queued.event
	r := slog.NewRecord(e.Time, slog.LevelInfo, "decision", 0)
	add := func(key, value string) {
		if value != "" {
			r.AddAttrs(slog.String(key, value))
		}
	}
	add("schema", Schema)
	r.AddAttrs(slog.Uint64("sequence", queued.sequence))
	add("resource", e.Resource)
	add("decision", e.Result)
	add("reason", string(e.Reason))
	if e.Status != 0 {
		r.AddAttrs(slog.Int("status", e.Status))
	}
	add("issuer", e.Issuer)
	if c := e.Caller; c != nil {
		add("subject", c.Subject())
		add("client", c.ClientID())
		if actors := actorsOf(c); len(actors) > 0 {
			r.AddAttrs(slog.Any("actors", actors))
		}
	}
	add("credential", e.Credential)
	add("principal", e.Principal)
	if c := e.Caller.Confirmation(); c.IsBound() {
		add("confirmation", c.Method)
		add("confirmation_thumbprint", base64.RawURLEncoding.EncodeToString(c.Thumbprint[:]))
	}
	add("jti_digest", e.TokenIDDigest())
	add("token_digest", e.TokenDigest)
	add("claimed_subject", e.ClaimedSubject)
	add("claimed_jti_digest", e.ClaimedTokenIDDigest)
	if len(e.Operations) > 0 {
		operations := make([]operation, len(e.Operations))
		for i, o := range e.Operations {
			operations[i] = operation{o.Method, o.Name}
		}
		r.AddAttrs(slog.Any("operations", operations))
	}
	if e.OperationsOmitted > 0 {
		r.AddAttrs(slog.Int("operations_omitted", e.OperationsOmitted))
	}
	if len(e.Needed) > 0 {
		r.AddAttrs(slog.Any("scopes_needed", e.Needed))
	}
	add("trace_id", e.TraceID)
	return r
}

// actorsOf returns the actors of a verified caller.
func actorsOf(c *resource.Caller) (all []actor) {
	for _, a := range c.Actors() {
		all = append(all, actor{a.Issuer, a.Subject, a.ClientID})
	}
	return all
}

// record returns the record about dropped events.
func (d dropped) record(queue string) slog.Record {
	r := slog.NewRecord(d.since, slog.LevelInfo, "dropped", 0)
	r.AddAttrs(slog.String("schema", Schema), slog.String("resource", d.resource), slog.String("queue", queue), slog.Int("dropped", d.count),
		slog.Uint64("first_sequence", d.first), slog.Uint64("last_sequence", d.last), slog.Time("until", d.till))
	return r
}
