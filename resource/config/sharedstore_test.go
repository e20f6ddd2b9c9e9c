package config_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/revocation"
)

// memory is a store in memory. Several configurations can share it. The zero value is ready for use.
type memory struct {
	mu         sync.Mutex
	opened     []config.StoreSettings
	closed     int
	failing    bool
	records    []revocation.Record
	used       map[resource.ProofID]bool
	values     map[introspect.AnswerKey][]byte
	generation int64
}

var errStore = errors.New("the store does not answer")

// open is a config.Config.OpenStore.
func (m *memory) open(s config.StoreSettings) (config.Stores, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened = append(m.opened, s)
	return config.Stores{Revocations: records{m}, Replays: replays{m}, Answers: answers{m}, Close: func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.closed++
	}}, nil
}

// do calls f under the lock, unless the store fails.
func (m *memory) do(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing {
		return errStore
	}
	f()
	return nil
}

func (m *memory) fail(failing bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failing = failing
}

type records struct{ *memory }

func (r records) Add(_ context.Context, added []revocation.Record) error {
	return r.do(func() { r.records = append(r.records, added...) })
}

func (r records) Read(_ context.Context, after int64) (page revocation.Page, err error) {
	err = r.do(func() {
		page = revocation.Page{Data: "1", Records: slices.Clone(r.records[after:]), Last: int64(len(r.records))}
	})
	return page, err
}

func (records) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

type replays struct{ *memory }

func (r replays) Once(_ context.Context, proof resource.ProofID, _ time.Time) error {
	proof.MadeAfter = time.Time{}
	replayed := false
	err := r.do(func() {
		if r.used == nil {
			r.used = map[resource.ProofID]bool{}
		}
		replayed = r.used[proof]
		r.used[proof] = true
	})
	if err == nil && replayed {
		return resource.ErrReplayed
	}
	return err
}

type answers struct{ *memory }

func (a answers) Get(_ context.Context, key introspect.AnswerKey) (value []byte, generation int64, err error) {
	err = a.do(func() { value, generation = a.values[key], a.generation })
	return value, generation, err
}

func (a answers) Put(_ context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) error {
	return a.do(func() { a.set(key, value, ttl) })
}

// set stores a value under the lock. No test waits until one expires.
func (a answers) set(key introspect.AnswerKey, value []byte, ttl time.Duration) {
	if a.values == nil {
		a.values = map[introspect.AnswerKey][]byte{}
	}
	if delete(a.values, key); ttl > 0 {
		a.memory.values[key] = value
	}
}

func (a answers) PutNew(_ context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) (stored bool, err error) {
	err = a.do(func() {
		if _, ok := a.values[key]; !ok {
			a.set(key, value, ttl)
			stored = true
		}
	})
	return stored, err
}

func (a answers) Purge(_ context.Context, generation int64) error {
	return a.do(func() { a.memory.generation = max(a.generation, generation) })
}
