package condition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/condition"
)

const claimDetails = "authorization_details"

func detail(d condition.Detail) condition.Spec {
	return condition.Spec{Claim: claimDetails, ContainsDetail: &d}
}

// RFC 9396 §2.2: one detail must be as wanted, and be for this resource.
func TestDetail(t *testing.T) {
	files := detail(condition.Detail{Type: "files"})
	write := detail(condition.Detail{Type: "files", Actions: []string{"read", "write"}})
	all := detail(condition.Detail{Type: "files", Actions: []string{"read"}, DataTypes: []string{"text"}, Privileges: []string{"owner"}, Identifier: "f1"})
	for _, row := range []struct {
		name  string
		spec  condition.Spec
		claim string
		want  bool
	}{
		{"the type", files, `[{"type":"files"}]`, true},
		{"the type with further members", files, `[{"type":"files","actions":["read"],"size":{"max":1}}]`, true},
		{"the type of the second detail", files, `[{"type":"mail"},{"type":"files"}]`, true},
		{"the type with escapes", files, `[{"type":"f\u0069les"}]`, true},
		{"another type", files, `[{"type":"mail"}]`, false},
		{"a longer type", files, `[{"type":"files2"}]`, false},
		{"another case, RFC 9396 §12", files, `[{"type":"Files"}]`, false},
		{"white space", files, `[{"type":"files "}]`, false},
		{"an empty array", files, `[]`, false},
		{"null", files, `null`, false},
		{"an object", files, `{"type":"files"}`, false},
		{"JSON in a string", files, `"[{\"type\":\"files\"}]"`, false},
		{"a nested array", files, `[[{"type":"files"}]]`, false},
		{"a detail that cannot be read behind it", files, `[{"type":"files"},{"type":1}]`, false},
		{"a detail that cannot be read before it", files, `[{"type":null},{"type":"files"}]`, false},
		{"10,000 entries", files, `[` + strings.Repeat(`{"type":"files"},`, 9_999) + `{"type":"files"}]`, false},

		{"all actions", write, `[{"type":"files","actions":["write","list","read"]}]`, true},
		{"one of the actions", write, `[{"type":"files","actions":["read"]}]`, false},
		{"no actions", write, `[{"type":"files"}]`, false},
		{"the actions of two details of the type", write, `[{"type":"files","actions":["read"]},{"type":"files","actions":["write"]}]`, false},
		{"the type in one detail and the actions in another", write, `[{"type":"files"},{"type":"mail","actions":["read","write"]}]`, false},
		{"the actions as a string", write, `[{"type":"files","actions":"read write"}]`, false},
		{"the actions in one entry", write, `[{"type":"files","actions":["read write"]}]`, false},
		{"the actions as privileges", write, `[{"type":"files","privileges":["read","write"]}]`, false},
		{"actions in another case", write, `[{"type":"files","actions":["Read","Write"]}]`, false},

		{"everything", all, `[{"type":"files","actions":["read"],"datatypes":["text"],"privileges":["owner"],"identifier":"f1"}]`, true},
		{"another identifier", all, `[{"type":"files","actions":["read"],"datatypes":["text"],"privileges":["owner"],"identifier":"f11"}]`, false},
		{"no identifier", all, `[{"type":"files","actions":["read"],"datatypes":["text"],"privileges":["owner"]}]`, false},
		{"another data type", all, `[{"type":"files","actions":["read"],"datatypes":["image"],"privileges":["owner"],"identifier":"f1"}]`, false},
		{"no privileges", all, `[{"type":"files","actions":["read"],"datatypes":["text"],"identifier":"f1"}]`, false},

		{"this location", files, `[{"type":"files","locations":["` + here + `"]}]`, true},
		{"this location and another", files, `[{"type":"files","locations":["https://b.example","` + here + `"]}]`, true},
		{"another location", files, `[{"type":"files","locations":["https://b.example"]}]`, false},
		{"a location below", files, `[{"type":"files","locations":["` + here + `/x"]}]`, false},
		{"no location in an array", files, `[{"type":"files","locations":[]}]`, false},
		{"the type elsewhere and another type here", files, `[{"type":"files","locations":["https://b.example"]},{"type":"mail"}]`, false},
	} {
		if got := newCondition(t, row.spec).Holds(findIn(`{"authorization_details":` + row.claim + `}`)); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
	nested := newCondition(t, condition.Spec{Claim: "/grant/details", ContainsDetail: &condition.Detail{Type: "files"}})
	if !nested.Holds(findIn(`{"grant":{"details":[{"type":"files"}]}}`)) || nested.Holds(findIn(`{"details":[{"type":"files"}]}`)) {
		t.Error("a nested claim is read at another place")
	}
}

// The log has the members that RFC 9396 defines and no others, which can be personal data (§13).
func TestDetailDescriptions(t *testing.T) {
	spec := detail(condition.Detail{Type: "pay\"", Actions: []string{"initiate", "status"}, DataTypes: []string{"d"}, Privileges: []string{"p"}, Identifier: "i"})
	many := `"` + strings.Repeat(`a","`, 11) + `a"`
	for _, row := range []struct{ name, claim, want string }{
		{"other members", `[{"type":"pay","iban":"DE02","actions":["status"]}]`, `has details with type "pay", actions "status"`},
		{"two details", `[{"type":"a\n"},{"type":"b","datatypes":["d"],"privileges":["p","q"],"identifier":"i"}]`, `has details with type "a\n"; type "b", datatypes "d", privileges "p" "q", identifier "i"`},
		{"many actions", `[{"type":"a","actions":[` + many + `]}]`, `has details with type "a", actions` + strings.Repeat(` "a"`, 10) + " and 2 more"},
		{"a long type", `[{"type":"` + strings.Repeat("x", 5000) + `"}]`, `has details with type "` + strings.Repeat("x", 155) + "..."},
		{"many details", `[` + strings.Repeat(`{"type":"a"},`, 500) + `{"type":"b"}]`, "has details with " + strings.Repeat(`type "a"; `, 10) + "491 more"},
		{"other locations", `[{"type":"pay","locations":["https://b.example"]},{"type":"pay","locations":[]}]`, "has only details for other locations (2)"},
		{"an empty array", `[]`, "is empty"},
		{"unreadable", `[{"type":"secret"},{"type":1}]`, `cannot be read as authorization details: member "type": is not a string`},
		{"JSON in a string", `"[]"`, "cannot be read as authorization details: is not an array"},
	} {
		got := newCondition(t, spec).Got(findIn(`{"authorization_details":` + row.claim + `}`))
		if want := claimDetails + " " + row.want; got != want || len(got) > 203 {
			t.Errorf("%s:\n got %s\nwant %s", row.name, got, want)
		}
	}
	c := newCondition(t, spec)
	if got, want := c.Want(), `authorization_details contains a detail with type "pay\"", actions "initiate" "status", datatypes "d", privileges "p", identifier "i"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := c.Got(findIn(`{}`)), "no authorization_details"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDetailMistakes(t *testing.T) {
	for _, row := range []struct {
		name   string
		detail condition.Detail
		want   string
	}{
		{"no type", condition.Detail{Actions: []string{"a"}}, "ContainsDetail.Type: empty; every authorization detail has a type (RFC 9396 §2)"},
		{"an empty list", condition.Detail{Type: "x", Actions: []string{}}, "ContainsDetail.Actions: empty; name at least one value, or do not set it"},
		{"an empty value", condition.Detail{Type: "x", DataTypes: []string{""}}, "ContainsDetail.DataTypes: an empty string is not a value"},
		{"a duplicate", condition.Detail{Type: "x", Privileges: []string{"a", "b", "a"}}, `ContainsDetail.Privileges: duplicate value "a"`},
	} {
		if _, err := condition.New(detail(row.detail)); fmt.Sprint(err) != row.want {
			t.Errorf("%s:\n got %v\nwant %s", row.name, err, row.want)
		}
	}
	both := detail(condition.Detail{Type: "x"})
	both.Equals = "x"
	if _, err := condition.New(both); fmt.Sprint(err) != "set exactly one of Equals, OneOf, Contains, ContainsOneOf, ContainsDetail and PathPrefix" {
		t.Errorf("two tests: got %v", err)
	}
}

// The program may change its own value after New.
func TestDetailIsCopied(t *testing.T) {
	given := condition.Detail{Type: "files", Actions: []string{"write"}}
	c := newCondition(t, detail(given))
	given.Actions[0] = "read"
	if !c.Holds(findIn(`{"authorization_details":[{"type":"files","actions":["write"]}]}`)) {
		t.Error("the condition has changed")
	}
}
