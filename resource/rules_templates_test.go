package resource_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/yosida95/uritemplate/v3"

	"github.com/warder-go/warder/internal/uripattern"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The cost of matching is limited for templates with the same prefix and URIs that are compared
// with all of them. Without the limit, one such request took nine seconds.
func TestTemplateMatchingLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long, in one goroutine")
	}
	const templates = 128
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		for n := range templates {
			c.Operations.Resources = append(c.Operations.Resources, resource.ResourceRule{Template: fmt.Sprintf("x://{+a}b{+c%d}", n)})
		}
	})
	token := f.token(resourcetest.Token{})
	uri := func(size int) string { return "x://b" + strings.Repeat("a", size-5) }
	read := func(size int) string { return rpcCall("resources/read", `{"uri":"`+uri(size)+`"}`) }
	listen := func(size int) string {
		return rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["`+uri(size)+`","`+uri(size)+`"]}}`)
	}
	const limit = maxTemplateBytes / templates
	for _, row := range []struct {
		name, body string
		want       answer
	}{
		{"at the limit", read(limit), accepted},
		{"over the limit", read(limit + 1), badMessage("1")},
		{"at the limit, batch", "[" + read(limit/2) + "," + read(limit/2) + "]", accepted},
		{"over the limit, batch", "[" + read(limit/2+1) + "," + read(limit/2+1) + "]", badBody},
		{"at the limit, subscriptions/listen", listen(limit / 2), accepted},
		{"over the limit, subscriptions/listen", listen(limit/2 + 1), badMessage("1")},
		{"the longest URI, another scheme", rpcCall("resources/read", `{"uri":"y://`+strings.Repeat("a", maxURIBytes-4)+`"}`), accepted},
	} {
		f.expect(row.name, f.post(token, row.body), row.want)
	}
	long := resource.Operation{Method: "resources/read", Name: uri(limit + 1)}
	f.expect("over the limit, Permit", answerOfRefusal(f.res.Permit(t.Context(), f.caller(resourcetest.Token{}), long)), badOperation)
}

// The cost is limited for 1,000 URIs that each need 1,000 scopes or could match 1,000
// templates. Without the limit, such a request took two seconds.
func TestManyURIsAndRules(t *testing.T) {
	const many = 1000
	for _, row := range []struct{ name, template, uri string }{
		{"not plain", "x://h%d/{v}", "x://h/../%d"},
		{"templates with the same prefix", "x://{v}/%d", "x://h/a/%d"},
		{"both", "x://{v}/%d", "x://h/../%d"},
	} {
		var needs, uris []string
		f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
			for n := range many {
				needs, uris = append(needs, fmt.Sprint("s", n)), append(uris, fmt.Sprintf(row.uri, n))
				c.Operations.Resources = append(c.Operations.Resources, resource.ResourceRule{Template: fmt.Sprintf(row.template, n), Scopes: needs[n:]})
			}
		})
		body := rpcCall("subscriptions/listen", `{"notifications":{"resourceSubscriptions":["`+strings.Join(uris, `","`)+`"]}}`)
		want := badMessage("1") // too much to compare
		if strings.Contains(row.uri, "..") {
			want = insufficient(strings.Join(needs, " "))
		}
		token := f.token(resourcetest.Token{})
		f.expect(row.name, f.post(token, body), want) // the token is cached from here on
		if got := allocated(func() { f.post(token, body) }) >> 20; got > 24 {
			t.Errorf("%s: %d MiB were allocated", row.name, got)
		}
	}
}

// A list with too many names is not read to its end. Before, it allocated 15 times the body.
func TestSubscriptionLimitAllocations(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) { c.Operations = testRules })
	f.unexplained = true // the test counts allocations
	token, body := f.token(resourcetest.Token{}), rpcCall("subscriptions/listen", `{"notifications":{"taskIds":[`+strings.Repeat(`"7",`, 100_000)+`"7"]}}`)
	f.expect("too many", f.post(token, body), badMessage("1")) // the token is cached from here on
	if got, limit := allocated(func() { f.post(token, body) }), uint64(3*len(body)); got > limit {
		t.Errorf("a body of %d bytes allocates %d, more than %d", len(body), got, limit)
	}
}

// A template matches every plain URI that it can be expanded to (RFC 6570 §3.2), and no URI
// that lacks its literal parts.
func TestTemplatesMatchTheirExpansions(t *testing.T) {
	for _, row := range []struct{ template, other string }{
		{"x://a/b", "x://a/b/b"},
		{"x://{v}", "y://h"},
		{"x://{v}/b", "x://h/c"},
		{"x://{v}/b/{v}", "x://h/c/h"},
		{"x://{v}/b/{v}/b", "x://h/b"},
		{"x://{+v}b{+v}b{v}", "x://b"},
		{"x://h{/v*}/b", "x://h/c"},
	} {
		parsed, err := uritemplate.New(row.template)
		if err != nil {
			t.Fatal(err)
		}
		rule := resource.ResourceRule{Template: row.template}
		for _, value := range []string{"h", "b", "bb", "a%b", "É", "1/2", "b?c", ""} {
			values := uritemplate.Values{}
			values.Set("v", uritemplate.String(value))
			values.Set("w", uritemplate.String("w"))
			uri, err := parsed.Expand(values)
			if err != nil {
				t.Fatal(err)
			}
			if uripattern.IsPlain(uri) && !rule.Applies(uri) {
				t.Errorf("%s does not match %s", row.template, uri)
			}
		}
		if rule.Applies(row.other) {
			t.Errorf("%s matches %s", row.template, row.other)
		}
	}
}

// allocated returns the number of bytes that a call allocates.
func allocated(call func()) uint64 {
	if raceDetector {
		return 0 // the detector allocates too
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 3 {
		call()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / 3
}
