package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peerProxyModule is the proxy beside which the gate is measured.
const peerProxyModule = "github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6"

// buildPeerProxy builds oauth2-proxy outside of this module and returns the path of the program and its
// version. If that fails, for example without a registry, the path is "" and the text says so.
func buildPeerProxy(folder string) (program, version string) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "install", peerProxyModule)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOBIN="+folder, "GOWORK=off", "GOFLAGS=")
	if err := cmd.Run(); err != nil {
		return "", peerProxyModule + " could not be built"
	}
	return filepath.Join(folder, "oauth2-proxy"), strings.TrimPrefix(peerProxyModule, "github.com/")
}

// startPeerProxy starts oauth2-proxy on one core. It accepts the tokens of the issuer with our audience,
// and logs only mistakes. It does not check scopes.
func (b *gateBench) startPeerProxy(upstream string) gateProcess {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer func() { _ = listener.Close() }() // the process has a copy
	file := must(listener.(*net.TCPListener).File())
	defer func() { _ = file.Close() }()
	// The shell sets the variable that says for which process the listener is, as systemd does.
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, b.program,
		"--http-address=fd:3", "--upstream="+upstream+"/", "--skip-jwt-bearer-tokens=true", "--extra-jwt-issuers="+b.keys.URL+"="+audience,
		"--email-domain=*", "--client-id=bench", "--client-secret=unused", "--cookie-secret=0123456789abcdef", "--cookie-secure=false",
		"--provider=oidc", "--oidc-issuer-url="+b.keys.URL, "--skip-oidc-discovery=true", "--oidc-jwks-url="+b.keys.URL+"/keys",
		"--login-url="+b.keys.URL+"/login", "--redeem-url="+b.keys.URL+"/token", "--bearer-token-login-fallback=false",
		"--request-logging=false", "--auth-logging=false", "--standard-logging=false")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "LISTEN_FDS=1")
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{file}
	succeed(cmd.Start())
	return gateProcess{peerProxyKind, listener.Addr().String(), cmd.Process.Pid, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}}
}

// peerNote says which peer was measured.
func (r gateResults) peerNote() string {
	if len(r.single) > 0 && r.single[len(r.single)-1].name == peerProxyKind {
		return fmt.Sprintf("%s is %s.", peerProxyKind, r.peer)
	}
	return fmt.Sprintf("%s is absent: %s.", peerProxyKind, r.peer)
}
