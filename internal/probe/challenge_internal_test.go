package probe

import (
	"fmt"
	"strings"
	"testing"
)

// The grammar of RFC 9110 §11.6.1.
func TestParseChallenges(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"one scheme", "Bearer", "Bearer"},
		{"a quoted string", `Bearer realm="a b"`, `Bearer realm="a b"`},
		{"a token", "Bearer realm=a", "Bearer realm=a"},
		{"an escaped quotation mark", `Bearer realm="a\"b"`, `Bearer realm="a"b"`},
		{"a comma in a quoted string", `Bearer realm="a, b=c", scope="d"`, `Bearer realm="a, b=c" scope="d"`},
		{"two challenges", `Basic realm="a", Bearer scope="b"`, `Basic realm="a"; Bearer scope="b"`},
		{"a scheme alone, then another", `Negotiate, Bearer scope="b"`, `Negotiate; Bearer scope="b"`},
		{"token68", `Negotiate abc/+==, Bearer scope="b"`, `Negotiate abc/+==; Bearer scope="b"`},
		{"empty elements", `, ,Bearer realm="a",,scope="b",`, `Bearer realm="a" scope="b"`},
		{"white space around equals signs", "Bearer realm = a , scope\t=\tb", "Bearer realm =a scope =b"},
		{"a parameter first", `realm="a"`, "a parameter that belongs to no scheme"},
		{"a parameter after a token68", `Negotiate abc, realm="a"`, "Negotiate abc, a parameter that belongs to no scheme"},
		{"no end", `Bearer realm="a`, `Bearer, the quoted string of "realm" has no end`},
		{"no value", `Bearer realm="a", scope=, error=b`, `Bearer realm="a", the value of "scope" is neither a token nor a quoted string`},
		{"no comma", `Bearer realm="a" scope="b"`, `Bearer realm="a", no comma between two parameters`},
		{"a control character", "Bearer realm=\"a\x01\"", `Bearer, the value of "realm" has a control character`},
		{"another character", "Bearer @", "Bearer, character '@' where a scheme or a parameter begins"},
		{"nothing", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := describeChallenges(row.value); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// describeChallenges returns the challenges and the error in one line.
func describeChallenges(value string) string {
	all, err := parseChallenges(value)
	var parts []string
	for _, c := range all {
		text := c.scheme
		if c.token68 != "" {
			text += " " + c.token68
		}
		for _, p := range c.params {
			text += " " + p.name
			if p.spaced {
				text += " "
			}
			if text += "="; p.quoted {
				text += `"` + p.value + `"`
			} else {
				text += p.value
			}
		}
		parts = append(parts, text)
	}
	out := strings.Join(parts, "; ")
	if err != nil && out != "" {
		out += ", "
	}
	if err != nil {
		out += fmt.Sprint(err)
	}
	return out
}

// No value makes the parser panic or run without end, and a value without a mistake is read as a
// whole: writing it again and reading it gives the same.
func FuzzParseChallenges(f *testing.F) {
	f.Add(`Bearer resource_metadata="https://mcp.example.com/", scope="a b"`)
	f.Add(`Basic realm="a", Negotiate abc==, Bearer x = y`)
	f.Fuzz(func(t *testing.T, value string) {
		all, err := parseChallenges(value)
		if err != nil {
			return
		}
		var again []string
		for _, c := range all {
			text := c.scheme + " " + c.token68
			for n, p := range c.params {
				if n > 0 {
					text += ","
				}
				text += " " + p.name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p.value) + `"`
			}
			again = append(again, text)
		}
		second, err := parseChallenges(strings.Join(again, ", "))
		if err != nil || len(second) != len(all) {
			t.Fatalf("%q: %d challenges, then %d, %v", value, len(all), len(second), err)
		}
		for n := range all {
			if len(all[n].params) != len(second[n].params) {
				t.Errorf("%q: challenge %d has %d parameters, then %d", value, n, len(all[n].params), len(second[n].params))
			}
		}
	})
}

// The work for a long value does not grow with the square of its length: a server can send 64 KiB in
// each response.
func TestLongChallenge(t *testing.T) {
	for name, value := range map[string]string{
		"a quoted string":      `Bearer realm="` + strings.Repeat("a", 60<<10) + `"`,
		"quoted pairs":         `Bearer realm="` + strings.Repeat(`\a`, 30<<10) + `"`,
		"a string without end": `Bearer realm="` + strings.Repeat("a", 60<<10),
	} {
		if n := testing.AllocsPerRun(1, func() { _, _ = parseChallenges(value) }); n > 100 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
