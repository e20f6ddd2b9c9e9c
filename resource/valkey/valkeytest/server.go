package valkeytest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// TB is the part of testing.TB that this package uses.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Options say how a server is started. The zero value is a server on its own without TLS.
type Options struct {
	// Program is a name in PATH or a path. Empty: redis-server or, if this is not installed,
	// valkey-server.
	Program string

	Lines     []string // more lines of the configuration file, such as "maxmemory 10mb"
	ReplicaOf *Server  // the primary; nil: the server is one itself

	// CertFile, KeyFile and CAFile are paths of PEM files. With them the server uses TLS only, and
	// requires certificates of clients that are issued by the CA.
	CertFile, KeyFile, CAFile string

	mode []string // arguments after the name of the configuration file
}

// waitLimit limits how long servers may take to start, and other changes that tests wait for.
const waitLimit = 20 * time.Second

// Credentials of the administrator, which only listens at the loopback interface.
const (
	adminUser     = "valkeytest"
	adminPassword = "valkeytest-administrator"
)

// Server is a running server. Its methods can be called concurrently, except those that start and
// end the process.
type Server struct {
	tb      TB
	program string
	options Options
	dir     string
	port    int
	process *exec.Cmd
	output  *bytes.Buffer
	ended   chan struct{}
}

// Programs returns which of redis-server and valkey-server are installed.
func Programs() (names []string) {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if _, err := exec.LookPath(name); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// Start starts a server and waits until it answers.
func Start(tb TB, o Options) *Server {
	tb.Helper()
	if o.Program == "" {
		installed := Programs()
		if len(installed) == 0 {
			tb.Skipf("neither redis-server nor valkey-server is installed")
			return nil
		}
		o.Program = installed[0]
	}
	dir, err := os.MkdirTemp("", "valkeytest") // not the directory of the test: the path of a socket is limited
	if err != nil {
		tb.Fatalf("valkeytest: %v", err)
	}
	s := &Server{tb: tb, program: o.Program, options: o, dir: dir}
	tb.Cleanup(func() {
		s.Kill()
		_ = os.RemoveAll(dir)
	})
	for range 3 { // another process can take the port first
		s.port = freePort(tb)
		s.configure()
		if s.start() {
			return s
		}
		s.Kill() // and the output is complete
	}
	tb.Fatalf("valkeytest: %s does not start:\n%s", o.Program, s.output)
	return nil
}

// freePort returns a port of the loopback interface that is not in use.
func freePort(tb TB) int {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(background, "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("valkeytest: %v", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// configure writes the configuration file, which sentinels then change.
func (s *Server) configure() {
	s.tb.Helper()
	content := strings.Join(s.lines(), "\n") + "\n"
	if err := os.WriteFile(filepath.Join(s.dir, "conf"), []byte(content), 0o600); err != nil {
		s.tb.Fatalf("valkeytest: %v", err)
	}
}

// start starts the process. It returns false if the process ends before it answers.
func (s *Server) start() bool {
	s.tb.Helper()
	s.output = new(bytes.Buffer)
	//nolint:gosec,noctx // G204: the test chooses the program; it ends with the test
	s.process = exec.Command(s.program, append([]string{"conf"}, s.options.mode...)...)
	s.process.Dir, s.process.Stdout, s.process.Stderr = s.dir, s.output, s.output
	if err := s.process.Start(); err != nil {
		s.tb.Fatalf("valkeytest: %v", err)
	}
	ended, process := make(chan struct{}), s.process
	s.ended = ended
	go func() {
		_ = process.Wait() // the output says why it ended
		close(ended)
	}()
	answers := func() bool {
		reply, err := s.Try("PING")
		return err == nil && reply == "PONG"
	}
	return poll(answers, ended)
}

func (s *Server) lines() []string {
	port, tlsPort := s.port, 0
	if s.options.CertFile != "" {
		port, tlsPort = 0, s.port
	}
	lines := []string{
		"bind 127.0.0.1", "port " + strconv.Itoa(port), "unixsocket " + s.socket(), "daemonize no", "logfile \"\"",
		"dir " + s.dir, fmt.Sprintf("user %s on >%s ~* &* +@all", adminUser, adminPassword),
	}
	if tlsPort != 0 {
		lines = append(lines, "tls-port "+strconv.Itoa(tlsPort), "tls-replication yes",
			"tls-cert-file "+s.options.CertFile, "tls-key-file "+s.options.KeyFile, "tls-ca-cert-file "+s.options.CAFile)
	}
	if len(s.options.mode) == 0 {
		lines = append(lines, "save \"\"", "appendonly no", "enable-debug-command local", "repl-diskless-sync-delay 0",
			"masteruser "+adminUser, "masterauth "+adminPassword)
	}
	if s.options.ReplicaOf != nil {
		lines = append(lines, "replicaof 127.0.0.1 "+strconv.Itoa(s.options.ReplicaOf.port))
	}
	return append(lines, s.options.Lines...)
}

func (s *Server) socket() string { return filepath.Join(s.dir, "socket") }

// Address returns host:port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Kill ends the process at once (SIGKILL). All data is lost.
func (s *Server) Kill() {
	if s.process != nil && s.process.Process != nil {
		_ = s.process.Process.Kill() // it can have ended
		<-s.ended
	}
}

// Restart ends the process and starts it again on the same port, without data.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Kill()
	if !s.start() {
		s.Kill()
		s.tb.Fatalf("valkeytest: %s does not start again:\n%s", s.program, s.output)
	}
}

// Stop suspends the process (SIGSTOP). The kernel still accepts connections for it.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Continue resumes the process (SIGCONT).
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.tb.Fatalf("valkeytest: %v", err)
	}
}
