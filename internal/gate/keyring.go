package gate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/go-json-experiment/json"

	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/privatekey"
	"github.com/warder-go/warder/internal/secretfile"
)

// keyring has the keys of identity JWTs. Its files are read again by reload.
type keyring struct {
	signing *secretfile.File
	further []*secretfile.File
	current atomic.Pointer[keys]
}

// keys are the keys of one state of the files. They are immutable.
type keys struct {
	signer    crypto.Signer
	algorithm privatekey.Algorithm
	header    string // of JWTs, encoded
	public    publicKey
	retired   []publicKey // that signed earlier
	document  []byte      // the JWKS
}

// publicKey is a public key on the curve P-256 (RFC 7518 §6.2.1).
type publicKey struct {
	Type      string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
}

type jwtHeader struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}

// buildIdentity reads the keys of identity JWTs.
func (b *builder) buildIdentity() {
	s := b.gate.settings.Identity
	if s == nil {
		return
	}
	b.checkIdentityName("identity.header", s.Header)
	r := &keyring{signing: secretfile.New(b.path(s.KeyFile))}
	for _, name := range s.FurtherKeyFiles {
		r.further = append(r.further, secretfile.New(b.path(name)))
	}
	if _, err := r.reload(); err != nil {
		b.decoder.at("identity", "%s", err)
		return
	}
	b.gate.keys = r
}

// reload reads the files. A signing key that is replaced stays in the JWKS.
func (r *keyring) reload() (changed bool, err error) {
	next := new(keys)
	var signer *ecdsa.PrivateKey
	if signer, next.public, err = readKey(r.signing); err != nil {
		return false, err
	}
	next.signer = signer
	if next.algorithm, err = privatekey.AlgorithmOf(signer, ""); err != nil {
		return false, fmt.Errorf("file %q: %w", r.signing.Path(), err)
	}
	published := []publicKey{next.public}
	for _, file := range r.further {
		_, public, err := readKey(file)
		if err != nil {
			return false, err
		}
		published = append(published, public)
	}
	if before := r.current.Load(); before != nil {
		next.retired = before.retired
		if before.public != next.public {
			next.retired = append([]publicKey{before.public}, before.retired...)
			next.retired = next.retired[:min(len(next.retired), maxRetiredKeys)]
		}
	}
	if next.document, err = keySet(append(published, next.retired...)); err != nil {
		return false, err
	}
	header, err := json.Marshal(jwtHeader{"ES256", next.public.ID, identityType})
	if err != nil {
		return false, errors.New("the kid of the signing key is not valid UTF-8")
	}
	next.header = base64.RawURLEncoding.EncodeToString(header)
	if before := r.current.Load(); before != nil && bytes.Equal(before.document, next.document) && before.public == next.public {
		return false, nil
	}
	r.current.Store(next)
	return true, nil
}

// readKey reads a private key and returns it with its public part. The ID is that of the JWK, or
// the thumbprint (RFC 7638).
func readKey(file *secretfile.File) (*ecdsa.PrivateKey, publicKey, error) {
	content, err := file.ReadAll()
	if err != nil {
		return nil, publicKey{}, err
	}
	parsed, err := privatekey.Parse(content)
	if err != nil {
		return nil, publicKey{}, fmt.Errorf("file %q: %w", file.Path(), err)
	}
	key, ok := parsed.Signer.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() || parsed.Algorithm != "" && parsed.Algorithm != "ES256" {
		return nil, publicKey{}, fmt.Errorf("file %q: is not a key for ES256, on the curve P-256", file.Path())
	}
	point, err := key.PublicKey.Bytes() // SEC 1 §2.3.3: 4, x, y
	if err != nil {
		return nil, publicKey{}, fmt.Errorf("file %q: has no valid public key", file.Path())
	}
	encode := base64.RawURLEncoding.EncodeToString
	public := publicKey{Type: "EC", Curve: "P-256", X: encode(point[1:33]), Y: encode(point[33:]), Use: "sig", Algorithm: "ES256", ID: parsed.ID}
	if public.ID == "" {
		text, err := json.Marshal(public)
		if err != nil {
			return nil, publicKey{}, fmt.Errorf("file %q: %w", file.Path(), err)
		}
		read, err := jose.ParseKey(text)
		if err != nil {
			return nil, publicKey{}, fmt.Errorf("file %q: %w", file.Path(), err)
		}
		public.ID = encode(read.Thumbprint[:])
	}
	return key, public, nil
}

// keySet returns a JWKS with each key once (RFC 7517 §5).
func keySet(all []publicKey) ([]byte, error) {
	byID := map[string]publicKey{}
	once := []publicKey{}
	for _, key := range all {
		other, ok := byID[key.ID]
		switch {
		case ok && other == key:
			continue
		case ok:
			return nil, fmt.Errorf("two keys have the kid %q", key.ID)
		}
		byID[key.ID] = key
		once = append(once, key)
	}
	document, err := json.Marshal(struct {
		Keys []publicKey `json:"keys"`
	}{once})
	if err != nil {
		return nil, errors.New("a kid is not valid UTF-8")
	}
	return document, nil
}

// ServeHTTP serves the JWKS. Upstreams may cache it for a minute.
func (r *keyring) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	document := r.current.Load().document
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Content-Length", strconv.Itoa(len(document)))
	h.Set("Cache-Control", "max-age=60")
	_, _ = w.Write(document)
}
