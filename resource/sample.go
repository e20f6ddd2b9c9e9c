package resource

import (
	"sync"
	"time"
)

// DefaultLogPerSecond is how many refusals are logged one by one, of each reason and in
// each second.
const DefaultLogPerSecond = 10

// floods keeps a flood of refusals out of the log: of each reason so many records in a
// second, then one record that says how many were left out.
type floods struct {
	perSecond int // 0: no limit
	byReason  map[Reason]*flood
}

// A flood is what was logged, and what was not, since began.
type flood struct {
	mu      sync.Mutex
	began   time.Time
	logged  int
	leftOut int
}

func newFloods(perSecond int) floods {
	all := floods{perSecond: max(perSecond, 0), byReason: map[Reason]*flood{}}
	for reason := range outcomes {
		all.byReason[reason] = new(flood)
	}
	return all
}

// admits reports whether to write a record. If not, it may say that summary is to be
// called after a time: with the first one that is left out.
func (all *floods) admits(reason Reason) (ok bool, summaryIn time.Duration) {
	f := all.byReason[reason]
	if f == nil || all.perSecond == 0 {
		return true, 0
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leftOut == 0 && now.Sub(f.began) >= time.Second {
		f.began, f.logged = now, 0
	}
	if f.logged < all.perSecond {
		f.logged++
		return true, 0
	}
	if f.leftOut++; f.leftOut == 1 {
		return false, time.Second - now.Sub(f.began)
	}
	return false, 0
}

// summary returns how many records were left out, and begins anew.
func (all *floods) summary(reason Reason) (leftOut int) {
	f := all.byReason[reason]
	f.mu.Lock()
	defer f.mu.Unlock()
	leftOut = f.leftOut
	f.began, f.logged, f.leftOut = time.Now(), 0, 0
	return leftOut
}
