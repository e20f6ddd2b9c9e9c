package resource_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
	"github.com/warder-go/warder/resource"
)

// FuzzClaims tests that ParseClaims accepts an object only if it has one interpretation and each
// claim has the type that its RFC defines, and that the values are those of another reader.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"iss":"https://as","sub":"a","aud":["x","y"],"exp":1800000000,"nbf":1700000000.5,"iat":1.7e9,"jti":"1","client_id":"c","scope":"a b  c"}`,
		`{"azp":"a","cid":"b","appid":"c","scp":["a","b"],"cnf":{"jkt":"x"}}`, `{"scope":"a","scp":["b"]}`, `{"scope":["a",1],"scp":"b"}`, `{"scope":null,"scp":"b c"}`,
		`{"exp":0}`, `{"exp":0.5}`, `{"exp":-1}`, `{"exp":"1"}`, `{"exp":1e400}`, `{"exp":253402300800}`, `{"exp":253402300799.9}`, `{"nbf":-0}`, `{"iat":-0.0}`,
		`{"exp":99999999999999999999}`, `{"aud":""}`, `{"aud":[]}`, `{"aud":null}`, `{"aud":["a",1]}`, `{"iss":""}`, `{"sub":1}`, `{"cnf":null}`, `{"azp":1,"cid":"x"}`,
		`{"EXP":1}`, `{"exp":1,"\u0065xp":2}`, `{"a":{"b":1,"b":2}}`, `{"iſs":"a"}`, `{"sub":"\u0000\ud83d\ude00"}`, `{"sub":"\ud800"}`, `{} `, `[]`, `null`, ``,
		`{"aud":["` + strings.Repeat(`a","`, 63) + `a"]}`, `{"aud":["` + strings.Repeat(`a","`, 64) + `a"]}`, `{"scope":"` + strings.Repeat("a ", 1001) + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		before := bytes.Clone(object)
		got, err := resource.ParseClaims(object)
		if !bytes.Equal(object, before) {
			t.Fatalf("%q was modified to %q", before, object)
		}
		want, ok := wantClaims(object)
		if (err == nil) != ok || (got == nil) == ok {
			t.Fatalf("%q: claims %v, error %v, want accepted: %v", object, got, err, ok)
		}
		if err != nil {
			return
		}
		if !sameClaims(got, want) {
			t.Fatalf("%q:\n got %+v\nwant %+v", object, got, want)
		}
		// A reader that ignores case and takes the last of several members gets the same values.
		var naive struct{ Iss, Sub, JTI string }
		if err := json.Unmarshal(object, &naive); err != nil || naive.Iss != got.Issuer || naive.Sub != got.Subject || naive.JTI != got.TokenID {
			t.Fatalf("%q: encoding/json reads %+v, error %v", object, naive, err)
		}
	})
}

// sameClaims compares what ParseClaims returns with what it should.
func sameClaims(got *resource.Claims, want resource.Claims) bool {
	sameText := got.Issuer == want.Issuer && got.Subject == want.Subject && got.TokenID == want.TokenID && got.ClientID == want.ClientID
	sameTimes := got.Expiry.Equal(want.Expiry) && got.NotBefore.Equal(want.NotBefore) && got.IssuedAt.Equal(want.IssuedAt)
	sameLists := (got.Audience == nil) == (want.Audience == nil) && slices.Equal(got.Audience, want.Audience) && slices.Equal(got.Scopes, want.Scopes)
	return sameText && sameTimes && sameLists && got.Confirmation.IsBound() == want.Confirmation.IsBound() &&
		got.StillValid == nil && !got.Introspected && got.CacheFor == 0
}

// wantClaims is a second implementation that reads claims (RFC 7519 §4.1, RFC 9068 §2.2).
func wantClaims(object []byte) (c resource.Claims, ok bool) {
	members, ok := strictjsontest.Object(object)
	if !ok || len(object) > maxClaimsBytes || strictjsontest.CaseVariant(members, "iss", "sub", "aud", "exp", "nbf", "iat", "jti",
		"client_id", "azp", "scope", "cnf", "typ", "token_use", "tokenName", "token_type", "at_hash", "c_hash") {
		return c, false
	}
	maps.DeleteFunc(members, func(_ string, value json.RawMessage) bool { return string(value) == "null" || string(value) == `""` })
	if !setTexts(&c, members) {
		return c, false
	}
	for name, to := range map[string]*time.Time{"exp": &c.Expiry, "nbf": &c.NotBefore, "iat": &c.IssuedAt} {
		if raw, present := members[name]; present {
			if *to, ok = wantDate(string(raw)); !ok {
				return c, false
			}
		}
	}
	if raw, present := members["aud"]; present {
		if c.Audience, ok = stringsOf(raw); !ok || len(c.Audience) > maxAudiences {
			return c, false
		}
		c.Audience = append([]string{}, c.Audience...) // an empty aud is not a missing one
	}
	if c.Scopes, ok = wantScopes(members); !ok {
		return c, false
	}
	if _, bound := members["cnf"]; bound {
		c.Confirmation.Method = "cnf" // what it is bound to is not compared
	}
	return c, true
}

// setTexts sets the claims that are strings.
func setTexts(c *resource.Claims, members map[string]json.RawMessage) (ok bool) {
	for name, to := range map[string]*string{"iss": &c.Issuer, "sub": &c.Subject, "jti": &c.TokenID, "client_id": &c.ClientID} {
		text, _, isString := strictjsontest.String(members, name)
		if !isString {
			return false
		}
		*to = text
	}
	for _, name := range []string{"azp", "cid", "appid"} { // of any type
		if text, _, _ := strictjsontest.String(members, name); c.ClientID == "" {
			c.ClientID = text
		}
	}
	return true
}

// wantScopes returns those of scope or, without it, of scp. Both must be short enough.
func wantScopes(members map[string]json.RawMessage) (result []string, ok bool) {
	for _, name := range []string{"scope", "scp"} {
		raw, present := members[name]
		scopes, isList := stringsOf(raw)
		if isList && raw[0] == '"' {
			scopes = slices.DeleteFunc(strings.Split(scopes[0], " "), func(s string) bool { return s == "" })
		}
		if len(scopes) > maxScopes {
			return nil, false
		}
		if _, both := members["scope"]; present && (name == "scope" || !both) {
			result = scopes
		}
	}
	return result, true
}

// stringsOf reads a string or an array of strings.
func stringsOf(raw json.RawMessage) (list []string, ok bool) {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return nil, false
	}
	if text, isString := value.(string); isString {
		return []string{text}, true
	}
	elements, ok := value.([]any)
	for _, element := range elements {
		text, isString := element.(string)
		if !isString {
			return nil, false
		}
		list = append(list, text)
	}
	return list, ok
}

// wantDate reads a NumericDate exactly, from 0 to the last second of the year 9999. A zero may have
// a sign. An exponent above 100 or below -100 is rejected.
func wantDate(text string) (time.Time, bool) {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	shift, err := strconv.Atoi("0" + strings.TrimLeft(exponent, "+-"))
	if err != nil || shift > 100 || text[0] == '-' && strings.Trim(text, "-0.") != "" {
		return time.Time{}, false
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok || exact.Cmp(big.NewRat(253402300800, 1)) >= 0 {
		return time.Time{}, false
	}
	seconds := new(big.Int).Quo(exact.Num(), exact.Denom())
	return time.Unix(seconds.Int64(), 0), true
}
