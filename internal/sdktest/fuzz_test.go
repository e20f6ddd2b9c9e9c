package sdktest_test

import (
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// FuzzGoSDK and FuzzMCPGo test the property of checkProperty for arbitrary bodies, with every kind
// of server of one SDK.
func FuzzGoSDK(f *testing.F) { fuzzBytes(f, "go-sdk") }
func FuzzMCPGo(f *testing.F) { fuzzBytes(f, "mcp-go") }

// FuzzGeneratedGoSDK and FuzzGeneratedMCPGo generate messages with a grammar, because few arbitrary
// bodies are JSON.
func FuzzGeneratedGoSDK(f *testing.F) { fuzzGenerated(f, "go-sdk") }
func FuzzGeneratedMCPGo(f *testing.F) { fuzzGenerated(f, "mcp-go") }

func fuzzBytes(f *testing.F, sdk string) {
	servers := testServersOf(f, sdk)
	for i, cr := range seeds() {
		f.Add([]byte(cr.body), strings.Join(cr.headers, "\n"), uint8(i))
	}
	f.Fuzz(func(t *testing.T, body []byte, headers string, which uint8) {
		servers[int(which)%len(servers)].checkProperty(t, clientRequest{body: string(body), headers: readHeaders(headers)})
	})
}

func fuzzGenerated(f *testing.F, sdk string) {
	servers := testServersOf(f, sdk)
	for i := range 256 {
		f.Add(slices.Repeat([]byte{byte(i), byte(i * 7), byte(i * 31)}, 30), uint8(i))
	}
	f.Fuzz(func(t *testing.T, choices []byte, which uint8) {
		servers[int(which)%len(servers)].checkProperty(t, generateRequest(choices))
	})
}

// testServersOf returns the servers of one SDK. It opens their sessions, because they must not belong
// to a single input.
func testServersOf(f *testing.F, sdk string) []*testServer {
	f.Helper()
	servers := slices.DeleteFunc(testServers(f, rules), func(s *testServer) bool { return !strings.HasPrefix(s.name, sdk) })
	for _, s := range servers {
		s.openSession(f)
	}
	return servers
}

// readHeaders parses lines with names and values in turn. It drops names that neither warder nor an
// SDK reads, and values that net/http rejects.
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
