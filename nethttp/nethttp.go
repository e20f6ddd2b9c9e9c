// Package nethttp puts a [resource.Resource] in front of an [http.Handler]. It
// renders decisions; it takes none.
package nethttp

import (
	"net/http"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// Handler serves the resource's metadata at its well-known paths, to everybody, and
// everything else by next, to accepted requests only. It is all that a process with
// one MCP server needs. The copies of [metadata.NewHandler] are served too.
//
// For several resources in one process use [Middleware] for each and [Metadata] for
// all of them. How long a client may take to send its request is for the http.Server to
// say: without a limit a body that never comes holds a connection, accepted or refused.
func Handler(res *resource.Resource, next http.Handler) http.Handler {
	document := Metadata(res)
	protected := Middleware(res)(next)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if document.Owns(req) {
			document.ServeHTTP(w, req)
			return
		}
		protected.ServeHTTP(w, req)
	})
}

// Middleware lets accepted requests through to next and answers the others. Every
// method of every path is protected alike, GET, HEAD, OPTIONS and DELETE included:
// put what answers CORS preflights outside of it. It never redirects.
//
// The request that next gets has the caller in its context (see
// [resource.FromContext]) and no Authorization header, unless the Resource keeps it.
// The ResponseWriter is passed as it is, so that streaming works as without; where
// Operations.LateChallenges is set, requests of one message get one that waits with the
// header for the first byte, and streams from there on.
func Middleware(res *resource.Resource) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			decision, refusal := res.Authenticate(req)
			if refusal != nil {
				render(w, refusal)
				return
			}
			defer decision.Done()
			serve(next, w, decision)
		})
	}
}

// Require asks for further scopes on a part of what [Middleware] protects, such as
// one route. A caller without them gets 403 with one challenge that names the
// resource's own scopes and these. Where Middleware of the same resource did not
// accept the request, the answer is 401: forgetting it opens nothing.
//
// A malformed scope panics when the middleware is made.
func Require(res *resource.Resource, scopes ...string) func(next http.Handler) http.Handler {
	requirement, err := res.Requirement(scopes...)
	if err != nil {
		panic(err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if refusal := requirement.Check(req); refusal != nil {
				render(w, refusal)
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

// Metadata serves the documents of several resources of one origin, each at its own
// well-known path (RFC 9728 §3.1), with the copies of [metadata.NewHandler]. Mount it
// at "/.well-known/oauth-protected-resource" and below, outside of any protection.
// Two resources with one path panic.
func Metadata(resources ...*resource.Resource) *metadata.Handler {
	var documents []func() metadata.Document
	for _, res := range resources {
		documents = append(documents, res.Metadata)
	}
	h, err := metadata.NewLiveHandler(documents...)
	if err != nil {
		panic(err)
	}
	return h
}

// render writes a refusal. For HEAD net/http leaves the body out.
func render(w http.ResponseWriter, refusal *resource.Refusal) {
	refusal.SetHeader(w.Header())
	w.WriteHeader(refusal.Status)
	_, _ = w.Write(refusal.Body)
}
