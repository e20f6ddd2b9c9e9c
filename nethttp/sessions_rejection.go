package nethttp

import (
	"bytes"
	"net/http"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/resource"
)

// maxRejectedBody is the longest body of a rejected request that is read for the id of its call.
const maxRejectedBody = 64 << 10

// reportRejection writes the error for a rejected call to the stream of its session, for clients of
// the SSE transport that ignore the status of the POST. The session must belong to the caller.
func (b *sessionBinder) reportRejection(req *http.Request, caller *resource.Caller, refusal *resource.Refusal) {
	session, ok := sessionOf(&http.Request{URL: req.URL}) // inside BindSessions the header has an id from isolate
	if !ok || !session.inQuery || req.Method != http.MethodPost {
		return
	}
	stream := b.table.stream(session, ownerOf(caller))
	if stream == nil {
		return
	}
	message := refusal.RPCError(nil)
	if message == nil { // no rule needed the body, or it does not have exactly one request
		_, messages, _ := mcpmsg.Read(req, maxRejectedBody)
		message = refusal.RPCError(mcpmsg.RequestID(messages))
	}
	if message != nil {
		stream.add(messageEvent(message))
	}
}

// messageEvent returns an event with a JSON-RPC message. The message has no line break except at
// its end.
func messageEvent(message []byte) []byte {
	event := append([]byte("event: message\ndata: "), bytes.TrimRight(message, "\n")...)
	return append(event, "\n\n"...)
}
