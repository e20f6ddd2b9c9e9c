package nearest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/nearest"
)

func Example() {
	tools := []string{"list_files", "delete_file"}
	fmt.Printf("%q\n", nearest.Name("delte_file", tools))
	fmt.Printf("%q\n", nearest.Name("search", tools))
	// Output:
	// "delete_file"
	// ""
}

// A long known name costs nothing: a server can choose it.
func TestLongName(t *testing.T) {
	long := []string{strings.Repeat("x", 257)}
	if n := testing.AllocsPerRun(1, func() { nearest.Name("delete_file", long) }); n != 0 {
		t.Errorf("got %v allocations for a name of 257 bytes", n)
	}
	name := strings.Repeat("x", 256)
	if got := nearest.Name(name[1:], []string{name}); got != name {
		t.Errorf("got %q for a name of 256 bytes", got)
	}
}

func TestName(t *testing.T) {
	for _, row := range []struct{ name, known, want string }{
		{"scope", "scopes", "scopes"},
		{"SCOPES", "scopes", "scopes"},
		{"tool-scopes", "tool_scopes", "tool_scopes"},
		{"leeway", "issuer leeway_seconds", "leeway_seconds"},
		{"tool_scope", "role_scopes tool_scopes", "tool_scopes"},
		{"ab", "ab abc", "ab"}, // the closest name, at any position
		{"ab", "abc ab", "ab"},
		{"abcd", "abxy abxx", "abxy"}, // the first of two with the same distance
		{"abcd", "axyz", ""},
		{"abcdefgh", "abcdexyz", "abcdexyz"}, // longer names may differ more
		{"abcdefgh", "abcdwxyz", ""},
		{"", "", ""},
		{"leeway_seconds", "leeway", ""}, // name must be the prefix, not the known name
	} {
		if got := nearest.Name(row.name, strings.Fields(row.known)); got != row.want {
			t.Errorf("%q among %q: got %q, want %q", row.name, row.known, got, row.want)
		}
	}
}
