package metadata

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/outbound"
)

// Getter fetches a URL. The client of this module's internal package outbound is
// one: limits on time, size and addresses are its business, not Discover's.
type Getter interface {
	Get(ctx context.Context, url string, header http.Header) (*outbound.Response, error)
}

// Attempt is one URL that Discover asked, and why that was not the end of it.
type Attempt struct {
	URL        string
	Status     int           // 0: no answer
	RetryAfter time.Duration // how long the server asks to be left alone; 0: it says nothing
	Err        error         // never nil; holds nothing of the body but the issuer and a refused URL
}

// DiscoveryError says what each URL answered. It is for logs; errors.Is and
// errors.As look into every attempt.
type DiscoveryError struct {
	Issuer   string
	Attempts []Attempt
}

func (e *DiscoveryError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "metadata: no document of issuer %q", e.Issuer)
	for _, a := range e.Attempts {
		fmt.Fprintf(&b, "; %q: %v", a.URL, a.Err)
	}
	return b.String()
}

// Unwrap returns the errors of the attempts in their order.
func (e *DiscoveryError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}

// RetryAfter is the longest time that any of the URLs asked for.
func (e *DiscoveryError) RetryAfter() time.Duration {
	var longest time.Duration
	for _, a := range e.Attempts {
		longest = max(longest, a.RetryAfter)
	}
	return longest
}

// Discover fetches and checks the document of an authorization server. It asks, in
// this order, the URL of RFC 8414 §3.1, the same with OpenID Connect's suffix, and
// the URL of OpenID Connect Discovery §4; for an issuer without a path the last
// two are one. The first document whose issuer is exactly the one asked for wins
// (RFC 8414 §3.3); one with another issuer, or with a URL that is refused, is
// passed over and remembered.
//
// An outage at one URL does not end it, since the three may be routed to different
// places; what concerns the host as a whole (name, certificate, refused address)
// and the end of ctx do. Discover does not retry and remembers nothing. Its error
// is a *[DiscoveryError], or says that issuer is malformed.
//
// Discover accepts an http issuer: whether http may leave is for get to say.
func Discover(ctx context.Context, get Getter, issuer string) (*AuthorizationServer, error) {
	urls, err := discoveryURLs(issuer)
	if err != nil {
		return nil, err
	}
	failed := &DiscoveryError{Issuer: issuer}
	for n, u := range urls {
		server, attempt := try(ctx, get, issuer, u, len(urls)-n)
		if server != nil {
			return server, nil
		}
		failed.Attempts = append(failed.Attempts, attempt)
		if ctx.Err() != nil || concernsHost(attempt.Err) {
			break
		}
	}
	return nil, failed
}

// try reads one URL. It takes its share of the time that is left for so many, so that
// one that hangs does not hide the others.
func try(ctx context.Context, get Getter, issuer, u string, left int) (*AuthorizationServer, Attempt) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
	}
	resp, err := get.Get(ctx, u, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, Attempt{URL: u, Err: err}
	}
	failed := Attempt{URL: u, Status: resp.Status, RetryAfter: outbound.RetryAfter(resp.Header, time.Now())}
	if resp.Status != http.StatusOK {
		failed.Err = fmt.Errorf("status %d", resp.Status)
		return nil, failed
	}
	server, err := parseServer(resp.Body, issuer)
	if err != nil {
		failed.Err = err
		return nil, failed
	}
	server.URL = u
	return server, Attempt{}
}

// concernsHost reports whether the other URLs, on the same host, would fail alike.
func concernsHost(err error) bool {
	e, ok := errors.AsType[*outbound.Error](err)
	if !ok {
		return false
	}
	switch e.Outcome {
	case outbound.BadURL, outbound.RefusedAddress, outbound.DNS, outbound.TLS, outbound.Canceled:
		return true
	}
	return false
}

// discoveryURLs removes a terminal slash before it builds the URLs, as RFC 8414
// §3.1 and OpenID Connect Discovery §4.1 say.
func discoveryURLs(issuer string) ([]string, error) {
	if err := CheckIssuer(issuer, true); err != nil {
		return nil, err
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("metadata: issuer %q: not a URL", issuer)
	}
	const oauth, oidc = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return []string{origin + oauth, origin + oidc}, nil
	}
	return []string{origin + oauth + path, origin + oidc + path, origin + path + oidc}, nil
}
