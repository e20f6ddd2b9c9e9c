package outbound

import (
	"net/url"
	"slices"
)

// Hosts returns the host names of URLs, without ports. It skips text that is not a URL with
// a host.
func Hosts(urls ...string) (hosts []string) {
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}

// HasHost reports whether a host name, without port, is in a list, as a Client compares it with
// Config.AllowHosts.
func HasHost(hosts []string, host string) bool {
	return slices.ContainsFunc(hosts, func(other string) bool { return canonicalHost(other) == canonicalHost(host) })
}
