package sdktest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource"
)

// BenchmarkAuthenticate measures the cost of reading bodies, with the same request with and without
// rules. The token is cached, so that only the reading differs.
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
	none, tables, function, similar := resource.Operations{}, rules, rules, rules
	function.Rule = func(context.Context, resource.Operation, *resource.Caller) ([]string, error) {
		return nil, nil
	}
	for n := range 100 { // templates that differ only after their first variable
		similar.Resources = append(similar.Resources, resource.ResourceRule{Template: fmt.Sprintf("x://{name}/%d", n), Scopes: []string{"read"}})
	}
	many := func(n int) (o resource.Operations) {
		o.Tools = map[string][]string{}
		for i := range n {
			o.Tools[fmt.Sprint("tool", i)] = []string{"call"}
			o.Resources = append(o.Resources, resource.ResourceRule{URI: fmt.Sprintf("file:///dir/%d", i), Scopes: []string{"read"}},
				resource.ResourceRule{Prefix: fmt.Sprintf("file:///tree/%d/", i), Scopes: []string{"read"}}, resource.ResourceRule{Template: fmt.Sprintf("db://%d/{row}", i), Scopes: []string{"read"}})
		}
		return o
	}
	for _, row := range []struct {
		name, body string
		rules      resource.Operations
	}{
		{"none/1KB", call(1 << 10), none},
		{"rules/1KB", call(1 << 10), tables},
		{"rules/1KB-of-objects", objects(1 << 10), tables},
		{"function/1KB", call(1 << 10), function},
		{"function/1KB-of-objects", objects(1 << 10), function},
		{"rules/64KB", call(64 << 10), tables},
		{"rules/64KB-of-objects", objects(64 << 10), tables},
		{"none/1MB", call(1 << 20), none},
		{"rules/1MB", call(1 << 20), tables},
		{"rules/1MB-of-objects", objects(1 << 20), tables},
		{"function/1MB-of-objects", objects(1 << 20), function},
		{"rules/batch-of-100", "[" + strings.Repeat(fmt.Sprintf(callForm, "echo")+",", 99) + fmt.Sprintf(callForm, "echo") + "]", tables},
		{"of-1/call", call(1 << 10), many(1)},
		{"of-1000/call", call(1 << 10), many(1000)},
		{"of-1/read", read("file:///dir/0"), many(1)},
		{"of-1000/read", read("file:///dir/0"), many(1000)},
		{"of-1/read-prefix", read("file:///tree/0/a"), many(1)},
		{"of-1000/read-prefix", read("file:///tree/0/a"), many(1000)},
		{"of-1/read-template", read("db://0/a"), many(1)},
		{"of-1000/read-template", read("db://0/a"), many(1000)},
		{"of-1000/read-not-plain", read("file:///a/%2e%2e/b?x"), many(1000)},
		{"of-100-similar/64KB-URI", read("x://" + strings.Repeat("a", (64<<10)-4)), similar},
		{"of-100-similar/64KB-of-URIs", fmt.Sprintf(modernPlain, "subscriptions/listen", `,"notifications":{"resourceSubscriptions":[`+strings.Repeat(`"x://`+strings.Repeat("a", 60)+`",`, 1000-1)+`"x:b"]}`), similar},
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
