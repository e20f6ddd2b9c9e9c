package outbound

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"syscall"
	"unicode"
)

// Outcome says in one word how a request failed. The set is closed: the words are
// fit for metric labels.
type Outcome string

const (
	BadURL         Outcome = "bad_url"         // refused before anything was sent: scheme, host, userinfo or method
	RefusedAddress Outcome = "refused_address" // the address guard refused the connection
	DNS            Outcome = "dns"             // the name did not resolve
	Connect        Outcome = "connect"         // no connection, or one that ended before the answer
	TLS            Outcome = "tls"             // handshake or certificate
	Timeout        Outcome = "timeout"         // Config.Timeout or the context's deadline
	Canceled       Outcome = "canceled"        // the caller's context was canceled
	Redirect       Outcome = "redirect"        // a 3xx status
	TooLarge       Outcome = "too_large"       // body over Config.MaxBytes
	Encoding       Outcome = "encoding"        // a content encoding that is not read, or broken gzip
	Truncated      Outcome = "truncated"       // the answer ended before its announced end
	Protocol       Outcome = "protocol"        // not HTTP/1.1, or a header that is malformed or too large
)

// Error is every error of a Client. Its text is for logs, not for clients: it
// names the method and the URL without its query, and may quote the server, but not
// what it answers to a POST: that could repeat the secrets which it was sent.
type Error struct {
	Outcome Outcome
	Err     error
}

func (e *Error) Error() string {
	return printable(fmt.Sprintf("outbound: %s: %v", e.Outcome, e.Err))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// maxErrorText bounds what a server can write into a log through an error.
const maxErrorText = 512

func printable(text string) string {
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// fail wraps cause in an *Error that says which request failed. The query is left
// out: it is the one part of a URL where programs put secrets.
func fail(req *http.Request, outcome Outcome, cause error) *Error {
	if e, ok := errors.AsType[*Error](cause); ok {
		cause = e.Err // its outcome was taken over by classify
	}
	if outcome == Protocol && req.Method == http.MethodPost {
		cause = unquoted(cause)
	}
	where := "no URL"
	if u := req.URL; u != nil {
		where = u.Scheme + "://" + u.Host + u.EscapedPath()
	}
	return &Error{Outcome: outcome, Err: fmt.Errorf("%s %q: %w", req.Method, where, cause)}
}

// unquoted leaves out of an error of net/http what the server wrote: all from the first
// quotation mark on, and the one kind of error that has it without any.
func unquoted(err error) error {
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return errors.New("malformed header")
	}
	text, _, _ := strings.Cut(err.Error(), `"`)
	return errors.New(strings.TrimRight(text, ": "))
}

// classify finds the word for an error of net/http. What it cannot place is
// Protocol: net/http has no types for malformed answers.
func classify(ctx context.Context, err error) Outcome {
	if own, ok := errors.AsType[*Error](err); ok { // the guard, or readBody
		return own.Outcome
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		err = ctxErr
	}
	if errors.Is(err, context.Canceled) {
		return Canceled
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return Timeout
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return DNS
	}
	if isTLS(err) {
		return TLS
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return Truncated
	}
	if isGzip(err) {
		return Encoding
	}
	if isConn(err) {
		return Connect
	}
	return Protocol
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return true // an alert; crypto/tls keeps its type to itself
	}
	return strings.HasPrefix(err.Error(), "tls: ") // nor has it a type for the rest
}

func isGzip(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum)
}

func isConn(err error) bool {
	_, op := errors.AsType[*net.OpError](err)
	_, errno := errors.AsType[syscall.Errno](err)
	return op || errno || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}
