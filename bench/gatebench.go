package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// A gateBench has what the measurements of the gate have in common: the issuer, the prepared requests and
// a folder for files.
type gateBench struct {
	keys    *keyServer
	tokens  []string
	folder  string
	plan    gatePlan
	program string // of oauth2-proxy; "": absent
	peer    string // its version, or why it is absent
	remove  func()
}

func newGateBench(g gatePlan) *gateBench {
	key := newSigner("RS256", "k1")
	b := &gateBench{keys: newKeyServer(key), plan: g}
	b.folder, b.remove = tempFolder()
	for i := range gateTokens {
		c := accessToken(i, 700)
		c["iss"] = b.keys.URL // oauth2-proxy reads the keys from a URL below the issuer
		b.tokens = append(b.tokens, key.sign(c))
	}
	identity := must(x509.MarshalPKCS8PrivateKey(newSigner("ES256", "identity").private))
	succeed(os.WriteFile(filepath.Join(b.folder, "identity.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: identity}), 0o600))
	b.program, b.peer = "", "not built in a quick run"
	if g.peer {
		step("gate: building oauth2-proxy")
		b.program, b.peer = buildPeerProxy(b.folder)
	}
	return b
}

func (b *gateBench) close() {
	b.keys.Close()
	b.remove()
}

// kinds returns the servers to measure. Ratios are relative to the first.
func (b *gateBench) kinds() []string {
	all := []string{plainKind, flushKind, gateKind, identityKind, rulesKind, bothKind, directKind}
	if b.program != "" {
		all = append(all, peerProxyKind)
	}
	return all
}

func isGate(kind string) bool { return strings.HasPrefix(kind, gateKind) }

// gateFile writes the gate.yaml of a gate and returns its path.
func (b *gateBench) gateFile(kind, upstream string) string {
	text := "listen: 127.0.0.1:0\nshutdown: {delay_seconds: 0, grace_seconds: 0}\n"
	fields, rules := "", ""
	if kind == identityKind || kind == bothKind {
		text += "identity: {issuer: https://mcp.example.com, key_file: identity.pem}\n"
		fields = "  identity_headers: {X-User: subject}\n"
	}
	if kind == rulesKind || kind == bothKind {
		rules = "    tool_scopes: {echo: [" + scope + "]}\n"
	}
	text += fmt.Sprintf("upstreams:\n- name: main\n  url: %s/mcp\n%s  authorization:\n    issuer_url: %s\n    jwks_uri: %s/keys\n"+
		"    authorization_servers: [%s]\n    resource_server_url: %s\n    required_scopes: [%s]\n%s",
		upstream, fields, b.keys.URL, b.keys.URL, b.keys.URL, audience, scope, rules)
	file := filepath.Join(must(os.MkdirTemp(b.folder, "gate-")), "gate.yaml")
	succeed(os.WriteFile(file, []byte(strings.ReplaceAll(text, "identity.pem", filepath.Join(b.folder, "identity.pem"))), 0o600))
	return file
}

// setup returns the setup of a server in front of the upstream, which is a URL without a path.
func (b *gateBench) setup(kind, upstream string) *gateSetup {
	s := &gateSetup{Kind: kind, Upstream: upstream, EventPause: b.plan.eventPause}
	if isGate(kind) {
		s.File = b.gateFile(kind, upstream)
	}
	return s
}

// A gateProcess is a server of the section about the gate.
type gateProcess struct {
	kind, address string
	pid           int
	stop          func()
}

func (b *gateBench) startUpstream() gateProcess { return b.start(directKind, "") }

// startAll starts all proxies. The row without a proxy is the upstream itself.
func (b *gateBench) startAll(upstream gateProcess) (all []gateProcess) {
	for _, kind := range b.kinds() {
		if kind == directKind {
			direct := upstream
			direct.stop = func() {}
			all = append(all, direct)
		} else {
			all = append(all, b.start(kind, "http://"+upstream.address))
		}
	}
	return all
}

// start starts a server on one core.
func (b *gateBench) start(kind, upstream string) gateProcess {
	if kind == peerProxyKind {
		return b.startPeerProxy(upstream)
	}
	p := startServerProcess(serverSetup{Gate: b.setup(kind, upstream)})
	return gateProcess{kind, p.address, p.cmd.Process.Pid, p.stop}
}

// load returns the prepared requests: tool calls with cached tokens.
func (b *gateBench) load(connections int) load {
	var requests [][]byte
	for _, token := range b.tokens {
		requests = append(requests, fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nUser-Agent: bench\r\nAccept: application/json, text/event-stream\r\n"+
			"Content-Type: application/json\r\nMcp-Protocol-Version: 2025-11-25\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", token, len(callBody), callBody))
	}
	return load{requests, upstreamAnswer, connections}
}

// throughput measures the servers with that many connections.
func (b *gateBench) throughput(g gatePlan, connections int, processes []gateProcess) []loadResult {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as in underLoad
	var targets []loadTarget
	for _, p := range processes {
		targets = append(targets, loadTarget{p.kind, p.address, func() int64 { return cpuTimeOf(p.pid) }})
	}
	return takeTurns(targets, b.load(connections), g.loadRounds, g.load)
}
