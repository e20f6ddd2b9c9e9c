package gate_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// rawUpstream records all bytes that it receives. It answers a request when it has seen the end of
// the call, or the end of a header without a body, and does not read HTTP otherwise.
type rawUpstream struct {
	url      string
	listener net.Listener
	group    sync.WaitGroup

	mu   sync.Mutex
	text strings.Builder
}

func newRawUpstream(t testing.TB) *rawUpstream {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &rawUpstream{url: "http://" + listener.Addr().String(), listener: listener}
	t.Cleanup(func() { _ = listener.Close() })
	u.group.Go(u.accept)
	return u
}

func (u *rawUpstream) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.group.Go(func() { u.serve(conn) })
	}
}

func (u *rawUpstream) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	buffer, answered := make([]byte, 64<<10), 0
	for {
		n, err := conn.Read(buffer)
		u.mu.Lock()
		u.text.Write(buffer[:n])
		ends := strings.Count(u.text.String(), call)
		u.mu.Unlock()
		for ; answered < ends; answered++ {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		}
		if err != nil {
			return
		}
	}
}

// received returns everything that the upstream has received, after the gate has ended.
func (u *rawUpstream) received(f *fixture) string {
	err := <-f.stopped
	f.stopped <- err
	_ = u.listener.Close()
	u.group.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.text.String()
}
