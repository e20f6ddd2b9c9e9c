package resource

import (
	"errors"
	"net/http"
	"strings"

	"github.com/warder-go/warder/internal/jose"
)

// Credentials of kinds that are not read. A request with one is logged at info, because its
// client does not find out by itself that the credential has no effect. A cookie is not in the
// lists: browsers send cookies by themselves. The log names an entry of a list and never text
// of the request.
var (
	unreadSchemes = unreadKinds(faultOtherScheme, "the Authorization scheme is ", "; only Bearer is supported",
		"Basic", "Digest", "DPoP", "GNAP", "Negotiate", "NTLM", "OAuth", "Token", "JWT", "ApiKey", "Api-Key", "AWS4-HMAC-SHA256")
	unreadParameters = unreadKinds(faultNoHeader, "the query parameter ", " is not read",
		"access_token", "api_key", "apikey", "api-key", "x-api-key", "token", "auth_token", "key")
	unreadFields = unreadKinds(faultNoHeader, "the header field ", " is not read",
		"X-Api-Key", "Api-Key", "Apikey", "X-Auth-Token", "X-Access-Token")
)

var (
	faultOtherScheme = &fault{reason: ReasonMissingCredentials, err: errors.New("the Authorization scheme is not Bearer"), logAtInfo: true}
	faultNoScheme    = &fault{reason: ReasonMissingCredentials, err: errors.New("the Authorization header begins with a token; write Bearer in front of it"), logAtInfo: true}
)

// unreadKind is a kind of credential that is not read, with the fault that all requests with
// such a credential share.
type unreadKind struct {
	name string
	*fault
}

// unreadKinds returns the kinds with these names. Their faults are like the given one, with
// another text.
func unreadKinds(like *fault, before, after string, names ...string) (kinds []unreadKind) {
	for _, name := range names {
		f := *like
		f.err, f.logAtInfo = errors.New(before+name+after), true
		kinds = append(kinds, unreadKind{name, &f})
	}
	return kinds
}

// otherScheme returns the fault for an Authorization header without the scheme Bearer.
func otherScheme(value string) *fault {
	if jose.LooksLikeJWS(value) {
		return faultNoScheme
	}
	scheme := value
	if end := strings.IndexAny(value, " \t"); end >= 0 {
		scheme = value[:end]
	}
	for _, kind := range unreadSchemes {
		if strings.EqualFold(kind.name, scheme) {
			return kind.fault
		}
	}
	return faultOtherScheme
}

// unreadCredential returns the fault for a request without a credential that is read. It names
// the first credential in the query or in a header field, and is f if there is none.
func unreadCredential(req *http.Request, f *fault) *fault {
	if req.URL != nil {
		for parameter := range strings.SplitSeq(req.URL.RawQuery, "&") {
			name, value, _ := strings.Cut(parameter, "=")
			for _, kind := range unreadParameters {
				if value != "" && strings.EqualFold(kind.name, name) {
					return kind.fault
				}
			}
		}
	}
	for _, kind := range unreadFields {
		if values := req.Header[kind.name]; len(values) > 0 && values[0] != "" {
			return kind.fault
		}
	}
	return f
}
