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

func TestFindReportsUnreadableObjects(t *testing.T) {
	if value, err := claimpath.Name("role").Find([]byte(`{"ROLE":1}`)); err == nil || value != nil {
		t.Errorf("got %s, %v, want an error", value, err)
	}
	if value, err := claimpath.Name("role").Find([]byte(`{}`)); err != nil || value != nil {
		t.Errorf("an absent claim: got %s, %v, want nil, nil", value, err)
	}
}
