package main

import (
	"context"
	"errors"
	"io"
	"net/url"
	"testing"
)

// Requests without a step, missing requests and client errors are all reported.
func TestRunSteps(t *testing.T) {
	var traffic recorder
	sends := func(failure error, paths ...string) func(context.Context) error {
		return func(context.Context) error {
			for _, path := range paths {
				traffic.exchanges = append(traffic.exchanges, &exchange{method: "GET", url: &url.URL{Scheme: "http", Host: "h", Path: path}, status: 200})
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
		{"expected requests", []step{a, a}, ""},
		{"extra request at the end", []step{with(sends(nil, "/a", "/b"))}, "no step for GET http://h/b, status 200"},
		{"extra request between steps", []step{with(sends(nil, "/a", "/b")), a}, "no step for GET http://h/b, status 200"},
		{"client error after the last step", []step{with(sends(errors.New("no"), "/a"))}, "no"},
		{"client error before another step", []step{with(sends(errors.New("no"), "/a")), a}, "no"},
		{"client error without a request", []step{with(sends(errors.New("no")))}, "step 1: the client sent no request; the client reports: no"},
		{"different request", []step{with(sends(nil, "/b"))}, "step 1: got GET http://h/b, status 200, want GET http://h/a, status 200"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			traffic.exchanges, traffic.returned = nil, 0
			got := ""
			if err := runSteps(t.Context(), io.Discard, &traffic, tt.steps); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
