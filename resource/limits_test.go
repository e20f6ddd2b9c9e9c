package resource_test

import "time"

// The limits that docs/reference.md states. Most of them are unexported, because a program
// cannot set them.
const (
	defaultMaxTokenBytes      = 16 << 10
	maxTokenBytesLimit        = 256 << 10
	maxClaimsBytes            = 256 << 10
	maxAudiences              = 1000
	maxScopes                 = 1000
	maxRoles                  = 10_000
	maxScopePrefixBytes       = 512
	maxSubscriptions          = 1000
	maxURIBytes               = 64 << 10
	maxTemplateBytes          = 512 << 10
	defaultMaxResolvedIssuers = 1000
	resolvedIssuerTTL         = time.Minute
	streamCheckInterval       = 30 * time.Second
)
