package securityevents

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/strictjson"
)

// maxIDBytes is the limit for jti, of which only a digest is stored.
const maxIDBytes = 1 << 10 // of the jti of a security event token

// claims are the claims of a security event token (RFC 8417 §2.2). An absent claim is the zero value.
type claims struct {
	issuer     string
	audience   []string
	id         string // jti
	issuedAt   time.Time
	expiry     time.Time
	notBefore  time.Time
	occurredAt time.Time // toe
	hasSubject bool      // sub is present, with any value
	subject    jsontext.Value
	events     jsontext.Value
}

// claimNames are the claims that parseClaims reads. A claim that differs from one of these only in case
// makes the token malformed. Other claims, such as txn, are ignored.
var claimNames = strictjson.NewNames("iss", "aud", "jti", "iat", "exp", "nbf", "toe", "sub", "sub_id", "events")

// parseClaims reads the claims strictly: null is not an absent claim.
func parseClaims(payload []byte) (c claims, err error) {
	err = strictjson.Object(payload, claimNames, func(name string, value jsontext.Value) (err error) {
		switch name {
		case "iss":
			c.issuer, err = strictjson.String(value)
		case "aud":
			c.audience, err = claimset.StringOrStrings(value)
		case "jti":
			if c.id, err = strictjson.String(value); err == nil && len(c.id) > maxIDBytes {
				err = errors.New("is too long")
			}
		case "iat":
			c.issuedAt, err = jose.NumericDate(value)
		case "exp":
			c.expiry, err = jose.NumericDate(value)
		case "nbf":
			c.notBefore, err = jose.NumericDate(value)
		case "toe":
			c.occurredAt, err = jose.NumericDate(value)
		case "sub":
			c.hasSubject = true
		case "sub_id":
			c.subject = value
		case "events":
			c.events = value
		}
		return err
	})
	return c, err
}
