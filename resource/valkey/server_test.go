package valkey_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/valkey"
	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// 20 uses of one proof at the same time at six stores, with a real server: one is accepted.
func TestSimultaneousReplaysAtAServer(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{})
	stores := make([]*valkey.Store, 6)
	for i := range stores {
		stores[i] = openAt(t, server.Address())
	}
	for number := range 200 {
		simultaneousReplays(t, stores, number)
	}
}

// After a restart and after FLUSHALL, proofs that were made before are not accepted, and
// revocations have another Data.
func TestLostDataAtAServer(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*valkeytest.Server)
	}{
		{"restart", (*valkeytest.Server).Restart},
		{"FLUSHALL", func(s *valkeytest.Server) { s.Do("FLUSHALL") }},
		{"FLUSHDB", func(s *valkeytest.Server) { s.Do("FLUSHDB", "ASYNC") }},
		{"SWAPDB", func(s *valkeytest.Server) { s.Do("SWAPDB", "0", "1") }},
		{"SCRIPT FLUSH, which loses nothing", func(s *valkeytest.Server) { s.Do("SCRIPT", "FLUSH") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := valkeytest.Start(t, valkeytest.Options{})
			var l logs
			s := open(t, valkey.Config{Addresses: []string{server.Address()}, Timeout: 5 * time.Second, Logger: l.logger()})
			once(t, s, made(1, time.Now().Add(-time.Hour)), resource.ErrProofsLost)
			server.Do("SET", dataKey, server.Do("GET", dataKey)[:41]+strconv.FormatInt(start.Add(-2*time.Hour).UnixMilli(), 10))
			once(t, s, made(2, start.Add(-time.Hour)), nil)
			add(t, s, record(1, time.Hour))
			data := read(t, s, 0).Data
			row.change(server)
			lost := !strings.Contains(row.name, "loses nothing")
			want, answer := error(nil), resource.ErrReplayed
			if lost {
				want, answer = resource.ErrProofsLost, resource.ErrProofsLost
			}
			eventually(t, "the server answers", func() bool {
				err := s.Ready(t.Context())
				return err == nil
			})
			once(t, s, made(2, start.Add(-time.Hour)), answer)
			once(t, s, made(3, start.Add(-time.Hour)), want)
			once(t, s, proof(1, 4), nil)
			if page := read(t, s, 0); (page.Data != data) != lost || (len(page.Records) == 0) != lost {
				t.Errorf("got %+v after %s", page, data)
			}
			changed := float64(time.Now().Add(-time.Minute).Unix())
			if got := metric(t, s, "warder_store_data_since_timestamp_seconds", ""); (got > changed) != lost {
				t.Errorf("data_since: got %f", got)
			}
			if text := l.String(); lost && strings.Count(text, "may have lost data") == 0 {
				t.Errorf("got the log %s", text)
			}
		})
	}
}

// A full server rejects proofs and revocations. It does not evict. Revocations can still be read,
// because these errors do not open the circuit.
func TestFullServer(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{})
	s := openAt(t, server.Address())
	once(t, s, proof(1, 1), nil)
	server.Do("CONFIG", "SET", "maxmemory", "1")
	err := s.Replays().Once(t.Context(), proof(1, 2), time.Now().Add(time.Minute))
	if err == nil || errors.Is(err, resource.ErrProofsLost) || !strings.Contains(err.Error(), "OOM: the memory of the server is full: raise maxmemory") {
		t.Errorf("got %v", err)
	}
	if err := s.Revocations().Add(t.Context(), records(1, 2)); err == nil {
		t.Error("a revocation was added")
	}
	for n := range 20 {
		if got := use(t.Context(), s, n+2); !strings.Contains(got, "OOM") {
			t.Errorf("got %q", got)
		}
	}
	read(t, s, 0)
	server.Do("CONFIG", "SET", "maxmemory", "0")
	eventually(t, "proofs are accepted again", func() bool { return use(t.Context(), s, 2) == "" })
	once(t, s, proof(1, 1), resource.ErrReplayed)
}

// Proofs and revocations are errors while the server can evict keys, and answers are not.
func TestEviction(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, valkeytest.Options{Lines: []string{"maxmemory 100mb", "maxmemory-policy allkeys-lru"}})
	var l logs
	s := open(t, valkey.Config{Addresses: []string{server.Address()}, Timeout: 5 * time.Second, Logger: l.logger()})
	const want = "the server has the maxmemory-policy allkeys-lru, so it can evict proofs and revocations: set maxmemory-policy noeviction"
	failing := func() bool {
		_, readError := s.Revocations().Read(t.Context(), 0)
		for _, err := range []error{
			s.Replays().Once(t.Context(), proof(1, 1), time.Now().Add(time.Minute)),
			s.Revocations().Add(t.Context(), records(1, 2)), readError, s.Ready(t.Context()),
		} {
			if err == nil || !strings.Contains(err.Error(), want) {
				return false
			}
		}
		return true
	}
	if !failing() {
		t.Error("a call succeeded")
	}
	put(t, s, 1, []byte("x"), time.Minute)
	if value, _ := get(t, s, 1); string(value) != "x" {
		t.Errorf("got %q", value)
	}
	server.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	eventually(t, "proofs are accepted", func() bool { return use(t.Context(), s, 2) == "" })
	for _, policy := range []string{"volatile-ttl", "allkeys-lru"} {
		server.Do("CONFIG", "SET", "maxmemory-policy", policy)
		eventually(t, policy+" is noticed", func() bool { return strings.Contains(use(t.Context(), s, 3), policy) })
	}
	if !failing() {
		t.Error("a call succeeded")
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	eventually(t, "proofs are accepted without maxmemory", func() bool { return use(t.Context(), s, 4) == "" })
	if got := metric(t, s, "warder_store_calls_total", `operation="add",outcome="evicting"`); got != 2 {
		t.Errorf("got %v additions with the outcome evicting, want 2", got)
	}
	if text := l.String(); strings.Count(text, "level=ERROR") != 3 || strings.Count(text, "does not evict keys any more") != 2 {
		t.Errorf("got the log %s", text)
	}
}

// What a server can have evicted is lost, also after it was configured not to evict.
func TestEvictedKeysAreLost(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, valkeytest.Options{})
	a, b := openAt(t, server.Address()), openAt(t, server.Address())
	once(t, a, proof(1, 1), nil)
	once(t, b, proof(1, 2), nil)
	server.Do("SET", dataKey, server.Do("GET", dataKey)[:41]+strconv.FormatInt(start.Add(-2*time.Hour).UnixMilli(), 10))
	p := made(3, start.Add(-time.Hour))
	once(t, a, p, nil)
	data := read(t, a, 0).Data
	server.Do("CONFIG", "SET", "maxmemory-policy", "volatile-ttl", "maxmemory", "1") // evicts the proofs
	for _, s := range []*valkey.Store{a, b} {
		eventually(t, "eviction is noticed", func() bool { return strings.Contains(use(t.Context(), s, 4), "volatile-ttl") })
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	for _, s := range []*valkey.Store{a, b} {
		eventually(t, "the end of eviction is noticed", func() bool { return s.Ready(t.Context()) == nil })
		if got := read(t, s, 0).Data; got == data {
			t.Errorf("got the data %s as before", got)
		}
	}
	once(t, b, p, resource.ErrProofsLost)
	once(t, a, proof(1, 5), nil)
}

// A full server that has lost data still returns revocations.
func TestFullServerThatLostData(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, valkeytest.Options{})
	s := openAt(t, server.Address())
	add(t, s, record(1, time.Hour))
	data := read(t, s, 0).Data
	server.Do("CONFIG", "SET", "maxmemory", "1")
	server.Do("DEL", dataKey)
	if page := read(t, s, 0); page.Data == data || numbers(page.Records) != "[1]" {
		t.Errorf("got %+v after %s", page, data)
	}
	if got := use(t.Context(), s, 1); !strings.Contains(got, "OOM") {
		t.Errorf("got %q", got)
	}
}

// A server that is suspended, and one that is killed, cause errors. Calls succeed again when it is
// back.
func TestOutagesOfAServer(t *testing.T) {
	for _, row := range []struct {
		name      string
		end, back func(*valkeytest.Server)
		kept      bool // the data
	}{
		{"SIGSTOP", (*valkeytest.Server).Stop, (*valkeytest.Server).Continue, true},
		{"SIGKILL", (*valkeytest.Server).Kill, (*valkeytest.Server).Restart, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := valkeytest.Start(t, valkeytest.Options{})
			s := open(t, valkey.Config{Addresses: []string{server.Address()}, Timeout: time.Second})
			var notified atomic.Int32
			go func() {
				for t.Context().Err() == nil {
					_ = s.Revocations().Watch(t.Context(), func() { notified.Add(1) })
				}
			}()
			eventually(t, "the store is watched", func() bool { return notified.Load() == 1 })
			add(t, s, record(1, time.Hour))
			row.end(server)
			for n := range 20 {
				if got := use(t.Context(), s, n); got == "" {
					t.Error("a proof was accepted")
				}
				if value, _, err := s.Answers().Get(t.Context(), introspect.AnswerKey{}); err == nil {
					t.Errorf("got %q", value)
				}
			}
			row.back(server)
			eventually(t, "proofs are accepted again", func() bool { return use(t.Context(), s, 100) == "" })
			eventually(t, "the store is watched again", func() bool {
				before := notified.Load()
				add(t, s, record(int(before)+2, time.Hour))
				return notified.Load() > before
			})
			if got := strings.Contains(numbers(read(t, s, 0).Records), "[1 "); got != row.kept {
				t.Errorf("kept: got %t, want %t", got, row.kept)
			}
		})
	}
}

// Stores with other prefixes and databases share nothing.
func TestSeparateStores(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{})
	for _, c := range []valkey.Config{{Prefix: "other"}, {Prefix: "warde"}, {Database: 3}} {
		server.Do("FLUSHALL")
		a := openAt(t, server.Address())
		c.Addresses, c.Timeout = []string{server.Address()}, 5*time.Second
		b := open(t, c)
		for _, s := range []*valkey.Store{a, b} {
			once(t, s, proof(1, 1), nil)
			once(t, s, proof(1, 1), resource.ErrReplayed)
		}
		add(t, a, record(1, time.Hour))
		if page := read(t, b, 0); len(page.Records) != 0 {
			t.Errorf("got %+v", page)
		}
		put(t, a, 1, []byte("x"), time.Minute)
		if value, _ := get(t, b, 1); value != nil {
			t.Errorf("got %q", value)
		}
	}
}

// info returns a number from INFO.
func info(t *testing.T, server *valkeytest.Server, section, field string) int {
	t.Helper()
	for line := range strings.Lines(server.Do("INFO", section)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			n, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("INFO %s has no %s", section, field)
	return 0
}

// Large values, which someone who can write to the store has made, are not read.
func TestLargeValues(t *testing.T) {
	server := valkeytest.Start(t, valkeytest.Options{})
	s := openAt(t, server.Address())
	put(t, s, 1, []byte("x"), time.Minute)
	add(t, s, record(1, time.Hour))
	large := strings.Repeat("1", 1<<20)
	var key introspect.AnswerKey
	key[0] = 1
	sent := func() int { return info(t, server, "stats", "total_net_output_bytes") }
	before := sent()
	server.Do("SETRANGE", "{warder}:a:"+string(key[:]), "0", large)
	if value, _ := get(t, s, 1); len(value) != 32<<10 {
		t.Errorf("got a value of %d bytes", len(value))
	}
	server.Do("SET", "{warder}:generation", large)
	if _, _, err := s.Answers().Get(t.Context(), key); err == nil {
		t.Error("got a generation")
	}
	server.Do("ZADD", "{warder}:revoked", "2", large)
	server.Do("SET", "{warder}:revoked-last", "2")
	if page, err := s.Revocations().Read(t.Context(), 0); err == nil {
		t.Errorf("got %d revocations", len(page.Records))
	}
	server.Do("SET", dataKey, server.Do("GET", dataKey)+large)
	once(t, s, made(1, time.Now()), resource.ErrProofsLost)
	if got := sent() - before; got > 200<<10 {
		t.Errorf("the server sent %d bytes", got)
	}
}

// Proofs and revocations take the documented memory.
func TestMemory(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, valkeytest.Options{})
	s := open(t, valkey.Config{Addresses: []string{server.Address()}, Timeout: 5 * time.Second, MaxProofsPerKey: 1_000_000})
	used := func() int { return info(t, server, "memory", "used_memory") }
	const n = 16000 // so that the tables of the server are nearly full
	once(t, s, proof(0, 0), nil)
	add(t, s, records(0, 1)...)
	before := used()
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			for i := worker; i < n; i += 16 {
				once(t, s, proof(0, i+1), nil)
			}
		})
	}
	all.Wait()
	if got := (used() - before) / n; got > 120 {
		t.Errorf("a proof takes %d bytes, want at most 120", got)
	}
	before = used()
	add(t, s, records(1, n)...)
	if got := (used() - before) / n; got > 290 {
		t.Errorf("a revocation takes %d bytes, want at most 290", got)
	}
}
