package dpop

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Errors of Normalize. They do not quote the URL.
var (
	errURL       = errors.New("dpop: not an absolute http or https URL")
	errAuthority = errors.New("dpop: host and port of the URL are malformed, or it has a user name")
	errPath      = errors.New("dpop: the path of the URL has a character or a percent-encoding that RFC 3986 does not allow")
)

// Normalize returns an http or https URL without its query and fragment (RFC 9449 §4.3, number
// 9), normalized by RFC 3986 §6.2.2 and §6.2.3: scheme and host in lower case, no default port,
// percent-encoding in upper case and only where it is needed, no dot segments, and "/" for an
// empty path. Empty segments and a slash at the end stay. A URL with a user name, with
// characters outside of ASCII, or not in the grammar of RFC 3986 is an error.
func Normalize(raw string) (string, error) {
	if end := strings.IndexAny(raw, "?#"); end >= 0 {
		raw = raw[:end]
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "https" && scheme != "http" {
		return "", errURL
	}
	authority, path := rest, ""
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, path = rest[:slash], rest[slash:]
	}
	authority, ok = normalAuthority(scheme, authority)
	if !ok {
		return "", errAuthority
	}
	path, ok = normalPath(path)
	if !ok {
		return "", errPath
	}
	return scheme + "://" + authority + path, nil
}

// normalAuthority returns the host and port. The letters of a host are compared without case, and
// an empty port and the default port of the scheme are the same (RFC 3986 §6.2.3).
func normalAuthority(scheme, authority string) (string, bool) {
	host, port := authority, ""
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		host, port = authority[:colon], authority[colon+1:]
	}
	if !isHost(host) || strings.Trim(port, "0123456789") != "" {
		return "", false
	}
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return strings.ToLower(host), true
	}
	return strings.ToLower(host) + ":" + port, true
}

// isHost accepts names, IPv4 addresses, and IPv6 addresses without a zone.
func isHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		address, err := netip.ParseAddr(inner)
		return ok && err == nil && address.Is6() && address.Zone() == ""
	}
	for i := range len(host) {
		if !isAlphanumeric(host[i]) && strings.IndexByte("-._", host[i]) < 0 {
			return false
		}
	}
	return host != ""
}

// normalPath returns the path (RFC 3986 §5.2.4, §6.2.2).
func normalPath(path string) (string, bool) {
	if path == "" {
		return "/", true
	}
	var out []string
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		segment, ok := normalSegment(segment)
		switch {
		case !ok:
			return "", false
		case segment == "..":
			out = out[:max(len(out)-1, 0)]
		case segment != ".":
			out = append(out, segment)
			last = false
		}
		if last { // a dot segment at the end leaves a slash there
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/"), true
}

// normalSegment rewrites the percent-encoding of a segment.
func normalSegment(segment string) (string, bool) {
	plain := true
	for i := range len(segment) {
		c := segment[i]
		plain = plain && c != '%'
		if c != '%' && !isPathCharacter(c) {
			return "", false
		}
	}
	if plain {
		return segment, true
	}
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		if segment[i] != '%' {
			b.WriteByte(segment[i])
			continue
		}
		if len(segment)-i < 3 {
			return "", false
		}
		value, err := strconv.ParseUint(segment[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		octet := byte(value)
		if isAlphanumeric(octet) || strings.IndexByte("-._~", octet) >= 0 { // unreserved (RFC 3986 §2.3)
			b.WriteByte(octet)
		} else {
			fmt.Fprintf(&b, "%%%02X", octet)
		}
		i += 2
	}
	return b.String(), true
}

// isPathCharacter reports whether a character is a pchar that stands for itself (RFC 3986 §3.3).
func isPathCharacter(c byte) bool {
	return isAlphanumeric(c) || c < 0x80 && strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
