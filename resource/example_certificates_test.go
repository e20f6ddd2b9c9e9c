package resource_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"

	"github.com/warder-go/warder/nethttp"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/resourcetest"
)

// The program itself terminates TLS. Its server asks for a certificate and accepts every one,
// because the token says which one is necessary.
func ExampleClientCertificates() {
	issuer, keys := exampleIssuer("https://auth.example.com")
	defer issuer.Close()
	res, err := resource.New(resource.Config{
		Identifier:  "https://mcp.example.com/mcp",
		Issuers:     []resource.Issuer{{Verifier: keys}},
		Credentials: resource.Credentials{Certificates: resource.ClientCertificates{Tokens: resource.BindingRequired}},
		Logger:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nethttp.Handler(res, exampleTool))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()

	certificate, other := selfSigned(), selfSigned()
	token := issuer.Token(resourcetest.Token{Certificate: certificate.Leaf})
	for _, chain := range [][]tls.Certificate{{certificate}, {other}, nil} {
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.Certificates = chain
		request, err := http.NewRequest(http.MethodPost, server.URL+"/mcp", nil)
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		send(transport, request)
		transport.CloseIdleConnections()
	}
	// Output:
	// 200 hello alice
	// 401 The access token is bound to another key or certificate
	// 401 The access token is bound to another key or certificate
}

// nginx terminates TLS and passes on the certificate in a header field. A request with the field
// from another address is rejected.
func ExampleClientCertificates_proxy() {
	issuer, keys := exampleIssuer("https://auth.example.com")
	defer issuer.Close()
	res, err := resource.New(resource.Config{
		Identifier: "https://mcp.example.com/mcp",
		Issuers:    []resource.Issuer{{Verifier: keys}},
		Credentials: resource.Credentials{Certificates: resource.ClientCertificates{
			Tokens:  resource.BindingAccepted,
			Field:   "X-SSL-Client-Cert",
			Format:  resource.CertificatePEM,
			Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/32")},
		}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	network := exampleNetwork(nethttp.Handler(res, exampleTool))

	certificate := selfSigned()
	request := exampleRequest("Bearer " + issuer.Token(resourcetest.Token{Certificate: certificate.Leaf}))
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Leaf.Raw})
	request.Header.Set("X-SSL-Client-Cert", url.PathEscape(string(block)))
	for _, sender := range []string{"192.0.2.10:40000", "198.51.100.7:40000"} {
		request.RemoteAddr = sender
		send(network, request)
	}
	// Output:
	// 200 hello alice
	// 400 The client certificate cannot be read
}

// selfSigned makes a certificate of a client.
func selfSigned() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
