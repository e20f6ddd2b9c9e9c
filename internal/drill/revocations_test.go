package drill_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
	"github.com/warder-go/warder/resource/revocation"
)

// How a revocation is observed: the time between two requests to one process doubles.
const (
	firstPoll = 2 * time.Millisecond
	fastPoll  = 100 * time.Millisecond // the longest one in the first second
	slowPoll  = time.Second            // the longest one later
	pollTime  = 25 * time.Second

	eventInterval = 500 * time.Millisecond // until the issuer repeats an event
)

// A revocationOf is a token that is revoked during a scenario.
type revocationOf struct {
	number int
	token  string
	added  time.Time // when List.Add returned, or the process accepted the event
	err    error     // of List.Add, or of the last attempt to push the event
}

// revocations has all revocations of a scenario. It is safe for concurrent use.
type revocations struct {
	mu  sync.Mutex
	all []*revocationOf
}

func (r *revocations) add(one *revocationOf) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

func (r *revocations) list() []*revocationOf {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*revocationOf(nil), r.all...)
}

// revocable makes a token, and the entry that revokes it by jti, by sid, by the token itself, or
// by its subject.
func (t *traffic) revocable(n int) (token string, e revocation.Entry) {
	subject, id, session := fmt.Sprint("revoked-", n), fmt.Sprint("jti-", n), fmt.Sprint("sid-", n)
	token = t.f.issuer.Token(resourcetest.Token{Subject: subject, Claims: map[string]any{"jti": id, "sid": session}})
	e = revocation.Entry{Issuer: t.f.issuer.Identifier(), Until: time.Now().Add(tokenLifetime)}
	switch n % 5 {
	case 0:
		e.TokenID = id
	case 1:
		e.Session = session
	case 2:
		e.Token = token
	default:
		e.Subject = subject
	}
	return token, e
}

// revoke makes a token, sends it to all processes so that they remember it, revokes it, and sends it to
// each process until this one rejects it. The driver adds four of five revocations itself. The issuer
// pushes the fifth one to one of the processes, as an event about its subject.
func (t *traffic) revoke(ctx context.Context, n int) {
	token, e := t.revocable(n)
	for process := range processes {
		t.do(ctx, process, unseen, token, "", 0)
	}
	r := &revocationOf{number: n + 1, token: token}
	if n%5 == 4 {
		r.err = t.f.pushEvent(ctx, t.f.processes[n/5%processes], e.Subject)
	} else {
		r.err = t.f.list.Add(context.WithoutCancel(ctx), e)
	}
	r.added = time.Now()
	t.revocations.add(r)
	var all sync.WaitGroup
	for process := range processes {
		all.Go(func() { t.sendUntilRejected(ctx, process, r) })
	}
	all.Wait()
}

// pushEvent pushes an event about a subject to a process. It repeats the event until the process
// accepts it, as issuers do.
func (f *fleet) pushEvent(ctx context.Context, p *process, subject string) (err error) {
	event := f.issuer.SecurityEvent(resourcetest.SecurityEvent{Audience: eventsAudience, Subject: f.issuer.SubjectID(subject)})
	for began := time.Now(); time.Since(began) < pollTime; {
		url, _ := p.address()
		response, sendErr := p.client.Do(resourcetest.PushRequest(context.WithoutCancel(ctx), url+eventsPath, event, eventsSecret))
		if err = sendErr; err == nil {
			discard(response.Body)
			if response.StatusCode == http.StatusAccepted {
				return nil
			}
			err = fmt.Errorf("process %d answered %s to an event", p.number, response.Status)
		}
		if !pause(ctx, eventInterval) {
			break
		}
	}
	return err
}

func (t *traffic) sendUntilRejected(ctx context.Context, process int, r *revocationOf) {
	for interval := firstPoll; time.Since(r.added) < pollTime; {
		if a, _ := t.do(ctx, process, revoked, r.token, "", r.number); a.status == http.StatusUnauthorized || !pause(ctx, interval) {
			return
		}
		longest := fastPoll
		if time.Since(r.added) > time.Second {
			longest = slowPoll
		}
		interval = min(2*interval, longest)
	}
}

// sendRevoked sends one of the revoked tokens to a process.
func (t *traffic) sendRevoked(ctx context.Context, n int) {
	if all := t.revocations.list(); len(all) > 0 {
		r := all[rand.IntN(len(all))]
		t.do(ctx, n%processes, revoked, r.token, "", r.number)
	}
}
