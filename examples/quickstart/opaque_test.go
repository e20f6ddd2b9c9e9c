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

// With opaque tokens the story is the same, but for one sentence.
func TestOpaqueStory(t *testing.T) {
	var out, errs bytes.Buffer
	var s *stage
	if status := run(t.Context(), []string{"-once", "-opaque"}, &out, &errs, func(given *stage) { s = given }); status != 0 || errs.Len() > 0 {
		t.Fatalf("got status %d and %q, want 0 and nothing\n%s", status, &errs, &out)
	}
	transcript, err := os.ReadFile(filepath.Join("testdata", "transcript.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const (
		byKeys   = "    Let in: warder fetched the issuer's keys, checked the token, and will remember it.\n"
		byAsking = "    Let in: warder asked the issuer about the token, and will remember the answer.\n"
	)
	if strings.Count(string(transcript), byKeys) != 1 {
		t.Fatalf("the transcript does not say once %q", byKeys)
	}
	if got, want := steady(out.String(), s), strings.Replace(string(transcript), byKeys, byAsking, 1); got != want {
		t.Errorf("transcript: got\n%s\nwant\n%s", got, want)
	}
	if n := s.issuer.Count(resourcetest.JWKS); n != 0 {
		t.Errorf("keys were fetched %d times, want 0", n)
	}
}

func TestOpaqueStoryGoesOtherwise(t *testing.T) {
	fail := func(f resourcetest.Failure) func(*stage) {
		return func(s *stage) { s.issuer.Fail(resourcetest.Introspection, f) }
	}
	for _, row := range []struct {
		name  string
		spoil func(*stage)
		want  string // beginning of what it says
	}{
		{"the issuer can't be asked", fail(resourcetest.Failure{Status: 500}), "step 8: got POST "},
		{"it knows nothing of the token", fail(resourcetest.Failure{Body: []byte(`{"active":false}`)}), "step 8: got POST "},
		{"it was asked before", func(s *stage) {
			if response, err := http.Get(s.issuer.URL(resourcetest.Introspection)); err == nil {
				response.Body.Close()
			}
		}, `step 8: introspection calls: got "2", want "1"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			var errs bytes.Buffer
			if status := run(t.Context(), []string{"-once", "-opaque"}, io.Discard, &errs, row.spoil); status != 1 {
				t.Errorf("got status %d, want 1", status)
			}
			if said := strings.TrimPrefix(errs.String(), "\nquickstart: the story went otherwise than told: "); !strings.HasPrefix(said, row.want) {
				t.Errorf("it says\n got %s\nwant %s...", said, row.want)
			}
		})
	}
}

// The token that is printed for pasting is an opaque one, and gets in.
func TestOpaqueInvitation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan int, 1)
	var s *stage
	go func() { ended <- run(ctx, []string{"-opaque"}, in, io.Discard, func(given *stage) { s = given }) }()
	token := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, printed, ok := strings.Cut(lines.Text(), "export TOKEN="); ok {
			token = printed
		}
		if strings.HasPrefix(lines.Text(), "Whenever ") {
			break
		}
	}
	if token == "" || strings.Contains(token, ".") {
		t.Fatalf("got token %q, want an opaque one", token)
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
