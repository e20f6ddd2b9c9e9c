package outbound

import "net/url"

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
