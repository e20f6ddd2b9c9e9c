package valkey

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

// Store shares data between processes through a Valkey or Redis server. It is a
// prometheus.Collector. It is safe for concurrent use. If it is printed, the output contains no
// address and no secret.
type Store struct {
	guard   *guard
	link    *link
	metrics *metrics
	names   names
	log     *slog.Logger
	data    atomic.Pointer[dataSet] // that was last seen; nil: none

	maxRevocations, maxProofsPerKey int

	newFinder func() *finder
	watches   watches
	pace      pace // of the connections of Watch
}

// Open returns a store. It does no I/O and starts no goroutine: the first call connects, and if the
// server is down, a goroutine tries again every second. The error lists all mistakes of the
// configuration.
func Open(c Config) (*Store, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Store{
		names: newNames(c.Prefix), log: c.Logger,
		maxRevocations: c.MaxRevocations, maxProofsPerKey: c.MaxProofsPerKey,
		newFinder: func() *finder { return newFinder(c) },
	}
	s.link = newLink(newFinder(c), events{s.connected, s.lost, s.connectFailed, s.check})
	s.guard = &guard{link: s.link, timeout: c.Timeout, opened: s.circuitOpened,
		proofs: newLane(c.MaxCalls), answers: newLane(c.MaxCalls), others: newLane(c.MaxCalls)}
	s.guard.evict.Store(new(string))
	s.metrics = newMetrics(s.guard.inFlight, s.guard.open)
	s.guard.metrics = s.metrics
	return s, nil
}

// Format writes the name of the type for every verb.
func (s *Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "valkey.Store") }

// LogValue returns the name of the type.
func (s *Store) LogValue() slog.Value { return slog.StringValue("valkey.Store") }

// Close closes the connections. Running and later calls return errors.
func (s *Store) Close() {
	s.watches.close()
	s.link.close()
}

// Ready returns nil if the server answers and does not evict keys. Otherwise the error says why. It
// takes one second at most, or Config.Timeout if that is longer.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.guard.do(ctx, opCheck, s.checkServer); err != nil {
		return err
	}
	if setting := *s.guard.evict.Load(); setting != "" {
		return &callError{opCheck, errEvicting(setting)}
	}
	return nil
}

// check checks the server each second. The error is in the metrics.
func (s *Store) check(ctx context.Context) { _ = s.guard.do(ctx, opCheck, s.checkServer) }

func (s *Store) checkServer(ctx context.Context, c *connection) error {
	h, err := check(ctx, c, s.names)
	if err == nil {
		s.noteHealth(h)
	}
	return err
}

func (s *Store) noteHealth(h health) {
	if h.evict == "" {
		s.noteData(h.data)
	}
	if old := s.guard.evict.Swap(&h.evict); *old != h.evict {
		if h.evict != "" {
			s.log.Error("the shared store can evict keys, so proofs and revocations are rejected", "error", errEvicting(h.evict))
		} else {
			s.log.Info("the shared store does not evict keys any more")
		}
	}
}

// noteData stores which data set was seen.
func (s *Store) noteData(d dataSet) {
	if old := s.data.Load(); old != nil && *old == d {
		return
	}
	old := s.data.Swap(&d)
	s.metrics.since.Store(d.since.UnixMilli())
	if old != nil && *old != d {
		s.log.Warn("the shared store may have lost data: it was restarted or emptied, it could evict keys, or another server has become the primary", "since", d.since)
	}
}

func (s *Store) connected(address string, h health) {
	s.guard.reset()
	s.watches.endOthers(address)
	s.log.Info("connected to the shared store", "address", address)
	s.noteHealth(h)
}

func (s *Store) lost(address string) {
	s.log.Warn("the connection to the shared store was lost", "address", address)
}

func (s *Store) connectFailed(err error) {
	s.log.Error("cannot connect to the shared store; trying again every second", "error", err)
}

func (s *Store) circuitOpened(err error) {
	s.log.Warn("calls of the shared store fail; the circuit is open", "error", describe(err))
}

// Replays returns the store of used DPoP proofs, for DPoP.Replays in [resource.Config].Credentials.
func (s *Store) Replays() resource.Replays { return replays{s} }

// Answers returns the store of introspection answers, for [introspect.Config].Answers.
func (s *Store) Answers() introspect.Answers { return answers{s} }

// Revocations returns the store of revocations, for [revocation.Config].Store.
func (s *Store) Revocations() revocation.Store { return revocations{s} }
