package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/claimset"
	"github.com/warder-go/warder/internal/errorresponse"
	"github.com/warder-go/warder/internal/jose"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/strictjson"
)

// fault says why a request is rejected. Refusal is made from it, for the client, and so is
// the log record, for the operator. Its text never contains the token.
type fault struct {
	reason     Reason
	check      *check            // the failed claim check; nil if it was something else
	got, want  string            // for the log
	credential string            // kind of credential, as Caller.Credential; "" if none was read
	issuer     string            // the configured issuer that the token was routed to or names; "" if none
	token      *Token            // for the log: its header and digest; nil if there is none
	alg        string            // for the log, if token has no header: a name of a closed list
	claims     *Claims           // for the log: the client; nil if there are none
	caller     *Caller           // nil if the caller is not known
	messages   []*mcpmsg.Message // in the body; nil if it was not read
	unverified bool              // claims were not verified
	logAtInfo  bool              // even if the reason is logged at debug
	anonymous  bool              // the request has no credential of a kind that is read
	retryAfter time.Duration
	needed     []string            // scopes in the challenge if one is missing, as Config names them
	challenge  []string            // the same, as the issuer names them
	login      errorresponse.Login // in the challenge of insufficient_authentication
	needsDPoP  bool                // only a token that is bound to a key would be accepted
	nonce      string              // for the header field DPoP-Nonce
	id         []byte              // of the JSON-RPC request, if messages does not have it: see requestID
	err        error
}

func newFault(reason Reason, format string, args ...any) *fault {
	return &fault{reason: reason, err: fmt.Errorf(format, args...)}
}

// asUnverified marks a fault whose claims were not verified.
func (f *fault) asUnverified() *fault {
	f.unverified = true
	return f
}

// about adds the token that the fault is about. from is nil if the token was not routed to
// an issuer.
func (f *fault) about(t *Token, from *issuer, c *Claims) *fault {
	f.token, f.claims, f.credential = t, c, t.credential()
	if from != nil {
		f.issuer = from.id
	}
	return f
}

// requestID returns the id of the JSON-RPC request that the fault is about; nil if it is not known.
func (f *fault) requestID() []byte {
	if f.id != nil {
		return f.id
	}
	return mcpmsg.RequestID(f.messages)
}

// withID returns a copy of the fault about the request with this id; f itself if id is nil.
func (f *fault) withID(id []byte) *fault {
	if id == nil {
		return f
	}
	clone := *f // which requests may share
	clone.id = id
	return &clone
}

// ofUnread returns a copy of the fault that has the digest of a token that cannot be read.
func (f *fault) ofUnread(raw string) *fault {
	clone := *f // which requests may share
	clone.token = newToken(raw, nil, nil)
	return &clone
}

// readFault is for a token that cannot be read.
func readFault(err error) *fault {
	if refused, ok := errors.AsType[*jose.AlgorithmError](err); ok {
		return &fault{reason: ReasonAlgorithmRefused, err: err, alg: refused.Name, unverified: true}
	}
	if errors.Is(err, claimset.ErrTooMany) || errors.Is(err, strictjson.ErrNames) {
		return &fault{reason: ReasonClaimsTooMany, err: err, unverified: true}
	}
	return &fault{reason: ReasonTokenMalformed, err: err, unverified: true}
}

// verifierFault applies the contract of [Verifier.Verify] to an error.
func verifierFault(err error) *fault {
	if own, ok := errors.AsType[*Error](err); ok {
		switch outcomes[own.Reason] {
		case answerInvalid, answerExpired, answerKeyInvalid:
			return &fault{reason: own.Reason, err: err}
		case answerUnavailable, answerPending:
			return &fault{reason: own.Reason, err: err, retryAfter: min(max(own.RetryAfter, time.Second), maxRetryAfter)}
		}
		return newFault(ReasonInternalError, "verifier returned reason %q, which a verifier must not return", own.Reason)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &fault{reason: ReasonRequestCanceled, err: err, retryAfter: time.Second}
	}
	return &fault{reason: ReasonTokenInvalid, err: err}
}

var bodyReasons = map[mcpmsg.Kind]Reason{
	mcpmsg.Malformed:      ReasonBodyMalformed,
	mcpmsg.TooLarge:       ReasonBodyTooLarge,
	mcpmsg.WrongType:      ReasonBodyType,
	mcpmsg.HeaderMismatch: ReasonHeaderMismatch,
	mcpmsg.Canceled:       ReasonRequestCanceled,
}

// bodyFault is for a body that cannot be read.
func bodyFault(e *mcpmsg.Error) *fault {
	return &fault{reason: bodyReasons[e.Kind], err: e.Err, id: e.ID}
}

// panicFault does not contain the value of the panic, which could be anything.
func panicFault(p any) *fault {
	return &fault{reason: ReasonInternalError, err: fmt.Errorf("a configured function panicked with a %T", p)}
}

// Error describes the fault for a log.
func (f *fault) Error() string {
	text := string(f.reason)
	if f.check != nil {
		text += ": " + f.check.name + " (" + f.check.source + "): got " + strconv.Quote(logging.Printable(f.got)) +
			", want " + strconv.Quote(logging.Printable(f.want))
	}
	if f.err != nil {
		text += ": " + logging.Printable(f.err.Error())
	}
	return text
}

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.err }

// attrs returns the details of the fault for a log record: what was found and what was
// expected.
func (f *fault) attrs(p *policy) (attrs []slog.Attr) {
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, logging.Printable(value)))
		}
	}
	if f.check != nil {
		add("check", f.check.name)
		add("source", f.check.source)
	}
	f.addIdentity(add)
	if f.token != nil && f.token.IsJWT() {
		add("kid", f.token.JWS().Header.KeyID)
		add("alg", f.token.JWS().Header.Algorithm.String())
	}
	add("alg", f.alg)
	if f.got != "" || f.check != nil || f.want != "" {
		attrs = append(attrs, slog.String("got", logging.Printable(f.got)))
	}
	add("want", f.want)
	add("operation", p.rules.compiled().Describe(f.messages, maxEventOperations))
	if f.unverified {
		attrs = append(attrs, slog.Bool("unverified", true))
	}
	if f.err != nil {
		add("error", f.err.Error())
	}
	return attrs
}

// addIdentity adds what is known of the caller.
func (f *fault) addIdentity(add func(key, value string)) {
	if f.caller != nil {
		add("issuer", f.caller.Issuer())
		add("subject", f.caller.Subject())
		add("client", f.caller.ClientID())
		return
	}
	add("issuer", f.issuer) // "" if iss is unknown: then got has it
	if f.claims != nil {
		add("subject", f.claims.Subject)
		add("client", f.claims.ClientID)
		if !f.showsToken(f.claims.TokenID) {
			add("token_id", f.claims.TokenID)
		}
	}
}

// showsToken reports whether text contains the credential, or a part of it: some issuers return
// the token itself as jti.
func (f *fault) showsToken(text string) bool {
	if f.token == nil || text == "" {
		return false
	}
	raw := strings.TrimPrefix(f.token.Raw(), headerPrefix(f.credential))
	return strings.Contains(raw, text) || strings.Contains(text, raw)
}
