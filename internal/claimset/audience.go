package claimset

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/strictjson"
)

// AudienceClaim is a claim in which the audience of a token can be.
type AudienceClaim struct {
	Name     string
	OfClient bool // names the client that requested the token
	path     claimpath.Path
}

var audienceClaims = func() map[string]AudienceClaim {
	all := map[string]AudienceClaim{}
	for name, ofClient := range map[string]bool{"aud": false, "resource": false, "client_id": true, "azp": true, "cid": true, "appid": true} {
		all[name] = AudienceClaim{name, ofClient, claimpath.Name(name)}
	}
	return all
}()

// AudienceClaimOf returns the claim with a name; ok is false if the audience cannot be in it.
func AudienceClaimOf(name string) (claim AudienceClaim, ok bool) {
	claim, ok = audienceClaims[name]
	return claim, ok
}

// AudienceClaimNames returns the names of all such claims, sorted.
func AudienceClaimNames() []string { return slices.Sorted(maps.Keys(audienceClaims)) }

// AudienceFrom collects the values of claims, which either all name clients or all do not. aud is
// the claim aud, nil if it is absent, and find returns the other claims. The result is nil only if
// the token has none of the claims and no aud. A token with aud is for somebody else, even if none
// of the claims is present. Claims that name clients do not count in a token with aud.
func AudienceFrom(claims []AudienceClaim, aud []string, find func(claimpath.Path) (jsontext.Value, error)) (audience []string) {
	if aud != nil {
		audience = []string{}
	}
	for _, claim := range claims {
		if claim.OfClient && aud != nil {
			return audience
		}
		switch value, err := find(claim.path); {
		case claim.Name == "aud":
			audience = append(audience, aud...)
		case value == nil && err == nil:
		case claim.OfClient:
			client, _ := strictjson.String(value)
			audience = append(audience, client)
		default:
			list, _ := StringOrStrings(value)
			audience = append(append([]string{}, audience...), list...) // not nil, even if empty
		}
	}
	return audience
}

// patternCharacters appear in patterns and, besides "*", in no URI (RFC 3986 §2).
const patternCharacters = "*{}<>|^`\"\\"

// PatternCharacter returns the first character of an audience that makes it look like a pattern;
// ok is false if there is none. An operator who writes such a character into an audience expects
// that it matches several.
func PatternCharacter(audience string) (c rune, ok bool) {
	for _, c := range audience {
		if strings.ContainsRune(patternCharacters, c) || unicode.IsSpace(c) || unicode.IsControl(c) {
			return c, true
		}
	}
	return 0, false
}
