package sdktest_test

import (
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// The property, for any bytes at all, behind every kind of server of one SDK.
func FuzzGoSDK(f *testing.F) { fuzzBytes(f, "go-sdk") }
func FuzzMCPGo(f *testing.F) { fuzzBytes(f, "mcp-go") }

// The same for messages that are made by a grammar, since few random bytes are JSON.
func FuzzForgedGoSDK(f *testing.F) { fuzzForged(f, "go-sdk") }
func FuzzForgedMCPGo(f *testing.F) { fuzzForged(f, "mcp-go") }

func fuzzBytes(f *testing.F, sdk string) {
	targets := sitesOf(f, sdk)
	for i, l := range seeds() {
		f.Add([]byte(l.body), strings.Join(l.headers, "\n"), uint8(i))
	}
	f.Fuzz(func(t *testing.T, body []byte, headers string, which uint8) {
		targets[int(which)%len(targets)].hold(t, letter{body: string(body), headers: readHeaders(headers)})
	})
}

func fuzzForged(f *testing.F, sdk string) {
	targets := sitesOf(f, sdk)
	for i := range 256 {
		f.Add(slices.Repeat([]byte{byte(i), byte(i * 7), byte(i * 31)}, 30), uint8(i))
	}
	f.Fuzz(func(t *testing.T, choices []byte, which uint8) {
		targets[int(which)%len(targets)].hold(t, forge(choices))
	})
}

// sitesOf opens the sessions at once: nothing may be tied to a single input.
func sitesOf(f *testing.F, sdk string) []*site {
	f.Helper()
	targets := slices.DeleteFunc(sites(f, rules), func(s *site) bool { return !strings.HasPrefix(s.name, sdk) })
	for _, s := range targets {
		s.ready(f)
	}
	return targets
}

// readHeaders makes headers of names and values on lines in turn. Names are those that
// some part of the way looks at, and values such as net/http would let in.
func readHeaders(text string) (headers []string) {
	known := []string{"Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id", "Content-Type", "Content-Encoding", "Accept", "Last-Event-Id", "X-Http-Method-Override", "Mcp-Param-Name"}
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines) && len(headers) < 16; i += 2 {
		name := textproto.CanonicalMIMEHeaderKey(lines[i])
		value := strings.Trim(lines[i+1], " \t")
		if slices.Contains(known, name) && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			headers = append(headers, name, value)
		}
	}
	return headers
}
