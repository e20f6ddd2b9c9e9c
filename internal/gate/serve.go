package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve opens the listeners and serves until ctx is done. Then it ends in this order: /readyz
// answers 503, after shutdown.delay_seconds the public listener closes, open requests and streams
// get shutdown.grace_seconds to end, the others are cut off, and the admin listener closes. Serve
// returns nil after that, also if it had to cut off requests. It also calls Run, and Close at the
// end, so it must be called once only.
func (g *Gate) Serve(ctx context.Context) error {
	defer g.Close()
	public, err := listen(ctx, g.settings.Listen)
	if err != nil {
		return fmt.Errorf("gate: listen: %w", err)
	}
	server := g.newServer(g)
	if g.files != nil {
		server.TLSConfig = g.files.config()
	}
	failed := make(chan error, 2)
	var admin net.Listener
	var adminAddress net.Addr
	adminServer := g.newServer(g.Admin())
	adminServer.WriteTimeout = readyTimeout + time.Duration(g.settings.Limits.WriteSeconds)*time.Second // it serves no streams
	if g.settings.Admin != "" {
		if admin, err = listen(ctx, g.settings.Admin); err != nil {
			return errors.Join(fmt.Errorf("gate: admin: %w", err), public.Close())
		}
		adminAddress = admin.Addr()
	}
	if g.config.Started != nil {
		g.config.Started(public.Addr(), adminAddress)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // it also runs while streams end
	defer stop()
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() { g.Run(running) })
	if admin != nil {
		go func() { failed <- adminServer.Serve(admin) }()
	}
	go func() { failed <- g.serveOn(server, public) }()
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("gate: serving: %w", err), server.Close(), adminServer.Close())
	case <-ctx.Done():
	}
	g.drain(context.WithoutCancel(ctx), server)
	return adminServer.Close()
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

func (g *Gate) serveOn(server *http.Server, l net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(l, "", "")
	}
	return server.Serve(l)
}

// drain ends the public server.
func (g *Gate) drain(ctx context.Context, server *http.Server) {
	g.draining.Store(true)
	wait(ctx, time.Duration(g.settings.Shutdown.DelaySeconds)*time.Second)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(g.settings.Shutdown.GraceSeconds)*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		g.logger().Warn("requests and streams are cut off", "open", g.inFlight.Load())
		_ = server.Close() // of connections that end anyway
	}
}

// wait waits until the time is over or ctx is done.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// newServer returns a server with the limits of the file. It has no write timeout, which would end
// streams: see stallWriter.
func (g *Gate) newServer(handler http.Handler) *http.Server {
	l := g.settings.Limits
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(g.settings.CleartextHTTP2)
	return &http.Server{
		Handler:                      handler,
		Protocols:                    protocols,
		HTTP2:                        &http.HTTP2Config{MaxConcurrentStreams: l.MaxStreams},
		ReadHeaderTimeout:            time.Duration(l.ReadHeaderSeconds) * time.Second,
		ReadTimeout:                  time.Duration(l.ReadSeconds) * time.Second,
		IdleTimeout:                  time.Duration(l.IdleSeconds) * time.Second,
		MaxHeaderBytes:               l.MaxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(g.logger().Handler(), slog.LevelDebug),
	}
}
