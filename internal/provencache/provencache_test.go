package provencache_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/warder-go/warder/internal/budget"
	"github.com/warder-go/warder/internal/provencache"
)

var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// newCache returns a cache for two values of each kind.
func newCache() *provencache.Cache[int] {
	return provencache.New[int](provencache.Limits{
		TTL: time.Minute, Proven: 2, Unproven: 2, Names: 10,
		PerName: budget.Rate{Burst: 2, Interval: 5 * time.Second}, Total: budget.Rate{Burst: 3, Interval: time.Second},
	})
}

func TestValuesExpire(t *testing.T) {
	for _, proven := range []bool{false, true} {
		c := newCache()
		c.Add("a", 1, start)
		if proven {
			c.Prove("a", 1, start)
		}
		if value, ok := c.Get("a", start.Add(time.Minute-1)); value != 1 || !ok {
			t.Errorf("proven %v: got %d, %v before the end", proven, value, ok)
		}
		if value, ok := c.Get("a", start.Add(time.Minute)); value != 0 || ok {
			t.Errorf("proven %v: got %d, %v at the end", proven, value, ok)
		}
	}
}

func TestFirstValueWins(t *testing.T) {
	c := newCache()
	if first, second := c.Add("a", 1, start), c.Add("a", 2, start); first != 1 || second != 1 {
		t.Errorf("got %d and %d, want 1 and 1", first, second)
	}
	c.Prove("a", 1, start)
	c.Prove("a", 3, start)
	if value, _ := c.Get("a", start); value != 1 {
		t.Errorf("after a second Prove: got %d, want 1", value)
	}
	if third := c.Add("a", 4, start.Add(time.Minute)); third != 4 {
		t.Errorf("after the first has expired: got %d, want 4", third)
	}
}

func TestUnprovenNamesDoNotRemoveProvenOnes(t *testing.T) {
	c := newCache()
	c.Prove("a", 1, start)
	for n := range 10 {
		c.Add(fmt.Sprint(n), 10+n, start)
	}
	if got, want := c.Values(), []int{1, 18, 19}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestBudgets(t *testing.T) {
	c := newCache()
	c.Prove("proven", 0, start)
	for _, row := range []struct {
		name  string
		after int // seconds
		ok    bool
	}{
		{"a", 0, true}, {"a", 0, true}, {"a", 0, false}, // the burst of one name
		{"b", 0, true}, {"b", 0, false}, // the burst of all names
		{"proven", 0, true}, {"proven", 0, true}, {"proven", 0, true}, // no budget
		{"b", 1, true}, {"a", 2, false}, {"a", 5, true},
	} {
		if ok := c.Spend(row.name, nil, start.Add(time.Duration(row.after)*time.Second)); ok != row.ok {
			t.Errorf("%s after %d s: got %v, want %v", row.name, row.after, ok, row.ok)
		}
	}
	c.Prove("a", 0, start)
	if !c.Spend("a", nil, start) {
		t.Error("a name that is proven now still has a budget")
	}
}

func TestProvenNameStaysProven(t *testing.T) {
	c := newCache()
	c.Prove("a", 1, start)
	later := start.Add(time.Hour)
	c.Add("a", 2, later)
	c.Add("b", 3, later)
	c.Add("c", 4, later)
	c.Add("d", 5, later)
	if value, ok := c.Get("a", later); value != 2 || !ok {
		t.Errorf("got %d, %v, want 2, true", value, ok)
	}
}

func TestSameSourceNeedsNoBudget(t *testing.T) {
	c := newCache()
	for _, row := range []struct {
		name   string
		source any
		ok     bool
	}{
		{"a", 1, true}, {"b", 1, true}, {"c", 1, true}, {"d", 1, false}, // the burst of all names
		{"a", 1, true}, {"b", 1, true}, {"a", 1, true}, // no budget
		{"a", 2, false}, {"a", nil, false}, {"a", 1, true}, // a source that was rejected is new again
	} {
		if ok := c.Spend(row.name, row.source, start); ok != row.ok {
			t.Errorf("%s from %v: got %v, want %v", row.name, row.source, ok, row.ok)
		}
	}
}

func TestContinue(t *testing.T) {
	old, c := newCache(), newCache()
	old.Prove("proven", 1, start)
	for _, name := range []string{"a", "b", "c"} {
		old.Spend(name, 1, start)
	}
	c.Continue(old)
	for _, row := range []struct {
		name string
		ok   bool
	}{{"proven", true}, {"a", true}, {"d", false}} {
		if ok := c.Spend(row.name, 1, start); ok != row.ok {
			t.Errorf("%s: got %v, want %v", row.name, ok, row.ok)
		}
	}
	if _, ok := c.Get("proven", start); ok {
		t.Error("the value of a proven name was kept")
	}
	if value := c.Add("proven", 2, start); value != 2 {
		t.Errorf("got %d, want the new value 2", value)
	}
}

// Peek and Permits say what Get and Spend would, and change nothing.
func TestLookingChangesNothing(t *testing.T) {
	c := newCache()
	for n := range 5 {
		if !c.Permits(fmt.Sprint(n), nil, start) {
			t.Fatalf("name %d is not permitted", n)
		}
	}
	c.Spend("a", 1, start)
	c.Spend("a", 2, start)
	for _, row := range []struct {
		name, of string
		source   any
		want     bool
	}{
		{"the last source", "a", 2, true},
		{"a new source, and the budget of the name is spent", "a", 3, false},
		{"another name", "b", 3, true},
	} {
		if got := c.Permits(row.of, row.source, start); got != row.want {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
	c.Spend("b", 1, start)
	if c.Permits("c", 1, start) {
		t.Error("the budget of all names is spent, and a new name is permitted")
	}
	c.Prove("a", 1, start)
	if value, ok := c.Peek("a", start); value != 1 || !ok || !c.Permits("a", 9, start) {
		t.Errorf("a proven name: got %d, %v", value, ok)
	}
	if _, ok := c.Peek("a", start.Add(time.Minute)); ok {
		t.Error("an expired value is returned")
	}
	c.Add("b", 2, start)
	c.Add("c", 3, start)
	if value, ok := c.Peek("b", start); value != 2 || !ok {
		t.Errorf("got %d, %v", value, ok)
	}
	c.Add("d", 4, start) // removes b, which was used before c
	if _, ok := c.Peek("b", start); ok {
		t.Error("Peek has changed the order")
	}
}
