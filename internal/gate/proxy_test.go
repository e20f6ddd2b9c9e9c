package gate_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/resource/resourcetest"
)

// An accepted request arrives byte for byte, with the fields of the gate and without the token.
func TestAcceptedRequest(t *testing.T) {
	up := new(recorder)
	f := start(t, options{noIdentity: true, upstream: "  request_headers: [x-own]\n"}, up)
	req := f.post(call)
	for name, value := range map[string]string{"Mcp-Method": "tools/call", "X-Own": "kept", "X-Other": "removed", "Cookie": "a=b", "Mcp-Param_A": "removed", "Range": "bytes=0-1"} {
		req.Header.Set(name, value)
	}
	if got := f.do(req); got.status != 200 || got.body != "{}" {
		t.Fatalf("got %+v", got)
	}
	got := up.one(t)
	got.header.Del("X-Forwarded-For")
	want := http.Header{"Content-Type": {"application/json"}, "Content-Length": {"91"}, "Mcp-Method": {"tools/call"}, "X-Own": {"kept"},
		"User-Agent": {"Go-http-client/1.1"}, "X-Forwarded-Host": {"mcp.example.test"}, "X-Forwarded-Proto": {"https"}, "Via": {"1.1 warder"}}
	if got.method != "POST" || got.uri != "/mcp" || got.body != call || !reflect.DeepEqual(got.header, want) {
		t.Errorf("got %+v, want header %v", got, want)
	}
}

// A body of unknown length has the Content-Length of the bytes that the rules have read.
func TestLengthOfReadBody(t *testing.T) {
	up := new(recorder)
	f := start(t, options{}, up)
	req := f.post(call)
	req.ContentLength, req.Body, req.GetBody = -1, io.NopCloser(io.MultiReader(strings.NewReader(call[:9]), strings.NewReader(call[9:]))), nil
	req.Trailer = http.Header{"X-Checksum": {"1"}, "Warder-Identity": {"forged"}}
	if got := f.do(req); got.status != 200 {
		t.Fatalf("got %+v", got)
	}
	if got := up.one(t); got.body != call || got.length != int64(len(call)) || got.coding != nil || len(got.trailer) > 0 {
		t.Errorf("got %+v", got)
	}
}

// Without rules the body is not read before it is passed on, and its coding is that of the gate.
func TestUnreadBody(t *testing.T) {
	up := new(recorder)
	f := start(t, options{noRules: true}, up)
	req := f.post("")
	req.ContentLength, req.Body, req.GetBody = -1, io.NopCloser(io.MultiReader(strings.NewReader("any"), strings.NewReader(" text"))), nil
	req.Trailer = http.Header{"Warder-Identity": {"forged"}}
	if got := f.do(req); got.status != 200 {
		t.Fatalf("got %+v", got)
	}
	if got := up.one(t); got.body != "any text" || got.length != -1 || !reflect.DeepEqual(got.coding, []string{"chunked"}) || len(got.trailer) > 0 {
		t.Errorf("got %+v", got)
	}
}

// Rejections of the Resource are those of package nethttp, and the upstream gets nothing.
func TestRejectedRequests(t *testing.T) {
	up := new(recorder)
	f := start(t, options{}, up)
	for _, row := range []struct {
		name      string
		change    func(*http.Request)
		status    int
		challenge bool
	}{
		{"no token", func(r *http.Request) { r.Header.Del("Authorization") }, 401, true},
		{"another audience", func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: "https://other.example.test"}))
		}, 401, true},
		{"no scope", func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+f.issuer.Token(resourcetest.Token{Audience: identifier}))
		}, 403, true},
		{"Mcp-Name differs from the body", func(r *http.Request) { r.Header.Set("Mcp-Name", "other") }, 400, false},
		{"compressed body", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, false},
		{"a page of another origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403, false},
		{"a path that is not below the identifier", func(r *http.Request) { r.URL.Path = "/mcpx" }, 404, false},
		{"an encoded path", func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/mcp/a/b", "/mcp/a%2fb" }, 404, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := f.post(call)
			row.change(req)
			if got := f.do(req); got.status != row.status || row.challenge != (len(got.header["Www-Authenticate"]) == 1) {
				t.Errorf("got %+v, want status %d", got, row.status)
			}
			if all := up.take(); len(all) > 0 {
				t.Errorf("the upstream got %+v", all)
			}
		})
	}
}

// protocols are transports for HTTP/1.1 and for HTTP/2 without TLS.
func protocols() map[string]*http.Transport {
	second := new(http.Protocols)
	second.SetUnencryptedHTTP2(true)
	return map[string]*http.Transport{"HTTP/1.1": {}, "HTTP/2.0": {Protocols: second}}
}

// An event arrives before the handler of the upstream ends. When the client closes its connection,
// the request to the upstream ends.
func TestStream(t *testing.T) {
	ended := make(chan struct{})
	f := start(t, options{top: "http2_cleartext: true\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
		ended <- struct{}{}
	}))
	for name, transport := range protocols() {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		res, err := transport.RoundTrip(f.get(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || line != "data: 1\n" || res.Proto != name {
			t.Fatalf("%s: got %q, %v over %s", name, line, err, res.Proto)
		}
		cancel()
		<-ended
		_ = res.Body.Close()
		transport.CloseIdleConnections()
	}
}

// A stream without data lasts longer than the limits for reading and writing, and for an idle connection.
func TestLongStream(t *testing.T) {
	f := start(t, options{top: "http2_cleartext: true\nlimits: {read_header_seconds: 1, read_seconds: 1, write_seconds: 1, idle_seconds: 1}\n", upstream: "  response_header_seconds: 1\n  idle_seconds: 1\n"},
		http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			timer := time.NewTimer(1500 * time.Millisecond) // longer than each of the limits
			defer timer.Stop()
			select {
			case <-timer.C:
				_, _ = io.WriteString(w, "data: late\n\n")
			case <-req.Context().Done():
			}
		}))
	for name, transport := range protocols() {
		for _, req := range []*http.Request{f.get(t.Context()), f.post(call)} {
			t.Run(name+" "+req.Method, func(t *testing.T) {
				t.Parallel()
				if got := f.through(transport, req); got.status != 200 || got.body != "data: late\n\n" {
					t.Errorf("got %+v", got)
				}
			})
		}
		t.Cleanup(transport.CloseIdleConnections)
	}
}

// Each chunk arrives when the upstream sends it, also of a response that is not a stream of events.
// Trailers arrive, except those that are the gate's.
func TestChunksAndTrailers(t *testing.T) {
	next := make(chan struct{})
	f := start(t, options{}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Warder-Identity")
		for range 3 {
			_, _ = io.WriteString(w, "chunk\n")
			_ = http.NewResponseController(w).Flush()
			<-next
		}
		w.Header().Set("X-Sum", "18")
		w.Header().Set("Warder-Identity", "own")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
		w.Header().Set(http.TrailerPrefix+"Www-Authenticate", "Basic")
		w.Header().Set(http.TrailerPrefix+"Content-Length", "3")
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "a=b")
	}))
	res, err := new(http.Transport).RoundTrip(f.post(call))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for range 3 {
		if line, err := lines.ReadString('\n'); err != nil || line != "chunk\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		next <- struct{}{}
	}
	if _, err := lines.ReadByte(); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
	if want := (http.Header{"X-Sum": {"18"}, "X-Late": {"yes"}}); !reflect.DeepEqual(res.Trailer, want) {
		t.Errorf("trailers (-want +got)\n- %v\n+ %v", want, res.Trailer)
	}
}

// Informational responses of the upstream are not passed on, and do not remove fields of the gate.
func TestInformationalResponses(t *testing.T) {
	f := start(t, options{upstream: "  cors: true\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Link", "</x>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		_, _ = io.WriteString(w, "{}")
	}))
	req := f.post(call)
	req.Header.Set("Origin", "https://mcp.example.test")
	if got := f.do(req); got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "https://mcp.example.test" || got.header.Get("Link") != "" {
		t.Errorf("got %+v", got)
	}
}

// The path below that of the identifier is appended to the path of the upstream.
func TestTargetPaths(t *testing.T) {
	up := new(recorder)
	f := start(t, options{upstream: "  extra_paths: [/messages]\n", noRules: true}, up)
	for path, want := range map[string]string{
		"/mcp": "/mcp", "/mcp/": "/mcp/", "/mcp/a/b": "/mcp/a/b", "/mcp?x=1": "/mcp?x=1", "/messages/?session_id=1": "/messages/?session_id=1", "/messages": "/messages",
		"/": "", "/other": "", "/mcp//a": "", "/mcp/../x": "", "/mcp/./a": "", "/mcp/%61": "", "/mcp;a": "", "/MCP": "", "/mcp?access_token=x": "", "/mcp?Access%5ftoken=x": "",
		"/mcp?access_token%5b%5d=x": "", "/mcp?access_token[0]=x": "", "/mcp?+access_token=x": "", "/mcp?access_token%00=x": "", "/mcp?accessToken=x": "", "/mcp?access__token=x": "", "/mcp?a=access_token": "/mcp?a=access_token",
	} {
		got := f.raw("POST " + path + " HTTP/1.1\r\nHost: mcp.example.test\r\nAuthorization: Bearer " + f.token() + "\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")[0]
		if all := up.take(); want == "" && (got.status/100 != 4 || len(all) > 0) || want != "" && (len(all) != 1 || all[0].uri != want) {
			t.Errorf("%s: got %d and %+v, want %q", path, got.status, all, want)
		}
	}
}

// Mcp-Method and Mcp-Name arrive only if the body has what they repeat.
func TestMirrors(t *testing.T) {
	up := new(recorder)
	f := start(t, options{}, up)
	const answer = `{"jsonrpc":"2.0","id":1,"result":{}}`
	for _, row := range []struct {
		name, body             string
		method, operation      string // the fields; "": absent
		wantMethod, wantedName string
	}{
		{"a call", call, "tools/call", "echo", "tools/call", "echo"},
		{"a call with an encoded name", call, "tools/call", "=?base64?ZWNobw==?=", "tools/call", "=?base64?ZWNobw==?="},
		{"only the name", call, "", "echo", "", "echo"},
		{"a method without a name", list, "tools/list", "echo", "tools/list", ""},
		{"a response", answer, "tools/call", "echo", "", ""},
		{"neither", call, "", "", "", ""},
	} {
		req := f.post(row.body)
		for name, value := range map[string]string{"Mcp-Method": row.method, "Mcp-Name": row.operation} {
			if value != "" {
				req.Header.Set(name, value)
			}
		}
		if got := f.do(req); got.status != 200 {
			t.Errorf("%s: got %+v", row.name, got)
		}
		if got := up.one(t); got.header.Get("Mcp-Method") != row.wantMethod || got.header.Get("Mcp-Name") != row.wantedName || got.body != row.body || got.length != int64(len(row.body)) {
			t.Errorf("%s: got %+v", row.name, got)
		}
	}
}
