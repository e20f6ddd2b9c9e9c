package handles_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/warder-go/warder/resource/handles"
)

func TestHandlesConfig(t *testing.T) {
	valid := bytes.Repeat([]byte("s"), 32)
	c := handles.Config{Purpose: strings.Repeat("p", 256), Keys: [][]byte{valid, valid[:31], valid}, Lifetime: -1}
	_, err := handles.New(c)
	want := `handles: configuration: Purpose: 256 bytes; say in 1 to 255 bytes what the handles are for
Keys: key 2 has 31 bytes; want at least 32 random bytes
key 3 equals key 1: remove one of them
Lifetime: -1ns is under a second; use 0 for 1h0m0s`
	if fmt.Sprint(err) != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
	_, err = handles.New(handles.Config{})
	want = "handles: configuration: Purpose: 0 bytes; say in 1 to 255 bytes what the handles are for\nKeys: none; configure 1 to 8"
	if fmt.Sprint(err) != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
	if _, err = handles.New(handles.Config{Purpose: "p", Keys: make([][]byte, 9)}); err == nil || !strings.Contains(err.Error(), "Keys: has 9 keys; at most 8 are possible: remove the oldest ones") {
		t.Errorf("nine keys: got %v", err)
	}
}

// The caller can overwrite the keys after New. Printing a Config or a Binder does not show them.
func TestKeysAreCopiedAndNotPrinted(t *testing.T) {
	key := []byte("a secret of 32 bytes, no one else")
	c := handles.Config{Purpose: "task", Keys: [][]byte{key}}
	h, err := handles.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "handles", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "handles", h, "value", *h)
	encoded, _ := json.Marshal(c)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %x", c, c, c, c, c), fmt.Sprintf("%v %+v %#v %s %x %v", h, h, h, h, h, *h), log.String(), string(encoded)} {
		for _, shown := range []string{"secret", fmt.Sprint(key), fmt.Sprintf("%x", key), fmt.Sprintf("%#v", key), base64.StdEncoding.EncodeToString(key)} {
			if strings.Contains(text, shown) {
				t.Errorf("%q shows %q", text, shown)
			}
		}
	}
	alice := callerOf(t, oneIssuer, "alice")
	bound := bind(t, h, alice, "task-42")
	clear(key)
	if got, err := h.Open(alice, bound); got != "task-42" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestHandlesAreUnique(t *testing.T) {
	alice, h := callerOf(t, oneIssuer, "alice"), newHandles(t, "task", 1, 2)
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				bound, err := h.Bind(alice, "task-42")
				if got, openErr := h.Open(alice, bound); err != nil || openErr != nil || got != "task-42" {
					t.Errorf("got %q, %v, %v", got, err, openErr)
				}
				mu.Lock()
				seen[bound] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != 1600 {
		t.Errorf("%d different handles, want 1600", len(seen))
	}
}

// Only approved cryptography is used. The FIPS mode is set at process start.
func TestHandlesInFIPSMode(t *testing.T) {
	if os.Getenv("WARDER_TEST_FIPS") != "" {
		alice, h := callerOf(t, oneIssuer, "alice"), newHandles(t, "task", 1, 2)
		if got, err := h.Open(alice, bind(t, h, alice, "task-42")); got != "task-42" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHandlesInFIPSMode$", "-test.v")
	child.Env = append(os.Environ(), "GODEBUG=fips140=only", "WARDER_TEST_FIPS=1")
	out, err := child.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestHandlesInFIPSMode")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// Open accepts only handles that Bind made for the same caller, and returns the original text. A
// handle that was cut, changed or extended is rejected.
func FuzzOpen(f *testing.F) {
	alice, bob, h := callerOf(f, oneIssuer, "alice"), callerOf(f, oneIssuer, "bob"), newHandles(f, "task", 1, 2)
	f.Add("task-42", 0, 0, "", "task-42")
	f.Add("task-42", 5, 1, "A", "")
	f.Add("\x00", 10, 0, "\n", "AQ")
	f.Add(strings.Repeat("x", 1000), 1<<20, 3, "AQ==", "AQAAAA")
	f.Fuzz(func(t *testing.T, handle string, at, cut int, insert, text string) {
		if _, err := h.Open(alice, text); err == nil {
			t.Fatalf("%q opened", text)
		}
		bound, err := h.Bind(alice, handle)
		if err != nil {
			if handle != "" && len(handle) <= (16<<10) {
				t.Fatal(err)
			}
			return
		}
		at = min(max(at, 0), len(bound))
		cut = min(max(cut, 0), len(bound)-at)
		changed := bound[:at] + insert + bound[at+cut:]
		got, err := h.Open(alice, changed)
		if (err == nil) != (changed == bound) || err == nil && got != handle || err != nil && !isErrInvalid(err) {
			t.Fatalf("%q, from %q, became %q, %v", changed, bound, got, err)
		}
		if _, err := h.Open(bob, bound); err == nil {
			t.Fatal("opened for another caller")
		}
	})
}

func BenchmarkHandles(b *testing.B) {
	alice, h := callerOf(b, oneIssuer, "alice"), newHandles(b, "task", 1)
	bound := bind(b, h, alice, "6e2f1f0e-7d5b-4d0a-9c53-3d1f2f8f2f10")
	b.Run("Bind", func(b *testing.B) {
		for b.Loop() {
			_, _ = h.Bind(alice, "6e2f1f0e-7d5b-4d0a-9c53-3d1f2f8f2f10")
		}
	})
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			_, _ = h.Open(alice, bound)
		}
	})
}
