package outbound

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"syscall"
	"unicode"

	"github.com/warder-go/warder/internal/logging"
)

// Outcome classifies the failure of a request. The set of values is fixed, so that they can
// be metric labels.
type Outcome string

const (
	BadURL         Outcome = "bad_url"         // rejected before sending: scheme, host, userinfo or method
	RefusedAddress Outcome = "refused_address" // the address guard rejected the connection
	DNS            Outcome = "dns"             // the name did not resolve
	Connect        Outcome = "connect"         // no connection, or it ended before the response
	TLS            Outcome = "tls"             // handshake or certificate
	Timeout        Outcome = "timeout"         // Config.Timeout or the context's deadline
	Canceled       Outcome = "canceled"        // the caller's context was canceled
	Redirect       Outcome = "redirect"        // a 3xx status
	TooLarge       Outcome = "too_large"       // body larger than Config.MaxBytes
	Encoding       Outcome = "encoding"        // an unsupported content encoding, or corrupt gzip
	Truncated      Outcome = "truncated"       // the response ended before its declared end
	Protocol       Outcome = "protocol"        // not HTTP/1.1, or a header that is malformed or too large
)

// Error is the type of all errors of a Client. Its text is for logs, not for clients. It
// contains the method and the URL without its query. It may quote the server's response,
// but not the response to a POST or to a request with Authorization: that could repeat the
// secrets in the request.
type Error struct {
	Outcome Outcome
	Err     error

	notModified bool // status 304, which is not a redirect: see read
}

func (e *Error) Error() string {
	what := string(e.Outcome)
	if e.notModified {
		what = "not modified"
	}
	return printable(fmt.Sprintf("outbound: %s: %v", what, e.Err))
}

// ConcernsAddress reports whether an error of a Client can be due to a wrong address: nothing
// answers there, or the server redirects to another one.
func ConcernsAddress(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && !e.notModified && (e.Outcome == DNS || e.Outcome == Connect || e.Outcome == Redirect)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// maxErrorText limits the text of an error, in bytes, because a server can influence it.
const maxErrorText = 512

// printable replaces characters that are not printable. It is not logging.Printable,
// whose limit of 256 bytes could cut off the cause after a long URL.
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

// fail wraps cause in an *Error with the method and the redacted URL of the request.
func fail(req *http.Request, outcome Outcome, cause error) *Error {
	if e, ok := errors.AsType[*Error](cause); ok {
		cause = e.Err // classify has returned its outcome
	}
	if outcome == Protocol && (req.Method == http.MethodPost || req.Header.Get("Authorization") != "") {
		cause = unquoted(cause)
	}
	cause = withoutCredentials(cause, req)
	where := "no URL"
	if req.URL != nil {
		where = logging.RedactURL(req.URL.String())
	}
	return &Error{Outcome: outcome, Err: fmt.Errorf("%s %q: %w%s", req.Method, where, withoutQuery(cause, req.URL), hint(cause))}
}

// hint returns what to configure so that the request succeeds, if that is known.
func hint(cause error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](cause); ok {
		return ": if the CA is your own, set ca_file (in Go: TLS)"
	}
	return ""
}

// unquoted removes text of the server from an error of net/http: everything from the first
// quotation mark on, and the whole text of the one error type that does not use quotation
// marks.
func unquoted(err error) error {
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return errors.New("malformed header")
	}
	text, _, _ := strings.Cut(err.Error(), `"`)
	return errors.New(strings.TrimRight(text, ": "))
}

// classify returns the outcome for an error of net/http. It returns Protocol for errors
// that it does not recognize, because net/http has no error types for malformed responses.
func classify(ctx context.Context, err error) Outcome {
	if own, ok := errors.AsType[*Error](err); ok { // from the guard or readBody
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
		return true // an alert, whose type crypto/tls does not export
	}
	return strings.HasPrefix(err.Error(), "tls: ") // crypto/tls has no types for its other errors
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
