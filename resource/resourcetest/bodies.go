package resourcetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// render returns the response to r: a, changed by the part of f that is about the body. The
// body is generated while it is read.
func (f Failure) render(r *http.Request, a answer) *http.Response {
	for name, values := range f.Header {
		a.header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	var stream io.Reader = bytes.NewReader(a.body)
	length := int64(len(a.body))
	if f.Truncate {
		stream = io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), errorReader{io.ErrUnexpectedEOF})
	}
	if f.Huge > 0 {
		stream, length = io.MultiReader(io.LimitReader(spaceReader{}, f.Huge), stream), -1
	}
	if f.GzipBomb > 0 {
		a.header.Set("Content-Encoding", "gzip")
		stream, length = gzipBomb(f.GzipBomb, a.body), -1
	}
	if f.Pace > 0 {
		stream = pacedReader{r.Context(), stream, f.Pace}
	}
	if r.Method == http.MethodHead {
		stream = http.NoBody
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, ContentLength: length,
		Body: io.NopCloser(contextReader{r.Context(), stream}),
	}
}

// gzipBomb returns size bytes of white space and body, compressed. It compresses one block of
// white space and repeats it, so a large bomb costs nothing here: a gzip stream can have many
// members (RFC 1952 section 2.2).
func gzipBomb(size int64, body []byte) io.Reader {
	const block = 1 << 20
	member := compress(bytes.Repeat([]byte(" "), block))
	tail := compress(append(bytes.Repeat([]byte(" "), int(size%block)), body...))
	return io.MultiReader(&repeatReader{block: member, times: size / block}, bytes.NewReader(tail))
}

func compress(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // writing to a bytes.Buffer does not fail
	_ = w.Close()
	return out.Bytes()
}

// repeatReader reads a block several times.
type repeatReader struct {
	block  []byte
	times  int64
	offset int
}

func (r *repeatReader) Read(p []byte) (int, error) {
	if r.times == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.block[r.offset:])
	if r.offset += n; r.offset == len(r.block) {
		r.offset = 0
		r.times--
	}
	return n, nil
}

// spaceReader reads spaces without end.
type spaceReader struct{}

func (spaceReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// errorReader fails.
type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// pacedReader reads one byte per interval.
type pacedReader struct {
	ctx      context.Context // of the request that the body belongs to, as in http.Request
	from     io.Reader
	interval time.Duration
}

func (p pacedReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := p.from.Read(b[:1])
	if n == 0 {
		return 0, err
	}
	if canceled := sleep(p.ctx, p.interval); canceled != nil {
		return 0, canceled
	}
	return n, err
}

// contextReader fails when ctx is canceled.
type contextReader struct {
	ctx  context.Context
	from io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.from.Read(b)
}
