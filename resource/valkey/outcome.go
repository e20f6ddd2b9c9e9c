package valkey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	valkeygo "github.com/valkey-io/valkey-go"
)

// outcome says how a call ended.
type outcome string

const (
	succeeded    outcome = "ok"           // also if a proof was used before, or a key is absent
	timedOut     outcome = "timeout"      // no answer within Timeout
	disconnected outcome = "disconnected" // no connection, or it was lost during the call
	failed       outcome = "error"        // the server answered with an error, or with something unexpected
	circuitOpen  outcome = "circuit_open" // not sent, because calls have failed
	overloaded   outcome = "overloaded"   // not sent, because MaxCalls calls were running
	evicting     outcome = "evicting"     // not sent, because the server could evict keys
	canceled     outcome = "canceled"     // not sent, because the request has ended
)

var outcomes = []outcome{succeeded, timedOut, disconnected, failed, circuitOpen, overloaded, evicting, canceled}

// callError is the error of a call. Its text contains nothing that the server sent, except the code
// of an error: a server that does not know a command repeats its arguments.
type callError struct {
	operation operation
	cause     error
}

func (e *callError) Error() string {
	return fmt.Sprintf("valkey: %s: %s", e.operation, describe(e.cause))
}
func (e *callError) Unwrap() error { return e.cause }

// connectError is the error of an attempt to connect.
type connectError struct {
	address string
	cause   error
}

func (e *connectError) Error() string { return fmt.Sprintf("%s: %s", e.address, describe(e.cause)) }
func (e *connectError) Unwrap() error { return e.cause }

// Errors of calls.
var (
	errTimeout     = errors.New("the server did not answer in time")
	errReply       = errors.New("the server sent an unexpected reply: check that it is Valkey or Redis 7 or newer")
	errCircuitOpen = errors.New("circuit open after repeated failures; not calling the server")
	errOverloaded  = errors.New("too many calls are running: raise MaxCalls, or check why the server is slow")
	errLost        = errors.New("the connection was lost")
	errConnecting  = errors.New("not connected yet")
	errClosed      = errors.New("the store is closed")
	errReplica     = errors.New("the server is a replica, which can lack data")
	errNoRunID     = errors.New("the server does not report its run_id in INFO, so lost data could not be noticed")
)

func errEvicting(setting string) error {
	return fmt.Errorf("the server has the %s, so it can evict proofs and revocations: set maxmemory-policy noeviction", setting)
}

// isUnfit reports whether a server answers, but its answer shows that it or its data cannot be used.
func isUnfit(err error) bool {
	return errors.Is(err, errNoRunID) || errors.Is(err, errReplica) || errors.Is(err, errGeneration)
}

// classify returns the outcome of a call that was sent.
func classify(err error) outcome {
	if err == nil {
		return succeeded
	}
	if _, ok := valkeygo.IsValkeyErr(err); ok || isBadReply(err) || isUnfit(err) {
		return failed
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return timedOut
	}
	return disconnected
}

// isBadReply reports whether a reply has another type than expected. Scripts never return nil.
func isBadReply(err error) bool {
	return errors.Is(err, errReply) || valkeygo.IsParseErr(err) || valkeygo.IsValkeyNil(err)
}

// hints are advice for the codes of errors.
var hints = map[string]string{
	"NOPERM":      "the user lacks a permission: see the documentation of package valkey, and ACL LOG",
	"NOAUTH":      "the server requires a password",
	"WRONGPASS":   "the server rejected the user or the password",
	"OOM":         "the memory of the server is full: raise maxmemory",
	"READONLY":    "the server is a replica",
	"MOVED":       "another server of the cluster has the data: set Mode to cluster, or wait",
	"ASK":         "the data is being moved in the cluster",
	"TRYAGAIN":    "the data is being moved in the cluster",
	"CLUSTERDOWN": "the cluster is down",
	"MASTERDOWN":  "the replica has lost its primary",
	"LOADING":     "the server is loading its data",
	"BUSY":        "a script blocks the server",
	"MISCONF":     "the server cannot save its data, and rejects writes",
	"NOREPLICAS":  "the primary lacks replicas, see min-replicas-to-write",
	"WRONGTYPE":   "another program uses the keys: set another Prefix",
}

// describe returns the text of a cause, without what a server sent.
func describe(cause error) string {
	if reply, ok := valkeygo.IsValkeyErr(cause); ok {
		if code := errorCode(reply); code != "" {
			return "the server answered " + code + ": " + hints[code]
		}
		return "the server answered with an unknown error: see its log"
	}
	_, connecting := errors.AsType[*connectError](cause)
	switch {
	case connecting:
		return cause.Error()
	case isBadReply(cause):
		return errReply.Error()
	case errors.Is(cause, context.DeadlineExceeded):
		return errTimeout.Error()
	}
	return cause.Error()
}

// errorCode returns the code of an error reply if it has a hint. The library removes the code ERR.
func errorCode(reply *valkeygo.ValkeyError) string {
	text := reply.Error()
	code, _, _ := strings.Cut(text, " ")
	switch {
	case strings.HasPrefix(text, "The user executing the script can't"), strings.HasPrefix(text, "ACL failure in script"):
		return "NOPERM" // in a script, Redis 7 uses ERR
	case hints[code] != "":
		return code
	}
	return ""
}

// unusable are the codes of errors that every call gets. Others, such as OOM and NOPERM, are about
// some calls only: a full server still answers reads of revocations.
var unusable = map[string]bool{
	"BUSY": true, "CLUSTERDOWN": true, "LOADING": true, "MASTERDOWN": true, "MOVED": true, "NOAUTH": true, "READONLY": true,
}

// countsAsFailure reports whether an outcome counts as a failure for the circuit breaker.
func countsAsFailure(err error) bool {
	if reply, ok := valkeygo.IsValkeyErr(err); ok {
		return unusable[errorCode(reply)]
	}
	return err != nil && !errors.Is(err, errGeneration)
}

// primaryMoved reports whether an error means that the server is not the primary any more. A node of a
// cluster that is cut off from the others answers CLUSTERDOWN, and its replica can have become the primary.
func primaryMoved(err error) bool {
	reply, ok := valkeygo.IsValkeyErr(err)
	if !ok {
		return errors.Is(err, errReplica)
	}
	code := errorCode(reply)
	return code == "READONLY" || code == "MOVED" || code == "MASTERDOWN" || code == "CLUSTERDOWN"
}
