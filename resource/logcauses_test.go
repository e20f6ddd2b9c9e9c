package resource_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The log record alone identifies the cause of a rejection. Two causes differ in more than
// names, addresses or times.
func TestLogDistinguishesCauses(t *testing.T) {
	issuer := newFixture(t, nil).issuer
	synctest.Test(t, func(t *testing.T) {
		newConfigured := func(change func(*resource.Config, *jwks.Config, *introspect.Config)) *fixture {
			log := new(logBuffer)
			logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			keys := jwks.Config{Issuer: issuer.Identifier(), Transport: issuer.Transport(), Logger: slog.New(slog.DiscardHandler)}
			calls := introspect.Config{Issuer: issuer.Identifier(), Endpoint: issuer.URL(resourcetest.Introspection), Transport: issuer.Transport(),
				Logger: slog.New(slog.DiscardHandler), Auth: introspect.ClientAuth{ClientID: resourcetest.DefaultClientID, ClientSecret: resourcetest.DefaultClientSecret}}
			config := resource.Config{Identifier: identifier, Logger: logger}
			change(&config, &keys, &calls)
			byKeys, err := jwks.New(keys)
			if err != nil {
				t.Fatal(err)
			}
			byAsking, err := introspect.New(calls)
			if err != nil {
				t.Fatal(err)
			}
			config.Issuers, config.Opaque = []resource.Issuer{{Verifier: byKeys}}, &resource.Issuer{Verifier: byAsking}
			res, err := resource.New(config)
			if err != nil {
				t.Fatal(err)
			}
			return &fixture{t: t, issuer: issuer, res: res, log: log, inner: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }}
		}
		unchanged := func(*resource.Config, *jwks.Config, *introspect.Config) {}
		token, opaque := resourcetest.Token{}, issuer.OpaqueToken(resourcetest.Token{})
		down := resourcetest.Failure{Status: http.StatusBadGateway}
		lines := map[string]string{}
		for _, row := range []struct {
			name   string
			status int
			logged []string // attributes that identify the cause
			line   func() *fixture
		}{
			{"no token", 401, []string{"missing_credentials"}, func() *fixture { f := newConfigured(unchanged); f.authorize(); return f }},
			{"an Authorization scheme other than Bearer", 401, []string{"missing_credentials", "the Authorization scheme is Basic; only Bearer is supported"}, func() *fixture { f := newConfigured(unchanged); f.authorize("Basic YTpi"); return f }},
			{"expired", 401, []string{"expired", "got exp", "want now"}, func() *fixture {
				f := newConfigured(unchanged)
				f.bearer(f.token(resourcetest.Token{IssuedAt: time.Now().Add(-time.Hour), Lifetime: time.Minute}))
				return f
			}},
			{"another audience", 401, []string{"audience", "got account", "want " + identifier}, func() *fixture {
				f := newConfigured(unchanged)
				f.bearer(f.token(resourcetest.Token{Audience: "account"}))
				return f
			}},
			{"another issuer", 401, []string{"issuer_unknown", "got https://other.example"}, func() *fixture {
				f := newConfigured(unchanged)
				f.bearer(f.token(resourcetest.Token{Claims: map[string]any{"iss": "https://other.example"}}))
				return f
			}},
			{"a key that the issuer does not have", 401, []string{"key_unknown", "kid other"}, func() *fixture {
				f := newConfigured(unchanged)
				f.bearer(f.token(resourcetest.Token{Header: map[string]any{"kid": "other"}}))
				return f
			}},
			{"a forged signature", 401, []string{"signature_invalid"}, func() *fixture {
				f := newConfigured(unchanged)
				f.bearer(f.token(resourcetest.Token{Fault: resourcetest.WrongSignature}))
				return f
			}},
			{"revoked by Hooks.Revocations", 401, []string{"revoked", "subject alice"}, func() *fixture {
				f := newConfigured(func(c *resource.Config, _ *jwks.Config, _ *introspect.Config) {
					c.Hooks.Revocations = resource.RevocationFunc(func(context.Context, *resource.Caller) (bool, error) { return true, nil })
				})
				f.bearer(f.token(token))
				return f
			}},
			{"revoked at the issuer", 401, []string{"inactive"}, func() *fixture { f := newConfigured(unchanged); f.bearer("never-issued"); return f }},
			{"keys unavailable", 503, []string{"keys_unavailable", "502"}, func() *fixture {
				f := newConfigured(unchanged)
				issuer.Fail(resourcetest.JWKS, down)
				f.bearer(f.token(token))
				issuer.Reset()
				return f
			}},
			{"the issuer answers with an error", 503, []string{"introspection_status", "502"}, func() *fixture {
				f := newConfigured(unchanged)
				issuer.Fail(resourcetest.Introspection, down)
				f.bearer(opaque)
				issuer.Reset()
				return f
			}},
			{"the issuer does not answer", 503, []string{"introspection_timeout"}, func() *fixture {
				f := newConfigured(unchanged)
				issuer.Fail(resourcetest.Introspection, resourcetest.Failure{Delay: time.Minute})
				f.bearer(opaque)
				issuer.Reset()
				return f
			}},
			{"invalid client credentials for introspection", 503, []string{"introspection_credentials"}, func() *fixture {
				f := newConfigured(func(_ *resource.Config, _ *jwks.Config, i *introspect.Config) { i.Auth.ClientSecret = "wrong" })
				f.bearer(opaque)
				return f
			}},
		} {
			written := logRecords(t, row.line().log.take())
			if len(written) != 1 {
				t.Errorf("%s: %d records", row.name, len(written))
				continue
			}
			line := ""
			for key, value := range written[0] {
				line += fmt.Sprintf("%s %v\n", key, value)
			}
			for _, want := range append(row.logged, fmt.Sprintf("status %d", row.status)) {
				if !strings.Contains(line, want) {
					t.Errorf("%s: no %q in\n%s", row.name, want, line)
				}
			}
			cause := fmt.Sprint(written[0]["reason"], written[0]["error"])
			if other, ok := lines[cause]; ok {
				t.Errorf("%s and %s have the same record: %s", row.name, other, cause)
			}
			lines[cause] = row.name
		}
		time.Sleep(time.Minute) // let every goroutine of the bubble end
	})
}

// The record of a missing scope has the caller, the operation, the scopes and the trace.
func TestInsufficientScopeLog(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Scopes = []string{"read"}
		c.Operations = resource.Operations{Tools: map[string][]string{"delete": {"admin"}}}
		c.ScopeOptions.StepUp = resource.StepUpKeepGranted
		c.Metadata.ScopesSupported = []string{"write"}
	})
	token := f.token(resourcetest.Token{Scope: "read write odd"})
	if _, refusal := f.res.Authenticate(rpcRequest(rpcMessage("tools/call", "delete\n\x1b[2J"), token)); refusal != nil {
		t.Errorf("a tool without a rule: %v", refusal)
	}
	f.log.take()
	f.res.Authenticate(rpcRequest(rpcMessage("tools/call", "delete"), token))
	want := map[string]any{"level": "INFO", "msg": "request rejected", "reason": "insufficient_scope", "status": 403., "resource": identifier,
		"issuer": f.issuer.Identifier(), "subject": "alice", "client": "test-client", "operation": "tools/call delete",
		"got": "read write odd", "want": "read admin write", "trace_id": traceID}
	if got := logRecords(t, f.log.take()); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

// Text from a request cannot end a log line or control a terminal.
func TestLogSanitizesClientNames(t *testing.T) {
	f := newFixture(t, func(c *resource.Config, _ *jwks.Config) {
		c.Operations = resource.Operations{Undeclared: resource.DenyUndeclared}
	})
	token := f.token(resourcetest.Token{})
	for _, row := range []struct{ name, method, tool, want string }{
		{"a separate log line", "tools/call", "x\n{\"level\":\"INFO\",\"msg\":\"request accepted\"}", `tools/call x?{"level":"INFO","msg":"request accepted"}`},
		{"a terminal escape sequence", "tools/call", "\x1b]0;owned\x07", "tools/call ?]0;owned?"},
		{"a right-to-left override", "tools/call", "\u202egpj.exe", "tools/call ?gpj.exe"},
		{"line breaks in the method", "evil\r\n/m", "", "evil??/m"},
		{"a megabyte", "tools/call", strings.Repeat("é", 1<<19), "tools/call " + strings.Repeat("é", 122) + "?..."},
	} {
		f.res.Authenticate(rpcRequest(rpcMessage(row.method, row.tool), token))
		log := f.log.take()
		if got := logRecords(t, log); len(got) != 1 || got[0]["operation"] != row.want || len(log) > 3000 {
			t.Errorf("%s: %d bytes in %d records, operation\n got %q\nwant %q", row.name, len(log), len(got), got[0]["operation"], row.want)
		}
	}
}
