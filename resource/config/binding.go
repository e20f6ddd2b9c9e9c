package config

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/warder-go/warder/resource"
)

// bindings are the values of the keys about bound tokens.
var bindings = map[string]resource.Binding{"off": resource.BindingOff, "accepted": resource.BindingAccepted, "required": resource.BindingRequired}

// addBindings adds what the file says about bound tokens of all issuers.
func (b *builder) addBindings(c *resource.Config) {
	s := &b.settings
	c.Credentials.DPoP = resource.DPoP{Tokens: bindings[s.DPoPTokens], Algorithms: s.DPoPAlgorithms, Window: seconds(s.DPoPWindow),
		RequireNonce: s.DPoPRequireNonce, NonceKeys: b.nonceKeys(), MaxProofs: number(s.DPoPMaxProofs), MaxProofsPerKey: number(s.DPoPMaxPerKey)}
	c.Credentials.Certificates = resource.ClientCertificates{Tokens: bindings[s.CertificateTokens], Field: s.CertificateField,
		Format: resource.CertificateFormat(s.CertificateFormat), Proxies: b.proxies()}
}

// nonceKeys returns the keys of DPoP nonces. Those of shared_state are used if the file has no
// others: with a random key, other processes would reject the nonces.
func (b *builder) nonceKeys() [][]byte {
	s := &b.settings
	if s.DPoPNonceKeys == nil && s.DPoPNonceKeyFiles == nil && s.DPoPRequireNonce {
		return b.sharedKeys
	}
	return b.readKeys("dpop_nonce_keys", "dpop_nonce_key_files", s.DPoPNonceKeys, s.DPoPNonceKeyFiles)
}

// readKeys returns keys that processes have in common, from texts or from files. The bytes of a
// file are used as they are. If a file cannot be read, it returns nil.
func (b *builder) readKeys(text, files string, texts []Secret, names []string) (keys [][]byte) {
	checkEmpty := func(key string, given bool, n int) {
		if given && n == 0 { // with a random key, other processes would reject what this one makes
			b.mistakes.add(b.position(key), "%s: is empty; add a key, or remove it", key)
		}
	}
	checkEmpty(text, texts != nil, len(texts))
	checkEmpty(files, names != nil, len(names))
	if texts != nil && names != nil {
		b.mistakes.add(b.position(files), "%s: %s is also set; set only one of them", files, text[strings.LastIndexByte(text, '.')+1:])
		return nil
	}
	for _, key := range texts {
		keys = append(keys, []byte(key))
	}
	complete := true
	for n, name := range names {
		path := b.files.path(name)
		key, err := b.files.read(path)
		if err != nil {
			at := fmt.Sprintf("%s[%d]", files, n)
			b.mistakes.add(b.position(at), "%s: file %q: %s", at, path, err)
			complete = false
		}
		b.secrets, keys = append(b.secrets, Secret(key)), append(keys, key)
	}
	if !complete {
		return nil
	}
	return keys
}

// proxies returns the addresses of client_certificate_proxies. A single address is a prefix of all
// its bits. A placeholder replaces an entry that is neither.
func (b *builder) proxies() (all []netip.Prefix) {
	for n, text := range b.settings.CertificateProxies {
		prefix, err := netip.ParsePrefix(text)
		if address, other := netip.ParseAddr(text); other == nil && address.Zone() == "" {
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			at := fmt.Sprintf("client_certificate_proxies[%d]", n)
			b.mistakes.add(b.position(at), "%s: %q is not an IP address, such as 192.0.2.7, or a prefix, such as 10.0.0.0/8", at, text)
			prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 32)
		}
		all = append(all, prefix)
	}
	return all
}
