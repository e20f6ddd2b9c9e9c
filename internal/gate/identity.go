package gate

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/warder-go/warder/resource"
)

// identityType is the typ of identity JWTs. It prevents other uses of the JWT (RFC 8725 §3.11).
const identityType = "warder-identity+jwt"

// reusedPart is the part of its lifetime for which an identity JWT is sent again.
const reusedPart = 4

// claims are those of an identity JWT.
type claims struct {
	Issuer       string `json:"iss"`
	Subject      string `json:"sub"` // Caller.ID
	Audience     string `json:"aud"`
	IssuedAt     int64  `json:"iat"`
	Expiry       int64  `json:"exp"`
	TokenID      string `json:"jti"`
	ClientID     string `json:"client_id,omitzero"`
	Scope        string `json:"scope,omitzero"`
	TokenIssuer  string `json:"token_iss"`
	TokenSubject string `json:"token_sub,omitzero"`
	Resource     string `json:"resource"`
}

// sentIdentity is the fields with an identity JWT, which can be sent again.
type sentIdentity struct {
	fields []field   // never changed
	until  time.Time // they can be sent again before this time
	keys   *keys     // that have signed the JWT
}

// field is a header field.
type field struct{ name, value string }

// identify returns the fields with which an upstream gets the identity of a caller. The result must
// not be changed. It returns the same again for a quarter of the lifetime of the JWT. A caller is a
// value of its own for each token, so it never gets the fields of another one.
func (g *Gate) identify(u *upstream, caller *resource.Caller) ([]field, error) {
	if !caller.Verified() {
		return nil, errors.New("the caller is not verified")
	}
	if g.keys == nil {
		return u.namedFields(caller), nil
	}
	now, current := time.Now(), g.keys.current.Load()
	if sent, ok := u.sent.Get(caller); ok && now.Before(sent.until) && sent.keys == current {
		return sent.fields, nil
	}
	lifetime := time.Duration(g.settings.Identity.LifetimeSeconds) * time.Second
	jwt, err := current.sign(claims{
		Issuer: g.settings.Identity.Issuer, Subject: caller.ID(), Audience: u.audience, ClientID: caller.ClientID(), Scope: strings.Join(caller.Scopes(), " "),
		TokenIssuer: caller.Issuer(), TokenSubject: caller.Subject(), Resource: caller.Resource(),
		TokenID: rand.Text(), IssuedAt: now.Unix(), Expiry: now.Add(lifetime).Unix(),
	})
	if err != nil {
		return nil, err
	}
	fields := append(u.namedFields(caller), field{textproto.CanonicalMIMEHeaderKey(g.settings.Identity.Header), jwt})
	u.sent.Add(caller, sentIdentity{fields, now.Add(lifetime / reusedPart), current})
	return fields, nil
}

// sign returns a JWT with the claims.
func (k *keys) sign(c claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", errors.New("a claim is not valid UTF-8")
	}
	signed := k.header + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := k.algorithm.Sign(k.signer, []byte(signed))
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	jwt := signed + "." + base64.RawURLEncoding.EncodeToString(signature)
	if len(jwt) > maxIdentityBytes {
		return "", fmt.Errorf("the identity JWT has %d bytes; the limit is %d", len(jwt), maxIdentityBytes)
	}
	return jwt, nil
}

// identityField is a header field about the caller.
type identityField struct {
	name string
	of   string // what it contains: see upstreamSet.IdentityHeaders
}

// namedFields returns the fields of identity_headers. A field whose value is empty is not sent.
func (u *upstream) namedFields(c *resource.Caller) (all []field) {
	for _, f := range u.fields {
		var values []string
		switch f.of {
		case "id":
			values = []string{c.ID()}
		case "subject":
			values = []string{c.Subject()}
		case "issuer":
			values = []string{c.Issuer()}
		case "client_id":
			values = []string{c.ClientID()}
		case "scopes":
			values = slices.Clone(c.Scopes())
		case "resource":
			values = []string{c.Resource()}
		}
		for n := range values {
			values[n] = encode(values[n])
		}
		if value := strings.Join(values, " "); value != "" {
			all = append(all, field{f.name, value})
		}
	}
	return all
}

// encode makes text safe for a header field: each byte that is not visible ASCII, and each percent
// sign, comma and semicolon, is percent-encoded (RFC 3986 §2.1). So two texts never have one form.
func encode(text string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c > ' ' && c < 0x7F && c != '%' && c != ',' && c != ';' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// identityFields checks identity_headers of an upstream.
func (b *builder) identityFields(u *upstream) (all []identityField) {
	for _, name := range slices.Sorted(maps.Keys(u.settings.IdentityHeaders)) {
		of := u.settings.IdentityHeaders[name]
		b.checkIdentityName(u.key+".identity_headers["+printable(name)+"]", name)
		all = append(all, identityField{textproto.CanonicalMIMEHeaderKey(name), of})
	}
	slices.SortFunc(all, func(a, b identityField) int { return strings.Compare(a.name, b.name) })
	for n := range all {
		if n > 0 && all[n].name == all[n-1].name {
			b.decoder.at(u.key+".identity_headers", "has %s twice, in different spellings", all[n].name)
		}
	}
	return all
}

// checkIdentityName rejects names of fields that have another meaning.
func (b *builder) checkIdentityName(key, name string) {
	folded := fold(name)
	switch {
	case !isPlainName(name) || len(name) > maxFieldName:
		b.decoder.at(key, "must be the name of a header field: at most %d letters, digits and -", maxFieldName)
	case strings.HasPrefix(folded, "mcp-") || hasMeaning(folded) || slices.Contains(neverPassed, folded):
		b.decoder.at(key, "is a header field with another meaning; choose another name, such as Warder-User")
	}
}

// hasMeaning reports whether the field with a folded name has a meaning for the gate or for HTTP.
func hasMeaning(folded string) bool {
	return strings.HasPrefix(folded, "content-") || strings.HasPrefix(folded, "access-control-") || strings.HasPrefix(folded, "sec-") || strings.HasPrefix(folded, "x-forwarded-") || slices.Contains(taken, folded)
}

// taken are folded names that no identity field can have.
var taken = []string{"authorization", "proxy-authorization", "www-authenticate", "dpop", "dpop-nonce", "host", "connection", "accept", "accept-encoding",
	"accept-language", "user-agent", "cookie", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "expect", "last-event-id", "location",
	"origin", "range", "cache-control", "date", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "traceparent", "tracestate"}

// addOwned collects the names of all identity fields. No upstream gets such a field from a client,
// also if it is one of another upstream.
func (b *builder) addOwned() {
	g := b.gate
	if g.settings.Identity != nil {
		g.owned[fold(g.settings.Identity.Header)] = true
	}
	for _, s := range g.settings.Upstreams {
		for name := range s.IdentityHeaders {
			if g.settings.Identity != nil && fold(name) == fold(g.settings.Identity.Header) {
				b.decoder.at("identity.header", "is also one of identity_headers of upstream %q", s.Name)
			}
			g.owned[fold(name)] = true
		}
	}
}
