package gate

import "time"

// Limits that the file cannot change.
const (
	defaultInterval = 10 * time.Second // default time between two checks of the gate's files
	minInterval     = time.Second      // minimum time between two checks of the gate's files

	defaultMaxBodyBytes   = 4 << 20         // default size of the body of a request. Setting: max_body_bytes in the authorization block
	minSearchedTokenBytes = 8               // length from which a token is searched for in other header fields and in the query
	readyTimeout          = 5 * time.Second // maximum time for one answer of /readyz

	maxUpstreams     = 100      // upstreams of one gate
	maxFileBytes     = 1 << 20  // size of gate.yaml
	maxConnectFields = 16       // names in the Connection field of a request
	maxFieldName     = 64       // length of the name of an identity field, or of a field of request_headers
	maxPreflightName = 64       // length of a name in Access-Control-Request-Headers
	maxPreflight     = 64       // names in Access-Control-Request-Headers
	maxIdentities    = 10_000   // callers of one upstream whose identity is cached
	maxIdentityBytes = 16 << 10 // size of an identity JWT; larger ones are an error, and the request gets a 500
	maxResponseBytes = 64 << 10 // size of the header of an upstream's response
	maxIdleUpstream  = 512      // idle connections to one upstream
	copyBufferBytes  = 4 << 10  // buffer of an open response
	maxHeldBytes     = 4 << 10  // size of a body that is read before the upstream is called
	maxRetiredKeys   = 3        // replaced identity keys that stay in the JWKS
)
