package sdktest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A tool's rule binds its tasks too (design decision 12). A task's id does not say whose
// it is, so that each needs what any tool might.
func TestTasks(t *testing.T) {
	for _, s := range sites(t, rules) {
		if s.name != "mcp-go, stateful" { // the only kind that keeps tasks
			continue
		}
		start := letter{body: strings.Replace(fmt.Sprintf(callForm, "slow"), `"arguments"`, `"task":{"ttl":60000},"arguments"`, 1)}
		s.expectRefusal(t, "starting a task", start, insufficient("base call task"))
		start.token = "all"
		r := s.send(t, start)
		var created struct {
			Result struct{ Task struct{ TaskID string } }
		}
		if err := json.Unmarshal([]byte(r.body), &created); err != nil || created.Result.Task.TaskID == "" {
			t.Fatalf("no task: %d %s, %v", r.status, r.body, err)
		}
		for _, method := range []string{"tasks/result", "tasks/get", "tasks/list", "tasks/cancel"} {
			params := fmt.Sprintf(`{"taskId":%q}`, created.Result.Task.TaskID)
			if method == "tasks/list" {
				params = "{}"
			}
			l := letter{body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)}
			s.expectRefusal(t, method, l, insufficient("base delete task"))
			l.token = "all"
			if r := s.send(t, l); !r.passed || len(r.faults) > 0 {
				t.Errorf("%s with all scopes: %d %s, faults %q", method, r.status, r.body, r.faults)
			}
		}
	}
}
