package jose

import (
	"strings"

	digests "github.com/warder-go/warder/internal/digest" // digest is a function of this package
)

// TokenDigest identifies an access token. For a JWS, readable or not, it covers the signing input (RFC
// 7515 §5.1), because the same signature can have several forms. Otherwise it covers the whole
// token.
func TokenDigest(token string) digests.Digest {
	if LooksLikeJWS(token) {
		token = token[:strings.LastIndexByte(token, '.')]
	}
	return digests.Of(token)
}
