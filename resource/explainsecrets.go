package resource

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/unreadcredential"
)

const (
	minPartBytes   = 16      // text of an explanation that is also in a credential is not shown from this length on
	maxSecretBytes = 1 << 20 // of all credentials of a request, also escaped; beyond that, an explanation shows no text
)

// secrets are the credentials of a request, and of the fields in which clients often send some. An
// explanation shows none of them and no part of one, wherever its text is from: some issuers return
// the token itself as jti, and errors quote what was sent.
type secrets struct {
	whole    string // the credential that was read, which can be shorter than minPartBytes
	parts    map[[minPartBytes]byte]struct{}
	bytes    int
	tooLarge bool
}

// secretsOf returns the secrets of a request.
func (p *policy) secretsOf(header http.Header) *secrets {
	s := &secrets{parts: map[[minPartBytes]byte]struct{}{}}
	for _, name := range []string{"Authorization", "Proxy-Authorization", proofField} {
		s.add(header[name]...)
	}
	for i := range p.headers {
		s.add(header[p.headers[i].name]...)
	}
	s.add(unreadcredential.Values(header)...)
	return s
}

// add adds the words of values, as they are and escaped for a URL.
func (s *secrets) add(values ...string) {
	for _, value := range values {
		for word := range strings.FieldsSeq(value) {
			if s.addWord(word); s.tooLarge {
				return
			}
			if escaped := url.QueryEscape(word); escaped != word {
				s.addWord(escaped)
			}
		}
	}
}

func (s *secrets) addWord(word string) {
	if s.bytes += len(word); s.bytes > maxSecretBytes {
		s.tooLarge = true
		return
	}
	for n := 0; n+minPartBytes <= len(word); n++ {
		s.parts[[minPartBytes]byte([]byte(word[n:n+minPartBytes]))] = struct{}{}
	}
}

// clean returns text without the secrets and their parts, printable and cut.
func (s *secrets) clean(text string) string {
	if text = logging.Printable(text); s.areIn(text) {
		return redacted
	}
	return text
}

// areIn reports whether text contains the credential, or a part of a secret.
func (s *secrets) areIn(text string) bool {
	if text == "" {
		return false
	}
	if s.tooLarge || s.whole != "" && strings.Contains(text, s.whole) {
		return true
	}
	for n := 0; n+minPartBytes <= len(text); n++ {
		if _, ok := s.parts[[minPartBytes]byte([]byte(text[n:n+minPartBytes]))]; ok {
			return true
		}
	}
	return false
}
