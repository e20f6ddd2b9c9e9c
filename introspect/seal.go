package introspect

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/internal/digest"
)

// sealVersion is the first byte of a value in the store. Another version is another format.
const sealVersion = 1

// sealOverhead is the number of bytes that seal adds: the version, a nonce and a tag of GCM.
const sealOverhead = 1 + 12 + 16

// answerKeys are the keys that are derived from one common key: one for the names of values
// in the store, and one for their encryption.
type answerKeys struct{ name, seal []byte }

func newAnswerKeys(common []byte) answerKeys {
	return answerKeys{
		name: commonkey.Derive(common, "warder introspection answer key 1"),
		seal: commonkey.Derive(common, "warder introspection answer seal 1"),
	}
}

// A place is what an entry in the store is about. An entry is only valid at its place.
type place struct {
	settings   string // see answerSettings
	endpoint   string // URL
	token      digest.Digest
	generation int64 // of the store, read before the call
}

// context is the associated data of the entry at key: what the entry is bound to. All parts
// have a fixed length or are preceded by their length, so no two places have the same context.
func (p place) context(key AnswerKey) []byte {
	out := append([]byte("warder introspection answer 1\n"), key[:]...)
	out = append(out, p.token[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(p.generation)) //nolint:gosec // G115: both are 64 bits; other numbers have other bytes
	out = appendText(out, p.endpoint)
	return appendText(out, p.settings)
}

// appendText appends the length of text and text.
func appendText(out []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(out, uint32(len(text))), text...) //nolint:gosec // G115: settings and URLs are shorter than 4 GiB
}

// answerSettings is the text of everything in a configuration that identifies the issuer and
// this client, and that decides whether an answer is accepted. An answer that one process
// accepted without a signature must not be used by another one that requires signatures.
func answerSettings(c Config, hint string) string {
	var out []byte
	for _, text := range []string{c.Issuer, c.Auth.ClientID, c.KeysURL, c.MetadataURL, hint} {
		out = appendText(out, text)
	}
	return string(fmt.Appendf(out, "signed %t untyped %t", c.SignedAnswers, c.TrustAnswersWithoutTokenType))
}

// key returns the key of a place in the store. It contains the generation, so that an outdated
// value is not in the way of a new one: PutNew stores at a key that was never used before.
func (k answerKeys) key(p place) (key AnswerKey) {
	mac := hmac.New(sha256.New, k.name)
	mac.Write(p.context(AnswerKey{}))
	mac.Sum(key[:0])
	return key
}

// sealed returns the value for an entry at a place.
func (k answerKeys) sealed(p place, e entry) (key AnswerKey, value []byte, err error) {
	key = k.key(p)
	aead, err := k.aead(key)
	if err != nil {
		return key, nil, err
	}
	//nolint:gosec // G407: cipher.NewGCMWithRandomNonce makes the nonce
	return key, aead.Seal([]byte{sealVersion}, nil, e.encoded(), p.context(key)), nil
}

// open returns the entry in a value that was read at a place. It reports false if the value was
// not sealed with this key for this place. It does not check the time.
func (k answerKeys) open(p place, value []byte) (entry, bool) {
	if len(value) < sealOverhead || len(value) > sealOverhead+entryOverhead+maxSharedDocument || value[0] != sealVersion {
		return entry{}, false
	}
	key := k.key(p)
	aead, err := k.aead(key)
	if err != nil {
		return entry{}, false
	}
	plain, err := aead.Open(nil, nil, value[1:], p.context(key))
	if err != nil {
		return entry{}, false
	}
	return decodeEntry(plain)
}

// aead returns AES-256-GCM with random nonces under a key that is derived for one key in the
// store. So the limit of 2^32 values per key (NIST SP 800-38D §8.3) applies to each token.
func (k answerKeys) aead(key AnswerKey) (cipher.AEAD, error) {
	block, err := aes.NewCipher(commonkey.Derive(k.seal, "warder introspection answer "+string(key[:])))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
