package clientauth

import (
	"cmp"
	"crypto"
	"fmt"
	"sync"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/privatekey"
	"github.com/warder-go/warder/internal/secretfile"
)

// signingKey provides the key for assertions: Signer, or the key in PrivateKeyFile. It is safe
// for concurrent use.
type signingKey struct {
	id, algorithm string // as configured
	signer        crypto.Signer
	file          *secretfile.File // nil: signer

	mu      sync.Mutex    // guards the fields below
	content digest.Digest // of the file when current was read
	current assertionKey
}

// assertionKey is a key with the kid and the algorithm of the assertions that it signs.
type assertionKey struct {
	signer crypto.Signer
	id     string
	alg    privatekey.Algorithm
}

func newSigningKey(c Config) *signingKey {
	k := &signingKey{id: c.KeyID, algorithm: c.Algorithm, signer: c.Signer}
	if c.PrivateKeyFile != "" {
		k.file = secretfile.New(c.PrivateKeyFile)
	}
	return k
}

// get returns the key. It reads the file in each call, and parses it if it has changed.
func (k *signingKey) get() (assertionKey, error) {
	if k.file == nil {
		alg, err := privatekey.AlgorithmOf(k.signer, k.algorithm)
		return assertionKey{k.signer, k.id, alg}, err
	}
	content, err := k.file.ReadAll()
	if err != nil {
		return assertionKey{}, err
	}
	id := digest.Of(string(content))
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current.signer != nil && k.content == id {
		return k.current, nil
	}
	parsed, err := privatekey.Parse(content)
	if err != nil {
		return assertionKey{}, fmt.Errorf("file %q: %w", k.file.Path(), err)
	}
	alg, err := privatekey.AlgorithmOf(parsed.Signer, cmp.Or(k.algorithm, parsed.Algorithm))
	if err != nil {
		return assertionKey{}, fmt.Errorf("file %q: %w", k.file.Path(), err)
	}
	k.content, k.current = id, assertionKey{parsed.Signer, cmp.Or(k.id, parsed.ID), alg}
	return k.current, nil
}
