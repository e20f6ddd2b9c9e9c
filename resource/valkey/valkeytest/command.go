package valkeytest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// background is the context of calls that have a deadline of their own.
var background = context.Background()

// Do executes a command as an administrator, and returns the reply as text: the elements of an
// array each on a line, and nothing for nil. An error is fatal.
func (s *Server) Do(arguments ...string) string {
	s.tb.Helper()
	reply, err := s.Try(arguments...)
	if err != nil {
		s.tb.Fatalf("valkeytest: %s: %v", strings.Join(arguments, " "), err)
	}
	return reply
}

// Wait executes a command until its reply contains a text.
func (s *Server) Wait(text string, arguments ...string) {
	s.tb.Helper()
	var reply string
	var err error
	contains := func() bool {
		reply, err = s.Try(arguments...)
		return err == nil && strings.Contains(reply, text)
	}
	if !poll(contains, s.ended) {
		s.tb.Fatalf("valkeytest: %s: got %q, %v; want a reply with %q", strings.Join(arguments, " "), reply, err, text)
	}
}

// poll calls a function until it returns true, or the channel is closed, or it takes too long.
func poll(function func() bool, ended <-chan struct{}) bool {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	limit := time.NewTimer(waitLimit)
	defer limit.Stop()
	for !function() {
		select {
		case <-ticker.C:
		case <-ended:
			return false
		case <-limit.C:
			return false
		}
	}
	return true
}

// Try is like Do, but returns an error of the server.
func (s *Server) Try(arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(background, waitLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(waitLimit)); err != nil {
		return "", err
	}
	reader := bufio.NewReader(conn)
	if _, err := command(conn, reader, "AUTH", adminUser, adminPassword); err != nil {
		return "", err
	}
	return command(conn, reader, arguments...)
}

// command writes a command and reads its reply (RESP2).
func command(w io.Writer, r *bufio.Reader, arguments ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(arguments))
	for _, a := range arguments {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return "", err
	}
	return readReply(r)
}

func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("empty reply")
	}
	text := line[1:]
	switch line[0] {
	case '+', ':':
		return text, nil
	case '-':
		return "", errors.New(text)
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return "", err
	case line[0] == '$' && n >= 0:
		content := make([]byte, n+2)
		_, err := io.ReadFull(r, content)
		return string(content[:n]), err
	case line[0] == '*':
		return readElements(r, n)
	}
	return "", nil // nil
}

func readElements(r *bufio.Reader, n int) (string, error) {
	var elements []string
	for range n {
		element, err := readReply(r)
		if err != nil {
			return "", err
		}
		elements = append(elements, element)
	}
	return strings.Join(elements, "\n"), nil
}
