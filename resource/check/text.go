package check

import (
	"net/url"
	"strings"

	"github.com/warder-go/warder/internal/outbound"
	"github.com/warder-go/warder/resource/config"
)

// splitPosition splits a mistake of package config, such as "a.yaml:3: issuer_url: is missing".
func splitPosition(mistake string) (at, text string) {
	at, text, ok := strings.Cut(mistake, ": ")
	if !ok {
		return "config", mistake
	}
	return at, text
}

// cutKey returns the key that begins a mistake, and whether there is one.
func cutKey(text string) (key, rest string, ok bool) {
	key, rest, ok = strings.Cut(text, ": ")
	if !ok || strings.Contains(key, " ") {
		return "the file", text, false
	}
	return key, rest, true
}

// keyOf returns the path of a key of an issuer in the file.
func keyOf(i config.IssuerParts, key string) string {
	if i.Key == "" {
		return key
	}
	return i.Key + "." + key
}

// issuerName returns how findings name an issuer.
func issuerName(i config.IssuerParts) string {
	if i.Settings.TenantPattern != "" {
		return i.Settings.TenantPattern
	}
	return i.Settings.IssuerURL
}

// isPlain reports whether a URL has the scheme http and a host that is not a loopback host.
func isPlain(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "http" && !outbound.IsLoopbackHost(u.Hostname())
}

// originOf returns scheme, host and port of a URL.
func originOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// errorText returns an error as text for a finding, without the prefixes of packages.
func errorText(err error) string {
	text := err.Error()
	if failed, ok := err.(*outbound.Error); ok { //nolint:errorlint // a wrapped one is only a part of the text
		text = failed.Err.Error()
	}
	for _, prefix := range []string{"jwks: ", "keyset: ", "introspect: ", "metadata: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}
