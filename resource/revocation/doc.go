// Package revocation holds revoked tokens, for programs that learn of revocations, for example from
// logout notices or security events. A [List] is in the memory of each process, so a request needs no
// network call. With a [Store], all processes have the same entries.
package revocation
