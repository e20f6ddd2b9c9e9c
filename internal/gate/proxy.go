package gate

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/warder-go/warder/resource"
)

// exchange is what the gate stores about one request.
type exchange struct {
	upstream *upstream        // nil: the request was rejected before one was selected
	tokens   []string         // of the client
	caller   *resource.Caller // nil: no caller was accepted
	identity []field          // of the caller
	stopped  atomic.Bool      // the client did not send its whole body
}

type exchangeKey struct{}

func exchangeOf(req *http.Request) *exchange {
	e, _ := req.Context().Value(exchangeKey{}).(*exchange)
	return e
}

// newProxy returns the handler of accepted requests for a place.
func (g *Gate) newProxy(at *place) http.Handler {
	u := at.upstream
	// Without FlushInterval, streams of events and responses without a length are passed on as they
	// arrive, and the header of another response is written together with its body.
	proxy := &httputil.ReverseProxy{
		Transport:      trip{u.transport},
		BufferPool:     buffers{},
		ErrorLog:       slog.NewLogLogger(g.logger().Handler(), slog.LevelDebug),
		Rewrite:        func(r *httputil.ProxyRequest) { g.rewrite(at, r) },
		ModifyResponse: func(res *http.Response) error { return g.modifyResponse(at, res) },
		ErrorHandler:   func(w http.ResponseWriter, req *http.Request, err error) { g.serveError(w, req, u, err) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		e := exchangeOf(req)
		if e == nil { // not reached through Gate.proxy: fail closed
			g.refuse(w, req, refusedInternal)
			return
		}
		if hasToken(req.URL, e.tokens) {
			g.refuse(w, req, refusedQuery)
			return
		}
		if caller, ok := resource.FromContext(req.Context()); ok {
			var err error
			e.caller = caller
			if e.identity, err = g.identify(u, caller); err != nil {
				g.logger().Error("cannot make the identity of a caller", "upstream", u.settings.Name, "error", err)
				g.refuse(w, req, refusedInternal)
				return
			}
		}
		if err := keepMirrors(req, u.applied.Load().maxBody); err != nil {
			g.logger().Error("cannot compare Mcp-Method and Mcp-Name with the body", "upstream", u.settings.Name, "error", err)
			g.refuse(w, req, refusedInternal)
			return
		}
		if err := holdBody(req); err != nil {
			g.serveError(w, req, u, err)
			return
		}
		proxy.ServeHTTP(w, req)
	})
}

// rewrite makes the request for an upstream. It runs after the removal of the fields that the
// client has named in Connection, so what it sets is sent.
func (g *Gate) rewrite(at *place, r *httputil.ProxyRequest) {
	out, u := r.Out, at.upstream
	out.URL.Scheme, out.URL.Host = u.url.Scheme, u.url.Host
	out.URL.Path, out.URL.RawPath = at.target(r.In.URL.Path), ""
	out.URL.RawQuery = r.In.URL.RawQuery
	out.Host = "" // that of the URL
	e := exchangeOf(r.In)
	u.removeFields(out.Header, e.tokens)
	if u.settings.BindSessions {
		delete(out.Header, "Accept-Encoding") // the binding reads events, which must not be compressed
	}
	setBody(r)
	g.setForwarded(at, r)
	for _, field := range e.identity {
		out.Header[field.name] = []string{field.value}
	}
}

// setBody makes the length and the framing of the body those of the bytes that were read.
func setBody(r *httputil.ProxyRequest) {
	out := r.Out
	out.TransferEncoding, out.Trailer = nil, nil
	if read, ok := r.In.Body.(interface{ Len() int }); ok { // the rules have read it
		out.ContentLength = int64(read.Len())
		if out.ContentLength == 0 {
			out.Body = http.NoBody
		}
	}
	if held, ok := r.In.Body.(heldBody); ok {
		out.Body = io.NopCloser(held.Reader) // a type that net/http knows
	}
	out.GetBody = nil // net/http never sends such a body again
}

// setForwarded says where the request came from, and that it came through a proxy (RFC 9110 §7.6.3).
// Host and scheme are those of the configuration.
func (g *Gate) setForwarded(at *place, r *httputil.ProxyRequest) {
	h := r.Out.Header
	client, _, err := net.SplitHostPort(r.In.RemoteAddr)
	if err != nil {
		client = "unknown"
	}
	if prior := r.In.Header["X-Forwarded-For"]; len(prior) > 0 && g.trusted.contains(r.In.RemoteAddr) {
		client = strings.Join(append(lastAddresses(prior), client), ", ")
	}
	values := []string{client, at.host, at.scheme, "1.1 warder"}
	if r.In.ProtoMajor == 2 {
		values[3] = "2.0 warder"
	}
	h["Via"] = values[3:4:4]
	h["X-Forwarded-For"], h["X-Forwarded-Host"], h["X-Forwarded-Proto"] = values[0:1:1], values[1:2:2], values[2:3:3]
}

// lastAddresses returns the addresses at the end of X-Forwarded-For. The field can begin with any
// text of a client, such as its token, because proxies append to what they get.
func lastAddresses(values []string) []string {
	all := strings.Split(strings.Join(values, ","), ",")
	for n := len(all) - 1; n >= 0; n-- {
		all[n] = strings.Trim(all[n], " \t")
		if !isAddress(all[n]) {
			return all[n+1:]
		}
	}
	return all
}

// isAddress reports whether text is an IP address, with or without a port.
func isAddress(text string) bool {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(text)
		ip = withPort.Addr()
	}
	return err == nil && ip.Zone() == ""
}

// buffers are the buffers of open responses. They are small, because a stream holds one while it is
// open.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { return new([copyBufferBytes]byte) }}

func (buffers) Get() []byte { return bufferPool.Get().(*[copyBufferBytes]byte)[:] }

func (buffers) Put(b []byte) { bufferPool.Put((*[copyBufferBytes]byte)(b)) }
