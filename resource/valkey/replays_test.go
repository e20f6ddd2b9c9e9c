package valkey_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/valkey"
)

func once(t *testing.T, s *valkey.Store, p resource.ProofID, want error) {
	t.Helper()
	if err := s.Replays().Once(t.Context(), p, time.Now().Add(time.Minute)); !errors.Is(err, want) {
		t.Errorf("Once: got %v, want %v", err, want)
	}
}

// A proof is accepted once, by all stores together.
func TestOnce(t *testing.T) {
	m := startMini(t)
	a, b := openAt(t, m.Addr()), openAt(t, m.Addr())
	once(t, a, proof(1, 1), nil)
	once(t, a, proof(1, 1), resource.ErrReplayed)
	once(t, b, proof(1, 1), resource.ErrReplayed)
	once(t, b, proof(1, 2), nil)
	once(t, a, proof(2, 1), nil)
}

// Proofs are stored for ten seconds longer than the given time, and with them the count of their key.
// A process whose clock is five seconds slow, and whose call takes five seconds, still finds the proof.
func TestProofsExpire(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	until := time.Now().Add(time.Minute)
	if err := s.Replays().Once(t.Context(), proof(1, 1), until); err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, key := range m.Keys() {
		if key != dataKey {
			keys++
			if ttl, least := m.TTL(key), time.Until(until)+10*time.Second-time.Millisecond; ttl > 70*time.Second || ttl < least {
				t.Errorf("%q: got TTL %s, want at least %s and at most 70 s", key, ttl, least)
			}
		}
	}
	if keys != 2 {
		t.Errorf("got %d keys, want the proof and the count", keys)
	}
	m.FastForward(69 * time.Second)
	once(t, s, proof(1, 1), resource.ErrReplayed)
	m.FastForward(2 * time.Second)
	if got := m.Keys(); len(got) != 1 || got[0] != dataKey {
		t.Errorf("after the time: got the keys %q", got)
	}
	once(t, s, proof(1, 1), nil)
}

// A proof that has expired is an error, and is not sent.
func TestExpiredProof(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	for _, until := range []time.Time{{}, time.Now().Add(-time.Second), time.Now()} {
		if err := s.Replays().Once(t.Context(), proof(1, 1), until); err == nil {
			t.Errorf("%s: accepted", until)
		}
	}
	if got := m.Keys(); len(got) != 0 {
		t.Errorf("got the keys %q", got)
	}
}

// A proof that expires in less than a millisecond is accepted.
func TestLastMillisecond(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	once(t, s, proof(1, 0), nil)
	number := 0
	eventually(t, "a proof is stored", func() bool { // unless it expires before the call looks at the clock
		number++
		return s.Replays().Once(t.Context(), proof(1, number), time.Now().Add(999*time.Microsecond)) == nil
	})
}

// One key of a client has a limited number of proofs, and the proofs over the limit are not stored.
// The count begins again when its first proof expires.
func TestProofsPerKey(t *testing.T) {
	m := startMini(t)
	s := open(t, valkey.Config{Addresses: []string{m.Addr()}, MaxProofsPerKey: 2, Timeout: 5 * time.Second})
	once(t, s, proof(1, 1), nil)
	m.FastForward(30 * time.Second)
	once(t, s, proof(1, 2), nil)
	before := len(m.Keys())
	once(t, s, proof(1, 3), resource.ErrTooManyProofs)
	once(t, s, proof(1, 3), resource.ErrTooManyProofs) // not ErrReplayed: it was not used
	if got := len(m.Keys()); got != before {
		t.Errorf("got %d keys, want %d", got, before)
	}
	once(t, s, proof(1, 1), resource.ErrReplayed)
	once(t, s, proof(2, 1), nil)
	m.FastForward(41 * time.Second)
	once(t, s, proof(1, 3), nil)
	once(t, s, proof(1, 2), resource.ErrReplayed)
}

// 20 uses of one proof at the same time at six stores: one is accepted.
func TestSimultaneousReplays(t *testing.T) {
	s := startMini(t)
	stores := make([]*valkey.Store, 6)
	for i := range stores {
		stores[i] = openAt(t, s.Addr())
	}
	for number := range 20 {
		simultaneousReplays(t, stores, number)
	}
}

func simultaneousReplays(t *testing.T, stores []*valkey.Store, number int) {
	t.Helper()
	var accepted atomic.Int32
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range 20 {
		all.Go(func() {
			<-begin
			switch err := stores[i%len(stores)].Replays().Once(t.Context(), proof(1, number), time.Now().Add(time.Minute)); {
			case err == nil:
				accepted.Add(1)
			case !errors.Is(err, resource.ErrReplayed):
				t.Errorf("got %v", err)
			}
		})
	}
	close(begin)
	all.Wait()
	if got := accepted.Load(); got != 1 {
		t.Errorf("proof %d: accepted %d times, want once", number, got)
	}
}

// Keys do not contain what identifies a proof or a client.
func TestKeysOfProofs(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	p := proof(1, 1)
	once(t, s, p, nil)
	for _, key := range m.Keys() {
		if len(key) > len("{warder}:p:")+16 {
			t.Errorf("%q is longer than 16 bytes after the prefix", key)
		}
	}
	for _, other := range []resource.ProofID{
		{Key: p.Key, Proof: [32]byte{31: 2}, MadeAfter: p.MadeAfter},
		{Key: [32]byte{31: 2}, Proof: p.Proof, MadeAfter: p.MadeAfter},
		{Key: [32]byte{0: 1, 31: 1}, Proof: p.Proof, MadeAfter: p.MadeAfter},
	} {
		if err := s.Replays().Once(t.Context(), other, time.Now().Add(time.Minute)); err != nil {
			t.Errorf("another proof: %v", err)
		}
	}
	if got, want := len(m.Keys()), 1+4+3; got != want {
		t.Errorf("got %d keys, want %d: %s", got, want, fmt.Sprintf("%q", m.Keys()))
	}
}
