package configerr_test

import (
	"errors"
	"testing"

	"github.com/warder-go/warder/internal/configerr"
)

func TestList(t *testing.T) {
	var list configerr.List
	list.Add(nil)
	list.AddAt("Identifier", nil)
	if err := list.Err("resource: configuration"); err != nil || list.Len() != 0 {
		t.Fatalf("empty list: got %v and length %d, want nil and 0", err, list.Len())
	}
	cause := errors.New("is empty")
	list.AddAt("Identifier", cause)
	list.Add(errors.New("Issuers: none"))
	err := list.Err("resource: configuration")
	if want := "resource: configuration: Identifier: is empty\nIssuers: none"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the error does not wrap its cause")
	}
	if list.Len() != 2 {
		t.Errorf("got length %d, want 2", list.Len())
	}
}
