package resource

import (
	"errors"
	"net/http"
	"time"

	"github.com/warder-go/warder/internal/authorization"
	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/unreadcredential"
)

// Kinds of credentials, as [Caller.Credential] returns them for tokens. For a credential in
// a header field it returns the name of the field.
const (
	CredentialJWT    = "jwt"
	CredentialOpaque = "opaque"
)

// Faults of most rejected requests. Because these are many, all requests share one value of
// each fault, which is never changed.
var (
	faultNoHeader       = &fault{reason: ReasonMissingCredentials, err: errors.New("no Authorization header"), anonymous: true}
	faultNoToken        = &fault{reason: ReasonMissingCredentials, err: errors.New("no token after Bearer or DPoP"), anonymous: true}
	faultSeveralHeaders = &fault{reason: ReasonMalformedRequest, err: errors.New("several Authorization headers")}
	faultNotToken       = &fault{reason: ReasonMalformedRequest, err: errors.New("no token after Bearer or DPoP, but text with a space, a comma, a quote or another character that a token does not have")}
)

// presented is how a request presented its credential, as far as steps 8 and 9 depend on it.
type presented struct {
	kind        presentedKind
	token       digest.Digest     // of an access token in the Authorization header
	raw         string            // the access token, also in a field of Credentials.TokenHeaders; "": another credential
	certificate clientCertificate // see readCertificateField
	now         time.Time         // when the request arrived; zero if its credential was verified since then
}

type presentedKind int

const (
	byOther  presentedKind = iota // in another header field: see Credentials
	byBearer                      // with the scheme Bearer
	byDPoP                        // with the scheme DPoP
	byOuter                       // an outer mount of this Resource has accepted the request
)

// accessToken takes the token from the Authorization header and from nowhere else: not from
// the query, a form or a cookie (MCP authorization, "Token Requirements"; RFC 9700
// §4.3.2). Several headers are rejected, because servers differ in which one they use. The scheme
// DPoP is read only if an issuer's tokens can be bound to a key.
//
// Some clients send Bearer without a token before their first login. It is not a credential, so
// that they get the challenge that starts the login.
func (p *policy) accessToken(header http.Header) (raw string, kind presentedKind, f *fault) {
	text, found := authorization.Read(header["Authorization"])
	switch {
	case found == authorization.Several:
		return "", 0, faultSeveralHeaders
	case found == authorization.None:
		return "", 0, faultNoHeader
	case found == authorization.NoToken:
		return "", 0, faultNoToken
	case found == authorization.OtherScheme:
		return "", 0, otherScheme(text)
	case found == authorization.DPoP && !p.offers.dpop:
		return "", 0, otherScheme(header["Authorization"][0])
	case len(text) > p.maxToken:
		return "", 0, newFault(ReasonTokenTooLarge, "token over %d bytes", p.maxToken)
	case found == authorization.DPoP:
		return text, byDPoP, nil
	}
	return text, byBearer, nil
}

// otherScheme returns the fault for an Authorization header whose scheme is not accepted. It is
// logged at info, because the client does not find out by itself that the credential has no
// effect.
func otherScheme(value string) *fault {
	return &fault{reason: ReasonMissingCredentials, err: errors.New(unreadcredential.Scheme(value)), logAtInfo: true}
}

// hasAuthorization reports whether there is a credential in the Authorization header, of whatever
// kind and validity. An empty header is none. Neither is Bearer or DPoP without a token: some
// clients send Bearer alone besides a key.
func hasAuthorization(header http.Header) bool {
	_, kind := authorization.Read(header["Authorization"])
	return kind != authorization.None && kind != authorization.NoToken
}

// headerCredential returns the entry of Credentials.Headers that the request carries, if
// any, and the value of the field. Two credentials are rejected, because either could be
// the one that counts.
func (p *policy) headerCredential(header http.Header) (from *headerIssuer, value string, f *fault) {
	for i := range p.headers {
		h := &p.headers[i]
		values := header[h.name]
		switch {
		case len(values) == 0:
			continue
		case len(values) > 1 || values[0] == "":
			return nil, "", newFault(ReasonMalformedRequest, "%s is repeated or empty", h.name)
		case from != nil || hasAuthorization(header):
			return nil, "", newFault(ReasonMalformedRequest, "%s beside another credential", h.name)
		}
		from, value = h, values[0]
	}
	if len(value) > p.maxToken { // only now: a second credential is rejected first
		f := newFault(ReasonTokenTooLarge, "%s over %d bytes", from.name, p.maxToken)
		f.credential = from.name
		return nil, "", f
	}
	return from, value, nil
}
