package valkey_test

import (
	"bytes"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource/valkey"
)

func get(t *testing.T, s *valkey.Store, key byte) ([]byte, int64) {
	t.Helper()
	value, generation, err := s.Answers().Get(t.Context(), introspect.AnswerKey{key})
	if err != nil {
		t.Fatal(err)
	}
	return value, generation
}

func put(t *testing.T, s *valkey.Store, key byte, value []byte, ttl time.Duration) {
	t.Helper()
	if err := s.Answers().Put(t.Context(), introspect.AnswerKey{key}, value, ttl); err != nil {
		t.Fatal(err)
	}
}

// Put replaces, and removes without a time. A value expires.
func TestAnswers(t *testing.T) {
	m := startMini(t)
	a, b := openAt(t, m.Addr()), openAt(t, m.Addr())
	large := bytes.Repeat([]byte{0, '\r', '\n', 0xff}, 17<<8) // 17 KiB
	if value, generation := get(t, a, 1); value != nil || generation != 0 {
		t.Errorf("absent: got %q, %d", value, generation)
	}
	put(t, a, 1, []byte("old"), time.Minute)
	put(t, a, 2, []byte("other"), time.Hour)
	put(t, a, 1, large, time.Minute)
	if value, _ := get(t, b, 1); !bytes.Equal(value, large) {
		t.Errorf("got %d bytes", len(value))
	}
	m.FastForward(time.Minute)
	if value, _ := get(t, a, 1); value != nil {
		t.Errorf("expired: got %d bytes", len(value))
	}
	for _, ttl := range []time.Duration{0, -time.Second} {
		put(t, a, 2, []byte("other"), time.Hour)
		put(t, b, 2, []byte("ignored"), ttl)
		if value, _ := get(t, a, 2); value != nil {
			t.Errorf("ttl %s: got %q", ttl, value)
		}
	}
}

// PutNew stores a value only if the key is absent or has expired. It is a lock for all stores.
func TestPutNew(t *testing.T) {
	m := startMini(t)
	stores := []*valkey.Store{openAt(t, m.Addr()), openAt(t, m.Addr())}
	lock := func(i int) bool {
		stored, err := stores[i%2].Answers().PutNew(t.Context(), introspect.AnswerKey{1}, []byte{byte(i)}, 2*time.Second)
		if err != nil {
			t.Error(err)
		}
		return stored
	}
	var locked atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if lock(i) {
				locked.Add(1)
			}
		})
	}
	all.Wait()
	if got := locked.Load(); got != 1 {
		t.Errorf("stored %d times, want once", got)
	}
	m.FastForward(2 * time.Second)
	if !lock(0) || lock(1) {
		t.Error("the lock does not expire, or is stored twice")
	}
	if value, _ := get(t, stores[1], 1); !bytes.Equal(value, []byte{0}) {
		t.Errorf("got %q", value)
	}
	put(t, stores[0], 1, nil, 0)
	if !lock(1) {
		t.Error("the lock was not removed")
	}
}

// Purge raises the generation, and never lowers it. The generation does not expire.
func TestPurge(t *testing.T) {
	m := startMini(t)
	a, b := openAt(t, m.Addr()), openAt(t, m.Addr())
	for _, row := range []struct{ purge, want int64 }{
		{7, 7}, {6, 7}, {7, 7}, {10, 10}, {9, 10}, {1 << 53, 1 << 53}, {1<<53 + 1, 1<<53 + 1}, {1 << 53, 1<<53 + 1},
		{math.MaxInt64, math.MaxInt64}, {math.MaxInt64 - 1, math.MaxInt64}, {0, math.MaxInt64},
	} {
		if err := a.Answers().Purge(t.Context(), row.purge); err != nil {
			t.Fatal(err)
		}
		m.FastForward(1000 * time.Hour)
		if _, got := get(t, b, 1); got != row.want {
			t.Errorf("after %d: got %d, want %d", row.purge, got, row.want)
		}
	}
	if err := a.Answers().Purge(t.Context(), -1); err == nil {
		t.Error("a negative generation was accepted")
	}
}

// A generation that is not a number is an error, whose text does not contain it. It opens no circuit and ends
// no connection, because it is about answers only.
func TestBadGeneration(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	for number, generation := range []string{"secret", "99999999999999999999", "1.5", strings.Repeat("1", 1<<16)} {
		_ = m.Set("{warder}:generation", generation)
		for range 10 {
			_, _, err := s.Answers().Get(t.Context(), introspect.AnswerKey{})
			if want := "valkey: get: the key generation is not a number: remove it, or set another Prefix"; err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		once(t, s, proof(1, number), nil)
	}
	if n := m.TotalConnectionCount(); n != 1 {
		t.Errorf("got %d connections, want 1", n)
	}
}
