package metadata

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/internal/weburl"
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
// fragment. http is allowed for loopback hosts, or for all hosts with allowHTTP.
//
// Identifiers are compared byte for byte, so CheckIdentifier rejects each spelling that URL
// libraries, proxies or routers rewrite, and names the one that clients send (RFC 3986 §6.2):
// upper case in the host, a dot at its end, a default or empty port, leading zeros in a port,
// unusual forms of IP addresses, dot segments, empty segments, and percent-encoding that is
// not needed or in lower case.
//
// RFC 9728 §1.2 allows a query, but CheckIdentifier rejects it: the query would be part of the
// well-known URL, where proxies and caches remove or reorder it.
func CheckIdentifier(identifier string, allowHTTP bool) error {
	_, err := parseIdentifier(identifier, allowHTTP)
	return err
}

func parseIdentifier(identifier string, allowHTTP bool) (*url.URL, error) {
	u, err := splitURL(identifier)
	if err == nil {
		err = checkIdentifier(u, identifier, allowHTTP)
	}
	if err != nil {
		return nil, fmt.Errorf("metadata: resource identifier %s: %w", quoteURL(identifier), err)
	}
	return u, nil
}

// checkIdentifier rejects, besides what is not a valid identifier, each spelling that clients,
// proxies or routers rewrite, because the rewritten identifier would not be equal.
func checkIdentifier(u *url.URL, raw string, allowHTTP bool) error {
	sent := *u
	sent.Host = strings.TrimSuffix(u.Host, ":")
	if !validHost(&sent) {
		return errHost
	}
	// A dot at the end of a name is not in certificates, so some clients remove it.
	sent.Host = strings.TrimSuffix(strings.Replace(sent.Host, ".:", ":", 1), ".")
	if sent.Host = weburl.Host(&sent); sent.Host == "" {
		return errHost
	}
	errs := []error{checkScheme(&sent, allowHTTP), checkNoQuery(u)}
	spelling, _, _ := strings.Cut(raw, "?")
	if want := sent.Scheme + "://" + sent.Host + weburl.Path(u.EscapedPath()); spelling != want {
		errs = append(errs, fmt.Errorf("clients or proxies rewrite it: write %q", want))
	}
	return errors.Join(errs...)
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

const maxIssuerBytes = 2 << 10 // an issuer's name that is not an address

// CheckIssuerName returns an error if text cannot be the name of an issuer, which is the iss of
// its tokens. It can be any text of at most 2 KiB without control characters. It is for an
// issuer whose URLs are configured separately; use CheckIssuer for an issuer whose name is also
// a URL.
func CheckIssuerName(text string) error {
	switch {
	case text == "":
		return errors.New("metadata: issuer is empty: it must be the iss of the tokens")
	case len(text) > maxIssuerBytes:
		return fmt.Errorf("metadata: issuer is longer than %d bytes", maxIssuerBytes)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("metadata: issuer %s: must be UTF-8 text of printable characters", quoteText(text))
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

// CheckPath returns an error if the escaped path of a URL is invalid. It must begin with a
// slash and have no query and no fragment. Paths of requests are compared byte for byte, so
// CheckPath rejects spellings that clients and proxies rewrite, like CheckIdentifier.
func CheckPath(path string) error {
	if err := checkPath(path); err != nil {
		return fmt.Errorf("metadata: path %s: %w", quoteText(path), err)
	}
	return nil
}

func checkPath(path string) error {
	const origin = "https://host" // of a URL that has the path
	switch {
	case !strings.HasPrefix(path, "/"):
		return errors.New("must begin with '/'")
	case strings.ContainsAny(path, "?#"):
		return errors.New("must not have a query or a fragment: remove '?' or '#' and what follows")
	}
	if err := checkCharacters(origin + path); err != nil {
		return err
	}
	u, err := url.Parse(origin + path)
	if err != nil {
		return errors.New("is malformed: a '%' must begin two hexadecimal digits")
	}
	if want := weburl.Path(u.EscapedPath()); path != want {
		return fmt.Errorf("clients or proxies rewrite it: write %q", want)
	}
	return nil
}

var errHost = errors.New("host or port is malformed: a name or an IP address without zone, and a port from 1 to 65535 if any")

// parseURL parses an absolute http or https URL in canonical form. Except for the canonical
// form itself, its errors contain at most one character of the URL.
func parseURL(raw string) (*url.URL, error) {
	u, err := splitURL(raw)
	switch {
	case err != nil:
		return nil, err
	case !validHost(u):
		return nil, errHost
	case u.String() != raw:
		return nil, fmt.Errorf("is not in canonical form: write %s", quoteURL(u.String()))
	}
	return u, nil
}

// splitURL parses an absolute http or https URL. It checks neither the host nor the spelling.
func splitURL(raw string) (*url.URL, error) {
	if err := checkCharacters(raw); err != nil {
		return nil, err
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
	}
	return u, nil
}

// checkCharacters allows only visible ASCII. Identifiers become quoted strings in header
// fields (RFC 9110 §5.6.4), so characters that would need escaping there are rejected too.
func checkCharacters(raw string) error {
	_, rest, _ := strings.Cut(raw, "://")
	path := len(raw) - len(rest) + max(strings.IndexAny(rest, "/?#"), 0)
	if !strings.ContainsAny(rest, "/?#") {
		path = len(raw)
	}
	for i, c := range raw {
		switch {
		case c > ' ' && c <= '~' && c != '"' && c != '\\':
			continue
		case i < path && c <= '~':
			return fmt.Errorf("must not contain %q: write the host without it", c)
		case i < path:
			return fmt.Errorf("must not contain %q: write the host in its xn-- form", c)
		}
		_, size := utf8.DecodeRuneInString(raw[i:])
		return fmt.Errorf("must not contain %q: write %q", c, percentEncode(raw[i:i+size]))
	}
	return nil
}

func percentEncode(text string) (encoded string) {
	for _, octet := range []byte(text) {
		encoded += fmt.Sprintf("%%%02X", octet)
	}
	return encoded
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
