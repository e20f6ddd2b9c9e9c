package outbound

import "net/netip"

// embedded returns the IPv4 addresses that an IPv6 address leads to by one of the
// translation schemes. IPv4-mapped addresses are unmapped before.
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() {
		return nil
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr), compatible.Contains(addr) && !isLow(b), translated.Contains(addr):
		return []netip.Addr{v4(b[12], b[13], b[14], b[15])}
	case sixToFour.Contains(addr):
		return []netip.Addr{v4(b[2], b[3], b[4], b[5])}
	case teredo.Contains(addr): // RFC 4380 §4: the client's address, inverted
		return []netip.Addr{v4(^b[12], ^b[13], ^b[14], ^b[15])}
	case nat64Local.Contains(addr):
		return localNAT64(b)
	}
	return nil
}

// localNAT64 reads the address at each place that RFC 6052 §2.2 allows within a
// /48, since the length of the prefix is not in the address. A place that holds
// zeros is a wrong guess, not 0.0.0.0.
func localNAT64(b [16]byte) (found []netip.Addr) {
	for _, guess := range [...]netip.Addr{
		v4(b[6], b[7], b[9], b[10]),    // /48
		v4(b[7], b[9], b[10], b[11]),   // /56
		v4(b[9], b[10], b[11], b[12]),  // /64
		v4(b[12], b[13], b[14], b[15]), // /96
	} {
		if guess.As4()[0] != 0 {
			found = append(found, guess)
		}
	}
	return found
}

// isLow reports whether b is :: or ::1, which hold no IPv4 address.
func isLow(b [16]byte) bool {
	for _, x := range b[:15] {
		if x != 0 {
			return false
		}
	}
	return b[15] <= 1
}

func v4(a, b, c, d byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, d}) }
