package valkey

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	valkeygo "github.com/valkey-io/valkey-go"
)

// Settings of the client library.
const (
	dialTimeout  = time.Second // for the TCP and TLS handshakes; again for the commands that begin a connection
	writeTimeout = time.Second // for a PING on an idle or hanging connection, which is then closed
	pingInterval = time.Second // after the last answer
	bufferBytes  = 32 << 10    // of a connection, in each direction
	clientName   = "warder"    // in CLIENT LIST

	// ringScale makes room for 2048 calls whose answers are outstanding. The library blocks a
	// further call without regard to its context. When a server stops answering, twice
	// Config.MaxCalls calls of requests are outstanding until the breakers open. In the two seconds
	// until a PING fails and the library closes the connection, Config.MaxCalls calls that no request
	// waits for can follow each second.
	ringScale = 11
)

// connection is one network connection to a server. It is never opened again: dialing would block
// calls of other goroutines, which the library lets wait without their contexts. All calls share it
// (pipelining).
type connection struct {
	client  valkeygo.Client
	conn    net.Conn
	address string
	lost    chan struct{} // closed when the connection cannot be used any more
	once    sync.Once
}

// giveUp marks the connection as lost.
func (c *connection) giveUp() { c.once.Do(func() { close(c.lost) }) }

// isLost reports whether the connection is closed, or was given up.
func (c *connection) isLost() bool {
	select {
	case <-c.lost:
		return true
	default:
		return false
	}
}

// close ends the connection. Outstanding calls get errors. The network connection is closed first,
// because the library would wait a second for a server that does not answer.
func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.client.Close()
}

// connect opens a connection to one server and authenticates there. ctx limits that only. database
// is 0 for sentinels.
func connect(ctx context.Context, address string, login *credentials, database int, tlsConfig *tls.Config) (*connection, error) {
	c := &connection{address: address, lost: make(chan struct{})}
	var dialed atomic.Bool
	stop := func() bool { return false }
	option := valkeygo.ClientOption{
		InitAddress:       []string{address},
		ForceSingleClient: true,
		DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
			if dialed.Swap(true) {
				return nil, errLost
			}
			conn, err := dial(ctx, address, tlsConfig, c.giveUp)
			if err == nil {
				c.conn, stop = conn, context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		},
		AuthCredentialsFn: func(valkeygo.AuthCredentialsContext) (valkeygo.AuthCredentials, error) {
			return login.get(ctx)
		},
		ClientName:          clientName,
		ClientSetInfo:       valkeygo.DisableClientSetInfo, // needs a permission that users do not need otherwise
		SelectDB:            database,
		Dialer:              net.Dialer{Timeout: dialTimeout, KeepAlive: pingInterval},
		ConnWriteTimeout:    writeTimeout,
		RingScaleEachConn:   ringScale,
		ReadBufferEachConn:  bufferBytes,
		WriteBufferEachConn: bufferBytes,
		PipelineMultiplex:   -1,   // one connection
		AlwaysPipelining:    true, // else a call that runs alone closes the connection at its deadline
		DisableRetry:        true, // a call that was not answered may have been executed
		DisableCache:        true, // no CLIENT TRACKING
	}
	client, err := valkeygo.NewClient(option)
	c.client = client
	if err == nil && (!stop() || c.isLost()) {
		err = errLost
	}
	if err != nil {
		c.close()
		return nil, &connectError{address, err}
	}
	return c, nil
}

// get returns what the library sends in HELLO.
func (l *credentials) get(ctx context.Context) (valkeygo.AuthCredentials, error) {
	if l.password == nil {
		return valkeygo.AuthCredentials{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	password, err := l.password(ctx)
	return valkeygo.AuthCredentials{Username: l.username, Password: password}, err
}

// dial opens the network connection. It calls closed when the connection is closed by either side.
func dial(ctx context.Context, address string, tlsConfig *tls.Config, closed func()) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := net.Dialer{KeepAlive: pingInterval}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		config := tlsConfig.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		encrypted := tls.Client(conn, config)
		if err := handshake(ctx, encrypted); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = encrypted
	}
	return watchedConn{conn, closed}, nil
}

func handshake(ctx context.Context, conn *tls.Conn) (err error) {
	defer protect(&err)
	return conn.HandshakeContext(ctx)
}

// watchedConn reports when it is closed. The library closes a connection when reading fails.
type watchedConn struct {
	net.Conn
	closed func()
}

func (c watchedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}
