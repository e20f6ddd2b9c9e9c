package jose

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// Bounds of what a Reader remembers.
const (
	rememberedHeaders     = 16  // the last ones, of different text
	maxRememberedSegments = 512 // bytes of a header's segment; longer ones are read each time
)

// Reader reads tokens and remembers some of the headers that it has read. An issuer's
// tokens have the same header, byte for byte, as long as it signs with the same key;
// the same bytes are the same header. The zero value and nil are ready to use; nil
// remembers nothing. A Reader is safe for concurrent use.
type Reader struct {
	last [rememberedHeaders]atomic.Pointer[knownHeader]
}

type knownHeader struct {
	segment string
	header  Header
}

var headerSeed = maphash.MakeSeed()

// header reads the first segment of a token.
func (r *Reader) header(segment string) (Header, error) {
	if r == nil || len(segment) > maxRememberedSegments {
		return readHeader(segment)
	}
	place := &r.last[maphash.String(headerSeed, segment)%rememberedHeaders]
	if known := place.Load(); known != nil && known.segment == segment {
		return known.header, nil
	}
	header, err := readHeader(segment)
	if err == nil {
		place.Store(&knownHeader{strings.Clone(segment), header}) // without the rest of the token
	}
	return header, err
}

func readHeader(segment string) (Header, error) {
	text, err := decodeSegment("header", segment)
	if err != nil {
		return Header{}, err
	}
	return parseHeader(text)
}
