package clientcert_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/warder-go/warder/internal/clientcert"
)

// Package net/http sets RemoteAddr to addresses that Read understands.
func TestServers(t *testing.T) {
	loopback := rfc9440
	loopback.Proxies = prefixes("127.0.0.1/32", "::1/128")
	for _, row := range []struct {
		name, network, address string
		config                 clientcert.Config
		want                   clientcert.Thumbprint
		wantErr                error
	}{
		{"a listed proxy", "tcp", "127.0.0.1:0", loopback, victim.thumbprint(), nil},
		{"a socket for IPv4 and IPv6", "tcp", ":0", loopback, victim.thumbprint(), nil},
		{"another sender", "tcp", "127.0.0.1:0", rfc9440, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
		{"a Unix socket", "unix", filepath.Join(t.TempDir(), "s"), loopback, clientcert.Thumbprint{}, clientcert.ErrUntrusted},
	} {
		var got clientcert.Thumbprint
		var gotErr error
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			got, _, gotErr = reader(t, row.config).Read(req)
		}))
		l, err := net.Listen(row.network, row.address)
		if err != nil {
			t.Fatal(err)
		}
		s.Listener.Close()
		s.Listener = l
		s.Start()
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, row.network, l.Addr().String())
		}}}
		req, err := http.NewRequest(http.MethodGet, "http://localhost/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("client-cert", victim.byteSequence())
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		s.Close()
		if got != row.want || !errors.Is(gotErr, row.wantErr) {
			t.Errorf("%s: got %x, %v", row.name, got, gotErr)
		}
	}
}
