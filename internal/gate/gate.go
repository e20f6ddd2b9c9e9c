// Package gate is a reverse proxy in front of MCP servers in any language. Each upstream has a
// [resource.Resource] of its own, which decides about its requests. The upstream gets the requests
// that were accepted, without the token, and with a short signed JWT that says who the caller is.
//
// docs/gate.md describes the configuration file, what is sent to an upstream, and the limits.
package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/urltable"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/nethttp"
)

// Config says where the configuration file is, and holds what a file cannot contain.
type Config struct {
	// File is the path of gate.yaml. Relative paths in it are relative to its directory.
	File string

	// Environ are the variables for ${VAR} in the authorization blocks, in the format of os.Environ,
	// which is also the default. A variable AUTHORIZATION__KEY is a mistake: it does not say for
	// which upstream it is.
	Environ []string

	// Started, if not nil, is called by Serve with the addresses of its listeners, before the first
	// request. admin is nil without an admin listener.
	Started func(public, admin net.Addr)

	Interval  time.Duration     // between two checks of the files; default 10 s, at least 1 s
	Transport http.RoundTripper // for calls to issuers, as config.Config.Transport; nil: the default
	Logger    *slog.Logger      // default slog.Default()
}

// Format writes the path of the file for every verb, because Environ may contain secrets.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "gate.Config("+c.File+")") }

// Gate is a reverse proxy. [New] makes it. [Gate.Serve] serves it. It is safe for concurrent use.
type Gate struct {
	config   *Config // a pointer, so that formatting a struct that contains a Gate shows only an address
	settings *settings
	trusted  prefixes

	upstreams []*upstream
	table     urltable.Table // of places
	places    []*place       // by the number in the table
	document  *metadata.Handler
	events    map[string]http.Handler // receivers of security events, by path
	owned     map[string]bool         // folded names of the identity fields of all upstreams
	keys      *keyring                // nil: no identity JWT
	files     *certificate            // nil: no TLS
	forward   *forwardAuth            // nil: no forward_auth
	metrics   *metrics
	inFlight  atomic.Int64
	draining  atomic.Bool

	reloading sync.Mutex // serializes reloads and guards the field below
	reported  string     // the mistakes and the content of the file that a reload has reported; "": none since it was right
}

// New reads the file and everything that it names, and builds the gate. It calls no issuer and no
// upstream, opens no port and starts no goroutine. The error has a line for each mistake with its
// position in the file.
func New(c Config) (*Gate, error) {
	if c.Interval == 0 {
		c.Interval = defaultInterval
	}
	if c.Interval < minInterval {
		return nil, errors.New("gate: Interval: must be at least " + minInterval.String())
	}
	b := &builder{config: &c, gate: &Gate{config: &c, owned: map[string]bool{}, events: map[string]http.Handler{}}}
	b.build()
	if err := b.mistakes.Err("gate"); err != nil {
		b.gate.Close()
		return nil, err
	}
	return b.gate, nil
}

// Close closes what the gate holds open. Serve calls it.
func (g *Gate) Close() {
	for _, u := range g.upstreams {
		u.close()
	}
}

// Run follows changes of the files until ctx is done: authorization blocks with the files that
// they name, TLS certificates and keys for identity JWTs. A file with a mistake changes nothing and
// is reported. Every other change of the gate's file needs a restart, which Run reports. Serve
// calls Run.
func (g *Gate) Run(ctx context.Context) {
	var group sync.WaitGroup
	defer group.Wait()
	for _, u := range g.upstreams {
		group.Go(func() { u.live.Run(ctx) })
	}
	ticker := time.NewTicker(g.config.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = g.reloadFiles() // reports its errors
			for _, u := range g.upstreams {
				u.setApplied()
			}
		}
	}
}

// Reload reads all files at once, for example on SIGHUP. The error says which of them are not
// applied; the previous content of those stays in use.
func (g *Gate) Reload(ctx context.Context) error {
	errs := []error{g.reloadFiles()}
	for _, u := range g.upstreams {
		if err := u.live.Reload(ctx); err != nil {
			errs = append(errs, fmt.Errorf("upstream %q: %w", u.settings.Name, err))
		}
		u.setApplied()
	}
	return errors.Join(errs...)
}

// reloadFiles reads the files of the gate itself, without those of authorization blocks.
func (g *Gate) reloadFiles() error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	errs := []error{g.checkUnchanged()}
	for name, part := range map[string]reloader{"identity keys": g.keys, "TLS certificate": g.files} {
		if reflect.ValueOf(part).IsNil() {
			continue
		}
		changed, err := part.reload()
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			g.logger().Error("file rejected; the previous one stays in use", "error", err)
		} else if changed {
			g.logger().Info("file applied", "what", name)
		}
		g.metrics.countReload(changed, err)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// reloader is a part of the gate with files of its own.
type reloader interface {
	reload() (changed bool, err error)
}

// checkUnchanged returns an error if the gate's file has changes that need a restart.
func (g *Gate) checkUnchanged() error {
	b := &builder{config: g.config, gate: new(Gate)}
	now := b.read()
	err := b.mistakes.Err("gate")
	if err == nil && !reflect.DeepEqual(now, g.settings) {
		err = errors.New("gate: the file has changes outside of the authorization blocks; they need a restart")
	}
	state := ""
	if err != nil {
		state = err.Error() + "\n" + string(b.body)
	}
	isNew := state != g.reported
	if g.reported = state; err != nil && isNew {
		g.logger().Error("the gate's file is not applied", "file", g.config.File, "error", err)
	}
	return err
}

func (g *Gate) logger() *slog.Logger { return logging.OrDefault(g.config.Logger) }

// ServeHTTP serves the public side: the metadata of all upstreams without a token, and accepted
// requests by their upstreams.
func (g *Gate) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	defer g.reportPanic()
	limited := g.limitStalls(w)
	limited.end()         // the limit of the response before, on the same connection
	defer limited.begin() // for the rest, which net/http sends after the return
	w = limited
	e := new(exchange)
	if g.settings.AccessLog {
		logged := &loggedWriter{ResponseWriter: w}
		defer g.logAccess(logged, req.Method, e, time.Now())
		w = logged
	}
	g.serve(w, req, e)
}

// reportPanic writes a panic of a handler to the log, without its value. net/http would do that with
// the value, and at a level that is not shown. It then closes the connection.
func (g *Gate) reportPanic() {
	v := recover() //nolint:revive // the function is deferred
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it in this way
		g.logger().Error("a handler panicked", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
	}
	panic(http.ErrAbortHandler)
}

func (g *Gate) serve(w http.ResponseWriter, req *http.Request, e *exchange) {
	if g.inFlight.Add(1) > int64(g.settings.Limits.MaxRequests) {
		g.inFlight.Add(-1)
		g.refuse(w, req, refusedBusy)
		return
	}
	defer g.inFlight.Add(-1)
	if g.forward != nil && g.forward.owns(req) {
		g.serveForward(w, req)
		return
	}
	if r := checkTarget(req); r != nil {
		g.refuse(w, req, r)
		return
	}
	if g.servePublic(w, req) {
		return
	}
	at := g.find(req)
	if at == nil || at.upstream.url == nil {
		g.refuse(w, req, refusedPath)
		return
	}
	if at.upstream.settings.CORS && serveCORS(w, req, at.upstream.live.Resource()) {
		return
	}
	if r := checkRequest(req, at.upstream); r != nil {
		g.refuse(w, req, r)
		return
	}
	e.upstream = at.upstream
	g.proxy(w, req, at, e)
}

// servePublic serves what needs no token.
func (g *Gate) servePublic(w http.ResponseWriter, req *http.Request) bool {
	if g.document.Owns(req) {
		g.document.ServeHTTP(w, req)
		return true
	}
	if receiver := g.events[req.URL.Path]; receiver != nil {
		receiver.ServeHTTP(w, req)
		return true
	}
	for _, u := range g.upstreams {
		if servers := u.live.Resource().ServerMetadata(); servers.Owns(req) {
			servers.ServeHTTP(w, req)
			return true
		}
	}
	return false
}

// proxy passes a request to the Resource of its upstream, and an accepted one to the upstream.
func (g *Gate) proxy(w http.ResponseWriter, req *http.Request, at *place, e *exchange) {
	req.Body = clientBody{http.MaxBytesReader(w, req.Body, at.upstream.applied.Load().maxBody), &e.stopped}
	e.tokens = at.upstream.presentedTokens(req.Header)
	at.protected.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), exchangeKey{}, e)))
}

// newDocument returns the metadata of all upstreams.
func (g *Gate) newDocument() (h *metadata.Handler, err error) {
	defer func() {
		if v := recover(); v != nil { // two Resources with the same host and path
			err = fmt.Errorf("%v", v)
		}
	}()
	h = nethttp.Metadata(g.resources()...)
	return h, nil
}
