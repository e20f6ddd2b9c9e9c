package gate

import (
	"io"
	"sync/atomic"
)

// clientBody is the body of a client. It stores whether the client has stopped sending, so that this
// does not look like a fault of the upstream.
type clientBody struct {
	io.ReadCloser
	stopped *atomic.Bool
}

func (b clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.stopped.Store(true)
	}
	return n, err
}
