package jwks_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource"
)

// withKeysFunc runs a test with keys from a function. log returns what was logged since the
// last call.
func withKeysFunc(t *testing.T, keys func(w *fixture, ctx context.Context) ([]byte, error), test func(w *fixture, log func() string)) {
	t.Helper()
	var w *fixture
	var written strings.Builder
	change := func(_ *resource.Config, c *jwks.Config) {
		c.Transport = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("unexpected request") })
		c.KeysFunc = func(ctx context.Context) ([]byte, error) { return keys(w, ctx) }
		c.Logger = slog.New(slog.NewTextHandler(&written, nil))
	}
	withFixtureConfig(t, change, func(f *fixture) {
		w = f
		test(w, func() string {
			synctest.Wait()
			defer written.Reset()
			return written.String()
		})
	})
}

func TestKeysFunc(t *testing.T) {
	var calls atomic.Int32
	keys := func(w *fixture, _ context.Context) ([]byte, error) {
		calls.Add(1)
		return w.set(), nil
	}
	withKeysFunc(t, keys, func(w *fixture, log func() string) {
		if calls.Load() != 0 {
			w.Error("New has called the function")
		}
		statuses, _ := w.crowd(repeat(20, func(int) string { return w.token() }))
		if got := summary(statuses); got != "20×200" || calls.Load() != 1 {
			w.Errorf("got %s with %d calls, want one call", got, calls.Load())
		}
		old := w.token()
		w.rotated()
		w.expect("a new key, which causes a call", w.token(), http.StatusOK)
		w.expect("a withdrawn key", old, http.StatusUnauthorized)
		before := calls.Load()
		for range 8 {
			time.Sleep(2 * time.Minute)
			w.expect("later", w.token(), http.StatusOK)
		}
		synctest.Wait()
		if n := calls.Load() - before; n != 1 {
			w.Errorf("%d calls in 16 minutes, want 1", n)
		}
		if text := log(); text != "" {
			w.Errorf("logged %s", text)
		}
	})
}

// A function that fails is like a server that fails: 503 while there are no keys.
func TestKeysFuncFails(t *testing.T) {
	for _, row := range []struct {
		name, outcome, want string
		call                func(ctx context.Context) ([]byte, error)
	}{
		{"an error", "other", "keyset: KeysFunc: vault is sealed", func(context.Context) ([]byte, error) { return []byte(`{"keys":[]}`), errors.New("vault is sealed") }},
		{"a panic", "panic", "keyset: KeysFunc panicked", func(context.Context) ([]byte, error) { panic("s3cret") }},
		{"the end of the goroutine", "panic", "keyset: KeysFunc panicked", func(context.Context) ([]byte, error) { runtime.Goexit(); return nil, nil }},
		{"nil", "malformed", "keyset: KeysFunc: malformed JSON: unexpected end at byte 0", func(context.Context) ([]byte, error) { return nil, nil }},
		{"no keys", "empty", "keyset: KeysFunc: no usable key in the document", func(context.Context) ([]byte, error) { return []byte(`{"keys":[]}`), nil }},
		{"too many bytes", "too_large", "keyset: KeysFunc returned more than 524288 bytes", func(context.Context) ([]byte, error) { return bytes.Repeat([]byte(" "), 512<<10+1), nil }},
		{"no answer in time", "timeout", "keyset: KeysFunc took longer than 5s", func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, context.Cause(ctx) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			withKeysFunc(t, func(_ *fixture, ctx context.Context) ([]byte, error) { return row.call(ctx) }, func(w *fixture, log func() string) {
				w.expect("a token", w.token(), http.StatusServiceUnavailable)
				time.Sleep(5 * time.Second)
				text := log()
				if !strings.Contains(text, "outcome="+row.outcome+" ") || !strings.Contains(text, `error="`+row.want+`"`) || strings.Contains(text, "s3cret") {
					w.Errorf("want outcome %s and %s; logged %s", row.outcome, row.want, text)
				}
			})
		})
	}
}

// A function that ignores the end of its context is not called again before it has returned:
// goroutines would accumulate. The keys that are known are used meanwhile.
func TestKeysFuncThatHangs(t *testing.T) {
	var calls atomic.Int32
	release := make(chan struct{})
	keys := func(w *fixture, _ context.Context) ([]byte, error) {
		if calls.Add(1) == 2 {
			<-release
		}
		return w.set(), nil
	}
	withKeysFunc(t, keys, func(w *fixture, log func() string) {
		release = make(chan struct{}) // in the bubble
		w.expect("first", w.token(), http.StatusOK)
		for range 60 {
			time.Sleep(time.Minute)
			if status, took := w.ask(w.token()); status != http.StatusOK || took > 0 {
				w.Fatalf("got %d after %s", status, took)
			}
		}
		if text := log(); calls.Load() != 2 || !strings.Contains(text, `error="keyset: KeysFunc took longer than 5s"`) ||
			!strings.Contains(text, `error="keyset: KeysFunc has not returned from its previous call, although its context has ended"`) {
			w.Errorf("%d calls, want 2; logged %s", calls.Load(), text)
		}
		close(release)
		time.Sleep(time.Minute)
		w.ask(w.token())
		synctest.Wait()
		if calls.Load() != 3 {
			w.Errorf("%d calls after the function has returned, want 3", calls.Load())
		}
	})
}

func TestKeysFuncMistakes(t *testing.T) {
	keys := func(context.Context) ([]byte, error) { return nil, nil }
	for name, c := range map[string]jwks.Config{
		"and URL":  {KeysFunc: keys, URL: "https://as.example/keys"},
		"and File": {KeysFunc: keys, File: "keys.json"},
		"and Keys": {KeysFunc: keys, Keys: []byte(`{"keys":[` + p256JWK + `]}`)},
	} {
		c.Issuer = "https://as.example"
		_, err := jwks.New(c)
		if want := "jwks: configuration: URL, File, Keys, KeysFunc: more than one is set; keep one, or none for discovery"; err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := jwks.New(jwks.Config{Issuer: "https://as.example", KeysFunc: keys, BearerToken: "t"})
	if want := "jwks: configuration: BearerToken: File, Keys and KeysFunc send no requests that need a token; remove it"; err == nil || err.Error() != want {
		t.Errorf("with a token: %v", err)
	}
}
