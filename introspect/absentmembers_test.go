package introspect_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// An answer with a member that is null or an empty string has the same effect as one without
// the member, for opaque tokens and for JWTs.
func TestNullAndEmptyMembersOfAnswersAreAbsent(t *testing.T) {
	members := []string{"token_type", "token_use", "tokenName", "typ", "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "azp", "cid", "appid",
		"scope", "scp", "cnf", "at_hash", "c_hash", "username", "preferred_username", "acr", "resource"}
	for name, change := range map[string]configFunc{
		"the defaults":                nil,
		"TrustAnswersWithoutAudience": func(c *resource.Config, _ *introspect.Config) { c.Opaque.TrustAnswersWithoutAudience = true },
		"SubjectClaim, and a required scope": func(c *resource.Config, _ *introspect.Config) {
			c.Opaque.SubjectClaim, c.Scopes = "username", []string{"a"}
		},
		"the audience in another claim as well": func(c *resource.Config, _ *introspect.Config) { c.Opaque.AudienceClaims = []string{"aud", "resource"} },
	} {
		inBubble(t, change, func(fx *fixture) {
			jwt := fx.issuer.Token(resourcetest.Token{Subject: "bob"})
			for _, member := range members {
				for kind, token := range map[string]func() string{
					"opaque": func() string { return fx.token(resourcetest.Token{}) },
					"JWT":    func() string { return jwt },
				} {
					decide := func(value string) string {
						fx.endpointAnswers(answerWith(member, value))
						fx.verifier.Forget()
						fx.res.Forget("")
						return fx.decision(token())
					}
					want := decide("")
					for _, value := range []string{"null", `""`} {
						if got := decide(value); got != want {
							fx.Errorf("%s, %s, %s is %s: got %s, want %s as without it", name, kind, member, value, got, want)
						}
					}
				}
			}
		})
	}
}

// answerWith returns a good answer in which one member has another value; "" removes it.
func answerWith(member, value string) string {
	names := []string{"active", "token_type", "sub", "aud", "scope", "client_id", "username"}
	values := map[string]string{"active": "true", "token_type": `"Bearer"`, "sub": `"alice"`, "aud": `"` + identifier + `"`, "scope": `"a b"`, "client_id": `"c"`, "username": `"alice"`}
	if _, ok := values[member]; !ok {
		names = append(names, member)
	}
	values[member] = value
	var list []string
	for _, name := range names {
		if values[name] != "" {
			list = append(list, fmt.Sprintf("%q:%s", name, values[name]))
		}
	}
	return "{" + strings.Join(list, ",") + "}"
}

var ofToken = regexp.MustCompile(`token:.*`) // different for each token

// decision returns the status, the reason and the caller of one request.
func (fx *fixture) decision(token string) string {
	fx.log.reset()
	got, reason := fx.request(token), ""
	if found := reasonInLog.FindStringSubmatch(fx.log.String()); found != nil {
		reason = found[1]
	}
	return fmt.Sprint(got.status, reason, ofToken.ReplaceAllString(got.caller, "token"))
}
