package revocation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

var errDown = errors.New("the store is down")

var discard = slog.New(slog.DiscardHandler)

// memoryStore is a Store in memory that several lists share. Change its faults only in set.
type memoryStore struct {
	mu       sync.Mutex
	dataSet  int
	records  []revocation.Record // the sequence number of the first one is 1
	has      map[revocation.Record]bool
	watching map[int]func()
	next     int

	pageSize int           // records in a page; 0: all
	pushes   bool          // Watch reports additions
	takes    time.Duration // how long a call of Read takes
	faults

	reads, adds, watches int       // calls
	lastRead             time.Time // when the last call of Read began
}

// faults are what goes wrong in a store.
type faults struct {
	down, hangs, panics bool
	full, addHangs      bool                   // only Add fails
	deaf                bool                   // only Watch fails
	distort             func(*revocation.Page) // changes what Read returns
	inAdd               func()                 // called by Add
}

func (s *memoryStore) set(change func(*memoryStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// lose removes the last n records, as a failover to a replica can do.
func (s *memoryStore) lose(n int) {
	s.set(func(s *memoryStore) {
		for _, r := range s.records[len(s.records)-n:] {
			delete(s.has, r)
		}
		s.records = s.records[:len(s.records)-n]
		s.dataSet++
	})
}

func (s *memoryStore) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

func (s *memoryStore) calls() (reads, adds, watches int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads, s.adds, s.watches
}

// fault lets a call fail. The caller holds s.mu.
func (s *memoryStore) fault(ctx context.Context) error {
	switch {
	case s.panics:
		panic("a bug in the store")
	case s.hangs:
		return s.wait(ctx)
	case s.down:
		return errDown
	}
	return nil
}

// wait waits for the end of ctx. The caller holds s.mu.
func (s *memoryStore) wait(ctx context.Context) error {
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	return ctx.Err()
}

func (s *memoryStore) Add(ctx context.Context, records []revocation.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adds++
	if err := s.fault(ctx); err != nil {
		return err
	}
	if s.inAdd != nil {
		s.inAdd()
	}
	switch {
	case s.full:
		return errors.New("the store is full")
	case s.addHangs:
		return s.wait(ctx)
	}
	if s.has == nil {
		s.has = map[revocation.Record]bool{}
	}
	for _, r := range records {
		if !s.has[r] {
			s.has[r] = true
			s.records = append(s.records, r)
		}
	}
	if s.pushes {
		for _, notify := range s.watching {
			notify()
		}
	}
	return nil
}

func (s *memoryStore) Read(ctx context.Context, after int64) (revocation.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	s.lastRead = time.Now()
	if s.takes > 0 {
		s.mu.Unlock()
		time.Sleep(s.takes)
		s.mu.Lock()
	}
	if err := s.fault(ctx); err != nil {
		return revocation.Page{}, err
	}
	page := revocation.Page{Data: strconv.Itoa(s.dataSet), Last: after}
	if after < int64(len(s.records)) {
		page.Records = slices.Clone(s.records[after:])
	}
	if s.pageSize > 0 && len(page.Records) > s.pageSize {
		page.Records, page.More = page.Records[:s.pageSize], true
	}
	page.Last += int64(len(page.Records))
	if s.distort != nil {
		s.distort(&page)
	}
	return page, nil
}

func (s *memoryStore) Watch(ctx context.Context, notify func()) error {
	s.mu.Lock()
	s.watches++
	if s.deaf || s.down || s.panics {
		defer s.mu.Unlock()
		if s.panics {
			panic("a bug in the store")
		}
		return errDown
	}
	s.next++
	number := s.next
	if s.watching == nil {
		s.watching = map[int]func(){}
	}
	s.watching[number] = notify
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watching, number)
	return ctx.Err()
}

func key(text string) []byte { return bytes.Repeat([]byte(text), 32)[:32] }

// start returns a running list of a store. It runs until the test ends.
func start(t *testing.T, c revocation.Config) *revocation.List {
	t.Helper()
	if c.Keys == nil {
		c.Keys = [][]byte{key("one")}
	}
	if c.Logger == nil {
		c.Logger = discard
	}
	list := newList(t, c)
	go list.Run(t.Context())
	return list
}

// subjects has the callers of many subjects.
type subjects struct {
	issuer string
	caller func(resourcetest.Token) *resource.Caller
}

func newSubjects(t *testing.T) *subjects {
	t.Helper()
	issuer, caller := callers(t)
	return &subjects{issuer.Identifier(), caller}
}

func (s *subjects) of(name string) *resource.Caller {
	return s.caller(resourcetest.Token{Subject: name})
}

// entry revokes the tokens of a subject for an hour.
func (s *subjects) entry(name string) revocation.Entry {
	return revocation.Entry{Issuer: s.issuer, Subject: name, Until: time.Now().Add(time.Hour)}
}

// add adds entries for subjects to a list.
func (s *subjects) add(t *testing.T, list *revocation.List, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := list.Add(t.Context(), s.entry(name)); err != nil {
			t.Fatal(err)
		}
	}
}

// names returns n names of subjects.
func names(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}

// count returns how many of the subjects the list reports.
func (s *subjects) count(t *testing.T, list *revocation.List, names []string) (n int) {
	t.Helper()
	for _, name := range names {
		if isRevoked(t, list, s.of(name)) {
			n++
		}
	}
	return n
}

// metric returns the value of a gauge or a counter of a list.
func metric(t *testing.T, list *revocation.List, name string, labels ...string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(list)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && (len(labels) == 0 || m.GetLabel()[0].GetValue() == labels[0]) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	t.Errorf("metric %s %v is missing", name, labels)
	return -1
}
