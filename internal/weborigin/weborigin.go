// Package weborigin checks and writes the origins of web pages (RFC 6454).
package weborigin

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/internal/weburl"
	"github.com/warder-go/warder/metadata"
)

// Check returns an error if a browser would never send this origin, or if it must not be
// trusted. An http origin must be a loopback host, unless allowHTTP is set.
func Check(origin string, allowHTTP bool) error {
	switch {
	case origin == "null":
		return errors.New(`"null" is sent by sandboxed frames and local files, which anyone can make: serve the page from an origin`)
	case strings.Contains(origin, "*"):
		return fmt.Errorf("%s: origins are compared exactly: name each one", quote(origin))
	}
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok || rest == "" {
		return fmt.Errorf("%s is not an origin: write scheme://host or scheme://host:port, as browsers send it", quote(origin))
	}
	if scheme != "http" && scheme != "https" { // chrome-extension://..., tauri://localhost
		if strings.Trim(scheme, lowerAndDigits+"-") != "" || strings.Trim(rest, lowerAndDigits+"-.") != "" {
			return fmt.Errorf("%s is not an origin: write scheme://host in lower case and without a path", quote(origin))
		}
		return nil
	}
	if err := metadata.CheckEndpoint(origin, allowHTTP); err != nil {
		return err
	}
	u, err := url.Parse(origin)
	if err != nil { // cannot happen: CheckEndpoint has parsed it
		return errors.New("the origin is not a URL")
	}
	switch want := Of(u); want {
	case origin:
		return nil
	case "":
		return fmt.Errorf("%s: the host ends in a number and is not an IPv4 address", quote(origin))
	default:
		return fmt.Errorf("%s is not how browsers write the origin: write %q", quote(origin), want)
	}
}

// quote quotes an origin for an error, without what can be a secret in it.
func quote(origin string) string {
	if origin == "*" {
		return `"*"`
	}
	return strconv.Quote(logging.RedactURL(origin))
}

const lowerAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"

// Of returns the origin of a URL as browsers write it (RFC 6454 §6.2); "" if the host ends in
// a number and is not an IPv4 address.
func Of(u *url.URL) string {
	host := weburl.Host(u)
	if host == "" {
		return ""
	}
	return u.Scheme + "://" + host
}

// Set is the origins whose pages may send requests. The zero value is empty.
type Set struct {
	origins     []string // sorted
	anyLoopback bool     // origins of loopback hosts are allowed too
}

// NewSet returns the set of own and others. If all own origins are those of loopback hosts and
// denyLoopback is not set, each origin of such a host is in it.
func NewSet(own, others []string, denyLoopback bool) Set {
	all := slices.Concat(own, others)
	slices.Sort(all)
	isPublic := func(origin string) bool { return !IsLoopback(origin) }
	anyLoopback := len(own) > 0 && !slices.ContainsFunc(own, isPublic) && !denyLoopback
	return Set{slices.Compact(all), anyLoopback}
}

// Allows reports whether an origin is in the set. It compares exactly.
func (s Set) Allows(origin string) bool {
	_, found := slices.BinarySearch(s.origins, origin)
	return found || s.anyLoopback && IsLoopback(origin)
}

// maxListed is how many origins String lists, because a log record can contain the text.
const maxListed = 10

// String lists the first origins, without those of other loopback hosts.
func (s Set) String() string {
	if more := len(s.origins) - maxListed; more > 0 {
		return strings.Join(s.origins[:maxListed], " ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(s.origins, " ")
}

// loopbackHosts are the only hosts that [IsLoopback] accepts.
var loopbackHosts = []string{"localhost", "127.0.0.1", "::1"}

// IsLoopback reports whether an origin, written as browsers write it, is that of a page from
// this machine: http or https, exactly localhost, 127.0.0.1 or [::1], any port from 1 to 65535.
func IsLoopback(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !slices.Contains(loopbackHosts, u.Hostname()) {
		return false
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	return Of(u) == origin
}
