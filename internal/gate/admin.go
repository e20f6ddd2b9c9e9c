package gate

import (
	"context"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// jwksPath is the path of the JWKS of identity JWTs at the admin listener.
const jwksPath = "/.well-known/jwks.json"

// Admin returns the handler of the admin listener: /healthz, /readyz, /metrics and the JWKS of
// identity JWTs. It has no authentication.
func (g *Gate) Admin() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(g.metrics.collectors()...)
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, u := range g.upstreams {
		registry.MustRegister(u.live.Resource().Metrics(), u.live)
	}
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method != http.MethodGet && req.Method != http.MethodHead:
			writeRefusal(w, req, refusedMethod)
		case req.URL.Path == "/healthz": // the process is running
			_, _ = io.WriteString(w, "ok\n")
		case req.URL.Path == "/readyz":
			g.serveReady(w, req)
		case req.URL.Path == "/metrics":
			metrics.ServeHTTP(w, req)
		case req.URL.Path == jwksPath && g.keys != nil:
			g.keys.ServeHTTP(w, req)
		default:
			writeRefusal(w, req, refusedPath)
		}
	})
}

// serveReady answers 200 if tokens of all upstreams can be verified and the gate is not ending. It
// does not ask the upstreams, so that one of them does not end the traffic to all others.
func (g *Gate) serveReady(w http.ResponseWriter, req *http.Request) {
	if g.draining.Load() {
		http.Error(w, "ending", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), readyTimeout)
	defer cancel()
	for _, u := range g.upstreams {
		if err := u.live.Resource().Ready(ctx); err != nil {
			g.logger().Warn("not ready", "upstream", u.settings.Name, "error", err) // it contains addresses: not for the response
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = io.WriteString(w, "ok\n")
}
