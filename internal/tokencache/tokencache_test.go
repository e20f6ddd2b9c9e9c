package tokencache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/tokencache"
)

// text is a value whose size is its length. It is valid until it begins with "!".
type text string

func size(t *text) int { return len(*t) }

func valid(t *text, _ time.Time) bool { return (*t)[0] != '!' }

func newCache(entries, bytes int) *tokencache.Cache[*text] {
	return tokencache.New(tokencache.Limits{TTL: time.Minute, Entries: entries, Bytes: bytes}, size, valid)
}

func put(c *tokencache.Cache[*text], token, value string, limit time.Duration, now time.Time) *text {
	stored := text(value)
	c.Put(digest.Of(token), &stored, limit, now, c.Generation())
	return &stored
}

func has(c *tokencache.Cache[*text], token string, now time.Time) bool {
	value, ok := c.Get(digest.Of(token), now)
	return ok && value != nil
}

func TestEntriesExpire(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		name    string
		limit   time.Duration
		seconds int // until the entry has expired
	}{
		{"without a limit after TTL", 0, 60},
		{"a shorter limit", 10 * time.Second, 10},
		{"a longer limit", time.Hour, 60},
		{"a negative limit: not cached", -1, 0},
	} {
		c := newCache(10, 1000)
		put(c, "token", "value", row.limit, now)
		end := now.Add(time.Duration(row.seconds) * time.Second)
		if got := has(c, "token", end.Add(-1)); got != (row.seconds > 0) {
			t.Errorf("%s: one nanosecond before: got %v", row.name, got)
		}
		if has(c, "token", end) {
			t.Errorf("%s: after %d s: still cached", row.name, row.seconds)
		}
		if n := c.Stats().Entries; n != 0 {
			t.Errorf("%s: got %d entries, want 0", row.name, n)
		}
	}
}

func TestInvalidValueIsRemoved(t *testing.T) {
	now, c := time.Now(), newCache(10, 1000)
	value := put(c, "token", "value", 0, now)
	*value = "!alue"
	if has(c, "token", now) {
		t.Error("got an invalid value")
	}
	if got, want := c.Stats(), (tokencache.Stats{}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBounds(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		name           string
		entries, bytes int
		values         []string // of the tokens 0, 1, ...
		want           string   // the cached tokens
		evictions      uint64
	}{
		{"everything fits", 3, 9, []string{"aaa", "bbb", "ccc"}, "[0 1 2]", 0},
		{"too many entries: the oldest goes", 2, 9, []string{"aaa", "bbb", "ccc"}, "[1 2]", 1},
		{"too many bytes: the oldest go", 3, 9, []string{"aaa", "bbb", "cccccccc"}, "[2]", 2},
		{"a value that is too large removes nothing", 3, 9, []string{"aaa", "bbbbbbbbbb"}, "[0]", 0},
	} {
		c := newCache(row.entries, row.bytes)
		bytes := 0
		for n, value := range row.values {
			put(c, fmt.Sprint(n), value, 0, now)
		}
		cached := []int{}
		for n, value := range row.values {
			if has(c, fmt.Sprint(n), now) {
				cached, bytes = append(cached, n), bytes+len(value)
			}
		}
		want := tokencache.Stats{Hits: uint64(len(cached)), Evictions: row.evictions, Entries: len(cached), Bytes: bytes}
		if got := c.Stats(); fmt.Sprint(cached) != row.want || got != want {
			t.Errorf("%s: got tokens %v and %+v, want %s and %+v", row.name, cached, got, row.want, want)
		}
	}
}

func TestPutReplacesAnEntry(t *testing.T) {
	now, c := time.Now(), newCache(10, 1000)
	put(c, "token", "aaaa", 0, now)
	put(c, "token", "bb", 0, now)
	if got, want := c.Stats(), (tokencache.Stats{Entries: 1, Bytes: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPurge(t *testing.T) {
	now, c := time.Now(), newCache(10, 1000)
	put(c, "a", "first", 0, now)
	put(c, "b", "second", 0, now)
	before := c.Generation()
	c.Purge(func(d digest.Digest, _ *text) bool { return d == digest.Of("a") })
	if has(c, "a", now) || !has(c, "b", now) {
		t.Error("got another set of entries than the one that does not match")
	}
	outdated := text("outdated")
	c.Put(digest.Of("a"), &outdated, 0, now, before)
	if has(c, "a", now) {
		t.Error("a value that was read before the purge was added")
	}
}

func TestCountersContinue(t *testing.T) {
	now, first, second := time.Now(), newCache(1, 1000), newCache(1, 1000)
	put(first, "a", "value", 0, now)
	put(first, "b", "value", 0, now)
	has(first, "b", now)
	second.ContinueStats(first)
	if got, want := second.Stats(), (tokencache.Stats{Hits: 1, Evictions: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSameLimits(t *testing.T) {
	if c := newCache(1, 2); !c.SameLimits(newCache(1, 2)) || c.SameLimits(newCache(1, 3)) || c.SameLimits(nil) {
		t.Error("limits are not compared")
	}
}

func TestNilCacheDoesNothing(t *testing.T) {
	var c *tokencache.Cache[*text]
	put(c, "token", "value", 0, time.Now())
	c.Purge(func(digest.Digest, *text) bool { return true })
	c.ContinueStats(nil)
	if has(c, "token", time.Now()) || c.Stats() != (tokencache.Stats{}) || !c.SameLimits(nil) {
		t.Error("got an entry or a figure")
	}
}

func TestGetDoesNotAllocate(t *testing.T) {
	now, c, d := time.Now(), newCache(1000, 1000), digest.Of("token")
	put(c, "token", "value", 0, now)
	if n := testing.AllocsPerRun(100, func() { c.Get(d, now) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
