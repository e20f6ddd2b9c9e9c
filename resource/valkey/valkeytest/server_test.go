package valkeytest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/warder-go/warder/resource/valkey/valkeytest"
)

// fatal is a test that stops at Fatalf or Skipf, with a panic.
type fatal struct{ *testing.T }

type stopped struct{ text string }

func (fatal) Fatalf(format string, a ...any) { panic(stopped{"fatal: " + fmt.Sprintf(format, a...)}) }
func (fatal) Skipf(format string, a ...any)  { panic(stopped{"skip: " + fmt.Sprintf(format, a...)}) }

// stop returns the text with which a function stops its test.
func stop(t *testing.T, function func(fatal)) (text string) {
	t.Helper()
	defer func() {
		if s, ok := recover().(stopped); ok {
			text = s.text
		}
	}()
	function(fatal{t})
	return ""
}

func TestServer(t *testing.T) {
	s := valkeytest.Start(t, valkeytest.Options{Lines: []string{"requirepass other", "maxmemory 123mb"}})
	if got := s.Do("CONFIG", "GET", "maxmemory"); got != "maxmemory\n128974848" {
		t.Errorf("got %q", got)
	}
	s.Do("SET", "a", "1")
	if got := s.Do("GET", "b"); got != "" {
		t.Errorf("nil: got %q", got)
	}
	s.Stop()
	s.Continue()
	if got := s.Do("GET", "a"); got != "1" {
		t.Errorf("after Continue: got %q", got)
	}
	address := s.Address()
	s.Restart()
	if got := s.Do("EXISTS", "a"); got != "0" || s.Address() != address {
		t.Errorf("after Restart: got %q at %s, want 0 at %s", got, s.Address(), address)
	}
	s.Kill()
	if _, err := s.Try("PING"); err == nil {
		t.Error("a killed server answers")
	}
	s.Kill() // is permitted
}

func TestFailures(t *testing.T) {
	if len(valkeytest.Programs()) == 0 {
		t.Skip("neither redis-server nor valkey-server is installed")
	}
	for want, function := range map[string]func(fatal){
		"Bad directive":                  func(f fatal) { valkeytest.Start(f, valkeytest.Options{Lines: []string{"unknown-line 1"}}) },
		"executable file not found":      func(f fatal) { valkeytest.Start(f, valkeytest.Options{Program: "not-installed"}) },
		"NOSUCH: ERR unknown command 'N": func(f fatal) { valkeytest.Start(f, valkeytest.Options{}).Do("NOSUCH") },
	} {
		if got := stop(t, function); !strings.HasPrefix(got, "fatal: ") || !strings.Contains(got, want) {
			t.Errorf("got %q, want a fatal error with %q", got, want)
		}
	}
	t.Setenv("PATH", "")
	if got := stop(t, func(f fatal) { valkeytest.Start(f, valkeytest.Options{}) }); got != "skip: neither redis-server nor valkey-server is installed" {
		t.Errorf("got %q", got)
	}
}
