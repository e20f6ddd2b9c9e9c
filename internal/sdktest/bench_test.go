package sdktest_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
)

// What the reading costs: the same request with and without rules. The token is
// remembered, so that nothing but the reading makes the difference.
func BenchmarkAuthenticate(b *testing.B) {
	call := func(size int) string {
		body := fmt.Sprintf(callForm, "echo")
		return strings.Replace(body, `{}`, `{"text":"`+strings.Repeat("x", size-len(body)-9)+`"}`, 1)
	}
	objects := func(size int) string {
		body, member := fmt.Sprintf(callForm, "echo"), `{"id":12345,"name":"value","tags":["a","b"]},`
		return strings.Replace(body, `{}`, `{"a":[`+strings.Repeat(member, (size-len(body)-9)/len(member))+`0]}`, 1)
	}
	read := func(uri string) string { return fmt.Sprintf(readForm, uri) }
	none, calls, long, templates := resource.Operations{}, rules, rules, rules
	for n := range 100 {
		templates.Resources = append(templates.Resources, resource.ResourceRule{Template: fmt.Sprintf("file:///dir/%d/{name}", n), Scopes: []string{"read"}})
		long.Resources = append(long.Resources, resource.ResourceRule{URI: fmt.Sprintf("file:///dir/%d", n), Scopes: []string{"read"}})
	}
	for _, row := range []struct {
		name, body string
		rules      resource.Operations
	}{
		{"none/1KB", call(1 << 10), none},
		{"rules/1KB", call(1 << 10), calls},
		{"rules/1KB-of-objects", objects(1 << 10), calls},
		{"rules/64KB", call(64 << 10), calls},
		{"none/4MB", call(4 << 20), none},
		{"rules/4MB", call(4 << 20), calls},
		{"rules/4MB-of-objects", objects(4 << 20), calls},
		{"rules/read-as-written", read("file:///secret"), calls},
		{"rules/read-levelled", read("file:///a/%2e%2e/b?x"), calls},
		{"rules/read-103-rules", read("file:///open"), long},
		{"rules/read-103-rules-levelled", read("file:///a/%2e%2e/b?x"), long},
		{"rules/batch-of-100", "[" + strings.Repeat(fmt.Sprintf(callForm, "echo")+",", 99) + fmt.Sprintf(callForm, "echo") + "]", calls},
		{"rules/1MB-URI-103-rules", read("file:///" + strings.Repeat("%2e%2e/", 140_000)), long},
		{"rules/1MB-of-URIs-103-rules", fmt.Sprintf(modernPlain, "subscriptions/listen", `,"notifications":{"resourceSubscriptions":[`+strings.Repeat(`"x:/./a",`, 110_000)+`"x:/b"]}`), long},
		{"rules/1MB-of-URIs-100-templates", fmt.Sprintf(modernPlain, "subscriptions/listen", `,"notifications":{"resourceSubscriptions":[`+strings.Repeat(`"x://a/bcde",`, 80_000)+`"x:/b"]}`), templates},
	} {
		b.Run(row.name, func(b *testing.B) { benchmark(b, row.body, row.rules) })
	}
}

func benchmark(b *testing.B, text string, rules resource.Operations) {
	res, err := resource.New(resource.Config{Identifier: identifier, Opaque: &resource.Issuer{Verifier: static(tokens)}, Scopes: []string{"base"},
		Operations: rules, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(text)
	req := httptest.NewRequest(http.MethodPost, identifier, nil)
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer all")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		req.Body = io.NopCloser(bytes.NewReader(body))
		if _, refusal := res.Authenticate(req); refusal != nil {
			b.Fatal(refusal.Err)
		}
	}
}
