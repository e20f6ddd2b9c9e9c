package valkey_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/revocation"
	"github.com/warder-go/warder/resource/valkey"
)

func add(t *testing.T, s *valkey.Store, all ...revocation.Record) {
	t.Helper()
	if err := s.Revocations().Add(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s *valkey.Store, after int64) revocation.Page {
	t.Helper()
	page, err := s.Revocations().Read(t.Context(), after)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// Records are read in the order in which they were added, by all stores, and equal ones once.
func TestRevocations(t *testing.T) {
	m := startMini(t)
	a, b := openAt(t, m.Addr()), openAt(t, m.Addr())
	if page := read(t, a, 0); len(page.Records) != 0 || page.Last != 0 || page.More || page.Data == "" {
		t.Errorf("empty: got %+v", page)
	}
	add(t, a)
	add(t, a, record(1, time.Hour), record(2, time.Hour))
	add(t, b, record(2, time.Hour), record(3, time.Hour), record(3, time.Hour))
	page := read(t, b, 0)
	if got := numbers(page.Records); got != "[1 2 3]" || page.Last != 3 || page.More {
		t.Errorf("got %s %+v", got, page)
	}
	if want := record(1, time.Hour); page.Records[0] != want {
		t.Errorf("got %+v, want %+v", page.Records[0], want)
	}
	if page := read(t, a, 1); numbers(page.Records) != "[2 3]" || page.Last != 3 {
		t.Errorf("after 1: got %+v", page)
	}
	if page := read(t, a, 3); len(page.Records) != 0 || page.Last != 3 || page.More {
		t.Errorf("after 3: got %+v", page)
	}
}

// A page has at most 1000 records, so that a thousand processes can read one at the same time, as they do after
// another server has become the primary, and each gets it before its call ends.
func TestPages(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	add(t, s, records(0, 1001)...)
	for _, row := range []struct {
		after, last int64
		length      int
		more        bool
	}{
		{0, 1000, 1000, true},
		{1, 1001, 1000, false},
		{1000, 1001, 1, false},
		{1001, 1001, 0, false},
	} {
		if page := read(t, s, row.after); len(page.Records) != row.length || page.Last != row.last || page.More != row.more {
			t.Errorf("after %d: got %d records, last %d, more %t; want %+v", row.after, len(page.Records), page.Last, page.More, row)
		}
	}
}

// A full store rejects records that it does not have. Records that have ended make room.
func TestFullStore(t *testing.T) {
	m := startMini(t)
	s := open(t, valkey.Config{Addresses: []string{m.Addr()}, MaxRevocations: 3, Timeout: 5 * time.Second})
	add(t, s, record(1, time.Hour), record(2, -6*time.Minute), record(3, time.Hour))
	m.SetTime(time.Now().Add(-time.Hour)) // the clock of the server is slow, so that none has ended
	err := s.Revocations().Add(t.Context(), []revocation.Record{record(1, time.Hour), record(4, time.Hour)})
	if err == nil || err.Error() != "valkey: add: the store has too many revocations: raise MaxRevocations" {
		t.Errorf("got %v", err)
	}
	if got := numbers(read(t, s, 0).Records); got != "[1 2 3]" {
		t.Errorf("got %s", got)
	}
	m.SetTime(time.Now())
	add(t, s, record(4, time.Hour))
	if got := numbers(read(t, s, 0).Records); got != "[1 3 4]" {
		t.Errorf("after the end of 2: got %s", got)
	}
}

// Additions remove records five minutes after their end, by the clocks of the server and of the
// process.
func TestEndedRecords(t *testing.T) {
	for _, row := range []struct {
		name   string
		server time.Duration // its clock, relative to that of the process
		want   string
	}{
		{"equal clocks", 0, "[2 3 4]"},
		{"a slow server", -time.Hour, "[1 2 3 4]"},
		{"a fast server", time.Hour, "[2 3 4]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := startMini(t)
			s := openAt(t, m.Addr())
			m.SetTime(time.Now().Add(row.server))
			since := time.Since(start)
			add(t, s, record(1, since-6*time.Minute), record(2, since-4*time.Minute), record(3, time.Hour))
			add(t, s, record(4, time.Hour))
			if got := numbers(read(t, s, 0).Records); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
			if ends, _ := m.ZMembers("{warder}:revoked-until"); len(ends) != len(strings.Fields(row.want)) {
				t.Errorf("got %d ends", len(ends))
			}
		})
	}
}

// One addition removes at most 500 ended records, so that it does not block the server for long.
func TestEndedRecordsAreRemovedInParts(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	m.SetTime(time.Now().Add(-time.Hour))
	var ended []revocation.Record
	for i := range 600 {
		ended = append(ended, record(i, -6*time.Minute))
	}
	add(t, s, ended...)
	m.SetTime(time.Now())
	for i, want := range []int{101, 2, 3} {
		add(t, s, record(1000+i, time.Hour))
		if got := len(read(t, s, 0).Records); got != want {
			t.Errorf("after addition %d: got %d records, want %d", i+1, got, want)
		}
	}
}

// Data is another one after each change with which records may have been lost.
func TestDataOfPages(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	add(t, s, record(1, time.Hour))
	page := read(t, s, 0)
	if again := read(t, s, 1); again.Data != page.Data {
		t.Errorf("got %s, then %s", page.Data, again.Data)
	}
	m.run.Store("bbbb")
	restarted := read(t, s, 0)
	if restarted.Data == page.Data {
		t.Error("the same data after a restart")
	}
	m.Del("{warder}:revoked-last")
	behind := read(t, s, 1)
	if behind.Data == restarted.Data || len(behind.Records) != 0 {
		t.Errorf("a sequence number that the store has not given: got %+v", behind)
	}
}

// A record that no list writes is an error: it could be a revocation of a newer version of warder.
func TestUnknownRecords(t *testing.T) {
	m := startMini(t)
	s := openAt(t, m.Addr())
	for _, member := range []string{"", "short", strings.Repeat("\xff", 32), strings.Repeat("\x00", 32)} {
		m.Del("{warder}:revoked")
		_, _ = m.ZAdd("{warder}:revoked", 1, member)
		_ = m.Set("{warder}:revoked-last", "1")
		if page, err := s.Revocations().Read(t.Context(), 0); err == nil {
			t.Errorf("%q: got %+v", member, page)
		}
	}
}

// Watch notifies when it begins, and when any store adds records.
func TestWatch(t *testing.T) {
	m := startMini(t)
	a, b := openAt(t, m.Addr()), openAt(t, m.Addr())
	var notified atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Revocations().Watch(ctx, func() { notified.Add(1) }) }()
	eventually(t, "a notification at the begin", func() bool { return notified.Load() == 1 })
	add(t, b, record(1, time.Hour))
	eventually(t, "a notification after an addition", func() bool { return notified.Load() == 2 })
	add(t, b, record(1, time.Hour)) // nothing is new
	add(t, a, record(2, time.Hour), record(3, time.Hour))
	eventually(t, "a notification after the own addition", func() bool { return notified.Load() >= 3 })
	if got := notified.Load(); got != 3 {
		t.Errorf("got %d notifications, want 3", got)
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("got %v", err)
	}
}

// Watch ends when the connection is lost, and when the store is closed.
func TestWatchEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(m *mini, s *valkey.Store)
	}{
		{"connection lost", func(m *mini, _ *valkey.Store) { m.Close() }},
		{"store closed", func(_ *mini, s *valkey.Store) { s.Close() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := startMini(t)
			s := openAt(t, m.Addr())
			begun := make(chan struct{}, 1)
			ended := make(chan error, 1)
			go func() { ended <- s.Revocations().Watch(context.Background(), func() { begun <- struct{}{} }) }()
			<-begun
			row.end(m, s)
			if err := <-ended; err == nil || errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// After Close, all calls are errors.
func TestClosed(t *testing.T) {
	m := startMini(t)
	for _, used := range []bool{false, true} {
		s := openAt(t, m.Addr())
		if used {
			add(t, s, record(1, time.Hour))
		}
		s.Close()
		err := s.Ready(t.Context())
		if err == nil || !strings.Contains(err.Error(), "the store is closed") {
			t.Errorf("used %t: got %v", used, err)
		}
		if err := s.Revocations().Watch(t.Context(), func() {}); err == nil {
			t.Errorf("used %t: Watch returned nil", used)
		}
	}
}
