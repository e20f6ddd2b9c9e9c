package valkey_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/valkey"
)

// since returns the time in the key data.
func since(t *testing.T, m *mini) time.Time {
	t.Helper()
	stored, err := m.Get(dataKey)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(stored, "/")
	milliseconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("got %q", stored)
	}
	return time.UnixMilli(milliseconds)
}

// made returns a proof that was made at a time.
func made(number int, at time.Time) resource.ProofID {
	p := proof(1, number)
	p.MadeAfter = at
	return p
}

// A proof needs data that is complete since it was made, with five seconds for the difference of
// the clocks.
func TestProofsLost(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	before := time.Now()
	once(t, s, made(0, before), resource.ErrProofsLost) // the store is new, so all may have been lost
	change := since(t, m)
	if change.Before(before.Truncate(time.Millisecond)) || change.After(time.Now()) {
		t.Errorf("got since %s, want a time between %s and now", change, before)
	}
	for i, row := range []struct {
		name string
		at   time.Time
		want error
	}{
		{"zero", time.Time{}, resource.ErrProofsLost},
		{"at the change", change, resource.ErrProofsLost},
		{"4.999 s later", change.Add(4999 * time.Millisecond), resource.ErrProofsLost},
		{"5 s later", change.Add(5 * time.Second), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			once(t, s, made(i+1, row.at), row.want)
			once(t, s, made(i+1, row.at), resource.ErrReplayed) // it was stored all the same
		})
	}
}

// Each change with which data may have been lost is noticed by all stores, once.
func TestChangesOfData(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(m *mini)
		lost   bool
	}{
		{"nothing", func(*mini) {}, false},
		{"the server was restarted, or another one has become the primary", func(m *mini) { m.run.Store("bbbb") }, true},
		{"a run_id that is the beginning of the old one", func(m *mini) { m.run.Store("aaa") }, true},
		{"the run_id of which the old one is the beginning", func(m *mini) { m.run.Store("aaaaa") }, true},
		{"all data was deleted", func(m *mini) { m.FlushAll() }, true},
		{"the key was deleted", func(m *mini) { m.Del(dataKey) }, true},
		{"the key was replaced", func(m *mini) { _ = m.Set(dataKey, "x") }, true},
		{"the key has no time", func(m *mini) { _ = m.Set(dataKey, "aaaa/") }, true},
		{"the key has a time that is not a number", func(m *mini) { _ = m.Set(dataKey, "aaaa/x") }, true},
		{"the key has a negative time", func(m *mini) { _ = m.Set(dataKey, "aaaa/-1") }, true},
		{"the key has a time in another notation", func(m *mini) { _ = m.Set(dataKey, "aaaa/0x1") }, true},
		{"the key has a long time", func(m *mini) { _ = m.Set(dataKey, "aaaa/"+strings.Repeat("0", 1000)) }, true},
		{"the key has something after the time", func(m *mini) { _ = m.Set(dataKey, "aaaa/1 ") }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := startMini(t)
			a, b := openAt(t, m.Addr()), openAt(t, m.Addr())
			old := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
			_ = m.Set(dataKey, fmt.Sprintf("aaaa/%d", old.UnixMilli()))
			p := made(1, old.Add(time.Minute))
			once(t, a, p, nil)
			once(t, b, p, resource.ErrReplayed)
			row.change(m)
			want := error(nil)
			if row.lost {
				want = resource.ErrProofsLost
			}
			began := time.Now().Truncate(time.Millisecond)
			once(t, a, made(2, old.Add(time.Minute)), want)
			once(t, b, made(3, old.Add(time.Minute)), want)
			once(t, b, made(4, time.Now().Add(time.Minute)), nil)
			if got := since(t, m); row.lost && got.Before(began) || !row.lost && !got.Equal(old) {
				t.Errorf("got since %s", got)
			}
			stored, _ := m.Get(dataKey)
			once(t, a, proof(1, 5), nil)
			if got, _ := m.Get(dataKey); got != stored {
				t.Errorf("got %q after %q, although nothing has changed", got, stored)
			}
		})
	}
}

// The time of a change is the later one of the clocks of the server and of the process. A time that
// is in the future by both clocks is replaced, because a clock that was fast must not reject proofs
// for hours.
func TestClocksOfData(t *testing.T) {
	const minute = time.Minute
	for _, row := range []struct {
		name        string
		server      time.Duration // its clock, relative to that of the process
		stored      time.Duration // since, relative to the clock of the process; 0: none
		least, most time.Duration // the resulting since
	}{
		{"a slow server", -10 * minute, 0, -time.Second, time.Second},
		{"a fast server", 10 * minute, 0, 9 * minute, 11 * minute},
		{"in the past", 0, -10 * minute, -11 * minute, -9 * minute},
		{"in the future", 0, 10 * minute, -time.Second, time.Second},
		{"in the future by the slow clock of the process only", 11 * minute, 10 * minute, 9 * minute, 10 * minute},
		{"in the future by the slow clock of the server only", -10 * minute, -minute, -2 * minute, 0},
		{"in the future by both clocks, of which that of the server is later", 5 * minute, 10 * minute, 4 * minute, 6 * minute},
		{"in the future by less than the accepted difference", 0, 4 * time.Second, time.Second, 5 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := startMini(t)
			s := openAt(t, m.Addr())
			m.SetTime(time.Now().Add(row.server))
			if row.stored != 0 {
				_ = m.Set(dataKey, fmt.Sprintf("aaaa/%d", time.Now().Add(row.stored).UnixMilli()))
			}
			once(t, s, proof(1, 1), nil)
			if got := time.Until(since(t, m)); got < row.least || got > row.most {
				t.Errorf("got since in %s, want between %s and %s", got, row.least, row.most)
			}
		})
	}
}

// A server that does not report its run_id is not used.
func TestNoRunID(t *testing.T) {
	m := startMini(t)
	m.run.Store("")
	s := open(t, valkey.Config{Addresses: []string{m.Addr()}, Timeout: 5 * time.Second})
	err := s.Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not report its run_id") {
		t.Errorf("got %v", err)
	}
	if got := m.Keys(); len(got) != 0 {
		t.Errorf("got the keys %q", got)
	}
}
