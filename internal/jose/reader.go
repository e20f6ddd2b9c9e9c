package jose

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// Limits of the cache in a Reader.
const (
	cacheEntries          = 16
	maxCachedSegmentBytes = 512 // encoded header; longer ones are not cached
)

// Reader parses tokens and caches recently parsed headers. The tokens of an issuer have
// identical headers as long as it signs with the same key. The zero value is ready for use.
// A nil *Reader does not cache. A Reader is safe for concurrent use.
type Reader struct {
	// KeepZipNone makes Parse accept a header with zip "NONE" and set Header.ZipNone. The caller
	// must then reject each such token whose issuer is not known to send this. Every other Reader,
	// and the function Parse, reject every zip. KeepZipNone must not change after the first Parse.
	KeepZipNone bool

	cache [cacheEntries]atomic.Pointer[cachedHeader]
}

type cachedHeader struct {
	segment string // encoded
	header  Header
}

var cacheSeed = maphash.MakeSeed()

// header returns the parsed first segment of a token.
func (r *Reader) header(segment string) (Header, error) {
	if r == nil || len(segment) > maxCachedSegmentBytes {
		return readHeader(segment, r != nil && r.KeepZipNone)
	}
	entry := &r.cache[maphash.String(cacheSeed, segment)%cacheEntries]
	if cached := entry.Load(); cached != nil && cached.segment == segment {
		return cached.header, nil
	}
	header, err := readHeader(segment, r.KeepZipNone)
	if err == nil {
		// Without Clone, the entry would keep the whole token in memory.
		entry.Store(&cachedHeader{strings.Clone(segment), header})
	}
	return header, err
}

func readHeader(segment string, keepZipNone bool) (Header, error) {
	text, err := decodeSegment("header", segment)
	if err != nil {
		return Header{}, err
	}
	return parseHeader(text, keepZipNone)
}
