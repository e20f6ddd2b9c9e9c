package introspect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/internal/digest"
)

// oneValue is a store with one value for every key.
type oneValue struct{ value []byte }

func (o oneValue) Get(context.Context, AnswerKey) ([]byte, int64, error)       { return o.value, 0, nil }
func (o oneValue) Put(context.Context, AnswerKey, []byte, time.Duration) error { return nil }
func (o oneValue) PutNew(context.Context, AnswerKey, []byte, time.Duration) (bool, error) {
	return true, nil
}
func (o oneValue) Purge(context.Context, int64) error { return nil }

// A value of a process that has the key, but another version of this package, is used only if it
// is complete and obeys the rules for answers.
func TestEntries(t *testing.T) {
	const answer = `{"active":true,"sub":"alice","token_type":"Bearer"`
	for _, row := range []struct {
		name string
		kind entryKind
		body string
		want sharedOutcome
	}{
		{"answer", accepted, answer + `}`, sharedHit},
		{"inactive", rejected, "inactive", sharedRejected},
		{"token type", rejected, "token_type", sharedRejected},
		{"refused", rejected, "token_refused", sharedRejected},

		{"answer about an inactive token", accepted, `{"active":false,"sub":"alice","token_type":"Bearer"}`, sharedUnreadable},
		{"answer without active", accepted, `{"sub":"alice","token_type":"Bearer"}`, sharedUnreadable},
		{"answer with duplicate active", accepted, answer + `,"active":true}`, sharedUnreadable},
		{"answer with a duplicate claim", accepted, answer + `,"sub":"bob"}`, sharedUnreadable},
		{"answer about a refresh token", accepted, answer + `,"token_use":"refresh"}`, sharedUnreadable},
		{"answer without a kind of token", accepted, `{"active":true,"sub":"alice"}`, sharedUnreadable},
		{"answer that has expired", accepted, answer + `,"exp":946684800}`, sharedUnreadable}, // now, in a bubble
		{"not an answer", accepted, `[]`, sharedUnreadable},
		{"empty answer", accepted, "", sharedUnreadable},
		{"no outcome", rejected, "", sharedUnreadable},
		{"outcome of a failure", rejected, "timeout", sharedUnreadable},
		{"outcome of a success", rejected, "active", sharedUnreadable},
		{"unknown outcome", rejected, "other", sharedUnreadable},
		{"outcome with another case", rejected, "Inactive", sharedUnreadable},
		{"lock with a body", pending, "x", sharedUnreadable},
		{"unknown kind", unreadable, "", sharedUnreadable},
		{"kind 0", noEntry, "", sharedUnreadable},
	} {
		t.Run(row.name, func(t *testing.T) {
			key := []byte("test-key-of-answers-test-key-of-answers")
			config := Config{
				Issuer: "https://auth.example.test", Endpoint: "https://auth.example.test/introspect",
				Auth: ClientAuth{ClientID: "id", ClientSecret: "secret"}, Answers: oneValue{}, AnswerKeys: [][]byte{key},
			}
			v, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			p := place{settings: v.shared.settings, endpoint: config.Endpoint, token: digest.Of("token")}
			start := time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) // of each bubble
			_, value, err := newAnswerKeys(key).sealed(p, entry{kind: row.kind, receivedAt: start, body: []byte(row.body)})
			if err != nil {
				t.Fatal(err)
			}
			v.shared.store = oneValue{value}
			synctest.Test(t, func(t *testing.T) {
				l := v.lookUpShared(t.Context(), p.token, nil)
				if took := time.Since(start); took != 0 {
					t.Errorf("took %s, want no wait", took)
				}
				got := sharedUnreadable
				switch {
				case l.found && l.failure != nil:
					got = sharedRejected
				case l.found:
					got = sharedHit
				}
				if got != row.want {
					t.Errorf("got %q, want %q", got, row.want)
				}
			})
		})
	}
}

// Entries that are too short do not open.
func TestShortEntries(t *testing.T) {
	whole := entry{kind: pending, receivedAt: time.Now()}.encoded()
	for n := range whole {
		if _, ok := decodeEntry(whole[:n]); ok {
			t.Errorf("%d bytes were accepted", n)
		}
	}
	if _, ok := decodeEntry(whole); !ok {
		t.Error("a lock was not accepted")
	}
}
