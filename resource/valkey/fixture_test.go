package valkey_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
)

const dataKey = "{warder}:data"

// logs collects log records. It is safe for concurrent use.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// open returns a store that is closed at the end of the test.
func open(t testing.TB, c valkey.Config) *valkey.Store {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := valkey.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// openAt returns a store at an address, with a timeout that a busy machine does not exceed.
func openAt(t testing.TB, address string) *valkey.Store {
	t.Helper()
	return open(t, valkey.Config{Addresses: []string{address}, Timeout: 5 * time.Second})
}

// mini is a miniredis with the parts of INFO that the store needs.
type mini struct {
	*miniredis.Miniredis
	run    atomic.Value // string: run_id of the server
	memory atomic.Value // string: INFO memory
}

const noEviction = "maxmemory:0\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n"

func startMini(t *testing.T) *mini {
	t.Helper()
	return startMiniAt(t, "127.0.0.1:0")
}

func startMiniAt(t *testing.T, address string) *mini {
	t.Helper()
	m := &mini{Miniredis: miniredis.NewMiniRedis()}
	if err := m.StartAddr(address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.run.Store("aaaa")
	m.memory.Store(noEviction)
	m.Server().SetPreHook(func(c *server.Peer, command string, arguments ...string) bool {
		if command != "INFO" {
			return false
		}
		if len(arguments) == 1 && arguments[0] == "server" {
			c.WriteBulk("# Server\r\nredis_version:7.0.0\r\nrun_id:" + m.run.Load().(string) + "\r\n")
		} else {
			c.WriteBulk("# Memory\r\n" + m.memory.Load().(string))
		}
		return true
	})
	return m
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(time.Minute)
	for !condition() {
		select {
		case <-ticker.C:
		case <-limit:
			t.Fatalf("this did not happen: %s", what)
		}
	}
}

// proof returns a proof that was made an hour in the future, so that no data that it needs was
// lost.
func proof(key, number int) resource.ProofID {
	p := resource.ProofID{MadeAfter: time.Now().Add(time.Hour)}
	binary.BigEndian.PutUint64(p.Key[24:], uint64(key))
	binary.BigEndian.PutUint64(p.Proof[24:], uint64(number))
	return p
}

// start is when the tests began. Records with the same number and duration are equal.
var start = time.Now()

// record returns a record that ends a duration after the start of the tests.
func record(number int, lasts time.Duration) revocation.Record {
	r := revocation.Record{Name: [16]byte{1}, Until: start.Add(lasts).Unix()}
	binary.BigEndian.PutUint64(r.Name[8:], uint64(number))
	return r
}

func records(from, to int) (all []revocation.Record) {
	for i := from; i < to; i++ {
		all = append(all, record(i, time.Hour))
	}
	return all
}

// numbers returns the numbers of records.
func numbers(all []revocation.Record) string {
	var found []int
	for _, r := range all {
		found = append(found, int(binary.BigEndian.Uint64(r.Name[8:])))
	}
	return fmt.Sprint(found)
}
