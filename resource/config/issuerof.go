package config

// issuerOf returns the issuer that the key issuer_url of a block names, or else the only one. It
// returns nil if it has added a mistake. whose ends "the issuer whose tokens", and tenants says why
// an issuer with tenant_pattern cannot be named.
func (b *builder) issuerOf(block, url, whose, tenants string) (found *issuerBuilder) {
	for _, i := range b.issuers {
		named := i.issuer.IssuerURL == url || url == "" && len(b.issuers) == 1
		if named && (found == nil || found.keys == nil) { // one issuer can have several entries
			found = i
		}
	}
	path := join(block, "issuer_url")
	text := ""
	switch {
	case found == nil && url == "":
		text = "is missing; the file has several issuers, so name the one whose tokens " + whose
	case found == nil:
		text = "is not the issuer_url of an issuer in this file; it must be equal, byte for byte"
	case found.issuer.TenantPattern != "":
		text = "this issuer has tenant_pattern, and " + tenants + "; name another issuer, or remove the block"
	default:
		return found
	}
	b.mistakes.add(b.position(path), "%s: %s", path, text)
	return nil
}
