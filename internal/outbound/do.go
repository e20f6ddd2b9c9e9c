package outbound

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Response is an answer read to its end. Header keeps what the server sent, less
// the Content-Encoding and Content-Length that Body no longer has.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Get sends a GET for url with the given header, which is not modified and may be
// nil. See Do.
func (c *Client) Get(ctx context.Context, url string, header http.Header) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		// The parser's error repeats its input, which may hold a password.
		return nil, &Error{Outcome: BadURL, Err: errors.New("GET: not a URL")}
	}
	if header != nil {
		req.Header = header.Clone()
	}
	return c.Do(req)
}

// Do sends req and reads the whole answer. It ends at the deadline of req's
// context or after Config.Timeout, whichever is sooner. Any status but 1xx and
// 3xx is a Response, from 400 on without a body that can't be read; every error is an *[Error]. req is not modified, its body is
// closed, its Host field is ignored, and its Accept-Encoding becomes identity.
//
// A POST with a GetBody is sent a second time if the idle connection that it went
// out on turns out to be dead: what this module posts are questions (RFC 7662).
func (c *Client) Do(req *http.Request) (*Response, error) {
	if err := c.checkRequest(req); err != nil {
		closeBody(req)
		return nil, fail(req, BadURL, err)
	}
	ctx, cancel := context.WithTimeout(req.Context(), c.timeout)
	defer cancel()
	out, err := c.prepare(ctx, req)
	if err != nil {
		closeBody(req)
		return nil, fail(req, Connect, err)
	}
	resp, err := c.transport.RoundTrip(out)
	if err != nil {
		return nil, fail(req, classify(ctx, err), err)
	}
	return c.read(ctx, req, resp)
}

// checkRequest refuses what must not leave, before anything is looked up.
func (c *Client) checkRequest(req *http.Request) error {
	if req.Method != http.MethodGet && req.Method != http.MethodPost {
		return fmt.Errorf("method %q: only GET and POST are sent", req.Method)
	}
	u := req.URL
	if u == nil || u.Opaque != "" || !validHost(u.Hostname()) {
		return errors.New("the URL needs a host in ASCII, without a zone")
	}
	if u.User != nil {
		return errors.New("a URL must not hold a user name or password")
	}
	if u.Scheme == "https" || u.Scheme == "http" && (c.allowHTTP || IsLoopbackHost(u.Hostname())) {
		return nil
	}
	if u.Scheme == "http" {
		return errors.New("http is for this machine only: use https, or set AllowHTTP")
	}
	return fmt.Errorf("scheme %q: only https is spoken", u.Scheme)
}

func (c *Client) prepare(ctx context.Context, req *http.Request) (*http.Request, error) {
	if c.proxy != nil {
		proxy, err := c.proxy(req)
		if err != nil {
			return nil, fmt.Errorf("choosing a proxy: %w", err)
		}
		ctx = withProxy(ctx, proxy)
	}
	out := req.Clone(ctx)
	if out.Header == nil {
		out.Header = make(http.Header)
	}
	out.Host = "" // the host that is asked is the host that was checked
	out.Header.Set("Accept-Encoding", "identity")
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", "warder")
	}
	if out.Method == http.MethodPost {
		out.Header["Idempotency-Key"] = []string{} // net/http: replay, and send no such header
	}
	return out, nil
}

func (c *Client) read(ctx context.Context, req *http.Request, resp *http.Response) (*Response, error) {
	if resp.Body == nil { // only a given Transport's doing
		resp.Body = http.NoBody
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode < 200:
		return nil, fail(req, Protocol, fmt.Errorf("status %d is no final answer", resp.StatusCode))
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		// Never followed: the next hop would be the server's choice, not ours
		// (SSRF). Where it points is not repeated either.
		return nil, fail(req, Redirect, fmt.Errorf("status %d: redirects are not followed, name the final URL", resp.StatusCode))
	}
	body, err := readBody(resp, c.maxBytes)
	if err != nil && resp.StatusCode >= 400 && ctx.Err() == nil {
		body, err = nil, nil // the status and Retry-After say it all, whatever stands below
	}
	if err != nil {
		return nil, fail(req, classify(ctx, err), err)
	}
	header := resp.Header.Clone()
	header.Del("Content-Encoding")
	header.Del("Content-Length")
	return &Response{Status: resp.StatusCode, Header: header, Body: body}, nil
}

// readBody reads to the end, so that the connection can be used again, or to one
// byte over the limit. Both what arrives and what it unpacks to are limited:
// without the first, gzip members that unpack to nothing could go on for ever.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	packed := &io.LimitedReader{R: resp.Body, N: limit + 1}
	reader, err := decoded(packed, resp.Header)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(reader, limit+1))
	if int64(len(body)) > limit || packed.N == 0 {
		return nil, &Error{Outcome: TooLarge, Err: fmt.Errorf("body larger than %d bytes", limit)}
	}
	return body, err
}

// decoded undoes gzip, for servers that send it unasked. Anything else, also two
// codings in a row, is refused: an allow-list.
func decoded(body io.Reader, header http.Header) (io.Reader, error) {
	coding := strings.ToLower(strings.TrimSpace(strings.Join(header.Values("Content-Encoding"), ",")))
	switch coding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip": // RFC 9110 §8.4.1.3
		unpacked, err := gzip.NewReader(body)
		if err == io.EOF {
			return http.NoBody, nil // nothing at all, as with a 204
		}
		return unpacked, err
	}
	return nil, &Error{Outcome: Encoding, Err: errors.New("content encoding other than gzip or identity")}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}
