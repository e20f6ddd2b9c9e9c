package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/audit"
	"github.com/warder-go/warder/resource/resourcetest"
)

// slowHandler writes JSON records. Each takes one second.
type slowHandler struct {
	slog.Handler
	failures int // the next records about dropped events fail this many times
}

func (h *slowHandler) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(time.Second)
	if r.Message == "dropped" && h.failures > 0 {
		h.failures--
		return errors.New("disk full")
	}
	return h.Handler.Handle(ctx, r)
}

// auditRecord has the attributes of a record that these tests compare.
type auditRecord struct {
	Time     time.Time `json:"time"`
	Msg      string    `json:"msg"`
	Sequence int       `json:"sequence"`
	Schema   string    `json:"schema"`
	Resource string    `json:"resource"`
	Decision string    `json:"decision"`
	Reason   string    `json:"reason"`
	Queue    string    `json:"queue"`
	Dropped  int       `json:"dropped"`
	First    int       `json:"first_sequence"`
	Last     int       `json:"last_sequence"`
	Until    time.Time `json:"until"`
}

func records(t *testing.T, out *bytes.Buffer) (all []auditRecord) {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		var r auditRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// tokenOf returns the token, or "" if there is none.
func (f *fixture) tokenOf(t *resourcetest.Token) string {
	if t == nil {
		return ""
	}
	return f.issuer.Token(*t)
}

// A flood of rejected requests, with or without a verified caller, does not displace the records
// of accepted requests, with the default limits. One record states how many decisions are missing.
func TestFloodDisplacesNoAcceptedRequest(t *testing.T) {
	const flood, accepted = 8202, 100
	issuer := newIssuer(t)
	for _, row := range []struct {
		name, reason string
		token        *resourcetest.Token
	}{
		{"without credentials", "missing_credentials", nil},
		{"forged tokens", "signature_invalid", &resourcetest.Token{Audience: identifier, Fault: resourcetest.WrongSignature}},
		{"a revoked token", "revoked", &resourcetest.Token{Audience: identifier, Scope: "admin write", Subject: "mallory"}},
		{"a token without the scopes", "insufficient_scope", &resourcetest.Token{Audience: identifier, Scope: "read"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			f := newFixture(t, issuer, &slowHandler{Handler: slog.NewJSONHandler(&out, nil)}, 0)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- f.log.Run(ctx) }()
			admin := issuer.Token(resourcetest.Token{Audience: identifier, Scope: "admin write"})
			token := f.tokenOf(row.token) // made here, where the time is that of the bubble
			f.resource.Authenticate(request(token))
			synctest.Wait() // the handler has this event
			for range flood {
				f.resource.Authenticate(request(token))
			}
			for range accepted {
				decision, refusal := f.resource.Authenticate(request(admin))
				if refusal != nil {
					t.Fatal(refusal)
				}
				decision.Done()
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			kinds := map[string]int{}
			var dropped []auditRecord
			for _, r := range records(t, &out) {
				if kinds[r.Msg+" "+r.Decision+" "+r.Reason]++; r.Msg == "dropped" {
					dropped = append(dropped, r)
				}
			}
			const queued = audit.DefaultOtherQueueEvents
			want := map[string]int{"decision accepted ": accepted, "decision denied " + row.reason: 1 + queued, "dropped  ": 1}
			if fmt.Sprint(kinds) != fmt.Sprint(want) {
				t.Errorf("%s: records: got %v, want %v", row.name, kinds, want)
			}
			if len(dropped) != 1 || dropped[0].Queue != "other" || dropped[0].Dropped != flood-queued || dropped[0].First != 2+queued || dropped[0].Last != 1+flood {
				t.Errorf("%s: got %+v, want %d dropped events of the queue other, from %d to %d", row.name, dropped, flood-queued, 2+queued, 1+flood)
			}
			if got := f.count(t, "warder_audit_events_total", "dropped"); got != flood-queued {
				t.Errorf("%s: metric: got %d dropped events, want %d", row.name, got, flood-queued)
			}
		})
	}
}

// The record about dropped events follows the records that were queued before them. Sequence
// numbers and times give the order of the decisions.
func TestDroppedRecord(t *testing.T) {
	for _, row := range []struct {
		name     string
		failures int    // of the handler, for records about dropped events
		events   string // a: accepted, p: public without a caller, r: rejected caller; the first is in the handler while the others arrive
		later    string // events after the queues have become empty
		want     string // records in the order in which they are written
	}{
		{"nothing is dropped, accepted callers are first", 0, "ppaa", "r", "1 3 4 2 5"},
		{"public operations are dropped", 0, "ppppa", "p", "1 5 2 other:2:3-4 6"},
		{"events of rejected callers are dropped", 0, "rrrra", "r", "1 5 2 other:2:3-4 6"},
		{"events of accepted callers are dropped", 0, "paaapa", "a", "1 2 3 accepted:2:4-6 5 7"},
		{"events of both kinds are dropped", 0, "papaaar", "", "1 2 4 accepted:2:5-6 3 other:1:7-7"},
		{"a record that fails is written after the next event", 1, "paaa", "ap", "1 2 3 5 accepted:1:4-4 6"},
		{"a record that fails is written at the end", 1, "rrr", "a", "1 2 4 other:1:3-3"},
		{"a record that fails is not written if the handler still fails", 9, "ppp", "", "1 2"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			handler := &slowHandler{slog.NewJSONHandler(&out, nil), row.failures}
			log, err := audit.New(audit.Config{Handler: handler, AcceptedQueueEvents: 2, OtherQueueEvents: 1})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			start := time.Now()
			go func() { done <- log.Run(ctx) }()
			observe := func(events string) {
				for _, kind := range events {
					e := resource.Event{Time: time.Now(), Resource: identifier, Result: "accepted"}
					switch kind {
					case 'a':
						e.Caller = new(resource.Caller)
					case 'r':
						e.Caller, e.Result, e.Reason = new(resource.Caller), "denied", resource.ReasonRevoked
					}
					log.Observe(ctx, e)
					synctest.Wait()
					time.Sleep(time.Millisecond)
				}
			}
			observe(row.events)
			time.Sleep(time.Minute)
			observe(row.later)
			time.Sleep(time.Minute)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			var got []string
			for _, r := range records(t, &out) {
				if r.Msg == "decision" {
					got = append(got, strconv.Itoa(r.Sequence))
					continue
				}
				got = append(got, fmt.Sprintf("%s:%d:%d-%d", r.Queue, r.Dropped, r.First, r.Last))
				at := func(sequence int) time.Time { return start.Add(time.Duration(sequence-1) * time.Millisecond) }
				if r.Resource != identifier || r.Schema != audit.Schema || !r.Time.Equal(at(r.First)) || !r.Until.Equal(at(r.Last)) {
					t.Errorf("%s: got %+v, want the times of the first and the last dropped event", row.name, r)
				}
			}
			if got := strings.Join(got, " "); got != row.want {
				t.Errorf("%s:\n got %s\nwant %s", row.name, got, row.want)
			}
		})
	}
}

// A record lists at most 100 operations and states how many it omits.
func TestOmittedOperations(t *testing.T) {
	for _, row := range []struct {
		name, want string
		uris       int
	}{
		{"all operations are in the record", "100 operations, omitted <nil>", 100},
		{"one operation is not in the record", "100 operations, omitted 1", 101},
		{"900 operations are not in the record", "100 operations, omitted 900", 1000},
	} {
		var out bytes.Buffer
		f := newFixture(t, newIssuer(t), slog.NewJSONHandler(&out, nil), 0)
		uris := strings.Repeat(`"file:///a",`, row.uris-1) + `"file:///b"`
		req := httptest.NewRequest(http.MethodPost, identifier, strings.NewReader(
			`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":[`+uris+`]}}}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: identifier}))
		f.resource.Authenticate(req)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.log.Run(ctx); err != nil {
			t.Fatal(err)
		}
		var r struct {
			Operations []any
			Omitted    any `json:"operations_omitted"`
		}
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d operations, omitted %v", len(r.Operations), r.Omitted); got != row.want {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}
