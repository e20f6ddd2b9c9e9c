package metadata

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/warder-go/warder/internal/outbound"
)

// wellKnown is the location of RFC 9728 §3.
const wellKnown = "/.well-known/oauth-protected-resource"

// WellKnownPath returns the path, in its escaped form, at which the metadata of
// identifier is published: "/.well-known/oauth-protected-resource" with the
// identifier's own path behind it (RFC 9728 §3.1). It fails where CheckIdentifier
// does, http allowed.
func WellKnownPath(identifier string) (string, error) {
	u, err := parseIdentifier(identifier, true)
	if err != nil {
		return "", err
	}
	return wellKnownPath(u), nil
}

// WellKnownURL is the absolute form of WellKnownPath, at the identifier's own
// scheme and host.
func WellKnownURL(identifier string) (string, error) {
	u, err := parseIdentifier(identifier, true)
	if err != nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host + wellKnownPath(u), nil
}

// wellKnownPath keeps a terminal slash of a path, as RFC 9728 §3.1 does, but
// drops one that directly follows the host.
func wellKnownPath(u *url.URL) string {
	if path := u.EscapedPath(); path != "/" {
		return wellKnown + path
	}
	return wellKnown
}

// CheckIdentifier says what is wrong with a resource identifier, and how to put it
// right, or returns nil. An identifier is an absolute https URL without query and
// fragment, in the spelling that clients will type: it is compared byte for byte.
// http is for loopback hosts, or for allowHTTP.
//
// RFC 9728 §1.2 would allow a query. It is refused here: the query would have to
// be part of the well-known URL, where proxies and caches drop or reorder it.
func CheckIdentifier(identifier string, allowHTTP bool) error {
	_, err := parseIdentifier(identifier, allowHTTP)
	return err
}

func parseIdentifier(identifier string, allowHTTP bool) (*url.URL, error) {
	u, err := parseURL(identifier)
	if err == nil {
		err = errors.Join(checkScheme(u, allowHTTP), checkNoQuery(u), checkSpelling(u))
	}
	if err != nil {
		return nil, fmt.Errorf("metadata: resource identifier %s: %w", shown(identifier), err)
	}
	return u, nil
}

// CheckIssuer says what is wrong with an issuer identifier (RFC 8414 §2): an
// absolute https URL without query and fragment. http is for loopback hosts, or
// for allowHTTP. A terminal slash is part of the identifier.
func CheckIssuer(issuer string, allowHTTP bool) error {
	if err := checkIssuer(issuer, allowHTTP); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	return nil
}

func checkIssuer(issuer string, allowHTTP bool) error {
	u, err := parseURL(issuer)
	if err == nil {
		err = errors.Join(checkScheme(u, allowHTTP), checkNoQuery(u))
	}
	if err != nil {
		return fmt.Errorf("issuer %s: %w", shown(issuer), err)
	}
	return nil
}

// CheckEndpoint says what is wrong with a configured endpoint or key set URL: an
// absolute https URL without fragment. http is for loopback hosts, or for
// allowHTTP.
func CheckEndpoint(endpoint string, allowHTTP bool) error {
	if err := checkEndpoint(endpoint, allowHTTP); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	return nil
}

func checkEndpoint(endpoint string, allowHTTP bool) error {
	u, err := parseURL(endpoint)
	if err == nil {
		err = checkScheme(u, allowHTTP)
	}
	if err != nil {
		return fmt.Errorf("URL %s: %w", shown(endpoint), err)
	}
	return nil
}

// parseURL reads an absolute http or https URL that means one thing only. Its
// errors hold no part of the URL but single characters.
func parseURL(raw string) (*url.URL, error) {
	for _, c := range raw {
		// The value goes into quoted strings of header fields (RFC 9110 §5.6.4),
		// so what would need escaping there is refused, not escaped.
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return nil, fmt.Errorf("must not contain %q: percent-encode it, or write a host in its xn-- form", c)
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return nil, errors.New("must be an absolute URL, such as https://host.example.com/path")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must begin with https://")
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password: remove them")
	case strings.Contains(raw, "#"):
		return nil, errors.New("must not have a fragment: remove '#' and what follows")
	case !validHost(u):
		return nil, errors.New("host or port is malformed: a name or an IP address without zone, and a port from 1 to 65535 if any")
	case u.String() != raw:
		return nil, fmt.Errorf("is not in canonical form: write %q", u)
	}
	return u, nil
}

func checkScheme(u *url.URL, allowHTTP bool) error {
	if u.Scheme == "https" || allowHTTP || outbound.IsLoopbackHost(u.Hostname()) {
		return nil
	}
	return errors.New("must begin with https://: http is for loopback hosts, or with AllowHTTP")
}

func checkNoQuery(u *url.URL) error {
	if u.RawQuery != "" || u.ForceQuery {
		return errors.New("must not have a query: remove '?' and what follows")
	}
	return nil
}

// checkSpelling refuses identifiers that clients, proxies or routers rewrite: the
// rewritten one would no longer be equal.
func checkSpelling(u *url.URL) error {
	var errs []error
	if u.Host != strings.ToLower(u.Host) {
		errs = append(errs, fmt.Errorf("host must be in lower case, as clients send it: write %q", strings.ToLower(u.Host)))
	}
	segments := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	for i, segment := range segments {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			errs = append(errs, errors.New("path must not have dot segments: write the path that they lead to"))
		case "":
			if i < len(segments)-1 {
				errs = append(errs, errors.New("path must not have empty segments: write one slash"))
			}
		}
	}
	return errors.Join(errs...)
}

func validHost(u *url.URL) bool {
	host, port := u.Hostname(), u.Port()
	if strings.HasSuffix(u.Host, ":") || strings.HasPrefix(host, ".") || strings.Contains(host, "..") {
		return false
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.Is6() && addr.Zone() == ""
	}
	return host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == ""
}
