package resource

import (
	"net/http"
	"slices"
)

// A rejectionFunc is notified of a rejected request. See [Resource.OnRejection].
type rejectionFunc = func(req *http.Request, caller *Caller, refusal *Refusal)

// OnRejection registers a function that is called for each rejected request of a caller whose
// credential is valid: the caller lacks a permission, or the request is malformed. It is for
// adapters that have to tell the client in another way than by the response, such as
// nethttp.BindSessions. For audit and traces use [Hooks].Observers.
//
// The function is called before the response is written, and concurrently. It may read the
// body of the request and must not change the refusal. It stays registered when
// [Resource.Replace] changes the configuration. It is not called for [Resource.Permit].
func (r *Resource) OnRejection(notify func(req *http.Request, caller *Caller, refusal *Refusal)) {
	r.replacing.Lock()
	defer r.replacing.Unlock()
	var all []rejectionFunc
	if now := r.onRejection.Load(); now != nil {
		all = slices.Clone(*now)
	}
	all = append(all, notify)
	r.onRejection.Store(&all)
}

// notifyRejection calls the functions of OnRejection. A status 401 means that the credential is
// not valid, or not any longer.
func (r *Resource) notifyRejection(req *http.Request, f *fault, refusal *Refusal) {
	all := r.onRejection.Load()
	if all == nil || f.caller == nil || refusal.Status == http.StatusUnauthorized {
		return
	}
	for _, notify := range *all {
		notify(req, f.caller, refusal)
	}
}
