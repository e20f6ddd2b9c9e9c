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

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource"
)

// Handler serves the MCP server protected by res, with CORS, the metadata of res, and
// /metrics, /healthz and /readyz for operators. /metrics contains the metrics of res and
// others, of the Go runtime and of the process. The operator endpoints require no token; a
// server on the internet should serve them on a separate port. Handler returns an error if the
// rules of res do not match the MCP server.
func Handler(ctx context.Context, res *resource.Resource, others ...prometheus.Collector) (http.Handler, error) {
	return HandlerWith(ctx, res, func(*mcp.Server) {}, others...)
}

// HandlerWith is like Handler, for an MCP server with further tools.
func HandlerWith(ctx context.Context, res *resource.Resource, addTools func(*mcp.Server), others ...prometheus.Collector) (http.Handler, error) {
	server, err := newMCP(ctx, res, addTools)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(append(others, res.Metrics())...)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	protected := withCORS(res, mcpsdk.Bridge(res)(server))
	// Not a ServeMux: it redirects unclean paths, and MCP clients do not follow redirects.
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/metrics":
			metrics.ServeHTTP(w, req)
		case "/healthz": // the process is running
			io.WriteString(w, "ok\n")
		case "/readyz": // tokens can be verified
			serveReady(w, req, res)
		default:
			protected.ServeHTTP(w, req)
		}
	}), nil
}

func serveReady(w http.ResponseWriter, req *http.Request, res *resource.Resource) {
	if err := res.Ready(req.Context()); err != nil {
		slog.Warn("not ready", "error", err) // err contains addresses; do not send it to clients
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}

const (
	headerTimeout   = 10 * time.Second // for a client to send its headers
	requestTimeout  = 30 * time.Second // for a client to send its headers and its body
	idleTimeout     = 2 * time.Minute  // between two requests on a connection
	maxHeader       = 32 << 10         // bytes; a token may take 16 KiB of them
	shutdownTimeout = 10 * time.Second // for requests in flight to finish
)

// Serve serves until ctx is done, then waits up to ten seconds for requests in flight.
// It returns nil after a clean shutdown.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		// Without ReadTimeout a client that announces a body and never sends it holds its
		// connection forever, even if it is rejected: net/http waits for the body before it
		// sends the 401 response. net/http removes the deadline when the body is complete.
		ReadTimeout:    requestTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeader,
		// WriteTimeout is not set: it would end streams that take longer.
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	shutdownCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(shutdownCtx); err != nil {
		return fmt.Errorf("shutting down: %w", errors.Join(err, server.Close()))
	}
	return nil
}
