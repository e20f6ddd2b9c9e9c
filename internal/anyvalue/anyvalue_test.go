package anyvalue_test

import (
	"testing"

	"github.com/warder-go/warder/internal/anyvalue"
)

func TestSame(t *testing.T) {
	pointer, list := new(int), []int{1}
	for _, row := range []struct {
		name string
		a, b any
		want bool
	}{
		{"the same pointer", pointer, pointer, true},
		{"another pointer", pointer, new(int), false},
		{"equal values", 1, 1, true},
		{"equal values of two types", 1, int64(1), false},
		{"a value that cannot be compared", list, list, false},
		{"an interface in a struct that cannot be compared", struct{ any }{list}, struct{ any }{list}, false},
	} {
		if got := anyvalue.Same(row.a, row.b); got != row.want {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
}

func TestIsNil(t *testing.T) {
	for _, row := range []struct {
		name string
		a    any
		want bool
	}{
		{"nil", nil, true},
		{"a nil pointer", (*int)(nil), true},
		{"a pointer", new(int), false},
		{"a value", 0, false},
	} {
		if got := anyvalue.IsNil(row.a); got != row.want {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
}
