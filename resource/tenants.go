package resource

import (
	"cmp"
	"time"

	"github.com/warder-go/warder/internal/claimpath"
	"github.com/warder-go/warder/internal/tenant"
)

// Tenants lists the allowed tenants of an issuer. It is for authorization servers such as
// Microsoft Entra, whose tenants have identifiers that differ in one path segment, and one
// key set for all. Verifier.Issuer() is then a pattern such as
// https://login.microsoftonline.com/{tenantid}/v2.0, in which {tenantid} stands for one
// segment of letters, digits, "-", "_" and ".". The rest is compared exactly.
//
// All tenants share one verifier, and metrics have the pattern as their label. A token of a
// tenant that is not allowed causes no look-up of keys. For [Caller] and package
// resource/revocation each tenant is a separate issuer. A tenant that is also an entry of
// Config.Issuers uses that entry. Config.Metadata.AuthorizationServers is what is published
// for the tenants; it must then have the other issuers too.
type Tenants struct {
	// Exactly one of Allow and AllowFunc is required. There is no way to allow any
	// tenant: if anyone can create a tenant, anyone can choose subjects and roles in it.
	//
	// AllowFunc is called for every request, cached or not, and concurrently. It must be
	// quick. A panic rejects the request with 500.
	Allow     []string
	AllowFunc func(tenant string) bool

	// Claim must equal the tenant in iss (see [Issuer] for how it is named). "": tid.
	Claim string
}

// tenants is the compiled form of Tenants.
type tenants struct {
	allowed   map[string]bool
	allowFunc func(tenant string) bool // nil: see allowed
	claim     claimpath.Path
}

func (b *builder) tenants(where, id string, given *Tenants) *tenants {
	isPattern := tenant.IsPattern(id)
	switch {
	case given == nil && isPattern:
		b.mistakes.Addf("%s.Tenants: nil, but issuer %q is a pattern; list the allowed tenants", where, id)
		return nil
	case given == nil:
		return nil
	case !isPattern:
		b.mistakes.Addf("%s.Tenants: issuer %q is not a pattern; write %s for its tenant", where, id, tenant.Placeholder)
	default:
		b.mistakes.AddAt(where+".Verifier", tenant.Check(id))
	}
	if (len(given.Allow) > 0) == (given.AllowFunc != nil) {
		b.mistakes.Addf("%s.Tenants: set exactly one of Allow and AllowFunc; there is no way to allow any tenant", where)
	}
	t := &tenants{allowed: make(map[string]bool, len(given.Allow)), allowFunc: given.AllowFunc,
		claim: b.claimPath(where+".Tenants.Claim", cmp.Or(given.Claim, "tid"))}
	for n, name := range given.Allow {
		if !tenant.IsName(name) {
			b.mistakes.Addf("%s.Tenants.Allow[%d]: %q cannot be a path segment of an issuer: use letters, digits, \"-\", \"_\" and \".\"", where, n, name)
		}
		t.allowed[name] = true
	}
	return t
}

func (t *tenants) allow(name string) bool {
	if t.allowFunc != nil {
		return t.allowFunc(name)
	}
	return t.allowed[name]
}

// ofTenant returns the issuer of one tenant, or nil if the tenant is not allowed, and
// whether iss matches the pattern at all.
func (i *issuer) ofTenant(iss string) (own *issuer, matches bool) {
	name, matches := tenant.Match(i.id, iss)
	if !matches || !i.tenants.allow(name) {
		return nil, matches
	}
	clone := *i
	own = &clone
	own.id, own.tenant = iss, name
	if i.tenants.allowFunc != nil {
		own.stillAccepted = func(time.Time) bool { return i.tenants.allowFunc(name) }
	}
	return own, true
}
