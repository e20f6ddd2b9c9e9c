package nethttp

import (
	"container/list"
	"sync"

	"github.com/warder-go/warder/internal/digest"
)

// sessionTable stores which caller each session belongs to. It is safe for concurrent use.
// It stores digests, so that the size of an entry does not depend on the lengths of ids.
type sessionTable struct {
	maxSessions, maxPerCaller int
	adoptUnknown              bool

	mu       sync.Mutex // guards the fields below
	bindings map[digest.Digest]*sessionBinding
	owners   map[digest.Digest]*sessionOwner
	recent   list.List // of *sessionBinding, most recently used first
}

// sessionBinding is one session and its owner.
type sessionBinding struct {
	id               digest.Digest
	owner            *sessionOwner
	inTable, inOwner *list.Element // positions in the two lists
}

// sessionOwner is a caller with at least one session.
type sessionOwner struct {
	id     digest.Digest
	recent list.List // of *sessionBinding, most recently used first
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
		bindings: map[digest.Digest]*sessionBinding{}, owners: map[digest.Digest]*sessionOwner{}}
}

// claim returns the state of a session that a caller has named in a request. It binds an
// unknown session to the caller if adoptUnknown is set.
func (t *sessionTable) claim(session, caller string) sessionState {
	id, owner := digest.Of(session), digest.Of(caller)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch binding := t.bindings[id]; {
	case binding == nil && t.adoptUnknown:
		t.add(id, owner)
	case binding == nil:
		return sessionUnknown
	case binding.owner.id != owner:
		return sessionOfOther
	default:
		t.touch(binding)
	}
	return sessionOfCaller
}

// bind binds a session that the server has opened to the caller. It reports false if the
// session belongs to another caller.
func (t *sessionTable) bind(session, caller string) bool {
	id, owner := digest.Of(session), digest.Of(caller)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch binding := t.bindings[id]; {
	case binding == nil:
		t.add(id, owner)
	case binding.owner.id != owner:
		return false
	default:
		t.touch(binding)
	}
	return true
}

// remove removes a session of the caller. It ignores a session of another caller.
func (t *sessionTable) remove(session, caller string) {
	id, owner := digest.Of(session), digest.Of(caller)
	t.mu.Lock()
	defer t.mu.Unlock()
	if binding := t.bindings[id]; binding != nil && binding.owner.id == owner {
		t.delete(binding)
	}
}

// add adds a session. At the limit of the caller it deletes the caller's least recently used
// session. Otherwise, at the limit of the table, it deletes that of the table.
func (t *sessionTable) add(id, ownerID digest.Digest) {
	if owner := t.owners[ownerID]; owner != nil && owner.recent.Len() >= t.maxPerCaller {
		t.deleteOldest(&owner.recent)
	} else if len(t.bindings) >= t.maxSessions {
		t.deleteOldest(&t.recent)
	}
	owner := t.owners[ownerID] // read again: the deletion may have removed it
	if owner == nil {
		owner = &sessionOwner{id: ownerID}
		t.owners[ownerID] = owner
	}
	binding := &sessionBinding{id: id, owner: owner}
	binding.inTable, binding.inOwner = t.recent.PushFront(binding), owner.recent.PushFront(binding)
	t.bindings[id] = binding
}

// touch marks a session as used.
func (t *sessionTable) touch(binding *sessionBinding) {
	t.recent.MoveToFront(binding.inTable)
	binding.owner.recent.MoveToFront(binding.inOwner)
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
	binding.owner.recent.Remove(binding.inOwner)
	if binding.owner.recent.Len() == 0 {
		delete(t.owners, binding.owner.id)
	}
}
