package claimset_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/claimset"
)

func TestParse(t *testing.T) {
	got, err := claimset.Parse([]byte(`{"iss":"https://as","sub":"a","aud":["x","y"],"exp":0,"nbf":1700000000.5,"iat":1.7e9,"jti":"1",` +
		`"client_id":"c","scope":"a b  c","cnf":{},"typ":"Bearer","token_use":1,"at_hash":"h","other":{"a":[]}}`))
	want := claimset.Set{
		Issuer: "https://as", Subject: "a", Audience: []string{"x", "y"}, Expiry: time.Unix(0, 0), NotBefore: time.Unix(1700000000, 0), IssuedAt: time.Unix(1700000000, 0),
		TokenID: "1", ClientID: "c", Scopes: []string{"a", "b", "c"}, Confirmation: claimset.Confirmation{Method: claimset.ConfirmationOther},
		Types: []claimset.Type{{"typ", "Bearer"}, {"token_use", "not a string"}}, AccessTokenHash: true,
	}
	if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseChoosesOneClaim(t *testing.T) {
	for _, row := range []struct{ name, object, client, scopes, audience string }{
		{"no claims", `{}`, "", "[]string(nil)", "[]string(nil)"},
		{"null and empty strings are absent", `{"client_id":"","scope":null,"aud":""}`, "", "[]string(nil)", "[]string(nil)"},
		{"client_id before the others", `{"appid":"d","cid":"c","azp":"b","client_id":"a"}`, "a", "[]string(nil)", "[]string(nil)"},
		{"azp of another type is skipped", `{"azp":1,"cid":"c","appid":"d"}`, "c", "[]string(nil)", "[]string(nil)"},
		{"scope before scp", `{"scp":["b"],"scope":"a"}`, "", `[]string{"a"}`, "[]string(nil)"},
		{"scope of another type grants nothing", `{"scope":1,"scp":["b"]}`, "", `[]string{}`, "[]string(nil)"},
		{"an empty aud is not absent", `{"aud":[]}`, "", "[]string(nil)", "[]string{}"},
		{"one aud", `{"aud":"x"}`, "", "[]string(nil)", `[]string{"x"}`},
	} {
		got, err := claimset.Parse([]byte(row.object))
		if err != nil || got.ClientID != row.client || fmt.Sprintf("%#v", got.Scopes) != row.scopes || fmt.Sprintf("%#v", got.Audience) != row.audience {
			t.Errorf("%s: got %+v, %v", row.name, got, err)
		}
	}
}

func TestParseRejects(t *testing.T) {
	many := func(n int) string { return `["` + strings.Repeat(`a","`, n-1) + `a"]` }
	for _, row := range []struct{ name, object, want string }{
		{"not an object", `[]`, "claims: "},
		{"a duplicate claim", `{"sub":"a","sub":"b"}`, "claims: "},
		{"a claim in another case", `{"SUB":"a"}`, "claims: "},
		{"iss of another type", `{"iss":1}`, "is not a string"},
		{"exp of another type", `{"exp":"1"}`, "is not a number"},
		{"aud with a number", `{"aud":["a",1]}`, "is not an array of strings"},
		{"1,001 members of aud", `{"aud":` + many(1001) + `}`, "too many values: more than 1000 members"},
		{"1,001 scopes", `{"scope":` + many(1001) + `}`, "too many values: more than 1000 scopes"},
		{"256 KiB and a byte", `{"a":"` + strings.Repeat("a", 256<<10-7) + `"}`, "claims over 262144 bytes"},
	} {
		if got, err := claimset.Parse([]byte(row.object)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: got %+v, %v, want %q", row.name, got, err, row.want)
		}
	}
}

// A registered name, and one that rejects tokens of another kind, is protected against variants. A
// variant of a private name is another claim, and only the exact name counts.
func TestParseCaseVariants(t *testing.T) {
	for _, name := range []string{"Iss", "SUB", "AUD", "eXp", "NBF", "IAT", "JTI", "Client_Id", "AZP", "Scope", "CNF", "Typ", "TOKEN_USE", "tokenname", "Token_Type", "AT_HASH", "C_hash"} {
		for _, object := range []string{`{"` + name + `":"x"}`, `{"` + name + `":null}`, `{"` + strings.ToLower(name) + `":null,"` + name + `":"x"}`} {
			if got, err := claimset.Parse([]byte(object)); err == nil {
				t.Errorf("%s: got %+v, want an error", object, got)
			}
		}
	}
	got, err := claimset.Parse([]byte(`{"appId":"a","CID":"b","SCP":["c"],"Azpx":"d"}`))
	if err != nil || got.ClientID != "" || got.Scopes != nil {
		t.Errorf("variants of private names: got %+v, %v", got, err)
	}
	got, err = claimset.Parse([]byte(`{"APPID":"a","appid":"b","CID":"c","SCP":["d"],"scp":["e"]}`))
	if err != nil || got.ClientID != "b" || fmt.Sprint(got.Scopes) != "[e]" {
		t.Errorf("private names beside variants: got %+v, %v", got, err)
	}
}

func TestUserSign(t *testing.T) {
	for _, row := range []struct{ name, object, want string }{
		{"no object", "", ""},
		{"a claim of a user", `{"sub":"a","email":"a@example.com"}`, "email"},
		{"an empty claim of a user", `{"email":""}`, ""},
		{"a claim in another case", `{"Email":"a@example.com"}`, "a claim that describes a user"},
		{"no claim of a user", `{"client_id":"a"}`, ""},
	} {
		var object []byte
		if row.object != "" {
			object = []byte(row.object)
		}
		if got := claimset.UserSign(object); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// The set is returned by value, so that reading a token costs only what its claims hold.
func TestParseAllocations(t *testing.T) {
	object := []byte(`{"iss":"https://as","sub":"user","exp":1800000000,"aud":"x"}`)
	if n := testing.AllocsPerRun(100, func() { _, _ = claimset.Parse(object) }); n > 4 { // three strings and a list
		t.Errorf("got %v allocations, want at most 4", n)
	}
}

func TestStringOrStrings(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"a string", `"a"`, `[]string{"a"}`},
		{"an array", `["a","b"]`, `[]string{"a", "b"}`},
		{"a number", `1`, "[]string(nil)"},
	} {
		got, err := claimset.StringOrStrings(jsontext.Value(row.value))
		if fmt.Sprintf("%#v", got) != row.want || (err == nil) != (got != nil) {
			t.Errorf("%s: got %#v, %v, want %s", row.name, got, err, row.want)
		}
	}
}
