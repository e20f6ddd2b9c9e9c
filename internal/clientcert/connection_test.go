package clientcert_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/warder-go/warder/internal/clientcert"
	"github.com/warder-go/warder/internal/keytest"
)

// seen is what a server finds out about a request.
type seen struct {
	thumbprint  clientcert.Thumbprint
	ok, resumed bool
}

// serve starts a server that appends what it finds out to a list.
func serve(t *testing.T, config *tls.Config, found *[]seen) *httptest.Server {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		thumbprint, ok, err := reader(t, clientcert.Config{}).Read(req)
		if err != nil {
			t.Error(err)
		}
		*found = append(*found, seen{thumbprint, ok, req.TLS.DidResume})
	}))
	s.TLS = config
	s.Config.ErrorLog = discard
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// RFC 8705 §3, §6.2: the certificate of the handshake counts, whether or not it is self-signed.
func TestConnections(t *testing.T) {
	authority := selfSigned("authority")
	root, err := x509.ParseCertificate(authority.der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	issued := issue("client", keytest.P256(), root, authority)
	stolen := identity{victim.der, attacker.key} // the certificate without its key
	for _, row := range []struct {
		name   string
		auth   tls.ClientAuthType
		client []identity // the chain
		want   []seen     // of two requests; nil: no handshake
	}{
		{"no certificate", tls.RequestClientCert, nil, []seen{{}, {resumed: true}}},
		{"not requested", tls.NoClientCert, []identity{victim}, []seen{{}, {resumed: true}}},
		{"a self-signed certificate", tls.RequestClientCert, []identity{victim}, []seen{{victim.thumbprint(), true, false}, {victim.thumbprint(), true, true}}},
		{"a required self-signed certificate", tls.RequireAnyClientCert, []identity{victim}, []seen{{victim.thumbprint(), true, false}, {victim.thumbprint(), true, true}}},
		{"a self-signed certificate where the chain is verified", tls.VerifyClientCertIfGiven, []identity{victim}, nil},
		{"a certificate of an authority", tls.RequireAndVerifyClientCert, []identity{issued}, []seen{{issued.thumbprint(), true, false}, {issued.thumbprint(), true, true}}},
		{"a chain counts by its first certificate", tls.RequestClientCert, []identity{issued, authority}, []seen{{issued.thumbprint(), true, false}, {issued.thumbprint(), true, true}}},
		{"the certificate of the victim later in the chain", tls.RequestClientCert, []identity{attacker, victim}, []seen{{attacker.thumbprint(), true, false}, {attacker.thumbprint(), true, true}}},
		{"the certificate of the victim without its key", tls.RequestClientCert, []identity{stolen}, nil},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(fmt.Sprintf("%s, %s", row.name, tls.VersionName(version)), func(t *testing.T) {
				var found []seen
				s := serve(t, &tls.Config{ClientAuth: row.auth, ClientCAs: roots, MaxVersion: version}, &found)
				transport := s.Client().Transport.(*http.Transport)
				transport.DisableKeepAlives = true
				transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				if row.client != nil {
					chain := tls.Certificate{PrivateKey: crypto.PrivateKey(row.client[0].key)}
					for _, i := range row.client {
						chain.Certificate = append(chain.Certificate, i.der)
					}
					// Not Certificates: the client would omit a certificate of an unknown authority.
					transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &chain, nil }
				}
				for range 2 {
					resp, err := s.Client().Get(s.URL)
					if (err != nil) != (row.want == nil) {
						t.Fatal(err)
					}
					if err == nil {
						io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				}
				if fmt.Sprint(found) != fmt.Sprint(row.want) {
					t.Errorf("\n got %v\nwant %v", found, row.want)
				}
			})
		}
	}
}

func TestConnectionsWithoutCertificate(t *testing.T) {
	incomplete := victim.state()
	incomplete.HandshakeComplete = false
	for _, row := range []struct {
		name  string
		state *tls.ConnectionState
	}{
		{"no TLS", nil},
		{"no certificate", &tls.ConnectionState{HandshakeComplete: true}},
		{"a nil certificate", &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{nil}}},
		{"an empty certificate", &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{{}}}},
		{"an incomplete handshake", incomplete},
	} {
		for _, c := range []clientcert.Config{{}, rfc9440} {
			got, ok, err := reader(t, c).Read(&http.Request{TLS: row.state})
			if ok || err != nil || got != (clientcert.Thumbprint{}) {
				t.Errorf("%s, field %q: got %x, %v, %v", row.name, c.Field, got, ok, err)
			}
		}
	}
	var zero clientcert.Reader
	if got, ok, err := zero.Read(&http.Request{TLS: victim.state()}); got != victim.thumbprint() || !ok || err != nil {
		t.Errorf("the zero Reader: got %x, %v, %v", got, ok, err)
	}
}
