package replaycache_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/replaycache"
)

var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// after returns the time some seconds after the start.
func after(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

// digest returns the digest that stands for the key or the use with this name.
func digest(name string) [32]byte { return sha256.Sum256([]byte(name)) }

// numbered returns the digest with this number.
func numbered(n int) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// RFC 9449 §11.1: a proof is accepted only once while it is valid.
func TestOnce(t *testing.T) {
	type call struct {
		key, use   string
		now, until float64 // seconds after the start
		want       replaycache.Result
	}
	const first, replayed, expired, keyFull, full = replaycache.First, replaycache.Replayed, replaycache.Expired, replaycache.KeyFull, replaycache.Full
	for _, row := range []struct {
		name  string
		calls []call
	}{
		{"two proofs", []call{{"a", "1", 0, 60, first}, {"a", "2", 0, 60, first}}},
		{"a replay", []call{{"a", "1", 0, 60, first}, {"a", "1", 0, 60, replayed}, {"a", "1", 59.999, 60, replayed}}},
		{"at the end", []call{{"a", "1", 0, 60, first}, {"a", "1", 60, 60, expired}, {"a", "1", 61, 60, expired}}},
		{"within a second", []call{{"a", "1", 0.3, 60.5, first}, {"a", "1", 60.499, 60.5, replayed}, {"a", "1", 60.5, 60.5, expired}}},
		{"already expired", []call{{"a", "1", 1, 1, expired}, {"a", "1", 2, 1, expired}, {"a", "1", 1, 2, first}}},
		{"the same jti with another iat", []call{{"a", "1", 0, 60, first}, {"a", "1", 1, 61, replayed}, {"a", "1", 59.999, 119, replayed}, {"a", "1", 60, 120, first}}},
		{"the same jti with an earlier iat", []call{{"a", "1", 0, 60, first}, {"a", "1", 1, 30, replayed}, {"a", "1", 59.999, 70, replayed}}},
		{"a later call does not extend the time", []call{{"a", "1", 0, 10, first}, {"a", "1", 9, 69, replayed}, {"a", "1", 10, 70, first}}},
		{"others in its generation extend the time by less than 5 s", []call{{"a", "1", 0, 50, first}, {"a", "2", 0, 54, first}, {"a", "1", 53.999, 99, replayed}, {"a", "1", 54, 99, first}}},
		{"another generation does not extend the time", []call{{"a", "1", 0, 54, first}, {"a", "2", 0, 55, first}, {"a", "1", 54, 99, first}, {"a", "2", 54, 99, replayed}}},
		{"the quota of one key", []call{{"a", "1", 0, 60, first}, {"a", "2", 0, 70, first}, {"a", "3", 0, 60, keyFull}, {"b", "4", 0, 60, first}}},
		{"a replay when the quota is full", []call{{"a", "1", 0, 60, first}, {"a", "2", 0, 60, first}, {"a", "1", 0, 60, replayed}, {"a", "2", 0, 60, replayed}}},
		{"a quota that expires", []call{{"a", "1", 0, 60, first}, {"a", "2", 0, 70, first}, {"a", "3", 59.999, 99, keyFull}, {"a", "3", 60, 99, first}, {"a", "4", 60, 99, keyFull}}},
		{"a rejected proof is not stored", []call{{"a", "1", 0, 60, first}, {"a", "2", 0, 60, first}, {"a", "3", 0, 90, keyFull}, {"a", "3", 60, 90, first}}},
		{"full", []call{{"a", "1", 0, 60, first}, {"a", "2", 0, 60, first}, {"b", "3", 0, 60, first}, {"c", "4", 0, 60, full}, {"a", "1", 0, 60, replayed}, {"b", "3", 0, 60, replayed}, {"a", "5", 0, 60, keyFull}}},
		{"full until a proof of another key expires", []call{{"a", "1", 0, 60, first}, {"b", "2", 0, 70, first}, {"c", "3", 0, 70, first}, {"d", "4", 59.999, 99, full}, {"d", "4", 60, 99, first}, {"e", "5", 60, 99, full}, {"e", "5", 61, 99, full}}},
		{"the clock steps back", []call{{"a", "1", 0, 60, first}, {"a", "2", 100, 160, first}, {"a", "1", 0, 60, expired}, {"a", "3", 0, 60, expired}, {"a", "3", 0, 61, first}, {"a", "2", 0, 160, replayed}}},
		{"the clock steps forward and back", []call{{"a", "1", 0, 60, first}, {"a", "2", 86400, 86460, first}, {"a", "1", 1, 60, expired}, {"a", "3", 2, 62, first}, {"a", "3", 3, 62, replayed}, {"a", "2", 3, 86460, replayed}}},
		{"the clock steps back after proofs expired in another order", []call{{"a", "1", 0, 100, first}, {"a", "2", 0, 60, first}, {"a", "3", 200, 260, first}, {"a", "1", 0, 100, expired}, {"a", "4", 0, 101, first}}},
		{"a time that is far away", []call{{"a", "1", 0, 1e9, first}, {"a", "1", 1e9 - 1, 1e9, replayed}, {"a", "1", 1e9, 1e9 + 1, first}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := replaycache.New(replaycache.Limits{Entries: 3, PerKey: 2})
			for n, call := range row.calls {
				if got := c.Once(digest(call.key), digest(call.use), after(call.now), after(call.until)); got != call.want {
					t.Errorf("call %d: got %q, want %q", n+1, got, call.want)
				}
			}
		})
	}
}

// Without limits, no proof is accepted.
func TestLimitsOfZero(t *testing.T) {
	for _, row := range []struct {
		limits replaycache.Limits
		want   replaycache.Result
	}{
		{replaycache.Limits{}, replaycache.KeyFull},
		{replaycache.Limits{PerKey: 1}, replaycache.Full},
		{replaycache.Limits{Entries: 1}, replaycache.KeyFull},
		{replaycache.Limits{Entries: -1, PerKey: 1}, replaycache.Full},
	} {
		if got := replaycache.New(row.limits).Once(digest("a"), digest("1"), start, after(60)); got != row.want {
			t.Errorf("%+v: got %q, want %q", row.limits, got, row.want)
		}
	}
}

// A full cache accepts a new proof as soon as others have expired, whichever keys they are of,
// even if the clock has stepped back since the last search for expired proofs.
func TestRoomOfOtherShards(t *testing.T) {
	for n := range 200 { // a key is rarely in the shard of the other one
		c := replaycache.New(replaycache.Limits{Entries: 1, PerKey: 1})
		c.Entries(after(86400))
		c.Once(digest("a"), digest("1"), start, after(60))
		if got := c.Once(numbered(n), digest("2"), after(60), after(120)); got != replaycache.First {
			t.Fatalf("key %d: got %q, want %q", n, got, replaycache.First)
		}
	}
}

// RFC 9449 §11.1: of simultaneous copies of a proof, exactly one is accepted.
func TestSimultaneousCopies(t *testing.T) {
	const rounds, copies = 500, 20
	c := replaycache.New(replaycache.Limits{Entries: rounds, PerKey: rounds})
	for round := range rounds {
		var results [copies]replaycache.Result
		var all sync.WaitGroup
		begin := make(chan struct{})
		for i := range results {
			all.Go(func() {
				<-begin
				results[i] = c.Once(numbered(round%3), numbered(round), start, after(60+float64(i)))
			})
		}
		close(begin)
		all.Wait()
		got := map[replaycache.Result]int{}
		for _, result := range results {
			got[result]++
		}
		if got[replaycache.First] != 1 || got[replaycache.Replayed] != copies-1 {
			t.Fatalf("round %d: got %v, want 1 first and %d replayed", round, got, copies-1)
		}
	}
}

// However many callers there are, the limits are exact.
func TestLimitsAreExact(t *testing.T) {
	const callers, calls, keys = 8, 2000, 5
	for _, row := range []struct {
		name   string
		limits replaycache.Limits
		want   int
	}{
		{"entries", replaycache.Limits{Entries: 999, PerKey: 999}, 999},
		{"per key", replaycache.Limits{Entries: callers * calls, PerKey: 99}, 99 * keys},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := replaycache.New(row.limits)
			var first atomic.Int64
			var all sync.WaitGroup
			for caller := range callers {
				all.Go(func() {
					for n := range calls {
						if c.Once(numbered(n%keys), numbered(caller*calls+n), start, after(60)) == replaycache.First {
							first.Add(1)
						}
					}
				})
			}
			all.Wait()
			if got := int(first.Load()); got != row.want || c.Entries(start) != row.want {
				t.Errorf("got %d first and %d entries, want %d", got, c.Entries(start), row.want)
			}
		})
	}
}

func TestStatsWithoutExpiredEntries(t *testing.T) {
	c := replaycache.New(replaycache.Limits{Entries: 1000, PerKey: 1000})
	for n := range 1000 {
		c.Once(numbered(n), numbered(n), start, after(float64(1+n/10)))
	}
	for _, seconds := range []int{0, 1, 50, 99, 100} {
		got := c.Entries(after(float64(seconds)))
		if most := 1000 - 10*(seconds-seconds%5-1); got < 1000-10*seconds || got > most {
			t.Errorf("after %d s: got %d entries, want %d to %d", seconds, got, 1000-10*seconds, most)
		}
	}
	if got := c.Entries(after(100)); got != 0 {
		t.Errorf("at the end: got %d entries, want 0", got)
	}
}

// model contains the times at which the stored uses expire, by key and use.
type model map[int]map[int]time.Time

// late is how long a proof can be stored after it has expired: the time of a generation, and a
// second for rounding.
const late = 6 * time.Second

// count returns how many proofs of a key are stored at least, and at most.
func (m model) count(key int, now time.Time) (least, most int) {
	for _, end := range m[key] {
		if now.Before(end) {
			least++
		}
		if now.Before(end.Add(late)) {
			most++
		}
	}
	return least, most
}

// permits reports whether the result of a call is correct.
func (m model) permits(result replaycache.Result, key, use, perKey int, now time.Time) bool {
	end := m[key][use]
	least, most := m.count(key, now)
	switch {
	case now.Before(end):
		return result == replaycache.Replayed
	case result == replaycache.Replayed:
		return now.Before(end.Add(late))
	case result == replaycache.KeyFull:
		return most >= perKey
	}
	return result == replaycache.First && least < perKey
}

// Random calls have results that the model permits.
func TestModel(t *testing.T) {
	const keys, uses, perKey, furthest = 4, 500, 40, 120_000 // milliseconds
	random := rand.New(rand.NewPCG(1, 2))
	c := replaycache.New(replaycache.Limits{Entries: keys * perKey, PerKey: perKey})
	m := model{0: {}, 1: {}, 2: {}, 3: {}}
	got := map[replaycache.Result]int{}
	for moment := start; moment.Before(after(1000)); moment = moment.Add(time.Duration(random.IntN(50)) * time.Millisecond) {
		key, use := random.IntN(keys), random.IntN(uses)
		until := moment.Add(time.Duration(1+random.IntN(furthest)) * time.Millisecond)
		result := c.Once(numbered(key), numbered(key*uses+use), moment, until)
		if !m.permits(result, key, use, perKey, moment) {
			t.Fatalf("after %v: got %q for a use that expires after %v", moment.Sub(start), result, m[key][use].Sub(start))
		}
		got[result]++
		if result == replaycache.First {
			m[key][use] = until
		}
	}
	for _, result := range []replaycache.Result{replaycache.First, replaycache.Replayed, replaycache.KeyFull} {
		if got[result] < 100 {
			t.Errorf("got %v: %q is too rare to be tested", got, result)
		}
	}
}

func TestSetLimits(t *testing.T) {
	c := replaycache.New(replaycache.Limits{Entries: 2, PerKey: 2})
	until := start.Add(time.Minute)
	once := func(want replaycache.Result, use byte) {
		t.Helper()
		if got := c.Once([32]byte{use}, [32]byte{use}, start, until); got != want {
			t.Errorf("use %d: got %q, want %q", use, got, want)
		}
	}
	once(replaycache.First, 1)
	once(replaycache.First, 2)
	once(replaycache.Full, 3)
	c.SetLimits(replaycache.Limits{Entries: 3, PerKey: 1})
	if got := c.Limits(); got != (replaycache.Limits{Entries: 3, PerKey: 1}) {
		t.Errorf("got %+v", got)
	}
	once(replaycache.First, 3)
	once(replaycache.Replayed, 1)
	c.SetLimits(replaycache.Limits{Entries: 1, PerKey: 1})
	once(replaycache.Full, 4)
	once(replaycache.Replayed, 2)
}
