package main

import (
	"fmt"
	"slices"
	"strings"
)

// The functions below are checks for step.check. Each returns an error that describes
// the first difference.

func all(checks ...func(*exchange) error) func(*exchange) error {
	return func(x *exchange) error {
		for _, check := range checks {
			if err := check(x); err != nil {
				return err
			}
		}
		return nil
	}
}

func equal(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s: got %q, want %q", what, got, want)
	}
	return nil
}

func responseHeader(name, want string) func(*exchange) error {
	return func(x *exchange) error { return equal(name, x.received.header.Get(name), want) }
}

func parameter(name, want string) func(*exchange) error {
	return func(x *exchange) error { return equal(name, x.parameters()[name], want) }
}

func responseField(name, want string) func(*exchange) error {
	return func(x *exchange) error { return equal(name, x.received.fields()[name], want) }
}

func hasResponseField(name string) func(*exchange) error {
	return func(x *exchange) error {
		if x.received.fields()[name] == "" {
			return fmt.Errorf("%s: missing", name)
		}
		return nil
	}
}

// requestedScopes and grantedScopes ignore the order: the SDK requests several scopes in
// any order, and the server grants them in the requested order.

func requestedScopes(want string) func(*exchange) error {
	return func(x *exchange) error { return equal("scope", sorted(x.parameters()["scope"]), sorted(want)) }
}

func grantedScopes(want string) func(*exchange) error {
	return func(x *exchange) error { return equal("scope", sorted(x.received.fields()["scope"]), sorted(want)) }
}

func sorted(scopes string) string {
	return strings.Join(slices.Sorted(slices.Values(strings.Fields(scopes))), " ")
}

// toolResult requires a successful tool result with this text.
func toolResult(want string) func(*exchange) error {
	return func(x *exchange) error {
		text, isError := x.toolResult()
		if isError {
			return fmt.Errorf("tool result %q: got isError true, want false", text)
		}
		return equal("tool result", text, want)
	}
}
