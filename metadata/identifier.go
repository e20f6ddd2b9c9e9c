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

// wellKnown is the well-known path of RFC 9728 §3.
const wellKnown = "/.well-known/oauth-protected-resource"

// WellKnownPath returns the escaped path at which the metadata of a resource is published:
// "/.well-known/oauth-protected-resource" followed by the path of the identifier (RFC 9728
// §3.1). It returns the error of CheckIdentifier with allowHTTP.
func WellKnownPath(identifier string) (string, error) {
	u, err := parseIdentifier(identifier, true)
	if err != nil {
		return "", err
	}
	return wellKnownPath(u), nil
}

// WellKnownURL returns the URL with the scheme and host of the identifier and with the path of
// WellKnownPath.
func WellKnownURL(identifier string) (string, error) {
	u, err := parseIdentifier(identifier, true)
	if err != nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host + wellKnownPath(u), nil
}

// wellKnownPath keeps the terminal slash of a path, as RFC 9728 §3.1 does, but removes a slash
// that directly follows the host.
func wellKnownPath(u *url.URL) string {
	if path := u.EscapedPath(); path != "/" {
		return wellKnown + path
	}
	return wellKnown
}

// CheckIdentifier returns an error if a resource identifier is invalid. The error lists all
// mistakes and how to fix them. An identifier is an absolute https URL without query and
// fragment, spelled as clients send it, because it is compared byte for byte. http is allowed
// for loopback hosts, or for all hosts with allowHTTP.
//
// RFC 9728 §1.2 allows a query, but CheckIdentifier rejects it: the query would be part of the
// well-known URL, where proxies and caches remove or reorder it.
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
		return nil, fmt.Errorf("metadata: resource identifier %s: %w", quoteURL(identifier), err)
	}
	return u, nil
}

// CheckIssuer returns an error if an issuer identifier is invalid (RFC 8414 §2). It must be an
// absolute https URL without query and fragment. http is allowed for loopback hosts, or for
// all hosts with allowHTTP. A terminal slash is part of the identifier.
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
		return fmt.Errorf("issuer %s: %w", quoteURL(issuer), err)
	}
	return nil
}

// CheckEndpoint returns an error if the configured URL of an endpoint or key set is invalid. It
// must be an absolute https URL without fragment. http is allowed for loopback hosts, or for
// all hosts with allowHTTP.
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
		return fmt.Errorf("URL %s: %w", quoteURL(endpoint), err)
	}
	return nil
}

// parseURL parses an absolute http or https URL in canonical form. Except for the canonical
// form itself, its errors contain at most one character of the URL.
func parseURL(raw string) (*url.URL, error) {
	for _, c := range raw {
		// Identifiers become quoted strings in header fields (RFC 9110 §5.6.4). Characters
		// that would need escaping there are rejected.
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
		return nil, fmt.Errorf("is not in canonical form: write %s", quoteURL(u.String()))
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

// checkSpelling rejects identifiers that clients, proxies or routers rewrite, because the
// rewritten identifier would not be equal.
func checkSpelling(u *url.URL) error {
	var errs []error
	if u.Host != strings.ToLower(u.Host) {
		errs = append(errs, fmt.Errorf("host must be in lower case, as clients send it: write %q", strings.ToLower(u.Host)))
	}
	segments := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	for i, segment := range segments {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case ".", "..":
			errs = append(errs, errors.New("path must not have dot segments: write the resolved path"))
		case "":
			if i < len(segments)-1 {
				errs = append(errs, errors.New("path must not have empty segments: write one slash"))
			}
		}
	}
	return errors.Join(errs...)
}

// validHost checks the host and port of a URL.
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
