package clientcert_test

import (
	"fmt"
	"net/http"
	"net/netip"

	"github.com/warder-go/warder/internal/clientcert"
	"github.com/warder-go/warder/internal/jose"
)

func Example() {
	r, mistakes := clientcert.New(clientcert.Config{
		Field:   "X-Forwarded-Client-Cert",
		Format:  clientcert.FormatXFCC,
		Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")},
	})
	if mistakes != nil {
		fmt.Println(mistakes)
		return
	}
	bound, _ := jose.ParseThumbprint("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0") // x5t#S256 of a token
	for _, sender := range []string{"192.0.2.1:4711", "198.51.100.7:4711"} {
		req := &http.Request{RemoteAddr: sender, Header: http.Header{"X-Forwarded-Client-Cert": {"Hash=0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd"}}}
		certificate, ok, err := r.Read(req)
		fmt.Println(ok && certificate.Equal(bound), err)
		r.Remove(req.Header)
		fmt.Println(len(req.Header))
	}
	// Output:
	// true <nil>
	// 0
	// false the header field for the client certificate is not from a listed proxy
	// 0
}
