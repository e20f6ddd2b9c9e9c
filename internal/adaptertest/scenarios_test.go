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

// logFunc records an observation of a handler.
type logFunc func(format string, args ...any)

// scenario is a request, the behavior of its handler and the behavior of its client. The
// handler and the client never act at the same instant, because the order of such actions
// is not defined.
type scenario struct {
	name       string
	method     string
	slowBody   bool          // the client sends the second half of the body after ten seconds
	readRate   int           // bytes that the client reads per second; 0: no limit
	disconnect time.Duration // when the client disconnects; 0: never
	http1Only  bool
	writerType bool // the handler examines the type of the ResponseWriter
	handler    func(log logFunc, w http.ResponseWriter, req *http.Request)
}

const scenarioBody = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"z"}}`

// startStream sets the headers of an event stream.
func startStream(w http.ResponseWriter) *http.ResponseController {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache, no-transform")
	return http.NewResponseController(w)
}

// writeEvents writes n events of a size at an interval, and records the results.
func writeEvents(log logFunc, w http.ResponseWriter, n, size int, interval time.Duration) {
	control := startStream(w)
	for i := range n {
		_, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, strings.Repeat("x", size))
		log("%d written: %v; flushed: %v\n", i, err, control.Flush())
		if err != nil {
			return
		}
		time.Sleep(interval)
	}
}

var scenarios = []scenario{
	{name: "events at intervals of minutes", method: "GET", handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) { writeEvents(log, w, 4, 3, 7*time.Minute) }},
	{name: "events in the response to a POST", method: "POST", handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) { writeEvents(log, w, 4, 3, 7*time.Minute) }},
	{name: "a header, then an event after minutes", method: "POST", handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) {
		control := startStream(w)
		w.WriteHeader(200)
		log("%v", control.Flush())
		time.Sleep(20 * time.Minute)
		fmt.Fprint(w, "data: at last\n\n")
	}},
	{name: "events without a flush", method: "GET", handler: func(_ logFunc, w http.ResponseWriter, _ *http.Request) {
		startStream(w)
		fmt.Fprint(w, "data: 1\n\n")
		time.Sleep(time.Minute)
		fmt.Fprint(w, "data: 2\n\n")
	}},
	{name: "a slow client", method: "GET", readRate: 1 << 10, http1Only: true, handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) { writeEvents(log, w, 6, 16<<10, 0) }},
	{name: "a slow client of a POST", method: "POST", readRate: 1 << 10, http1Only: true, handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) { writeEvents(log, w, 6, 16<<10, 0) }},
	{name: "a slow client that disconnects", method: "GET", readRate: 100, disconnect: 30*time.Second + time.Millisecond, http1Only: true, handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) { writeEvents(log, w, 6, 16<<10, 0) }},
	{name: "a write deadline", method: "GET", readRate: 10, http1Only: true, handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) {
		control := startStream(w)
		log("%v\n", control.SetWriteDeadline(time.Now().Add(9500*time.Millisecond)))
		for i := range 4 {
			_, err := fmt.Fprintf(w, "data: %s\n\n", strings.Repeat("x", 16<<10))
			log("%d: %v, %v\n", i, errorText(err), errorText(control.Flush()))
		}
	}},
	{name: "a client that disconnects", method: "GET", disconnect: 10 * time.Minute, handler: waitForDisconnect},
	{name: "a client that disconnects during a POST", method: "POST", disconnect: 10 * time.Minute, handler: waitForDisconnect},
	{name: "a response with Content-Length", method: "POST", handler: func(_ logFunc, w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Header().Set("Mcp-Session-Id", "1868a90c")
		_, _ = w.Write(body)
	}},
	{name: "a response shorter than its Content-Length", method: "POST", handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		n, err := io.WriteString(w, "short")
		log("%d %v", n, err)
	}},
	{name: "trailers", method: "POST", handler: func(_ logFunc, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, "a")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-Sum", "1")
		w.Header().Set(http.TrailerPrefix+"X-More", "2")
	}},
	{name: "early hints", method: "POST", handler: func(_ logFunc, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		time.Sleep(time.Minute)
		w.WriteHeader(http.StatusAccepted)
	}},
	{name: "an empty handler", method: "POST", handler: func(logFunc, http.ResponseWriter, *http.Request) {}},
	{name: "no content", method: "DELETE", handler: func(_ logFunc, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
	{name: "HEAD", method: "HEAD", handler: func(_ logFunc, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "body") }},
	{name: "a handler that aborts", method: "GET", handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) {
		writeEvents(log, w, 2, 3, time.Minute)
		panic(http.ErrAbortHandler)
	}},
	{name: "a read deadline", method: "POST", slowBody: true, handler: func(log logFunc, w http.ResponseWriter, req *http.Request) {
		log("%v\n", http.NewResponseController(w).SetReadDeadline(time.Now().Add(5*time.Second)))
		body, err := io.ReadAll(req.Body)
		log("%s %v", body, errorText(err))
		w.WriteHeader(http.StatusRequestTimeout)
	}},
	{name: "full duplex", method: "POST", slowBody: true, handler: func(log logFunc, w http.ResponseWriter, req *http.Request) {
		control := http.NewResponseController(w)
		log("%v\n", control.EnableFullDuplex())
		half := make([]byte, len(scenarioBody)/2)
		_, err := io.ReadFull(req.Body, half)
		fmt.Fprintf(w, "%s, %v\n", half, err)
		_ = control.Flush()
		rest, err := io.ReadAll(req.Body)
		fmt.Fprintf(w, "%s, %v\n", rest, err)
	}},
	{name: "a handler that hijacks the connection", method: "GET", http1Only: true, handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if log("%v", err); err == nil {
			fmt.Fprint(conn, "HTTP/1.1 299 Mine\r\n\r\nmine")
			conn.Close()
		}
	}},
	{name: "the interfaces of the ResponseWriter", method: "GET", writerType: true, handler: func(log logFunc, w http.ResponseWriter, _ *http.Request) {
		log("%T %v %v %v %v %v", w, is[http.Flusher](w), is[http.Hijacker](w), is[io.ReaderFrom](w), is[io.StringWriter](w), is[http.Pusher](w))
		_, err := io.Copy(w, strings.NewReader(strings.Repeat("copied", 1000)))
		log(" %v", err)
	}},
}

// errorText returns the text of an error. For a timeout it omits the addresses.
func errorText(err error) string {
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return "timeout"
	}
	return fmt.Sprint(err)
}

// waitForDisconnect waits until the context of the request ends, and then tries to write.
func waitForDisconnect(log logFunc, w http.ResponseWriter, req *http.Request) {
	control := startStream(w)
	fmt.Fprint(w, ": hello\n\n")
	_ = control.Flush()
	_, _ = io.Copy(io.Discard, req.Body)
	<-req.Context().Done()
	log("%v, %v\n", req.Context().Err(), context.Cause(req.Context()))
	_, err := fmt.Fprint(w, "data: too late\n\n")
	log("%v", err != nil || control.Flush() != nil)
}
