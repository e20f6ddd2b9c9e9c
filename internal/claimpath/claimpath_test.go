package claimpath_test

import (
	"testing"

	"github.com/warder-go/warder/internal/claimpath"
)

func TestText(t *testing.T) {
	const object = `{"role":"admin","a/b":"slash","a~b":"tilde","/x":"leading","realm":{"role":"user","n":1},"list":["a"]}`
	for _, row := range []struct{ name, path, want string }{
		{"a name", "role", "admin"},
		{"a name with a slash", "a/b", "slash"},
		{"another case", "Role", ""},
		{"an absent claim", "absent", ""},
		{"a pointer", "/realm/role", "user"},
		{"a pointer to a number", "/realm/n", ""},
		{"a pointer through a string", "/role/x", ""},
		{"a pointer through an array", "/list/0", ""},
		{"a pointer to a name that begins with a slash", "/~1x", "leading"},
	} {
		p, err := claimpath.Parse(row.path)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if got := p.Text([]byte(object)); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestParse(t *testing.T) {
	if p, err := claimpath.Parse(""); p != nil || err != nil {
		t.Errorf("an empty path: got %v, %v, want nil, nil", p, err)
	}
	for _, row := range []struct{ name, path, want string }{
		{"a broken escape", "/a~2/b", "has a ~ that is neither ~0 nor ~1 (RFC 6901 §3)"},
		{"a pointer of one step", "/role", `is one claim: write "role"`},
		{"an empty step", "/a//b", "has an empty step"},
	} {
		if _, err := claimpath.Parse(row.path); err == nil || err.Error() != row.want {
			t.Errorf("%s: got %v, want %s", row.name, err, row.want)
		}
	}
}

// A case variant of a registered claim makes the object unreadable. A case variant of another name
// is another claim.
func TestFindReportsUnreadableObjects(t *testing.T) {
	for _, row := range []struct {
		name, path, object, want string // value and error
	}{
		{"a registered claim in another case", "roles", `{"ROLES":1}`, "!"},
		{"a registered claim and a variant of it", "roles", `{"roles":1,"Roles":2}`, "!"},
		{"a private claim in another case", "appid", `{"appId":1}`, ""},
		{"a private claim and a variant of it", "appid", `{"appId":1,"appid":2,"APPID":3}`, "2"},
		{"a step behind the first has no registered name", "/realm/roles", `{"realm":{"Roles":1,"roles":2}}`, "2"},
		{"the first step is a registered name", "/address/city", `{"Address":{},"address":{"city":1}}`, "!"},
		{"a duplicate of a private claim", "appid", `{"appid":1,"appid":2}`, "!"},
	} {
		p, err := claimpath.Parse(row.path)
		if err != nil {
			t.Fatal(err)
		}
		value, err := p.Find([]byte(row.object))
		got := string(value)
		if err != nil {
			got = "!" + got
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
	if value, err := claimpath.Name("role").Find([]byte(`{}`)); err != nil || value != nil {
		t.Errorf("an absent claim: got %s, %v, want nil, nil", value, err)
	}
}
