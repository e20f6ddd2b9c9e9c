package replaycache_test

import (
	"encoding/binary"
	"flag"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/replaycache"
)

var drill = flag.Bool("drill", false, "run the test with millions of proofs")

// window is how long after iat a proof is accepted.
const window = 60 * time.Second

// load is a sequence of new proofs.
type load struct {
	rate int // per second
	keys int
}

// proof returns the key and the use of a proof, with pseudorandom digests (SplitMix64), because
// SHA-256 would take longer than the cache. now is the time at which the proof arrives, and until
// the end of its window, since iat is in full seconds.
func (l load) proof(n int) (key, use [32]byte, now, until time.Time) {
	now = start.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
	return scatter(uint64(n%l.keys) << 8), scatter(uint64(n)<<8 | 1<<63), now, now.Truncate(time.Second).Add(window)
}

func scatter(seed uint64) (d [32]byte) {
	for i := range 4 {
		seed += 0x9e3779b97f4a7c15
		z := (seed ^ seed>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(d[8*i:], z^z>>31)
	}
	return d
}

// heap returns the bytes of all reachable objects, and the number of all allocations until now.
func heap() (bytes, allocations int) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc), int(m.Mallocs)
}

// The package comment says how much memory an entry needs.
func TestBytesPerEntry(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("needs a second, and the memory of the race detector would be counted")
	}
	const entries = 1_000_000
	for _, row := range []struct {
		name            string
		keys, low, high int
	}{
		{"1000 keys", 1000, 24, 40},
		{"a key for each proof", entries, 40, 64},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := load{entries / int(window/time.Second), row.keys}
			before, _ := heap()
			c := replaycache.New(replaycache.Limits{Entries: entries, PerKey: entries})
			for n := range entries {
				if key, use, now, until := l.proof(n); c.Once(key, use, now, until) != replaycache.First {
					break
				}
			}
			after, _ := heap()
			_, _, now, _ := l.proof(0)
			if got := c.Entries(now); got != entries {
				t.Fatalf("got %d entries, want %d", got, entries)
			}
			each := float64(after-before) / entries
			t.Logf("%.1f bytes for an entry", each)
			if each < float64(row.low) || each > float64(row.high) {
				t.Errorf("got %.1f bytes for an entry, want %d to %d", each, row.low, row.high)
			}
		})
	}
}

// 100,000 new proofs per second, in simulated time, until the number of entries is constant, and
// then for another window. go test -run TestDrill -v ./internal/replaycache -drill prints the
// figures. They depend on the machine and on its other load.
func TestDrill(t *testing.T) {
	if !*drill {
		t.Skip("without -drill")
	}
	for _, keys := range []int{1000, 1 << 30} {
		l := load{100_000, keys}
		before, _ := heap()
		c := replaycache.New(replaycache.Limits{Entries: 7_000_000, PerKey: 7_000_000})
		window := l.rate * int(window/time.Second)
		var total, longest time.Duration
		slow, earlier := 0, 0
		for n := range 2 * window {
			if n == window {
				_, earlier = heap()
			}
			key, use, now, until := l.proof(n)
			begin := time.Now()
			result := c.Once(key, use, now, until)
			took := time.Since(begin)
			if result != replaycache.First {
				t.Fatalf("proof %d: got %q", n, result)
			}
			if n < window {
				continue
			}
			total += took
			longest = max(longest, took)
			if took > 100*time.Microsecond {
				slow++
			}
		}
		after, allocations := heap()
		entries := c.Entries(start)
		if entries < window || entries > window+5*l.rate {
			t.Errorf("got %d entries, want %d and those of at most one generation", entries, window)
		}
		t.Logf("%d keys: %d entries of %.1f bytes, %v and %.4f allocations for a call, longest call %v, %d of %d calls longer than 100µs",
			min(keys, 2*window), entries, float64(after-before)/float64(entries), total/time.Duration(window), float64(allocations-earlier)/float64(window), longest, slow, window)
		runtime.KeepAlive(c)
	}
}

// New proofs of 1000 clients, 10,000 per second in simulated time.
func BenchmarkOnce(b *testing.B) {
	l := load{10_000, 1000}
	c := replaycache.New(replaycache.Limits{Entries: 1 << 20, PerKey: 1 << 20})
	steady := l.rate * int(window/time.Second)
	for n := range steady {
		c.Once(l.proof(n))
	}
	var next atomic.Int64
	next.Store(int64(steady))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if c.Once(l.proof(int(next.Add(1)))) == replaycache.Full {
				b.Error("the cache is full")
			}
		}
	})
}
