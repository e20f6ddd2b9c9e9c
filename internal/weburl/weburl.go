// Package weburl writes hosts and paths of URLs as the URL libraries of browsers and of MCP
// clients write them (WHATWG URL, RFC 3986 §6.2).
package weburl

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Host returns the host and port of an http or https URL as clients write them: in lower
// case, without the default port of the scheme, without leading zeros in another port, and
// with IP addresses in their usual form. It returns "" if the host ends in a number and is not
// an IPv4 address, because clients send no request to such a URL. It does not check names and
// ports otherwise.
func Host(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), strings.TrimLeft(u.Port(), "0")
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		host = "[" + ipv6(addr) + "]"
	} else if endsInNumber(host) {
		if host = ipv4(strings.TrimSuffix(host, ".")); host == "" {
			return ""
		}
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return host
}

// ipv6 writes an address that contains an IPv4 address in hexadecimal too, unlike RFC 5952 §5.
func ipv6(addr netip.Addr) string {
	if !addr.Is4In6() {
		return addr.String()
	}
	b := addr.As16()
	return fmt.Sprintf("::ffff:%x:%x", binary.BigEndian.Uint16(b[12:]), binary.BigEndian.Uint16(b[14:]))
}

// endsInNumber reports whether the last label of a host is a number. Clients read such a host
// as an IPv4 address.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, hexadecimal := number(last)
	return last != "" && (strings.Trim(last, "0123456789") == "" || hexadecimal)
}

// ipv4 returns the address that one to four numbers stand for, of which the last fills the
// remaining bytes; "" if there is none.
func ipv4(host string) string {
	labels := strings.Split(host, ".")
	if len(labels) > 4 {
		return ""
	}
	var b [4]byte
	for i, label := range labels {
		value, ok := number(label)
		size := 1
		if i == len(labels)-1 {
			size = len(b) - i
		}
		if !ok || value >= 1<<(8*size) {
			return ""
		}
		for at := i + size - 1; at >= i; at-- {
			b[at], value = byte(value), value>>8
		}
	}
	return netip.AddrFrom4(b).String()
}

// number returns the value of a label that is a number: hexadecimal after 0x, octal after 0,
// decimal otherwise.
func number(label string) (value uint64, ok bool) {
	digits, base := label, 10
	switch {
	case label == "0x": // counts as 0
		return 0, true
	case strings.HasPrefix(label, "0x"):
		digits, base = label[2:], 16
	case len(label) > 1 && label[0] == '0':
		digits, base = label[1:], 8
	}
	value, err := strconv.ParseUint(digits, base, 64)
	return value, err == nil
}

// Path returns an escaped path as clients, and the proxies in front of servers, write it:
// without dot segments, without empty segments except at the end, with octets percent-encoded
// only if they need it, and with upper-case hexadecimal digits.
func Path(escaped string) string {
	if escaped == "" {
		return ""
	}
	var kept []string
	segments := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment = normalize(segment); segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept, last = append(kept, segment), false
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}

// normalize rewrites the percent-encoding of a segment (RFC 3986 §6.2.2).
func normalize(segment string) string {
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		if octet, ok := encodedOctet(segment[i:]); ok {
			c, i = octet, i+2
			if isUnreserved(c) {
				b.WriteByte(c)
				continue
			}
		} else if c != '[' && c != ']' { // not in a path (RFC 3986 §3.3), but package net/url keeps them
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// encodedOctet returns the octet that is percent-encoded at the beginning of the text.
func encodedOctet(text string) (octet byte, ok bool) {
	if len(text) < 3 || text[0] != '%' {
		return 0, false
	}
	value, err := strconv.ParseUint(text[1:3], 16, 8)
	return byte(value), err == nil
}

// isUnreserved reports whether an octet needs no percent-encoding (RFC 3986 §2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// WithAndWithoutSlash returns the URL and, if it has no path, its other spelling (RFC 3986 §6.2.3),
// because one client adds the slash. No other spelling is returned.
func WithAndWithoutSlash(text string) []string {
	u, err := url.Parse(text)
	if err != nil || u.Path != "" && u.Path != "/" {
		return []string{text}
	}
	bare := strings.TrimSuffix(text, "/")
	return []string{bare, bare + "/"}
}
