// Package urltable finds which of several configured URLs a request is for. The result is the
// number of a URL, and contains no text of the request.
package urltable

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Table finds URLs by path and host. The zero value is empty. It is safe for concurrent use once
// all URLs were added.
type Table struct {
	places  map[string]*place // by path
	above   map[string]bool   // paths with another path of the table below them
	longest int               // bytes of the longest path
	added   int               // URLs
}

// place is a path with one or several URLs, which have different hosts.
type place struct {
	first int             // number of a URL
	hosts []string        // the values of Host that clients send to the first URL
	all   map[string]int  // numbers by these values; nil: the path has one URL
	names map[string]bool // of the hosts, without ports
}

// hostBytes are the characters of a host and a port.
const hostBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]"

// maxHostBytes is the longest host that is compared: a name (RFC 1035 §2.3.4), a colon and a port.
const maxHostBytes = 253 + 1 + 5

// Add adds a URL, whose host is written as clients write it (see package weburl), at a path. It
// returns the URL's number: how many URLs were added before. If requests cannot distinguish the
// URL from one of these, Add returns the number of that one and false.
func (t *Table) Add(u *url.URL, path string) (n int, ok bool) {
	if t.places == nil {
		t.places, t.above = map[string]*place{}, map[string]bool{}
	}
	n = t.added
	t.added++
	hosts := hostValues(u)
	p := t.places[path]
	if p == nil {
		t.places[path] = &place{first: n, hosts: hosts}
		t.longest = max(t.longest, len(path))
		for rest, ok := parent(path); ok; rest, ok = parent(rest) {
			t.above[rest] = true
		}
		return n, true
	}
	return p.add(n, hosts)
}

func (p *place) add(n int, hosts []string) (other int, ok bool) {
	if p.all == nil {
		p.all, p.names = map[string]int{}, map[string]bool{}
		for _, host := range p.hosts {
			p.set(host, p.first)
		}
	}
	for _, host := range hosts {
		if other, taken := p.all[host]; taken {
			return other, false
		}
	}
	for _, host := range hosts {
		p.set(host, n)
	}
	return n, true
}

// hostValues returns the values of Host that clients send to a URL: with and without the default
// port (RFC 9110 §7.2).
func hostValues(u *url.URL) []string {
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	if u.Port() != "" || port == "" {
		return []string{u.Host}
	}
	return []string{u.Host, u.Host + port}
}

// Alias makes the URLs of a path findable at another path too, unless that has URLs itself.
func (t *Table) Alias(alias, path string) {
	if !t.Has(alias) {
		t.places[alias] = t.places[path]
	}
}

// List returns the paths, sorted, with aliases.
func (t *Table) List() []string { return slices.Sorted(maps.Keys(t.places)) }

// Has reports whether a URL is at exactly this path.
func (t *Table) Has(path string) bool { return t.places[path] != nil }

// Shares reports whether several URLs have the path, so that Host selects among them.
func (t *Table) Shares(path string) bool { return t.Has(path) && t.places[path].all != nil }

// Find returns the number of the URL at a path. If several URLs have the path, it is the one whose
// host is the value of the header Host, and the first one if there is no such URL. Letters of a
// host are compared without case.
//
// Find returns false for a value that has the name of one of several hosts, but another port or
// a dot at its end, and for a value that is too long or does not have the form of a host. A
// server can ignore the difference, and handle the request as one for that host.
func (t *Table) Find(path, host string) (n int, ok bool) {
	p := t.places[path]
	if p == nil {
		return 0, false
	}
	if p.all == nil {
		return p.first, true
	}
	if len(host) > maxHostBytes || strings.Trim(host, hostBytes) != "" {
		return p.first, false
	}
	host = strings.ToLower(host)
	if n, ok := p.all[host]; ok {
		return n, true
	}
	name, ok := hostName(host)
	return p.first, ok && !p.names[name]
}

func (p *place) set(host string, n int) {
	p.all[host] = n
	if name, ok := hostName(host); ok {
		p.names[name] = true
	}
}

// hostName returns a value of Host without its port, brackets and dots at its end. It returns
// false if the value is not a name or an address in brackets, with or without a port.
func hostName(host string) (name string, ok bool) {
	name, port, _ := strings.Cut(host, ":")
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		name, port, _ = strings.Cut(inner, "]")
		address, err := netip.ParseAddr(name)
		if err != nil {
			return "", false
		}
		name = address.String() // in one of its forms
		port = strings.TrimPrefix(port, ":")
	}
	if strings.Trim(port, "0123456789") != "" || strings.ContainsAny(name, "[]") {
		return "", false
	}
	return strings.TrimRight(name, "."), true
}

// FindBelow is like Find, but also finds a URL for the paths below its own. It does not do so if
// the table has another path below that of the URL. Paths in the table must be plain (see
// [IsPlain]).
//
// A server can read a path in another way than this function: without its case, or with dot
// segments, empty segments, parameters or percent-encoding resolved. So only plain paths are
// found, and only the paths of the table are found below a path that has others below it.
// Otherwise a request for one URL could be found as one for the URL above it.
func (t *Table) FindBelow(path, host string) (n int, ok bool) {
	path = strings.TrimSuffix(path, "/")
	if n, ok := t.Find(path, host); ok {
		return n, true
	}
	if !IsPlain(path) {
		return 0, false
	}
	path = path[:min(len(path), t.longest+1)] // bounds the number of look-ups
	for above, ok := parent(path); ok; above, ok = parent(above) {
		if n, ok := t.Find(above, host); ok {
			return n, !t.above[above]
		}
	}
	return 0, false
}

// parent returns the path without its last segment; false for the empty path.
func parent(path string) (above string, ok bool) {
	end := strings.LastIndexByte(path, '/')
	if end < 0 {
		return "", false
	}
	return path[:end], true
}

// plainChars are the unreserved characters (RFC 3986 §2.3).
const plainChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

// IsPlain reports whether all servers read a path in the same way: it is empty, or consists of
// segments with a slash before each. The segments have unreserved characters only, and not only
// dots.
func IsPlain(path string) bool {
	if path == "" {
		return true
	}
	rest, ok := strings.CutPrefix(path, "/")
	for segment := range strings.SplitSeq(rest, "/") {
		if strings.Trim(segment, plainChars) != "" || strings.Trim(segment, ".") == "" {
			return false
		}
	}
	return ok
}
