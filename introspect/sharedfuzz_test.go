package introspect_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// fixedAnswers returns the same value for every key, and stores nothing.
type fixedAnswers struct{ value []byte }

func (f fixedAnswers) Get(context.Context, introspect.AnswerKey) ([]byte, int64, error) {
	return f.value, 0, nil
}

func (fixedAnswers) Put(context.Context, introspect.AnswerKey, []byte, time.Duration) error {
	return nil
}

func (fixedAnswers) PutNew(context.Context, introspect.AnswerKey, []byte, time.Duration) (bool, error) {
	return true, nil
}

func (fixedAnswers) Purge(context.Context, int64) error { return nil }

// FuzzSharedValue returns any value from the store. Only a value that a process has stored for
// the same token is used. With any other, the process makes a call.
func FuzzSharedValue(f *testing.F) {
	issuer, err := resourcetest.NewIssuer(resourcetest.Config{})
	if err != nil {
		f.Fatal(err)
	}
	defer issuer.Close()
	const token = "some-token-of-somebody"
	key := []byte(rand.Text() + rand.Text()) // the processes of a fuzz test must not open the values of each other
	configure := func(store introspect.Answers) configFunc {
		return func(_ *resource.Config, c *introspect.Config) {
			c.Answers, c.AnswerKeys = store, [][]byte{key}
		}
	}
	// stored returns the value that a process stores for text.
	stored := func(text string) (value []byte) {
		store := newMemoryAnswers()
		newFixture(&testing.T{}, issuer, configure(store)).requestWithContext(context.Background(), text)
		for _, only := range store.present() {
			value = only.value
		}
		if value == nil {
			f.Fatal("no value was stored")
		}
		return value
	}
	rejection := stored(token)
	issuer.OpaqueToken(resourcetest.Token{Text: token, Lifetime: 24 * time.Hour})
	answer := stored(token)
	for _, seed := range [][]byte{answer, rejection, stored("another-token"), answer[:40], {1}, {}, bytes.Repeat([]byte{1}, 17<<10)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		fx := newFixture(t, issuer, configure(fixedAnswers{value}))
		calls := fx.calls()
		got := fx.request(token)
		genuine := bytes.Equal(value, answer) || bytes.Equal(value, rejection)
		if !genuine && (got.status != 200 || fx.calls() != calls+1) {
			t.Errorf("got %d with %d calls, want 200 with 1", got.status, fx.calls()-calls)
		}
		if genuine && got.status != 200 && got.status != 401 {
			t.Errorf("got %d for a value that was stored", got.status)
		}
	})
}
