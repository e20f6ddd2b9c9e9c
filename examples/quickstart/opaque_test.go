package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/resourcetest"
)

// With opaque tokens the transcript differs in one line only.
func TestOpaqueDemo(t *testing.T) {
	var out, errs bytes.Buffer
	var s *servers
	if status := run(t.Context(), []string{"-once", "-opaque"}, &out, &errs, func(given *servers) { s = given }); status != 0 || errs.Len() > 0 {
		t.Fatalf("got status %d and %q, want 0 and no error output\n%s", status, &errs, &out)
	}
	transcript, err := os.ReadFile(filepath.Join("testdata", "transcript.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const (
		verifiedByKeys          = "    Accepted: warder fetched the issuer's keys, verified the token and cached the result.\n"
		verifiedByIntrospection = "    Accepted: warder introspected the token at the issuer and cached the result.\n"
	)
	if strings.Count(string(transcript), verifiedByKeys) != 1 {
		t.Fatalf("the transcript does not contain exactly one line %q", verifiedByKeys)
	}
	if got, want := withPlaceholders(out.String(), s), strings.Replace(string(transcript), verifiedByKeys, verifiedByIntrospection, 1); got != want {
		t.Errorf("transcript: got\n%s\nwant\n%s", got, want)
	}
	if n := s.issuer.Count(resourcetest.JWKS); n != 0 {
		t.Errorf("got %d key requests, want 0", n)
	}
}

func TestOpaqueDemoFailures(t *testing.T) {
	fail := func(f resourcetest.Failure) func(*servers) {
		return func(s *servers) { s.issuer.Fail(resourcetest.Introspection, f) }
	}
	for _, row := range []struct {
		name    string
		prepare func(*servers)
		want    string // prefix of the error
	}{
		{"introspection endpoint fails", fail(resourcetest.Failure{Status: 500}), "step 8: got POST "},
		{"token is inactive", fail(resourcetest.Failure{Body: []byte(`{"active":false}`)}), "step 8: got POST "},
		{"extra introspection call", func(s *servers) {
			if response, err := http.Get(s.issuer.URL(resourcetest.Introspection)); err == nil {
				response.Body.Close()
			}
		}, `step 8: introspection calls: got "2", want "1"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			checkDemoFailure(t, []string{"-once", "-opaque"}, row.prepare, row.want)
		})
	}
}

// The token in the instructions is opaque, and the MCP server accepts it.
func TestOpaqueInstructions(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var s *servers
	go func() { ended <- run(ctx, []string{"-opaque"}, in, io.Discard, func(given *servers) { s = given }) }()
	token := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, printed, ok := strings.Cut(lines.Text(), "export TOKEN="); ok {
			token = printed
		}
		if strings.HasPrefix(lines.Text(), lastInstruction) {
			break
		}
	}
	if token == "" || strings.Contains(token, ".") {
		t.Fatalf("got token %q, want an opaque token", token)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("got status %d, want 200", response.StatusCode)
	}
	cancel()
	if status := <-ended; status != 0 {
		t.Errorf("after Ctrl-C: got status %d, want 0", status)
	}
}
