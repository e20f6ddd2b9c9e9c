// Package unreadcredential finds credentials of kinds that a resource does not read, so that a log
// can say that they have no effect. A cookie is not such a credential: browsers send cookies by
// themselves. The texts name an entry of a list and never contain text of the request.
package unreadcredential

import (
	"net/http"
	"strings"

	"github.com/warder-go/warder/internal/jose"
)

var (
	schemes = kinds("the Authorization scheme is ", "; only Bearer is supported",
		"Basic", "Digest", "DPoP", "GNAP", "Negotiate", "NTLM", "OAuth", "Token", "JWT", "ApiKey", "Api-Key", "AWS4-HMAC-SHA256")
	parameters = kinds("the query parameter ", " is not read",
		"access_token", "api_key", "apikey", "api-key", "x-api-key", "token", "auth_token", "key")
	fields = kinds("the header field ", " is not read",
		"X-Api-Key", "Api-Key", "Apikey", "X-Auth-Token", "X-Access-Token")
)

// kind is a kind of credential with the text about it.
type kind struct{ name, text string }

func kinds(before, after string, names ...string) (all []kind) {
	for _, name := range names {
		all = append(all, kind{name, before + name + after})
	}
	return all
}

// Scheme returns the text about an Authorization header without the scheme Bearer.
func Scheme(value string) string {
	if jose.LooksLikeJWS(value) {
		return "the Authorization header begins with a token; write Bearer in front of it"
	}
	scheme := value
	if end := strings.IndexAny(value, " \t"); end >= 0 {
		scheme = value[:end]
	}
	for _, k := range schemes {
		if strings.EqualFold(k.name, scheme) {
			return k.text
		}
	}
	return "the Authorization scheme is not Bearer"
}

// Find returns the text about the first credential in the query or in a header field of a
// request; "" if there is none. It does not look at the Authorization header.
func Find(req *http.Request) string {
	if req.URL != nil {
		for parameter := range strings.SplitSeq(req.URL.RawQuery, "&") {
			name, value, _ := strings.Cut(parameter, "=")
			for _, k := range parameters {
				if value != "" && strings.EqualFold(k.name, name) {
					return k.text
				}
			}
		}
	}
	for _, k := range fields {
		if values := req.Header[k.name]; len(values) > 0 && values[0] != "" {
			return k.text
		}
	}
	return ""
}

// Values returns the values of the header fields in which clients send such credentials.
func Values(header http.Header) (all []string) {
	for _, k := range fields {
		all = append(all, header[k.name]...)
	}
	return all
}
