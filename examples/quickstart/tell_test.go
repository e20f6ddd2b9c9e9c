package main

import (
	"context"
	"errors"
	"io"
	"net/url"
	"testing"
)

// What the steps don't mention is an error, too.
func TestTellLeavesNothingOut(t *testing.T) {
	var wire recorder
	sends := func(failure error, paths ...string) func(context.Context) error {
		return func(context.Context) error {
			for _, path := range paths {
				wire.exchanges = append(wire.exchanges, &exchange{method: "GET", url: &url.URL{Scheme: "http", Host: "h", Path: path}, status: 200})
			}
			return failure
		}
	}
	a := step{do: sends(nil, "/a"), method: "GET", url: "http://h/a", status: 200}
	with := func(do func(context.Context) error) step { s := a; s.do = do; return s }
	tests := []struct {
		name  string
		steps []step
		want  string
	}{
		{"as told", []step{a, a}, ""},
		{"one request more at the end", []step{with(sends(nil, "/a", "/b"))}, "nobody told of GET http://h/b, status 200"},
		{"one request more in between", []step{with(sends(nil, "/a", "/b")), a}, "nobody told of GET http://h/b, status 200"},
		{"the client fails after the last step", []step{with(sends(errors.New("no"), "/a"))}, "no"},
		{"the client fails before another step", []step{with(sends(errors.New("no"), "/a")), a}, "no"},
		{"the client fails and sends nothing", []step{with(sends(errors.New("no")))}, "step 1: nothing was sent; the client says: no"},
		{"another request", []step{with(sends(nil, "/b"))}, "step 1: got GET http://h/b, status 200, want GET http://h/a, status 200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wire.exchanges, wire.told = nil, 0
			got := ""
			if err := tell(t.Context(), io.Discard, &wire, tt.steps); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
