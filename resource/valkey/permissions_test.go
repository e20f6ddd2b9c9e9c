package valkey_test

import (
	"context"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// documented returns the arguments of an ACL SETUSER command in the documentation that contains a
// text.
func documented(t *testing.T, text string) []string {
	t.Helper()
	content, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(content), "\n") {
		if _, command, ok := strings.Cut(line, "ACL SETUSER warder on >password "); ok && strings.Contains(command, text) {
			return strings.Fields(command)
		}
	}
	t.Fatalf("doc.go has no ACL with %q", text)
	return nil
}

// everything makes each kind of call once, and returns what failed.
func everything(t *testing.T, address, user string) (failed []string) {
	t.Helper()
	password := func(context.Context) (string, error) { return "password", nil }
	s, err := valkey.Open(valkey.Config{Addresses: []string{address}, Username: user, PasswordFunc: password, Timeout: 2 * time.Second,
		MaxProofsPerKey: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	note := func(name string, ok bool) {
		if !ok {
			failed = append(failed, name)
		}
	}
	ctx := t.Context()
	note("ready", s.Ready(ctx) == nil)
	until := time.Now().Add(time.Minute)
	note("first use", s.Replays().Once(ctx, proof(1, 1), until) == nil)
	note("replay", s.Replays().Once(ctx, proof(1, 1), until) == resource.ErrReplayed)
	note("too many", s.Replays().Once(ctx, proof(1, 2), until) == resource.ErrTooManyProofs)
	note("add", s.Revocations().Add(ctx, []revocation.Record{record(1, -time.Hour)}) == nil)
	note("add and remove", s.Revocations().Add(ctx, []revocation.Record{record(2, time.Hour)}) == nil)
	page, err := s.Revocations().Read(ctx, 0)
	note("read", err == nil && numbers(page.Records) == "[2]")
	key := introspect.AnswerKey{1}
	stored, err := s.Answers().PutNew(ctx, key, []byte("x"), time.Minute)
	note("put new", err == nil && stored)
	note("put", s.Answers().Put(ctx, key, []byte("x"), time.Minute) == nil)
	value, _, err := s.Answers().Get(ctx, key)
	note("get", err == nil && string(value) == "x")
	note("remove", s.Answers().Put(ctx, key, nil, 0) == nil)
	note("purge", s.Answers().Purge(ctx, 1) == nil)
	watched, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	notified := false
	_ = s.Revocations().Watch(watched, func() {
		notified = true
		cancel()
	})
	note("watch", notified)
	return failed
}

// The documented permissions are enough, and each of them is needed.
func TestPermissions(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{Lines: []string{"user default off"}})
	rules := documented(t, "evalsha")
	set := func(user string, rules []string) {
		server.Do("FLUSHALL")
		server.Do("SCRIPT", "FLUSH")
		server.Do(append([]string{"ACL", "SETUSER", user, "on", ">password"}, rules...)...)
	}
	set("all", rules)
	if failed := everything(t, server.Address(), "all"); failed != nil {
		t.Errorf("with all permissions: %q failed", failed)
	}
	server.Do("ACL", "LOG", "RESET")
	for i, rule := range rules {
		if !strings.HasPrefix(rule, "+") && !strings.HasPrefix(rule, "~") && !strings.HasPrefix(rule, "&") ||
			rule == "+ping" { // which is only logged by the server if it is missing
			continue
		}
		t.Run(rule, func(t *testing.T) {
			user := "without-" + strings.Trim(rule, "+~&*:{}")
			set(user, slices.Delete(slices.Clone(rules), i, i+1))
			if failed := everything(t, server.Address(), user); failed == nil {
				t.Error("nothing failed")
			} else {
				t.Logf("failed: %q", failed)
			}
		})
	}
}

// The documentation has the permission that a call lacks, and the log of the server says which one.
func TestMissingPermission(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{})
	rules := slices.DeleteFunc(documented(t, "evalsha"), func(rule string) bool { return rule == "+incr" })
	server.Do(append([]string{"ACL", "SETUSER", "warder", "on", ">password"}, rules...)...)
	password := func(context.Context) (string, error) { return "password", nil }
	s := open(t, valkey.Config{Addresses: []string{server.Address()}, Username: "warder", PasswordFunc: password, Timeout: 5 * time.Second})
	err := s.Replays().Once(t.Context(), proof(1, 1), time.Now().Add(time.Minute))
	if err == nil || !strings.Contains(err.Error(), "NOPERM: the user lacks a permission: see the documentation of package valkey, and ACL LOG") {
		t.Errorf("got %v", err)
	}
	if log := server.Do("ACL", "LOG"); !regexp.MustCompile(`object\nincr\n`).MatchString(log) {
		t.Errorf("got ACL LOG\n%s", log)
	}
	server.Do("ACL", "SETUSER", "warder", "+incr")
	eventually(t, "the call succeeds", func() bool { return use(t.Context(), s, 2) == "" })
}

// If a permission for proofs is missing for some time, nothing stays in the server forever: a client would get
// ErrTooManyProofs one day, and then forever.
func TestMissingPermissionLeavesNothing(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{})
	rules := documented(t, "evalsha")
	password := func(context.Context) (string, error) { return "password", nil }
	for i, rule := range rules {
		if !strings.HasPrefix(rule, "+") {
			continue
		}
		server.Do("FLUSHALL")
		user := "without-" + rule[1:]
		server.Do(append([]string{"ACL", "SETUSER", user, "on", ">password"}, slices.Delete(slices.Clone(rules), i, i+1)...)...)
		s := open(t, valkey.Config{Addresses: []string{server.Address()}, Username: user, PasswordFunc: password, Timeout: 5 * time.Second})
		use(t.Context(), s, 1)
		for _, key := range strings.Fields(server.Do("KEYS", "{warder}:[pn]:*")) {
			if got := server.Do("TTL", key); got == "-1" {
				t.Errorf("without %s: %q never expires", rule, key)
			}
		}
	}
}
