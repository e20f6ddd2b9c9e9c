package resourcetest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Types of security events, for SecurityEvent.Type.
const (
	SessionRevoked  = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"  // CAEP 1.0 section 3.1
	AccountDisabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled" // RISC 1.0 section 2.3
	AccountPurged   = "https://schemas.openid.net/secevent/risc/event-type/account-purged"   // RISC 1.0 section 2.2
	StreamVerified  = "https://schemas.openid.net/secevent/ssf/event-type/verification"      // SSF 1.0 section 8.1.4.1
)

// SecurityEvent describes a security event token (RFC 8417, SSF 1.0). The zero value is valid, and says
// that the sessions of Config.Subject were revoked.
type SecurityEvent struct {
	Type     string         // of the event; "" is SessionRevoked
	Subject  map[string]any // "sub_id"; nil is the format "iss_sub" with Config.Subject; use Claims to remove it
	Payload  map[string]any // members of the event
	Audience string         // "aud"; "" is Config.Audience; use Claims for several
	IssuedAt time.Time      // "iat"; the zero time is now

	// Claims and Header are members to add, replace or remove, as in Token. Header has "typ" with
	// the value "secevent+jwt".
	Claims, Header map[string]any

	// Alg, Key and Fault are as in Token.
	Alg, Key string
	Fault    Fault
}

// SecurityEvent makes a security event token. It panics if the fields contradict each other.
func (s *Issuer) SecurityEvent(e SecurityEvent) string {
	subject := e.Subject
	if subject == nil {
		subject = s.SubjectID("")
	}
	payload := e.Payload
	if payload == nil {
		payload = map[string]any{}
	}
	issued := e.IssuedAt
	if issued.IsZero() {
		issued = time.Now()
	}
	claims := object{
		{"iss", s.Identifier()},
		{"aud", cmp.Or(e.Audience, s.config.Audience)},
		{"iat", issued.Unix()},
		{"jti", rand.Text()},
		{"sub_id", subject},
		{"events", map[string]any{cmp.Or(e.Type, SessionRevoked): payload}},
	}
	header := map[string]any{"typ": "secevent+jwt"}
	for name, value := range e.Header {
		header[name] = value
	}
	token, _ := s.compact(Token{RawPayload: []byte(claims.with(e.Claims).encode()), Header: header, Alg: e.Alg, Key: e.Key, Fault: e.Fault})
	return token
}

// SubjectID returns a subject of the format "iss_sub" (RFC 9493 section 3.2.3) for a user of this
// issuer. "" is Config.Subject.
func (s *Issuer) SubjectID(subject string) map[string]any {
	return map[string]any{"format": "iss_sub", "iss": s.Identifier(), "sub": cmp.Or(subject, s.config.Subject)}
}

// PushRequest returns the request that delivers a security event token (RFC 8935 section 2.1). The
// authorization is the value of the header field "Authorization"; "" omits it. PushRequest panics for
// an invalid URL.
func PushRequest(ctx context.Context, endpoint, token, authorization string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(token))
	if err != nil {
		panic(fmt.Sprintf("resourcetest: %v", err))
	}
	req.Header.Set("Content-Type", "application/secevent+jwt")
	req.Header.Set("Accept", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	return req
}
