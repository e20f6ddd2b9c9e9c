package keyset

import "sync"

// SkippedKey is a key of a document that cannot be used.
type SkippedKey struct {
	KeyID string // kid; "" if it has none or it cannot be read
	Err   error
}

// skippedKeys stores which skipped keys were reported, so that each is reported once and not at
// every refresh. It has at most one document's keys.
type skippedKeys struct {
	mu       sync.Mutex
	reported map[string]bool
}

// added returns the keys that the previous document did not have. The keys of a document are
// not compared if it cannot be read: then hasKeys is false.
func (s *skippedKeys) added(keys []SkippedKey, hasKeys bool) (added []SkippedKey) {
	if !hasKeys {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := make(map[string]bool, len(keys))
	for _, k := range keys {
		id := k.KeyID + " " + k.Err.Error()
		if !s.reported[id] && !now[id] {
			added = append(added, k)
		}
		now[id] = true
	}
	s.reported = now
	return added
}
