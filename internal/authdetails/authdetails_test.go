package authdetails_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/authdetails"
)

// The example of RFC 9396 §2, with all members of §2.2.
func TestParse(t *testing.T) {
	const first = `{"type":"account_information","locations":["https://example.com/accounts"],"actions":["list_accounts","read_balances"],` +
		`"datatypes":["contacts"],"privileges":["admin"],"identifier":"account-14-32-32-3"}`
	const second = `{"type":"payment_initiation","actions":[],"locations":[],"instructedAmount":{"currency":"EUR","amount":"123.50"}}`
	got, err := authdetails.Parse([]byte(" [ " + first + " , " + second + " , {\"type\":\"\\u0078\"} ] "))
	if err != nil {
		t.Fatal(err)
	}
	want := []authdetails.Detail{
		{Type: "account_information", Locations: []string{"https://example.com/accounts"}, Actions: []string{"list_accounts", "read_balances"},
			DataTypes: []string{"contacts"}, Privileges: []string{"admin"}, Identifier: "account-14-32-32-3", Object: []byte(first)},
		{Type: "payment_initiation", Locations: []string{}, Actions: []string{}, Object: []byte(second)},
		{Type: "x", Object: []byte(`{"type":"\u0078"}`)},
	}
	if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("\n got %#v\nwant %#v", got, want)
	}
	if none, err := authdetails.Parse([]byte(`[]`)); none != nil || err != nil {
		t.Errorf("an empty array: got %v, %v, want nil, nil", none, err)
	}
}

// One entry that cannot be read makes all unreadable (RFC 9396 §2, §2.2). The errors do not have text
// of the claim.
func TestUnreadable(t *testing.T) {
	const good = `{"type":"x"}`
	deep := strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64)
	for _, row := range []struct{ name, claim, want string }{
		{"absent", ``, "is not an array"},
		{"null", `null`, "is not an array"},
		{"a number", `1`, "is not an array"},
		{"an empty string", `""`, "is not an array"},
		{"JSON in a string", `"[{\"type\":\"x\"}]"`, "is not an array"},
		{"an object", good, "is not an array"},
		{"a nested array", `[[` + good + `]]`, "not a JSON object"},
		{"an array of strings", `["x"]`, "not a JSON object"},
		{"null in the array", `[` + good + `,null]`, "not a JSON object"},
		{"an object without type", `[{}]`, "an authorization detail without type"},
		{"a second detail without type", `[` + good + `,{"actions":["a"]}]`, "an authorization detail without type"},
		{"type null", `[{"type":null}]`, `member "type": is not a string`},
		{"type a number", `[{"type":1}]`, `member "type": is not a string`},
		{"type an array", `[{"type":["x"]}]`, `member "type": is not a string`},
		{"type empty", `[{"type":""}]`, "an authorization detail without type"},
		{"a duplicate type", `[{"type":"x","type":"y"}]`, "duplicate member name at byte 12"},
		{"a duplicate type with escapes", `[{"type":"x","t\u0079pe":"y"}]`, "duplicate member name at byte 12"},
		{"a duplicate member that is not common", `[{"type":"x","a":1,"a":2}]`, "duplicate member name at byte 18"},
		{"a duplicate member inside", `[{"type":"x","a":{"b":1,"b":2}}]`, "duplicate member name at byte 23"},
		{"Type in another case", `[{"Type":"x"}]`, `member name differs only in case from "type" at byte 1`},
		{"type and Type", `[{"type":"x","Type":"y"}]`, `member name differs only in case from "type" at byte 12`},
		{"dataTypes in another case", `[{"type":"x","dataTypes":["a"]}]`, `member name differs only in case from "datatypes" at byte 12`},
		{"actions a string", `[{"type":"x","actions":"read"}]`, `member "actions": is not an array of strings`},
		{"actions with a number", `[{"type":"x","actions":["read",1]}]`, `member "actions": is not an array of strings`},
		{"actions with a nested array", `[{"type":"x","actions":[["read"]]}]`, `member "actions": is not an array of strings`},
		{"actions null", `[{"type":"x","actions":null}]`, `member "actions": is not an array of strings`},
		{"locations null, which is not the same as absent", `[{"type":"x","locations":null}]`, `member "locations": is not an array of strings`},
		{"locations a string", `[{"type":"x","locations":"https://a"}]`, `member "locations": is not an array of strings`},
		{"datatypes an object", `[{"type":"x","datatypes":{}}]`, `member "datatypes": is not an array of strings`},
		{"privileges true", `[{"type":"x","privileges":true}]`, `member "privileges": is not an array of strings`},
		{"identifier an array", `[{"type":"x","identifier":["a"]}]`, `member "identifier": is not a string`},
		{"identifier null", `[{"type":"x","identifier":null}]`, `member "identifier": is not a string`},
		{"a lone surrogate", `[{"type":"\ud800"}]`, "malformed JSON: lone surrogate at byte 9"},
		{"deep nesting", `[{"type":"x","a":` + deep + `}]`, "nested deeper than 64 at byte 331"},
		{"one more than the limit", `[` + strings.Repeat(good+",", 1000) + good + `]`, "more than 1000 authorization details"},
		{"10,000 entries", `[` + strings.Repeat(good+",", 9_999) + good + `]`, "more than 1000 authorization details"},
		{"data behind the array", `[` + good + `]]`, "data after the JSON value at byte 14"},
		{"an array that is cut off", `[` + good, "malformed JSON: unexpected end at byte 13"},
	} {
		if got, err := authdetails.Parse([]byte(row.claim)); got != nil || fmt.Sprint(err) != row.want {
			t.Errorf("%s:\n got %v, %v\nwant no details, %s", row.name, got, err, row.want)
		}
	}
	if got, err := authdetails.Parse([]byte(`[` + strings.Repeat(good+",", 999) + good + `]`)); len(got) != 1000 || err != nil {
		t.Errorf("the limit: got %d details and error %v", len(got), err)
	}
}

// RFC 9396 §12: locations restrict where a detail counts.
func TestIsFor(t *testing.T) {
	isHere := func(location string) bool { return location == "https://a.example" }
	for _, row := range []struct {
		name, detail string
		want         bool
	}{
		{"no locations", `{"type":"x"}`, true},
		{"this one", `{"type":"x","locations":["https://a.example"]}`, true},
		{"this one and another", `{"type":"x","locations":["https://b.example","https://a.example"]}`, true},
		{"another", `{"type":"x","locations":["https://b.example"]}`, false},
		{"none", `{"type":"x","locations":[]}`, false},
		{"an empty string", `{"type":"x","locations":[""]}`, false},
	} {
		all, err := authdetails.Parse([]byte("[" + row.detail + "]"))
		if err != nil || len(all) != 1 || all[0].IsFor(isHere) != row.want {
			t.Errorf("%s: got %+v, %v, want %t", row.name, all, err, row.want)
		}
	}
}

// For any claim, Parse returns what encoding/json reads too, or an error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`[]`, `[{"type":"x","actions":["a"],"locations":[],"identifier":"i"}]`, `[{"type":"x","Type":"y"}]`, `"[]"`, `[{"type":"\ud800"}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, claim []byte) {
		got, err := authdetails.Parse(bytes.Clone(claim))
		if err != nil {
			return
		}
		var want []struct {
			Type, Identifier                          string
			Locations, Actions, DataTypes, Privileges []string
		}
		if err := json.Unmarshal(claim, &want); err != nil {
			t.Fatalf("%q was accepted: %v", claim, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%q: got %d details, want %d", claim, len(got), len(want))
		}
		for n, w := range want {
			g := got[n]
			if fmt.Sprintf("%#v", []any{g.Type, g.Identifier, g.Locations, g.Actions, g.DataTypes, g.Privileges}) !=
				fmt.Sprintf("%#v", []any{w.Type, w.Identifier, w.Locations, w.Actions, w.DataTypes, w.Privileges}) {
				t.Errorf("%q: got %+v, want %+v", claim, g, w)
			}
		}
	})
}
