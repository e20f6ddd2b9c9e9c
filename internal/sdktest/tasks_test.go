package sdktest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The rules for a tool also apply to its tasks. The id of a task does not
// identify its tool, so each operation on tasks requires the scopes of all tools.
func TestTasks(t *testing.T) {
	for _, s := range testServers(t, rules) {
		if s.name != "mcp-go, stateful" { // the only kind with tasks
			continue
		}
		start := clientRequest{body: strings.Replace(fmt.Sprintf(callForm, "slow"), `"arguments"`, `"task":{"ttl":60000},"arguments"`, 1)}
		s.expectRefusal(t, "starting a task", start, insufficient("base call task"))
		start.token = "all"
		r := s.send(t, start)
		var created struct {
			Result struct{ Task struct{ TaskID string } }
		}
		if err := json.Unmarshal([]byte(r.body), &created); err != nil || created.Result.Task.TaskID == "" {
			t.Fatalf("starting a task: %d %s, %v", r.status, r.body, err)
		}
		for _, method := range []string{"tasks/result", "tasks/get", "tasks/list", "tasks/cancel"} {
			params := fmt.Sprintf(`{"taskId":%q}`, created.Result.Task.TaskID)
			if method == "tasks/list" {
				params = "{}"
			}
			cr := clientRequest{body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)}
			s.expectRefusal(t, method, cr, insufficient("base delete task"))
			cr.token = "all"
			if r := s.send(t, cr); !r.accepted || len(r.faults) > 0 {
				t.Errorf("%s with all scopes: %d %s, faults %q", method, r.status, r.body, r.faults)
			}
		}
	}
}
