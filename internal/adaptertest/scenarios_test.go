package adaptertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// say notes what a handler sees.
type say func(format string, args ...any)

// A scene is a request, what the handler does with it, and how its client behaves. No
// two of these do something at the same moment: that would have no order.
type scene struct {
	name    string
	method  string
	slow    bool          // the second half of the body comes after ten seconds
	pace    int           // of the client, bytes a second; 0: as they come
	leaves  time.Duration // when it hangs up; 0: never
	only1   bool          // HTTP/1.1
	writer  bool          // looks at the type of the ResponseWriter
	handler func(say say, w http.ResponseWriter, req *http.Request)
}

const sceneBody = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"z"}}`

func stream(w http.ResponseWriter) *http.ResponseController {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache, no-transform")
	return http.NewResponseController(w)
}

// events writes events and says what became of each.
func events(say say, w http.ResponseWriter, n, size int, every time.Duration) {
	control := stream(w)
	for i := range n {
		_, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, strings.Repeat("x", size))
		say("%d written: %v; flushed: %v\n", i, err, control.Flush())
		if err != nil {
			return
		}
		time.Sleep(every)
	}
}

var scenes = []scene{
	{name: "events, with minutes of silence", method: "GET", handler: func(say say, w http.ResponseWriter, _ *http.Request) { events(say, w, 4, 3, 7*time.Minute) }},
	{name: "events as the answer to a call", method: "POST", handler: func(say say, w http.ResponseWriter, _ *http.Request) { events(say, w, 4, 3, 7*time.Minute) }},
	{name: "a header, and silence", method: "POST", handler: func(say say, w http.ResponseWriter, _ *http.Request) {
		control := stream(w)
		w.WriteHeader(200)
		say("%v", control.Flush())
		time.Sleep(20 * time.Minute)
		fmt.Fprint(w, "data: at last\n\n")
	}},
	{name: "what is not flushed", method: "GET", handler: func(_ say, w http.ResponseWriter, _ *http.Request) {
		stream(w)
		fmt.Fprint(w, "data: 1\n\n")
		time.Sleep(time.Minute)
		fmt.Fprint(w, "data: 2\n\n")
	}},
	{name: "a slow reader", method: "GET", pace: 1 << 10, only1: true, handler: func(say say, w http.ResponseWriter, _ *http.Request) { events(say, w, 6, 16<<10, 0) }},
	{name: "a slow reader of a call's answer", method: "POST", pace: 1 << 10, only1: true, handler: func(say say, w http.ResponseWriter, _ *http.Request) { events(say, w, 6, 16<<10, 0) }},
	{name: "a reader who stops", method: "GET", pace: 100, leaves: 30*time.Second + time.Millisecond, only1: true, handler: func(say say, w http.ResponseWriter, _ *http.Request) { events(say, w, 6, 16<<10, 0) }},
	{name: "a deadline for writing", method: "GET", pace: 10, only1: true, handler: func(say say, w http.ResponseWriter, _ *http.Request) {
		control := stream(w)
		say("%v\n", control.SetWriteDeadline(time.Now().Add(9500*time.Millisecond)))
		for i := range 4 {
			_, err := fmt.Fprintf(w, "data: %s\n\n", strings.Repeat("x", 16<<10))
			say("%d: %v, %v\n", i, timeout(err), timeout(control.Flush()))
		}
	}},
	{name: "a client who leaves", method: "GET", leaves: 10 * time.Minute, handler: untilGone},
	{name: "a client who leaves a call", method: "POST", leaves: 10 * time.Minute, handler: untilGone},
	{name: "an answer of known length", method: "POST", handler: func(_ say, w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Header().Set("Mcp-Session-Id", "1868a90c")
		_, _ = w.Write(body)
	}},
	{name: "an answer of less than it says", method: "POST", handler: func(say say, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		n, err := io.WriteString(w, "short")
		say("%d %v", n, err)
	}},
	{name: "trailers", method: "POST", handler: func(_ say, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, "a")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-Sum", "1")
		w.Header().Set(http.TrailerPrefix+"X-More", "2")
	}},
	{name: "early hints", method: "POST", handler: func(_ say, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		time.Sleep(time.Minute)
		w.WriteHeader(http.StatusAccepted)
	}},
	{name: "nothing at all", method: "POST", handler: func(say, http.ResponseWriter, *http.Request) {}},
	{name: "no content", method: "DELETE", handler: func(_ say, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
	{name: "HEAD", method: "HEAD", handler: func(_ say, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "body") }},
	{name: "a handler that gives up in the middle", method: "GET", handler: func(say say, w http.ResponseWriter, _ *http.Request) {
		events(say, w, 2, 3, time.Minute)
		panic(http.ErrAbortHandler)
	}},
	{name: "a deadline for reading", method: "POST", slow: true, handler: func(say say, w http.ResponseWriter, req *http.Request) {
		say("%v\n", http.NewResponseController(w).SetReadDeadline(time.Now().Add(5*time.Second)))
		body, err := io.ReadAll(req.Body)
		say("%s %v", body, timeout(err))
		w.WriteHeader(http.StatusRequestTimeout)
	}},
	{name: "full duplex", method: "POST", slow: true, handler: func(say say, w http.ResponseWriter, req *http.Request) {
		control := http.NewResponseController(w)
		say("%v\n", control.EnableFullDuplex())
		half := make([]byte, len(sceneBody)/2)
		_, err := io.ReadFull(req.Body, half)
		fmt.Fprintf(w, "%s, %v\n", half, err)
		_ = control.Flush()
		rest, err := io.ReadAll(req.Body)
		fmt.Fprintf(w, "%s, %v\n", rest, err)
	}},
	{name: "a handler that takes the connection", method: "GET", only1: true, handler: func(say say, w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if say("%v", err); err == nil {
			fmt.Fprint(conn, "HTTP/1.1 299 Mine\r\n\r\nmine")
			conn.Close()
		}
	}},
	{name: "what the writer can do", method: "GET", writer: true, handler: func(say say, w http.ResponseWriter, _ *http.Request) {
		say("%T %v %v %v %v %v", w, is[http.Flusher](w), is[http.Hijacker](w), is[io.ReaderFrom](w), is[io.StringWriter](w), is[http.Pusher](w))
		_, err := io.Copy(w, strings.NewReader(strings.Repeat("copied", 1000)))
		say(" %v", err)
	}},
}

// timeout says of an error what it is, without the addresses in it.
func timeout(err error) string {
	var net net.Error
	if errors.As(err, &net) && net.Timeout() {
		return "timeout"
	}
	return fmt.Sprint(err)
}

// untilGone waits for the end of the request, and then tries to write.
func untilGone(say say, w http.ResponseWriter, req *http.Request) {
	control := stream(w)
	fmt.Fprint(w, ": hello\n\n")
	_ = control.Flush()
	_, _ = io.Copy(io.Discard, req.Body)
	<-req.Context().Done()
	say("%v, %v\n", req.Context().Err(), context.Cause(req.Context()))
	_, err := fmt.Fprint(w, "data: anybody?\n\n")
	say("%v", err != nil || control.Flush() != nil)
}
