package config_test

import (
	"testing"

	"github.com/warder-go/warder/resource/config"
)

// Config.Block selects one of several blocks of a file. Mistakes have the lines of the file.
func TestBlock(t *testing.T) {
	text := "upstreams:\n- name: a\n  authorization: {issuer_url: https://auth.example.com, resource_server_url: https://a.example.com/mcp}\n" +
		"- name: b\n  authorization:\n    issuer_url: https://auth.example.com\n    resource_server_url: https://b.example.com/mcp\n    oops: 1\n- name: c\n"
	for _, row := range []struct{ name, block, want, mistakes string }{
		{"the first item", "upstreams[0].authorization", "https://a.example.com/mcp", ""},
		{"a mistake in the second item", "upstreams[1].authorization", "", "text:8: oops: unknown key"},
		{"an item without a block", "upstreams[2].authorization", "", "text: has no block upstreams[2].authorization:"},
		{"an item that is missing", "upstreams[3].authorization", "", "text: has no block upstreams[3].authorization:"},
		{"a number that is negative", "upstreams[-1].authorization", "", "text: has no block upstreams[-1].authorization:"},
		{"a list without a number", "upstreams.authorization", "", "text: has no block upstreams.authorization:"},
		{"the default", "", "", "text: has no block authorization:"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := textConfig(text)
			c.Block = row.block
			live, err := config.New(c)
			switch {
			case row.mistakes != "" && (err == nil || err.Error() != "config: "+row.mistakes):
				t.Errorf("got %v, want %s", err, row.mistakes)
			case row.mistakes == "" && (err != nil || live.Resource().Identifier() != row.want):
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
}
