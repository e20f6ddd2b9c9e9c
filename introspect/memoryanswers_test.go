package introspect_test

import (
	"context"
	"crypto/fips140"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
)

// memoryAnswers is a store in memory. Tests read and change its fields between requests.
type memoryAnswers struct {
	mu         sync.Mutex
	values     map[introspect.AnswerKey]storedValue
	generation int64
	counts     map[string]int // operations by name
	lastKey    introspect.AnswerKey

	// before is called before each operation, if it is not nil. The operation returns its error.
	before func(ctx context.Context, operation string) error
}

type storedValue struct {
	value []byte
	until time.Time
}

func newMemoryAnswers() *memoryAnswers {
	return &memoryAnswers{values: map[introspect.AnswerKey]storedValue{}, counts: map[string]int{}}
}

func (m *memoryAnswers) begin(ctx context.Context, operation string, key introspect.AnswerKey) error {
	m.mu.Lock()
	m.counts[operation]++
	m.lastKey = key
	before := m.before
	m.mu.Unlock()
	if before != nil {
		return before(ctx, operation)
	}
	return ctx.Err()
}

func (m *memoryAnswers) Get(ctx context.Context, key introspect.AnswerKey) ([]byte, int64, error) {
	if err := m.begin(ctx, "Get", key); err != nil {
		return nil, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.live(key), m.generation, nil
}

func (m *memoryAnswers) Put(ctx context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) error {
	if err := m.begin(ctx, "Put", key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store(key, value, ttl)
	return nil
}

func (m *memoryAnswers) PutNew(ctx context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) (bool, error) {
	if err := m.begin(ctx, "PutNew", key); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live(key) != nil {
		return false, nil
	}
	m.store(key, value, ttl)
	return true, nil
}

func (m *memoryAnswers) Purge(ctx context.Context, generation int64) error {
	if err := m.begin(ctx, "Purge", introspect.AnswerKey{}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation = max(m.generation, generation)
	return nil
}

// live returns the value of a key that has not expired.
func (m *memoryAnswers) live(key introspect.AnswerKey) []byte {
	stored, ok := m.values[key]
	if ok && !time.Now().Before(stored.until) {
		delete(m.values, key)
		return nil
	}
	return stored.value
}

func (m *memoryAnswers) store(key introspect.AnswerKey, value []byte, ttl time.Duration) {
	if ttl <= 0 {
		delete(m.values, key)
		return
	}
	if ttl%time.Millisecond != 0 {
		panic(fmt.Sprintf("ttl %s is not a whole number of milliseconds", ttl))
	}
	m.values[key] = storedValue{append([]byte{}, value...), time.Now().Add(ttl)}
}

// present returns a copy of the values that have not expired.
func (m *memoryAnswers) present() map[introspect.AnswerKey]storedValue {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.values {
		m.live(key)
	}
	return maps.Clone(m.values)
}

// only returns the only value.
func (m *memoryAnswers) only(t *testing.T) (key introspect.AnswerKey, value storedValue) {
	t.Helper()
	present := m.present()
	if len(present) != 1 {
		t.Fatalf("got %d values in the store, want 1", len(present))
	}
	for key, value = range present {
	}
	return key, value
}

// set replaces the value of a key, as someone who can write to the store does.
func (m *memoryAnswers) set(key introspect.AnswerKey, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = storedValue{value, time.Now().Add(24 * time.Hour)}
}

func (m *memoryAnswers) setGeneration(generation int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generation = generation
}

func (m *memoryAnswers) currentGeneration() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.generation
}

func (m *memoryAnswers) setBefore(before func(ctx context.Context, operation string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

// count returns the number of calls of a method.
func (m *memoryAnswers) count(operation string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[operation]
}

// answerKey returns a common key.
func answerKey(name string) []byte {
	return []byte(fmt.Sprintf("%-32s", "test-key-of-answers-"+name))
}

// fastRandom makes random numbers independent of the clock. Otherwise the approved generator of
// GODEBUG=fips140=only, which measures time to collect entropy, panics in a synctest bubble when
// goroutines need several instances of it.
func fastRandom(t *testing.T) {
	if fips140.Enforced() {
		cryptotest.SetGlobalRandom(t, 1)
	}
}

// withAnswers configures a verifier that shares answers in a store.
func withAnswers(store introspect.Answers) configFunc {
	return func(_ *resource.Config, c *introspect.Config) {
		c.Answers, c.AnswerKeys = store, [][]byte{answerKey("1")}
	}
}

// inProcesses runs test with n fixtures that have one issuer and one store, as n processes have. A
// configure of nil changes nothing; process is the index of a fixture.
func inProcesses(t *testing.T, n int, configure func(process int, r *resource.Config, c *introspect.Config), test func(store *memoryAnswers, processes []*fixture)) {
	t.Helper()
	fastRandom(t)
	store := newMemoryAnswers()
	configuration := func(process int) configFunc {
		return func(r *resource.Config, c *introspect.Config) {
			withAnswers(store)(r, c)
			if configure != nil {
				configure(process, r, c)
			}
		}
	}
	inBubble(t, configuration(0), func(first *fixture) {
		processes := []*fixture{first}
		for i := 1; i < n; i++ {
			processes = append(processes, newFixture(first.T, first.issuer, configuration(i)))
		}
		test(store, processes)
		for _, fx := range processes {
			fx.checkNoSecretWritten()
		}
	})
}

// sharedAnswers returns the metric of shared answers: each outcome that occurred.
func (fx *fixture) sharedAnswers() string {
	const name = "warder_introspection_shared_answers_total{"
	var parts []string
	for line := range strings.Lines(fx.metrics()) {
		if !strings.HasPrefix(line, name) {
			continue
		}
		_, rest, _ := strings.Cut(line, `outcome="`)
		outcome, _, _ := strings.Cut(rest, `"`)
		if value := strings.TrimSpace(line[strings.LastIndex(line, " "):]); value != "0" {
			parts = append(parts, outcome+"="+value)
		}
	}
	return strings.Join(parts, " ")
}

// expectShared compares the metric of shared answers.
func (fx *fixture) expectShared(want string) {
	fx.Helper()
	if got := fx.sharedAnswers(); got != want {
		fx.Errorf("shared answers: got %q, want %q", got, want)
	}
}

// expectCalls compares the number of calls to the endpoint.
func (fx *fixture) expectCalls(want int) {
	fx.Helper()
	if got := fx.calls(); got != want {
		fx.Errorf("got %d calls, want %d", got, want)
	}
}

// activeAnswerOf returns an answer about an active token with exactly size bytes.
func activeAnswerOf(size int) string {
	const before, after = `{"active":true,"sub":"alice","aud":"` + identifier + `","token_type":"Bearer","padding":"`, `"}`
	return before + strings.Repeat("x", size-len(before)-len(after)) + after
}
