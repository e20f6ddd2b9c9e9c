package introspect_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// An attack is a test in which someone can read the store and write to it, but has no key.
type attack struct {
	*fixture // the process whose values the attacker has
	store    *memoryAnswers
	victim   func() *fixture // returns a new process with its own configuration, and without cached tokens
}

// inAttack runs test. The configurations of the first process and of its victims can differ.
func inAttack(t *testing.T, first, victim func(*introspect.Config), test func(a attack)) {
	t.Helper()
	fastRandom(t)
	store := newMemoryAnswers()
	configuration := func(change func(*introspect.Config)) configFunc {
		return func(r *resource.Config, c *introspect.Config) {
			withAnswers(store)(r, c)
			if change != nil {
				change(c)
			}
		}
	}
	clients := []resourcetest.Client{
		{ID: resourcetest.DefaultClientID, Secret: resourcetest.DefaultClientSecret}, {ID: "second-client", Secret: resourcetest.DefaultClientSecret},
	}
	inBubbleWithIssuer(t, resourcetest.Config{Lifetime: time.Hour, Clients: clients}, configuration(first), func(fx *fixture) {
		fx.issuer.Reset() // answers take no time
		test(attack{fx, store, func() *fixture { return newFixture(fx.T, fx.issuer, configuration(victim)) }})
	})
}

// keyFor returns the key at which a victim looks for a token.
func (a attack) keyFor(token string) introspect.AnswerKey {
	a.store.setBefore(func(_ context.Context, operation string) error {
		if operation != "Get" {
			return errStore // store nothing
		}
		return nil
	})
	defer a.store.setBefore(nil)
	a.victim().request(token)
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	return a.store.lastKey
}

// valueOf makes the first process store a value about a token, and returns it.
func (a attack) valueOf(token string) []byte {
	a.Helper()
	a.request(token)
	_, stored := a.store.only(a.T)
	return stored.value
}

// expectUnused sends a request to a new victim, which must not use a value in the store.
func (a attack) expectUnused(token string, status int, shared string) (took time.Duration) {
	a.Helper()
	victim, calls := a.victim(), a.calls()
	got := victim.request(token)
	if got.status != status {
		a.Errorf("got %d, want %d", got.status, status)
	}
	a.expectCalls(calls + 1)
	victim.expectShared(shared)
	return got.took
}

// A value is used only at its place. The first process has stored an answer or a rejection. An
// attacker moves it to the key at which the victim looks.
func TestValueAtAnotherPlace(t *testing.T) {
	type config = introspect.Config
	withSignatures := func(c *config) { c.SignedAnswers = true }
	now := func() int64 { return time.Now().UnixMilli() }
	zero := func() int64 { return 0 }
	for _, row := range []struct {
		name          string
		first, victim func(*config)
		generations   [2]func() int64 // of the store, for the first process and for the victim
	}{
		{name: "another token"},
		{name: "another issuer", victim: func(c *config) { c.Issuer = "https://other.example.test" }},
		{name: "another endpoint", victim: func(c *config) { c.Endpoint += "?x" }},
		{name: "another client", victim: func(c *config) { c.Auth.ClientID = "second-client" }},
		{name: "signature required", victim: withSignatures},
		{name: "signature not required", first: withSignatures},
		{name: "keys from another URL", first: withSignatures, victim: func(c *config) {
			withSignatures(c)
			c.KeysURL = "https://auth.example.test/jwks"
		}},
		{name: "metadata from another URL", first: func(c *config) { c.Endpoint = "" }, victim: func(c *config) {
			c.Endpoint, c.MetadataURL = "", "https://auth.example.test/.well-known/openid-configuration"
		}},
		{name: "another hint", victim: func(c *config) { c.TokenTypeHint = introspect.NoTokenTypeHint }},
		{name: "without a type", first: func(c *config) { c.TrustAnswersWithoutTokenType = true }},
		{name: "another common key", victim: func(c *config) { c.AnswerKeys = [][]byte{answerKey("2")} }},
		{name: "an earlier generation", generations: [2]func() int64{zero, now}},
		{name: "a later generation", generations: [2]func() int64{now, zero}},
	} {
		for _, kind := range []string{"answer", "rejection"} {
			t.Run(row.name+", "+kind, func(t *testing.T) {
				inAttack(t, row.first, row.victim, func(a attack) {
					token, want := a.token(resourcetest.Token{}), 401
					if kind == "rejection" {
						token, want = unknownToken(1), 200
					}
					if row.generations[0] != nil {
						a.store.setGeneration(row.generations[0]())
					}
					value := a.valueOf(token)
					if row.generations[1] != nil {
						a.store.setGeneration(row.generations[1]())
					}
					// From now on, what the value states is wrong.
					target := token
					switch {
					case row.name == "another token" && kind == "answer":
						target = unknownToken(2)
					case row.name == "another token":
						target = a.token(resourcetest.Token{})
					case kind == "answer":
						a.issuer.Revoke(token)
					default:
						a.token(resourcetest.Token{Text: token, Lifetime: time.Hour})
					}
					if row.name == "another issuer" {
						want = 401 // in any case
					}
					key := a.keyFor(target)
					if _, ok := a.store.present()[key]; ok {
						a.Fatal("the victim looks at the same key")
					}
					a.store.set(key, value)
					if took := a.expectUnused(target, want, "unreadable=1"); took != 0 {
						a.Errorf("took %s, want no wait", took)
					}
				})
			})
		}
	}
}

// A value that was changed is not used, and costs neither a wait nor memory.
func TestTamperedValue(t *testing.T) {
	inAttack(t, nil, func(c *introspect.Config) { c.AnswerTTL = time.Minute }, func(a attack) {
		token := a.token(resourcetest.Token{})
		value := a.valueOf(token)
		key, _ := a.store.only(t)
		a.issuer.Revoke(token)
		variants := map[string][]byte{
			"appended byte": append(slices.Clone(value), 0),
			"zeros":         make([]byte, len(value)),
			"16 KiB":        bytes.Repeat(value[:1], 16<<10),
			"64 MiB":        bytes.Repeat(value[:1], 64<<20),
			"64 MiB more":   append(slices.Clone(value), make([]byte, 64<<20)...),
		}
		for i := range value {
			for _, bit := range []byte{1, 0x80} {
				changed := slices.Clone(value)
				changed[i] ^= bit
				variants[fmt.Sprintf("bit %d of byte %d", bit, i)] = changed
			}
			if i > 0 {
				variants[fmt.Sprintf("%d bytes", i)] = value[:i]
			}
		}
		victim, calls := a.victim(), a.calls()
		for name, changed := range variants {
			a.store.set(key, changed)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if got := victim.request(token); got.status != 401 || got.took != 0 {
				t.Errorf("%s: got %d after %s, want 401 at once", name, got.status, got.took)
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
				t.Errorf("%s: %d bytes were allocated, want less than 1 MiB", name, grown)
			}
			time.Sleep(10 * time.Second) // until the negative cache has no entry
		}
		a.expectCalls(calls + len(variants))
		victim.expectShared(fmt.Sprintf("unreadable=%d", len(variants)))
		a.store.set(key, value)
		if got := a.victim().request(token); got.status != 401 {
			t.Errorf("got %d for the value after a minute, want 401", got.status)
		}
	})
}

// A value that was restored after its time is not used, however long the store keeps it.
func TestReplayedValue(t *testing.T) {
	noExp := map[string]any{"exp": resourcetest.Remove}
	for _, row := range []struct {
		name      string
		answerTTL time.Duration
		token     resourcetest.Token
		unknown   bool
		lifetime  time.Duration
	}{
		{"default", 0, resourcetest.Token{}, false, 5 * time.Minute},
		{"AnswerTTL", 10 * time.Second, resourcetest.Token{}, false, 10 * time.Second},
		{"exp", 0, resourcetest.Token{Lifetime: 30 * time.Second}, false, 30 * time.Second},
		{"no exp", 0, resourcetest.Token{Claims: noExp}, false, time.Minute},
		{"rejection", 0, resourcetest.Token{}, true, 10 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			change := func(c *introspect.Config) { c.AnswerTTL = row.answerTTL }
			inAttack(t, change, change, func(a attack) {
				token, before, after := a.token(row.token), 200, 401
				if row.unknown {
					token, before, after = unknownToken(1), 401, 200
				}
				value := a.valueOf(token)
				key, _ := a.store.only(t)
				a.store.set(key, value)
				if row.unknown {
					a.token(resourcetest.Token{Text: token, Lifetime: time.Hour})
				} else {
					a.issuer.Revoke(token)
				}
				time.Sleep(row.lifetime - 2*time.Millisecond)
				calls := a.calls()
				if got := a.victim().request(token); got.status != before {
					t.Errorf("before the end: got %d, want %d", got.status, before)
				}
				a.expectCalls(calls)
				time.Sleep(2 * time.Millisecond)
				a.expectUnused(token, after, "unreadable=1")
			})
		})
	}
}

// A lock that was restored delays a request by 2 seconds. After 32 seconds, it has no effect.
func TestRestoredLock(t *testing.T) {
	for _, row := range []struct {
		age    time.Duration
		wait   time.Duration
		shared string
	}{
		{0, 2 * time.Second, "lost_lock=1"},
		{32*time.Second - time.Millisecond, 25 * time.Millisecond, "lost_lock=1"}, // it ends during the wait
		{32 * time.Second, 0, "unreadable=1"},
		{time.Hour, 0, "unreadable=1"},
	} {
		t.Run(row.age.String(), func(t *testing.T) {
			inAttack(t, nil, nil, func(a attack) {
				a.endpointFails(resourcetest.Failure{Delay: time.Second})
				token := a.token(resourcetest.Token{Lifetime: 24 * time.Hour})
				go a.request(token)
				synctest.Wait()
				key, lock := a.store.only(t)
				time.Sleep(time.Second + time.Millisecond)
				a.issuer.Reset()
				time.Sleep(row.age - time.Second - time.Millisecond)
				a.store.set(key, lock.value)
				if took := a.expectUnused(token, 200, row.shared); took != row.wait {
					t.Errorf("took %s, want %s", took, row.wait)
				}
			})
		})
	}
}

// The time at which an answer was received may be 30 seconds in the future, because clocks differ.
// It then counts as the present time.
func TestClockSkew(t *testing.T) {
	for _, row := range []struct {
		ahead  time.Duration
		shared string
	}{{30 * time.Second, "hit=1"}, {30*time.Second + time.Millisecond, "unreadable=1"}} {
		t.Run(row.ahead.String(), func(t *testing.T) {
			issuer, err := resourcetest.NewIssuer(resourcetest.Config{Lifetime: 10 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			defer issuer.Close()
			fastRandom(t)
			store := newMemoryAnswers()
			configure := func(r *resource.Config, c *introspect.Config) {
				withAnswers(store)(r, c)
				c.AnswerTTL = time.Minute
			}
			var token string
			synctest.Test(t, func(t *testing.T) {
				fx := newFixture(t, issuer, configure)
				time.Sleep(row.ahead)
				token = fx.token(resourcetest.Token{IssuedAt: time.Now().Add(-row.ahead)})
				fx.expect("first process", token, 200, "")
			})
			synctest.Test(t, func(t *testing.T) { // the same time again: its clock is behind
				fx := newFixture(t, issuer, configure)
				fx.expect("second process", token, 200, "")
				fx.expectShared(row.shared)
				store.values = map[introspect.AnswerKey]storedValue{}
				fx.issuer.Revoke(token)
				time.Sleep(time.Minute)
				fx.expect("after AnswerTTL", token, 401, resource.ReasonInactive)
			})
		})
	}
}
