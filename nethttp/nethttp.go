// Package nethttp protects an [http.Handler] with a [resource.Resource]. The resource
// decides about requests; this package writes the responses.
package nethttp

import (
	"net/http"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// Handler serves the metadata of the resource at its well-known paths without
// authentication, including the copies of [metadata.NewHandler], and HTTPOptions.ServerMetadata
// if it is set. It passes all other requests to next if the resource accepts them. A process
// with one MCP server needs nothing else.
//
// Do not wrap Handler in a CORS library, which would answer the preflights of the metadata too,
// for the allowed origins only. Wrap [Middleware], and serve [Metadata] outside of it.
//
// For several resources in one process use [Middleware] for each and [Metadata] for all of
// them. Handler does not limit how long a client may take to send its request. Set the
// timeouts of the http.Server: otherwise a body that is never sent holds a connection,
// whether the request is accepted or rejected.
func Handler(res *resource.Resource, next http.Handler) http.Handler {
	document := Metadata(res)
	protected := Middleware(res)(next)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if document.Owns(req) {
			document.ServeHTTP(w, req)
			return
		}
		if servers := res.ServerMetadata(); servers.Owns(req) {
			servers.ServeHTTP(w, req)
			return
		}
		protected.ServeHTTP(w, req)
	})
}

// Middleware passes accepted requests to next and responds to all others. It protects every
// path and every method, including GET, HEAD, OPTIONS and DELETE, so CORS preflights must be
// answered outside of it. It does not redirect.
//
// The request that next gets has the caller in its context (see [resource.FromContext]) and
// no Authorization header unless the Resource keeps it. The ResponseWriter is passed
// unchanged, so that streaming works. If HTTPOptions.HandlerChallenges is set, or if
// Operations.LateChallenges is set and the request has one message, next gets another writer. It
// holds the header until the first byte and passes everything through from then on.
func Middleware(res *resource.Resource) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			decision, refusal := res.Authenticate(req)
			if refusal != nil {
				writeRefusal(w, refusal)
				return
			}
			defer decision.Done()
			decision.SetHeader(w.Header())
			serveAccepted(next, w, decision)
		})
	}
}

// Require requires further scopes for a part of what [Middleware] protects, such as one
// route. A caller without them gets 403 with one challenge that names the resource's own
// scopes and these. A scope can be a list of alternatives, as in resource.Config.Scopes.
// Without Middleware of the same resource outside, the response is 401.
//
// Require panics if a scope is malformed.
func Require(res *resource.Resource, scopes ...string) func(next http.Handler) http.Handler {
	requirement, err := res.Requirement(scopes...)
	if err != nil {
		panic(err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if refusal := requirement.Check(req); refusal != nil {
				writeRefusal(w, refusal)
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

// Metadata serves the documents of all identifiers of several resources, each at its own
// well-known path (RFC 9728 §3.1), with the copies of [metadata.NewHandler]. Mount it at
// "/.well-known/oauth-protected-resource" and below, and at the paths of
// HTTPOptions.MetadataPaths and BasePath, without protection. Locations lists all paths.
// Metadata does not serve HTTPOptions.ServerMetadata: mount that handler at its own Locations.
// Metadata panics if two resources have the same host and path.
func Metadata(resources ...*resource.Resource) *metadata.Handler {
	var documents []func() metadata.Document
	for _, res := range resources {
		documents = append(documents, res.Documents()...)
	}
	h, err := metadata.NewLiveHandler(documents...)
	if err != nil {
		panic(err)
	}
	return h
}

// writeRefusal responds with a refusal. For HEAD net/http omits the body.
func writeRefusal(w http.ResponseWriter, refusal *resource.Refusal) {
	refusal.SetHeader(w.Header())
	w.WriteHeader(refusal.Status)
	_, _ = w.Write(refusal.Body)
}
