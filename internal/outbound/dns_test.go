package outbound_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
)

// fakeDNS returns a resolver that gets the addresses of a name from answer. The name is in
// lower case, without the terminal dot. If answer returns no address, the name does not
// exist.
func fakeDNS(answer func(name string) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			answerOne(server, answer)
		}()
		return client, nil
	}}
}

// fixedDNS returns a resolver with the same addresses for every name.
func fixedDNS(addrs ...string) *net.Resolver {
	return fakeDNS(func(string) []string { return addrs })
}

// answerOne reads one query in the format of DNS over TCP (RFC 1035 §4.2.2) and answers it.
func answerOne(conn net.Conn, answer func(string) []string) {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return
	}
	var labels []string
	end := 12
	for query[end] != 0 {
		n := int(query[end])
		labels = append(labels, string(query[end+1:end+1+n]))
		end += 1 + n
	}
	question := query[12 : end+5]
	kind := binary.BigEndian.Uint16(query[end+1:])
	addrs := answer(strings.ToLower(strings.Join(labels, ".")))

	var records []byte
	count := 0
	for _, text := range addrs {
		addr := netip.MustParseAddr(text)
		if addr.Is4() == (kind == 1) {
			raw := addr.AsSlice()
			records = append(records, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(raw)))
			records = append(records, raw...)
			count++
		}
	}
	flags := uint16(0x8180)
	if len(addrs) == 0 {
		flags |= 3 // no such name
	}
	reply := append([]byte{}, query[:2]...)
	for _, n := range []uint16{flags, 1, uint16(count), 0, 0} {
		reply = binary.BigEndian.AppendUint16(reply, n)
	}
	reply = append(append(reply, question...), records...)
	conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
}
