package drill_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A proxy is a TCP proxy in front of a server, with faults of a network.
type proxy struct {
	listener net.Listener
	target   string
	delay    atomic.Int64 // nanoseconds for which each chunk from the server is delayed
	hold     atomic.Bool  // nothing is forwarded in any direction

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
	tasks  sync.WaitGroup
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.tasks.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.drop()
		p.tasks.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// drop closes all connections. New ones are accepted.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		if !p.keep(client) || !p.keep(server) {
			client.Close()
			server.Close()
			continue
		}
		p.tasks.Go(func() { p.forward(server, client, false) })
		p.tasks.Go(func() { p.forward(client, server, true) })
	}
}

func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = true
	return !p.closed
}

// chunk is what was read at once, and when it is forwarded.
type chunk struct {
	data []byte
	due  time.Time
}

// forward copies from one connection to another one, until one of them is closed. Then it closes both.
func (p *proxy) forward(to, from net.Conn, delayed bool) {
	ctx, cancel := context.WithCancel(context.Background())
	chunks := make(chan chunk, 256)
	var writing sync.WaitGroup
	writing.Go(func() { p.write(ctx, to, chunks) })
	for {
		data := make([]byte, 16<<10)
		n, err := from.Read(data)
		if n > 0 {
			due := time.Now()
			if delayed {
				due = due.Add(time.Duration(p.delay.Load()))
			}
			select {
			case chunks <- chunk{data[:n], due}:
			default: // too much is held: as if the connection were lost
				err = net.ErrClosed
			}
		}
		if err != nil {
			break
		}
	}
	cancel()
	writing.Wait()
	to.Close()
	from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, to)
	delete(p.conns, from)
}

func (p *proxy) write(ctx context.Context, to net.Conn, chunks <-chan chunk) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-chunks:
			if !pause(ctx, time.Until(c.due)) {
				return
			}
			for p.hold.Load() {
				if !pause(ctx, 10*time.Millisecond) {
					return
				}
			}
			if _, err := to.Write(c.data); err != nil {
				to.Close() // so that reading ends too
				return
			}
		}
	}
}
