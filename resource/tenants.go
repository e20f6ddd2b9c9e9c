package resource

import (
	"time"

	"github.com/warder-go/warder/internal/tenant"
)

// Tenants says which tenants of an issuer may come. It is for authorization servers
// such as Microsoft Entra, whose tenants have identifiers that differ in one path
// segment, and one key set for all. Verifier.Issuer() is then a pattern such as
// https://login.microsoftonline.com/{tenantid}/v2.0, where {tenantid} stands for one
// segment of letters, digits, "-", "_" and "."; the rest compares exactly.
//
// However many there are, they cost one verifier, and metrics know the pattern only. A
// tenant that is not allowed costs no look-up of keys. To the caller and the revocation
// list each is an issuer of its own. One that stands in Config.Issuers by itself goes
// by that entry. What is published for the tenants is
// Config.AuthorizationServers.
type Tenants struct {
	// Allow or AllowFunc is required, and not both. There is no way to allow any
	// tenant: where anybody can make one, anybody could write any subject and role.
	//
	// AllowFunc is asked for every request, remembered or not. It must be quick, and
	// is called concurrently. A panic refuses with 500.
	Allow     []string
	AllowFunc func(tenant string) bool

	// Claim must be the tenant in iss too (see [Issuer] for how it is named). "": tid.
	Claim string
}

// tenants are Tenants made ready.
type tenants struct {
	allowed map[string]bool
	ask     func(tenant string) bool // nil: allowed tells
	claim   claimPath
}

func (b *builder) tenants(where, id string, given *Tenants) *tenants {
	isPattern := tenant.IsPattern(id)
	switch {
	case given == nil && isPattern:
		b.mistake("%s.Tenants: nil, but issuer %q is a pattern; say which tenants may come", where, id)
		return nil
	case given == nil:
		return nil
	case !isPattern:
		b.mistake("%s.Tenants: issuer %q is no pattern; write %s for its tenant", where, id, tenant.Slot)
	default:
		if err := tenant.Check(id); err != nil {
			b.mistake("%s.Verifier: %w", where, err)
		}
	}
	if (len(given.Allow) > 0) == (given.AllowFunc != nil) {
		b.mistake("%s.Tenants: exactly one of Allow and AllowFunc says which may come; there is no way to allow any", where)
	}
	t := &tenants{allowed: make(map[string]bool, len(given.Allow)), ask: given.AllowFunc,
		claim: b.claimPath(where+".Tenants.Claim", orDefault(given.Claim, "tid"))}
	for n, name := range given.Allow {
		if !tenant.IsName(name) {
			b.mistake("%s.Tenants.Allow[%d]: %q can't be a path segment of an issuer: use letters, digits, \"-\", \"_\" and \".\"", where, n, name)
		}
		t.allowed[name] = true
	}
	return t
}

func (t *tenants) allow(name string) bool {
	if t.ask != nil {
		return t.ask(name)
	}
	return t.allowed[name]
}

// ofTenant returns the issuer of one tenant, or nil if it is none that may come, and
// whether iss fits the pattern at all.
func (i *issuer) ofTenant(iss string) (own *issuer, fits bool) {
	name, fits := tenant.Of(i.id, iss)
	if !fits || !i.tenants.allow(name) {
		return nil, fits
	}
	clone := *i
	own = &clone
	own.id, own.tenant = iss, name
	if i.tenants.ask != nil {
		own.still = func(time.Time) bool { return i.tenants.ask(name) }
	}
	return own, true
}
