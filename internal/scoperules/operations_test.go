package scoperules_test

import (
	"fmt"
	"testing"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/scoperules"
)

func TestOperationsOfMessages(t *testing.T) {
	messages := []*mcpmsg.Message{
		{}, // a response
		{Method: "subscriptions/listen", Resources: []string{"other://1", "other://2", "doc://one"}},
		{Method: "tools/call", Name: "other", Tool: "other"},
		{Method: "ping"},
	}
	for _, row := range []struct {
		name    string
		rules   *scoperules.Rules
		limit   int
		want    string
		omitted int
	}{
		{"all of them, in order", newRules(t), 5,
			"[{subscriptions/listen other://1} {subscriptions/listen other://2} {subscriptions/listen doc://one} {tools/call other} {ping }]", 0},
		{"one of each message first, and the one that a rule names", newRules(t), 4,
			"[{subscriptions/listen doc://one} {tools/call other} {ping } {subscriptions/listen other://1}]", 1},
		{"without rules the first of each message", nil, 3,
			"[{subscriptions/listen other://1} {tools/call other} {ping }]", 2},
	} {
		got, omitted := row.rules.Operations(messages, row.limit)
		if fmt.Sprint(got) != row.want || omitted != row.omitted {
			t.Errorf("%s: got %v and %d omitted, want %s and %d", row.name, got, omitted, row.want, row.omitted)
		}
	}
}

func TestDescribeOperations(t *testing.T) {
	messages := []*mcpmsg.Message{{Method: "tools/call", Name: "a\nb", Tool: "a\nb"}, {Method: "ping"}, {Method: "ping"}}
	if got, want := newRules(t).Describe(messages, 2), "tools/call a?b, ping, 1 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var none *scoperules.Rules
	if got := none.Describe(nil, 2); got != "" {
		t.Errorf("got %q for no messages", got)
	}
}
