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

// render makes the response whose body does, while it is read, what f says.
func (f Failure) render(r *http.Request, a answer) *http.Response {
	for name, values := range f.Header {
		a.header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	var stream io.Reader = bytes.NewReader(a.body)
	length := int64(len(a.body))
	if f.Truncate {
		stream = io.MultiReader(bytes.NewReader(a.body[:len(a.body)/2]), failing{io.ErrUnexpectedEOF})
	}
	if f.Huge > 0 {
		stream, length = io.MultiReader(io.LimitReader(spaces{}, f.Huge), stream), -1
	}
	if f.GzipBomb > 0 {
		a.header.Set("Content-Encoding", "gzip")
		stream, length = bomb(f.GzipBomb, a.body), -1
	}
	if f.Pace > 0 {
		stream = paced{r.Context(), stream, f.Pace}
	}
	if r.Method == http.MethodHead {
		stream = http.NoBody
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, ContentLength: length,
		Body: io.NopCloser(cancellable{r.Context(), stream}),
	}
}

// bomb compresses one block of white space and repeats it: a gzip stream may
// have many members (RFC 1952 section 2.2), so a big bomb costs nothing here.
func bomb(size int64, body []byte) io.Reader {
	const block = 1 << 20
	member := compress(bytes.Repeat([]byte(" "), block))
	tail := compress(append(bytes.Repeat([]byte(" "), int(size%block)), body...))
	return io.MultiReader(&repeated{block: member, times: size / block}, bytes.NewReader(tail))
}

func compress(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // a bytes.Buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

type repeated struct {
	block []byte
	times int64
	at    int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.times == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.block[r.at:])
	if r.at += n; r.at == len(r.block) {
		r.at = 0
		r.times--
	}
	return n, nil
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type paced struct {
	ctx   context.Context // of the request whose body this is, as in http.Request
	from  io.Reader
	every time.Duration
}

func (p paced) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := p.from.Read(b[:1])
	if n == 0 {
		return 0, err
	}
	if late := sleep(p.ctx, p.every); late != nil {
		return 0, late
	}
	return n, err
}

type cancellable struct {
	ctx  context.Context
	from io.Reader
}

func (c cancellable) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.from.Read(b)
}
