package introspect

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
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
	alg    algorithm
}

func newSigningKey(a ClientAuth) *signingKey {
	k := &signingKey{id: a.KeyID, algorithm: a.Algorithm, signer: a.Signer}
	if a.PrivateKeyFile != "" {
		k.file = secretfile.New(a.PrivateKeyFile)
	}
	return k
}

// get returns the key. It reads the file in each call, and parses it if it has changed.
func (k *signingKey) get() (assertionKey, error) {
	if k.file == nil {
		alg, err := algorithmOf(k.signer, k.algorithm)
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
	alg, err := algorithmOf(parsed.Signer, cmp.Or(k.algorithm, parsed.Algorithm))
	if err != nil {
		return assertionKey{}, fmt.Errorf("file %q: %w", k.file.Path(), err)
	}
	k.content, k.current = id, assertionKey{parsed.Signer, cmp.Or(k.id, parsed.ID), alg}
	return k.current, nil
}

// An algorithm signs assertions (RFC 7518 §3.1, RFC 8037 §3.1).
type algorithm struct {
	name string
	hash crypto.Hash // 0: the signer receives the message, not its hash
	pss  bool
	size int // size of R and of S in bytes; 0: not ECDSA
}

var errNoAlgorithm = errors.New("no algorithm")

// algorithmOf returns the algorithm with the given name, or the default algorithm for the type
// of the key if name is empty. It returns an error if the key is too short or of another type.
func algorithmOf(signer crypto.Signer, name string) (algorithm, error) {
	var supported []algorithm // the default first
	switch public := signer.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < 2048 { // RFC 7518 §3.3
			return algorithm{}, errors.New("the RSA key is shorter than 2048 bits")
		}
		supported = []algorithm{
			{"RS256", crypto.SHA256, false, 0}, {"RS384", crypto.SHA384, false, 0}, {"RS512", crypto.SHA512, false, 0},
			{"PS256", crypto.SHA256, true, 0}, {"PS384", crypto.SHA384, true, 0}, {"PS512", crypto.SHA512, true, 0},
		}
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			supported = []algorithm{{"ES256", crypto.SHA256, false, 32}}
		case elliptic.P384():
			supported = []algorithm{{"ES384", crypto.SHA384, false, 48}}
		case elliptic.P521():
			supported = []algorithm{{"ES512", crypto.SHA512, false, 66}}
		}
	case ed25519.PublicKey:
		supported = []algorithm{{"EdDSA", 0, false, 0}, {"Ed25519", 0, false, 0}}
	}
	for _, alg := range supported {
		if name == "" || name == alg.name {
			return alg, nil
		}
	}
	return algorithm{}, fmt.Errorf("%w %q for a key of type %T", errNoAlgorithm, name, signer.Public())
}
