package outbound

import "net/netip"

// embedded returns the IPv4 addresses to which one of the translation schemes may route an
// IPv6 address. It does not handle IPv4-mapped addresses: the caller unmaps them.
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() {
		return nil
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr), compatible.Contains(addr) && !isUnspecifiedOrLoopback(b), translated.Contains(addr):
		return []netip.Addr{v4(b[12], b[13], b[14], b[15])}
	case sixToFour.Contains(addr):
		return []netip.Addr{v4(b[2], b[3], b[4], b[5])}
	case teredo.Contains(addr): // RFC 4380 §4: the client's address with all bits inverted
		return []netip.Addr{v4(^b[12], ^b[13], ^b[14], ^b[15])}
	case nat64Local.Contains(addr):
		return localNAT64(b)
	}
	return nil
}

// localNAT64 returns the address at each position that RFC 6052 §2.2 allows within a /48,
// because the address does not contain the length of its prefix. A candidate that begins
// with zero is not at the right position; it does not mean 0.0.0.0.
func localNAT64(b [16]byte) (found []netip.Addr) {
	for _, candidate := range [...]netip.Addr{
		v4(b[6], b[7], b[9], b[10]),    // /48
		v4(b[7], b[9], b[10], b[11]),   // /56
		v4(b[9], b[10], b[11], b[12]),  // /64
		v4(b[12], b[13], b[14], b[15]), // /96
	} {
		if candidate.As4()[0] != 0 {
			found = append(found, candidate)
		}
	}
	return found
}

// isUnspecifiedOrLoopback reports whether b is :: or ::1, which embed no IPv4 address.
func isUnspecifiedOrLoopback(b [16]byte) bool {
	for _, x := range b[:15] {
		if x != 0 {
			return false
		}
	}
	return b[15] <= 1
}

func v4(a, b, c, d byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, d}) }
