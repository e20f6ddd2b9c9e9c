package mcpserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// Handler is everything on the port: the MCP server behind res and behind what lets
// browsers in, the metadata of res, and for operators /metrics, /healthz and /readyz,
// with the series of res and of others. The last three are open to whoever reaches the
// port; a server on the internet has them on another one. The error is that of rules
// which don't fit the MCP server.
func Handler(ctx context.Context, res *resource.Resource, others ...prometheus.Collector) (http.Handler, error) {
	server, err := newMCP(ctx, res)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(append(others, res.Metrics())...)
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	protected := forBrowsers(res, mcpsdk.Handler(res, server))
	// Not a ServeMux: it redirects unclean paths, and MCP clients follow no redirects.
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/metrics":
			metrics.ServeHTTP(w, req)
		case "/healthz": // the process runs
			io.WriteString(w, "ok\n")
		case "/readyz": // and can check tokens
			serveReady(w, req, res)
		default:
			protected.ServeHTTP(w, req)
		}
	}), nil
}

func serveReady(w http.ResponseWriter, req *http.Request, res *resource.Resource) {
	if err := res.Ready(req.Context()); err != nil {
		slog.Warn("not ready", "error", err) // names addresses: for the log alone
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

const (
	headerTimeout = 10 * time.Second // for a client to send its headers
	bodyTimeout   = 30 * time.Second // and then its body
	idleTimeout   = 2 * time.Minute  // between two requests of a connection
	maxHeader     = 32 << 10         // bytes; a token may take 16 KiB of them
	grace         = 10 * time.Second // for requests in flight, at the end
)

// Serve serves until ctx is done, then lets the requests in flight end, for ten
// seconds at most. It returns nil after an orderly end.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           limitBody(handler),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// No ReadTimeout and no WriteTimeout: both would cut streams that are
		// quiet for longer. limitBody is in the place of the first.
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return fmt.Errorf("shutting down: %w", errors.Join(err, server.Close()))
	}
	return nil
}

// limitBody gives clients bodyTimeout to send a body. Without it one that announces a
// body and never sends it would hold its connection for ever, let in or not: net/http
// waits for the body also to answer 401. It ends with the body: Server.ReadTimeout,
// which goes on, would cut streams.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Body != nil && req.Body != http.NoBody {
			control := http.NewResponseController(w)
			if control.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil {
				req.Body = timedBody{req.Body, control}
			}
		}
		next.ServeHTTP(w, req)
	})
}

type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{}) // fails on a dead connection only
	}
	return n, err
}
