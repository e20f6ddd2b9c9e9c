package metadata

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/outbound"
)

// Getter fetches a URL. The client of this module's internal package outbound implements it.
// A Getter limits time, size and addresses; Discover does not.
type Getter interface {
	Get(ctx context.Context, url string, header http.Header) (*outbound.Response, error)
}

// Well-known paths of RFC 8414 §3.1 and OpenID Connect Discovery §4.
const (
	oauthPath = "/.well-known/oauth-authorization-server"
	oidcPath  = "/.well-known/openid-configuration"
)

// Attempt is a URL that Discover requested without success.
type Attempt struct {
	URL        string
	Status     int           // 0 if there was no response
	RetryAfter time.Duration // the wait that the server requests; 0 if none
	Err        error         // not nil; of the response it contains at most the content type, the issuer and a rejected URL
}

// DiscoveryError describes the failure of each request. It is for logs. errors.Is and
// errors.As examine the errors of all attempts.
type DiscoveryError struct {
	Issuer   string
	Attempts []Attempt

	configured bool // the address of the document is configured: see DiscoverAt
}

func (e *DiscoveryError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "metadata: no valid document for issuer %q", e.Issuer)
	if meant := e.meantIssuer(); meant != "" {
		fmt.Fprintf(&b, ", which looks like the address of its metadata: set issuer_url (in Go: Issuer) to %q", meant)
	}
	for _, a := range e.Attempts {
		fmt.Fprintf(&b, "; %q: %v", a.URL, a.Err)
	}
	return b.String()
}

// meantIssuer returns the issuer whose metadata has the address in Issuer. It returns "" if Issuer
// is not such an address, and for DiscoverAt.
func (e *DiscoveryError) meantIssuer() string {
	if e.configured {
		return ""
	}
	return issuerOf(e.Issuer)
}

// issuerOf returns the issuer whose metadata has this address, or "" if it is not such an
// address. The well-known part can be at the end of the path or before it.
func issuerOf(address string) string {
	for _, part := range []string{oauthPath, oidcPath} {
		if before, after, ok := strings.Cut(address, part); ok {
			return strings.TrimSuffix(before+after, "/")
		}
	}
	return ""
}

// Suggest adds to an error of Discover the settings that fix it: the issuer, and the one that
// makes discovery unnecessary. It adds nothing to an error that names a setting already.
func Suggest(err error, setting string) error {
	e, ok := errors.AsType[*DiscoveryError](err)
	switch {
	case !ok || e.meantIssuer() != "" || errors.Is(err, ErrIssuerMismatch):
		return err
	case e.configured:
		return fmt.Errorf("%w; check metadata_url (in Go: MetadataURL), or set %s", err, setting)
	case slices.ContainsFunc(e.Attempts, func(a Attempt) bool { return a.Status != http.StatusNotFound }):
		return fmt.Errorf("%w; check issuer_url (in Go: Issuer), or set %s", err, setting)
	}
	return fmt.Errorf("%w; if the issuer publishes no metadata, set %s", err, setting)
}

// Unwrap returns the errors of the attempts in their order.
func (e *DiscoveryError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}

// RetryAfter returns the longest wait that a server requests in an attempt.
func (e *DiscoveryError) RetryAfter() time.Duration {
	var longest time.Duration
	for _, a := range e.Attempts {
		longest = max(longest, a.RetryAfter)
	}
	return longest
}

// Discover fetches and checks the document of an authorization server. It requests, in this
// order, the URL of RFC 8414 §3.1, the same URL with the suffix of OpenID Connect, and the URL
// of OpenID Connect Discovery §4. For an issuer without a path the last two are equal. It
// returns the first valid document whose issuer is exactly the requested one (RFC 8414 §3.3).
// It reads and checks only the members in used.
//
// Discover continues after a failure, because the URLs may be routed to different servers. It
// stops after a failure that concerns the whole host (name, certificate, rejected address) and
// when ctx ends. It does not retry and does not cache. The error is a *[DiscoveryError],
// unless issuer is malformed.
//
// Discover accepts an http issuer: get decides whether to use http.
func Discover(ctx context.Context, get Getter, issuer string, used ...Member) (*AuthorizationServer, error) {
	urls, err := discoveryURLs(issuer)
	if err != nil {
		return nil, err
	}
	return discover(ctx, get, urls, &DiscoveryError{Issuer: issuer}, used)
}

// DiscoverAt is like Discover, but fetches the document from a configured address, for an issuer
// that publishes it elsewhere than at its well-known URLs. The document's issuer must still be
// exactly the requested one, which can be any text here. If address is "", DiscoverAt is the same
// as Discover. Errors contain the address without its query.
func DiscoverAt(ctx context.Context, get Getter, address, issuer string, used ...Member) (*AuthorizationServer, error) {
	if address == "" {
		return Discover(ctx, get, issuer, used...)
	}
	if err := CheckEndpoint(address, true); err != nil {
		return nil, err
	}
	return discover(ctx, get, []string{address}, &DiscoveryError{Issuer: issuer, configured: true}, used)
}

// discover returns the first valid document at the URLs.
func discover(ctx context.Context, get Getter, urls []string, failed *DiscoveryError, used []Member) (*AuthorizationServer, error) {
	for n, u := range urls {
		server, attempt := fetch(ctx, get, failed.Issuer, u, used, len(urls)-n)
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

// fetch requests one URL. It divides the time until the deadline by remaining, the number of
// URLs not yet requested, so that one that hangs does not prevent requests to the others.
func fetch(ctx context.Context, get Getter, issuer, u string, used []Member, remaining int) (*AuthorizationServer, Attempt) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(remaining))
		defer cancel()
	}
	resp, err := get.Get(ctx, u, http.Header{"Accept": {"application/json"}})
	shown := logging.RedactURL(u) // the query of a configured address may be a secret
	if err != nil {
		return nil, Attempt{URL: shown, Err: err}
	}
	failed := Attempt{URL: shown, Status: resp.Status, RetryAfter: outbound.RetryAfter(resp.Header, time.Now())}
	if resp.Status != http.StatusOK {
		failed.Err = errors.New(resp.Describe() + statusHint(resp.Status))
		return nil, failed
	}
	if resp.IsHTML() {
		failed.Err = errors.New(resp.Describe() + ": an HTML page, want the metadata of an authorization server")
		return nil, failed
	}
	server, err := parseServer(resp.Body, u, issuer, used)
	if err != nil {
		failed.Err = err
		if !errors.Is(err, ErrIssuerMismatch) {
			failed.Err = fmt.Errorf("%s: %w", resp.Describe(), err)
		}
		return nil, failed
	}
	server.URL = shown
	return server, Attempt{}
}

// statusHint returns the usual cause of a status.
func statusHint(status int) string {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return ": the server requires authentication for its metadata"
	}
	return ""
}

// concernsHost reports whether requests to other URLs on the same host would fail too.
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

// discoveryURLs removes a terminal slash before it builds the URLs, as RFC 8414 §3.1 and
// OpenID Connect Discovery §4.1 require.
func discoveryURLs(issuer string) ([]string, error) {
	if err := CheckIssuer(issuer, true); err != nil {
		return nil, err
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("metadata: issuer %q: not a URL", issuer)
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	if path == "" {
		return []string{origin + oauthPath, origin + oidcPath}, nil
	}
	return []string{origin + oauthPath + path, origin + oidcPath + path, origin + path + oidcPath}, nil
}
