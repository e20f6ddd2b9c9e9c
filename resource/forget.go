package resource

import (
	"strings"
)

// Forget ends what the resource remembers of a token, given as it stands behind
// Bearer, with or without that word. The next request with it is verified anew.
// What is being verified at this moment is answered but not remembered, and a
// request that comes after Forget does not share in an introspection that began
// before it. Refusals that package introspect remembers are forgotten too, of all
// tokens.
//
// Forgetting is not revoking: it makes sure that the issuer is asked again, which
// helps for tokens that are introspected. A JWT that is verified by its signature
// stays good; for that there is [RevocationList].
func (r *Resource) Forget(token string) {
	if fields := strings.Fields(token); len(fields) == 2 && strings.EqualFold(fields[0], "Bearer") {
		token = fields[1]
	}
	hash := hashToken(token)
	r.forget(func(d digest, _ *Caller) bool { return d == hash })
}

// ForgetSubject does as [Resource.Forget] for all tokens of a subject or, where
// tokens have no subject, of a client. It looks at everything that is remembered.
func (r *Resource) ForgetSubject(issuer, subject string) {
	r.forget(func(_ digest, c *Caller) bool {
		return c.Issuer() == issuer && c.principal() == subject
	})
}

// forget first makes the verifiers drop what they are asking, then counts the purge,
// then looks through the memory. So a request that began after the count can't have
// joined an old call, and one that began before it is not remembered.
func (r *Resource) forget(match func(digest, *Caller) bool) {
	if r == nil {
		return
	}
	for done := (*Resource)(nil); done != r.now(); { // again if another counts meanwhile
		done = r.now()
		for _, by := range append(done.vouchers(), done.resolver.vouchers()...) {
			if v, ok := by.verifier.(interface{ Forget() }); ok {
				v.Forget()
			}
		}
		done.memory.purge(match)
	}
}
