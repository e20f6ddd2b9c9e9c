package gate_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A proxyProgram is a proxy of another project that asks the gate about each request.
type proxyProgram struct {
	name     string // as in docs/gate.md
	variable string // .ci/interop sets it to the path of the program
	style    string // of forward_auth
	body     bool   // the proxy sends the body along
	files    map[string]string
	command  string // for sh: $0 is the program, and file descriptor 3 is a listener
	socket   bool   // the program listens on a Unix socket instead
}

// In the files of a program, DOCUMENTED stands for its configuration in docs/gate.md, after the same
// number of spaces in each line.
var proxyPrograms = []proxyProgram{
	{name: "nginx", variable: "WARDER_NGINX", style: "nginx", socket: true,
		command: `exec "$0" -e stderr -p . -c nginx.conf`,
		files: map[string]string{"nginx.conf": `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	server {
		listen unix:LISTENER;
DOCUMENTED
	}
}
`}},
	{name: "Traefik", variable: "WARDER_TRAEFIK", style: "traefik", body: true,
		command: `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$0" --configfile traefik.yaml`,
		files: map[string]string{"dynamic.yaml": "DOCUMENTED\n", "traefik.yaml": `
global: {checkNewVersion: false, sendAnonymousUsage: false}
log: {level: WARN}
entryPoints: {web: {address: "LISTENER"}}
providers: {file: {filename: dynamic.yaml, watch: false}}
`}},
	{name: "Caddy", variable: "WARDER_CADDY", style: "caddy",
		command: `XDG_DATA_HOME=$PWD XDG_CONFIG_HOME=$PWD exec "$0" run --config Caddyfile --adapter caddyfile`,
		files: map[string]string{"Caddyfile": `
{
	admin off
	auto_https off
	persist_config off
	log {
		level WARN
	}
}
http:// {
	bind fd/3
DOCUMENTED
}
`}},
	{name: "Envoy", variable: "WARDER_ENVOY", style: "envoy", body: true, socket: true,
		command: `exec "$0" --config-path envoy.yaml --disable-hot-restart --concurrency 1 --log-level warning`,
		files: map[string]string{"envoy.yaml": `
static_resources:
  listeners:
  - address: {pipe: {path: LISTENER}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: mcp
          DOCUMENTED
  clusters:
  - {name: warder, load_assignment: {cluster_name: warder, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: GATE_PORT}}}}]}]}}
  - {name: mcp, load_assignment: {cluster_name: mcp, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: SERVER_PORT}}}}]}]}}
`}},
}

// documented returns the configuration of a program in docs/gate.md. It is the first code block after
// the heading with the name.
func (p *proxyProgram) documented(t *testing.T) string {
	t.Helper()
	body, err := os.ReadFile("../../docs/gate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(body), "\n### "+p.name+"\n")
	section, _, _ = strings.Cut(section, "\n#")
	_, block, _ := strings.Cut(section, "\n```")
	_, block, _ = strings.Cut(block, "\n") // the language
	block, _, found := strings.Cut(block, "\n```")
	if !found || !strings.Contains(block, "127.0.0.1:8080") {
		t.Fatalf("docs/gate.md has no configuration of %s with the address of the gate", p.name)
	}
	return block
}

// start runs the program with the documented configuration, with the addresses of the gate and of
// the MCP server. It returns a function that connects to the program.
func (p *proxyProgram) start(t *testing.T, text, gate, server string) (connect func() net.Conn) {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	inherited, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	network, address := "tcp", listener.Addr().String()
	if p.socket {
		network, address = "unix", filepath.Join(dir, "socket")
	}
	values := strings.NewReplacer("127.0.0.1:8080", gate, "127.0.0.1:8000", server, "LISTENER", address,
		"GATE_PORT", gate[strings.Index(gate, ":")+1:], "SERVER_PORT", server[strings.Index(server, ":")+1:])
	for name, file := range p.files {
		before, _, _ := strings.Cut(file, "DOCUMENTED")
		indent := before[strings.LastIndex(before, "\n")+1:]
		file = values.Replace(strings.Replace(file, "DOCUMENTED", strings.ReplaceAll(text, "\n", "\n"+indent), 1))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	output := new(syncBuffer)
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, "sh", "-c", p.command, os.Getenv(p.variable)) // $0 is the program
	command.Dir, command.Stdout, command.Stderr, command.ExtraFiles = dir, output, output, []*os.File{inherited}
	if err := command.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // returns an error because the process was killed
		if t.Failed() {
			t.Logf("output of %s:\n%s", p.name, output)
		}
	})
	return func() net.Conn {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			conn, err := new(net.Dialer).DialContext(t.Context(), network, address)
			if err == nil {
				return conn
			}
			if !p.socket || time.Now().After(end) {
				t.Fatalf("%s does not listen: %v\n%s", p.name, err, output)
			}
			timer := time.NewTimer(20 * time.Millisecond)
			<-timer.C
		}
	}
}
