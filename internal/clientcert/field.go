package clientcert

import (
	"fmt"
	"net/http"
)

// chainField can accompany a field in the format of RFC 9440 (RFC 9440 §2.3). It is not read. Only
// listed proxies can send it.
const chainField = "Client-Cert-Chain"

// value returns the only value of the field in a request from a proxy.
func (r *Reader) value(h http.Header) (value string, ok bool, err error) {
	for name, values := range h {
		switch {
		case !sameName(name, r.field):
			continue
		case name != r.field: // not removed by every proxy, and the same field for some programs
			return "", false, fmt.Errorf("%w: %s has another spelling in the request", ErrMalformed, r.field)
		case len(values) != 1: // RFC 9440 §2.2: a singleton
			return "", false, fmt.Errorf("%w: %s has %d values", ErrMalformed, r.field, len(values))
		case len(values[0]) > maxFieldBytes:
			return "", false, fmt.Errorf("%w: %s is longer than %d bytes", ErrMalformed, r.field, maxFieldBytes)
		}
		value, ok = values[0], true
	}
	return value, ok, nil
}

// hasField reports whether the header has one of the fields of proxies, with or without a value.
func (r *Reader) hasField(h http.Header) bool {
	for name := range h {
		if r.IsField(name) {
			return true
		}
	}
	return false
}

// Remove removes the field from a header in all spellings: a handler must not read a certificate
// that Read has not accepted. With [FormatRFC9440], it also removes Client-Cert-Chain. Without
// Config.Field, it removes nothing.
func (r *Reader) Remove(h http.Header) {
	if r.field == "" { // saves time for most servers
		return
	}
	for name := range h {
		if r.IsField(name) {
			delete(h, name)
		}
	}
}

// IsField reports whether a header field, in whatever spelling, is one that only the proxies can
// send: Config.Field, and with [FormatRFC9440] also Client-Cert-Chain.
func (r *Reader) IsField(name string) bool {
	return r.field != "" && sameName(name, r.field) || r.chain != "" && sameName(name, r.chain)
}

// sameName ignores case and the difference between "-" and "_", as CGI and similar interfaces do
// (RFC 3875 §4.1.18).
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if fold(a[i]) != fold(b[i]) {
			return false
		}
	}
	return true
}

func fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case c == '_':
		return '-'
	}
	return c
}
