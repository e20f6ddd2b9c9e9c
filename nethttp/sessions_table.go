package nethttp

import (
	"container/list"
	"strconv"
	"strings"
	"sync"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/resource"
)

// sessionTable stores which caller each session belongs to. It is safe for concurrent use.
// It stores digests, so that the size of an entry does not depend on the lengths of ids.
type sessionTable struct {
	maxSessions, maxPerCaller int
	adoptUnknown              bool

	mu       sync.Mutex // guards the fields below
	bindings map[digest.Digest]*sessionBinding
	quotas   map[digest.Digest]*sessionQuota
	recent   list.List // of *sessionBinding, most recently used first
}

// sessionBinding is one session and its owner.
type sessionBinding struct {
	id, owner        digest.Digest
	path             string     // of the endpoint, if the id is in its query
	stream           *sseStream // that named the endpoint; nil if the id is in the header
	quota            *sessionQuota
	inTable, inQuota *list.Element // positions in the two lists
}

// sessionQuota has the sessions that one limit applies to. There is at least one.
type sessionQuota struct {
	id     digest.Digest
	recent list.List // of *sessionBinding, most recently used first
}

// sessionOwner is a caller with the digest of its Owner.
type sessionOwner struct {
	id     digest.Digest
	caller *resource.Caller
}

// ownerOf returns the owner of a caller's sessions.
func ownerOf(caller *resource.Caller) sessionOwner {
	return sessionOwner{digest.Of(caller.Owner()), caller}
}

// quota identifies the limit for the owner's sessions. Each token that identifies no one is a
// caller of its own, and one client can get many. So these share the limit of their issuer and
// client.
func (o sessionOwner) quota() digest.Digest {
	id := o.caller.ID()
	ofToken := strconv.Itoa(len(o.caller.Issuer())) + ":" + o.caller.Issuer() + " token:"
	if strings.HasPrefix(id, ofToken) {
		id = ofToken + o.caller.ClientID()
	}
	return digest.Of(id)
}

// sessionState is the relation of a session to a caller.
type sessionState int

const (
	sessionUnknown sessionState = iota
	sessionOfOther
	sessionOfCaller
)

func newSessionTable(limit, limitPerCaller int, adoptUnknown bool) *sessionTable {
	return &sessionTable{maxSessions: limit, maxPerCaller: limitPerCaller, adoptUnknown: adoptUnknown,
		bindings: map[digest.Digest]*sessionBinding{}, quotas: map[digest.Digest]*sessionQuota{}}
}

// claim returns the state of a session that a caller has named in a request. It binds an
// unknown session to the caller if adoptUnknown is set. It does not adopt one in a query: such
// a session exists only as long as the stream that named its endpoint.
func (t *sessionTable) claim(session sessionName, owner sessionOwner) sessionState {
	id := session.key()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch binding := t.bindings[id]; {
	case binding == nil && t.adoptUnknown && !session.inQuery:
		t.add(id, session.path, owner)
	case binding == nil:
		return sessionUnknown
	case binding.owner != owner.id:
		return sessionOfOther
	case session.inQuery && !servedAt(binding.path, session.path):
		return sessionUnknown
	default:
		t.touch(binding)
	}
	return sessionOfCaller
}

// bind binds a session that the server has opened to the caller. It reports false if the
// session belongs to another caller. stream is nil for a session in the header.
func (t *sessionTable) bind(session sessionName, owner sessionOwner, stream *sseStream) bool {
	id := session.key()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch binding := t.bindings[id]; {
	case binding == nil:
		t.add(id, session.path, owner)
	case binding.owner != owner.id:
		return false
	default:
		binding.path = session.path
		t.touch(binding)
	}
	t.bindings[id].stream = stream
	return true
}

// stream returns the stream of a session in a query, if the session is the caller's; otherwise nil.
func (t *sessionTable) stream(session sessionName, owner sessionOwner) *sseStream {
	t.mu.Lock()
	defer t.mu.Unlock()
	binding := t.bindings[session.key()]
	if binding == nil || binding.owner != owner.id || !session.inQuery || !servedAt(binding.path, session.path) {
		return nil
	}
	return binding.stream
}

// remove removes a session of the caller. It ignores a session of another caller.
func (t *sessionTable) remove(session sessionName, owner sessionOwner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if binding := t.bindings[session.key()]; binding != nil && binding.owner == owner.id {
		t.delete(binding)
	}
}

// add adds a session. At the limit of the quota it deletes the quota's least recently used
// session. Otherwise, at the limit of the table, it deletes that of the table.
func (t *sessionTable) add(id digest.Digest, path string, owner sessionOwner) {
	quotaID := owner.quota()
	if quota := t.quotas[quotaID]; quota != nil && quota.recent.Len() >= t.maxPerCaller {
		t.deleteOldest(&quota.recent)
	} else if len(t.bindings) >= t.maxSessions {
		t.deleteOldest(&t.recent)
	}
	quota := t.quotas[quotaID] // read again: the deletion may have removed it
	if quota == nil {
		quota = &sessionQuota{id: quotaID}
		t.quotas[quotaID] = quota
	}
	binding := &sessionBinding{id: id, owner: owner.id, path: path, quota: quota}
	binding.inTable, binding.inQuota = t.recent.PushFront(binding), quota.recent.PushFront(binding)
	t.bindings[id] = binding
}

// touch marks a session as used.
func (t *sessionTable) touch(binding *sessionBinding) {
	t.recent.MoveToFront(binding.inTable)
	binding.quota.recent.MoveToFront(binding.inQuota)
}

func (t *sessionTable) deleteOldest(of *list.List) {
	if oldest := of.Back(); oldest != nil {
		if binding, ok := oldest.Value.(*sessionBinding); ok {
			t.delete(binding)
		}
	}
}

func (t *sessionTable) delete(binding *sessionBinding) {
	delete(t.bindings, binding.id)
	t.recent.Remove(binding.inTable)
	binding.quota.recent.Remove(binding.inQuota)
	if binding.quota.recent.Len() == 0 {
		delete(t.quotas, binding.quota.id)
	}
}
