package outbound

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// Response is a response with its whole body. Header is the header that the server sent,
// without Content-Encoding and Content-Length, which do not apply to the decoded Body.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// knownTypes are the media types that Describe names.
var knownTypes = []string{"application/json", "application/jwk-set+json", "application/token-introspection+jwt", "application/jwt",
	"application/problem+json", "application/xml", "text/xml", "text/html", "text/plain"}

// Describe returns the status and the content type, for an error. It names only a known type,
// because a server can repeat a secret of the request in any field of its response.
func (r *Response) Describe() string {
	values := r.Header.Values("Content-Type")
	contentType := "another content type"
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		contentType = "no content type"
	} else if media, _, err := mime.ParseMediaType(values[0]); err == nil && len(values) == 1 && slices.Contains(knownTypes, media) {
		contentType = fmt.Sprintf("content type %q", media)
	}
	return fmt.Sprintf("status %d, %s", r.Status, contentType)
}

// IsHTML recognizes an HTML page, such as that of a login or a proxy, for a better error than
// that of a JSON reader. No content type is required, because some servers send a wrong one with
// a valid document.
func (r *Response) IsHTML() bool {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media == "text/html" || strings.HasPrefix(strings.TrimLeft(string(r.Body[:min(len(r.Body), 64)]), " \t\r\n"), "<")
}

// Get sends a GET request for url with the given header, which may be nil. It does not
// modify header. See Do.
func (c *Client) Get(ctx context.Context, url string, header http.Header) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		// The parser's error quotes the URL, which may contain a password.
		return nil, &Error{Outcome: BadURL, Err: errors.New("GET: not a URL")}
	}
	if header != nil {
		req.Header = header.Clone()
	}
	return c.Do(req)
}

// Do sends req and reads the whole response. It stops at the deadline of req's context or
// after Config.Timeout, whichever is sooner.
//
// Do returns a Response for every status except 1xx and 3xx; see also Config.Observe. If a
// body cannot be read, the Response of a status from 400 on has no body; other statuses are
// errors then. Every error is an *[Error].
//
// Do does not modify req, but closes its body. It ignores its Host field and replaces its
// Accept-Encoding by identity.
//
// If the idle connection that was used for a POST turns out to be closed, Do sends the POST
// again, provided req has a GetBody. That is safe because this module uses POST for queries (RFC
// 7662), and for token requests (RFC 6749 §3.2), of which a second one issues one more token or none.
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
	traced := newTracer(out)
	out.Close = traced.trace != nil
	resp, err := c.transport.RoundTrip(out)
	traced.received(resp)
	if err != nil {
		traced.report(nil)
		return nil, fail(req, classify(ctx, err), err)
	}
	if c.observe {
		response := c.observed(resp, cancel)
		traced.report(response)
		return response, nil
	}
	response, err := c.read(ctx, req, resp)
	traced.report(response)
	return response, err
}

// checkRequest rejects requests that must not be sent, before any lookup.
func (c *Client) checkRequest(req *http.Request) error {
	if req.Method != http.MethodGet && req.Method != http.MethodPost && !slices.Contains(c.methods, req.Method) {
		return fmt.Errorf("method %q: only GET and POST are supported", req.Method)
	}
	u := req.URL
	if u == nil || u.Opaque != "" || !validHost(u.Hostname()) {
		return errors.New("the URL needs a host in ASCII, without a zone")
	}
	if u.User != nil {
		return errors.New("a URL must not contain a user name or password")
	}
	if u.Scheme == "https" || u.Scheme == "http" && (c.allowHTTP || IsLoopbackHost(u.Hostname())) {
		return nil
	}
	if u.Scheme == "http" {
		return errors.New("http is for loopback hosts only: use https, or set AllowHTTP")
	}
	return fmt.Errorf("scheme %q: only https is supported", u.Scheme)
}

// prepare returns the copy of req that is sent, with the proxy for it in its context.
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
	out.Host = "" // send the host that was checked
	out.Header.Set("Accept-Encoding", "identity")
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", "warder")
	}
	if out.Method == http.MethodPost {
		// Makes net/http replay the request after a dead connection, without sending the field.
		out.Header["Idempotency-Key"] = []string{}
	}
	return out, nil
}

// read turns the response to req into a Response and closes its body.
func (c *Client) read(ctx context.Context, req *http.Request, resp *http.Response) (*Response, error) {
	if resp.Body == nil { // possible with Config.Transport only
		resp.Body = http.NoBody
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode < 200:
		return nil, fail(req, Protocol, fmt.Errorf("status %d is not final", resp.StatusCode))
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		// Redirects are never followed: the server would choose the next host (SSRF). The
		// error does not contain the Location either.
		explanation := "redirects are not followed, configure the final URL"
		notModified := resp.StatusCode == http.StatusNotModified
		if notModified {
			explanation = "the request had no condition, so a cache between this program and the server is faulty"
		}
		err := fail(req, Redirect, fmt.Errorf("status %d: %s", resp.StatusCode, explanation))
		err.notModified = notModified
		return nil, err
	}
	body, err := readBody(resp, c.maxBytes)
	if err != nil && resp.StatusCode >= 400 && ctx.Err() == nil {
		body, err = nil, nil // status and Retry-After are enough; callers do not need the body
	}
	if err != nil {
		return nil, fail(req, classify(ctx, err), err)
	}
	header := resp.Header.Clone()
	header.Del("Content-Encoding")
	header.Del("Content-Length")
	return &Response{Status: resp.StatusCode, Header: header, Body: body}, nil
}

// readBody reads to the end of the body, so that the connection can be reused, or to one
// byte above the limit. The limit applies to the received bytes and to the decompressed
// bytes: without the first, gzip members that decompress to nothing could continue forever.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	received := &io.LimitedReader{R: resp.Body, N: limit + 1}
	reader, err := decoded(received, resp.Header)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(reader, limit+1))
	if int64(len(body)) > limit || received.N == 0 {
		return nil, &Error{Outcome: TooLarge, Err: fmt.Errorf("body larger than %d bytes", limit)}
	}
	return body, err
}

// decoded decompresses gzip, which some servers send without being asked to. It rejects all
// other encodings, and more than one.
func decoded(body io.Reader, header http.Header) (io.Reader, error) {
	coding := strings.ToLower(strings.TrimSpace(strings.Join(header.Values("Content-Encoding"), ",")))
	switch coding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip": // RFC 9110 §8.4.1.3
		unpacked, err := gzip.NewReader(body)
		if err == io.EOF {
			return http.NoBody, nil // an empty body, for example of a 204
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
