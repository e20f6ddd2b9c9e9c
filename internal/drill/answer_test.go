package drill_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Limits of the driver.
const (
	tokenLifetime = 30 * time.Minute // longer than a scenario
	answerLimit   = 10 * time.Second // for one request
	maxConcurrent = 16               // requests to one process at one time
	maxAnswers    = 400_000          // of one scenario
)

// kind says what a request is.
type kind string

const (
	remembered kind = "remembered JWT"       // sent before, of a subject that is never revoked
	unseen     kind = "new JWT"              // sent once
	opaque     kind = "remembered opaque"    // introspected before
	newOpaque  kind = "new opaque"           // sent once to each process, at the same time
	bound      kind = "DPoP"                 // with a new proof
	again      kind = "DPoP, with new nonce" // repeated because of use_dpop_nonce
	replay     kind = "replay"               // with a proof that was sent before
	revoked    kind = "revoked"              // with a token that is revoked during the scenario
)

// kinds that a process must accept whenever it can.
var valid = map[kind]bool{remembered: true, unseen: true, opaque: true, newOpaque: true, bound: true, again: true}

// proves reports whether the request has a proof, which the store must accept.
func (k kind) proves() bool { return k == bound || k == again || k == replay }

// An answer is the record of one request, by the clock of the driver.
type answer struct {
	kind       kind
	process    int
	begin, end time.Time // before the first byte was sent, and after the last one was received
	status     int       // 0: no response
	why        string    // error of the challenge
	item       int       // number of the proof or of the revocation; 0: none
}

func (a answer) accepted() bool { return a.status == http.StatusOK }

// text describes an answer, with times since a start.
func (a answer) text(start time.Time) string {
	return fmt.Sprintf("process %d, %s: %d %s, sent at %.3f s, answered at %.3f s",
		a.process, a.kind, a.status, a.why, a.begin.Sub(start).Seconds(), a.end.Sub(start).Seconds())
}

// record has all answers of a scenario. It is safe for concurrent use.
type record struct {
	mu      sync.Mutex
	answers []answer
	lost    int // answers after the first maxAnswers
}

func (r *record) add(a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) == maxAnswers {
		r.lost++
		return
	}
	r.answers = append(r.answers, a)
}

const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

var challengeError = regexp.MustCompile(`error="(\w+)"`)

// send sends a request with a token and, if proof is not empty, a DPoP proof. nonce is that of the response.
func (p *process) send(ctx context.Context, k kind, token, proof string, item int) (a answer, nonce string) {
	a = answer{kind: k, process: p.number, begin: time.Now(), item: item}
	defer func() { a.end = time.Now() }()
	url, _ := p.address()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/mcp", strings.NewReader(ping))
	if url == "" || err != nil {
		return a, ""
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	if proof == "" {
		req.Header.Set("Authorization", "Bearer "+token)
	} else {
		req.Header.Set("Authorization", "DPoP "+token)
		req.Header.Set("DPoP", proof)
	}
	a.begin = time.Now()
	response, err := p.client.Do(req)
	if err != nil {
		return a, ""
	}
	discard(response.Body)
	a.status = response.StatusCode
	if m := challengeError.FindStringSubmatch(strings.Join(response.Header.Values("WWW-Authenticate"), ", ")); m != nil {
		a.why = m[1]
	}
	return a, response.Header.Get("DPoP-Nonce")
}
