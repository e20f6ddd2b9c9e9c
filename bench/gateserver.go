package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/gate"
)

// The servers of the section about the gate. The names of the proxies are also those of their rows.
const (
	directKind    = "no proxy"
	plainKind     = "httputil.ReverseProxy"
	flushKind     = "httputil.ReverseProxy, FlushInterval -1"
	gateKind      = "gate"
	identityKind  = "gate, identity JWT and a field"
	rulesKind     = "gate, operation rules"
	bothKind      = "gate, identity JWT and operation rules"
	peerProxyKind = "oauth2-proxy"
)

// gateSetup configures a server process.
type gateSetup struct {
	Kind       string
	Upstream   string        // URL; unused for directKind
	File       string        // gate.yaml; for gates
	EventPause time.Duration // for directKind
}

// upstreamAnswer is the response of the upstream to a tool call. It has about 1 KB.
var upstreamAnswer = fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"%s"}]}}`, strings.Repeat("result ", 135))

// streamEvent is an event of the upstream.
const streamEvent = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n"

// upstream replaces an MCP server. It answers a POST with JSON, and a GET with a stream of events. The
// first event comes at once.
func (s gateSetup) upstream(w http.ResponseWriter, req *http.Request) {
	_, _ = io.Copy(io.Discard, req.Body)
	if req.Method != http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, upstreamAnswer)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	ticker := time.NewTicker(s.EventPause)
	defer ticker.Stop()
	for {
		_, _ = io.WriteString(w, streamEvent)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-req.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

// handler returns the handler of the server, as it is without a listener.
func (s gateSetup) handler() http.Handler {
	switch s.Kind {
	case directKind:
		return http.HandlerFunc(s.upstream)
	case plainKind:
		return plainProxy(s.Upstream, 0)
	case flushKind:
		return plainProxy(s.Upstream, -1)
	}
	return s.newGate(nil)
}

func (s gateSetup) newGate(started func(public, admin net.Addr)) *gate.Gate {
	return must(gate.New(gate.Config{File: s.File, Environ: []string{}, Started: started, Logger: slog.New(slog.NewJSONHandler(discard{}, nil))}))
}

// serve prints the address of the server and serves. A gate serves with its own listener.
func (s gateSetup) serve() {
	if s.File != "" {
		panic(s.newGate(func(public, _ net.Addr) { fmt.Println(public) }).Serve(context.Background()))
	}
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, s.handler()))
}

// plainProxy returns a reverse proxy that does what every proxy must do. Its buffers and its Transport
// have the settings of the gate's.
func plainProxy(upstream string, flush time.Duration) http.Handler {
	to := must(url.Parse(upstream))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: flush,
		BufferPool:    copyBuffers{},
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, ResponseHeaderTimeout: 2 * time.Minute, IdleConnTimeout: 4 * time.Second,
			MaxConnsPerHost: 20_000, MaxIdleConnsPerHost: 512, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true, Protocols: protocols,
		},
	}
}

// copyBuffers are buffers of the size of the gate's.
type copyBuffers struct{}

var copyPool = sync.Pool{New: func() any { return new([4 << 10]byte) }}

func (copyBuffers) Get() []byte { return copyPool.Get().(*[4 << 10]byte)[:] }

func (copyBuffers) Put(b []byte) { copyPool.Put((*[4 << 10]byte)(b)) }
