package mcpmsg_test

import (
	"encoding/json"
	"testing"

	"github.com/warder-go/warder/internal/mcpmsg"
)

// If StringArguments returns a value, lenient readers find the same one: encoding/json, which takes
// names of another case and the last of two equal names, into a struct and into a map.
func FuzzStringArguments(f *testing.F) {
	for _, seed := range []string{
		`{"env":"dev"}`, `{"\u0065nv":"d\u0065v"}`, `{"env":"dev","ENV":"prod"}`, `{"ENV":"prod"}`, `{"env":"dev","env":"prod"}`,
		`{"x":{"env":"prod"},"env":"dev"}`, `{"env":["dev"]}`, `{"env":null}`, `{}`, `null`, `[]`, `{"env":"dev"`, `{"env":"dev"}{}`,
		"{\"env\":\"\xff\"}", `{"env":"\ud800"}`, `{"env\u0000":"prod","env":"dev"}`, "{\"env\xff\":\"prod\",\"env\":\"dev\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, arguments []byte) {
		m, err := mcpmsg.ForOperation("tools/call", "deploy", "", arguments)
		if err != nil {
			t.Fatal(err)
		}
		values, oks := m.StringArguments([]mcpmsg.ArgumentName{mcpmsg.NewArgumentName("other"), mcpmsg.NewArgumentName("env")})
		value, ok := values[1], oks[1]
		if !ok {
			return
		}
		var byName struct {
			Env string `json:"env"`
		}
		var all map[string]any
		if json.Unmarshal(arguments, &byName) != nil || json.Unmarshal(arguments, &all) != nil || byName.Env != value || all["env"] != value {
			t.Errorf("%s: got %q, encoding/json has %q and %q", arguments, value, byName.Env, all["env"])
		}
	})
}
