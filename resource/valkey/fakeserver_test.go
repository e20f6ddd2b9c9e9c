package valkey_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fake is a server whose replies a test chooses. It understands only what every connection begins
// with.
type fake struct {
	net.Listener
	reply    func(command []string) string // a reply of the protocol; empty: none
	accepted atomic.Int32

	mu    sync.Mutex
	conns []net.Conn
}

const hello = "%2\r\n$5\r\nproto\r\n:3\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n"

// bulk returns a text as the protocol has it.
func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// isCheck reports whether a command executes the script of the check.
func isCheck(command []string) bool { return slices.Contains(command, "{warder}:before") }

// healthy replies like a server that works to everything but the calls of an operation.
func healthy(command []string) string {
	switch command[0] {
	case "HELLO":
		return hello
	case "PING":
		return "+PONG\r\n"
	case "INFO":
		return bulk(noEviction)
	case "EVALSHA":
		if isCheck(command) {
			return "*1\r\n" + bulk("aaaa/1")
		}
		return "*2\r\n" + bulk("aaaa/1") + ":1\r\n" // first use of a proof, of which none are lost
	}
	return "-ERR unknown command '" + strings.Join(command, " ") + "'\r\n"
}

func startFake(t *testing.T, reply func(command []string) string) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{Listener: listener, reply: reply}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := f.Accept()
			if err != nil {
				return
			}
			f.accepted.Add(1)
			f.mu.Lock()
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			all.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		f.disconnect()
		all.Wait()
	})
	return f
}

// disconnect closes all connections.
func (f *fake) disconnect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.conns {
		conn.Close()
	}
	f.conns = nil
}

func (f *fake) address() string { return f.Addr().String() }

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, f.reply(command)); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) (command []string, err error) {
	n, err := readNumber(r)
	if err != nil {
		return nil, err
	}
	for range n {
		length, err := readNumber(r)
		if err != nil {
			return nil, err
		}
		argument := make([]byte, length+2)
		if _, err := io.ReadFull(r, argument); err != nil {
			return nil, err
		}
		command = append(command, string(argument[:length]))
	}
	return command, nil
}

// readNumber reads a line such as *2 or $5.
func readNumber(r *bufio.Reader) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
