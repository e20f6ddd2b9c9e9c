package gate

import (
	"bytes"
	"io"
	"net/http"
)

// heldBody is a body in memory.
type heldBody struct {
	*bytes.Reader
	io.Closer
}

// holdBody reads a short body. net/http writes the header of a request together with a body that it
// knows to be in memory, and by itself otherwise. Longer bodies stay as they are.
func holdBody(req *http.Request) error {
	size := req.ContentLength
	if read, ok := req.Body.(interface{ Len() int }); ok { // the rules have read it
		size = int64(read.Len())
	}
	if size <= 0 || size > maxHeldBytes {
		return nil
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(req.Body, body); err != nil {
		return err
	}
	req.Body = heldBody{bytes.NewReader(body), req.Body}
	return nil
}
