package config

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/revocation"
)

// A builder builds a resource from an input.
type builder struct {
	*input
	config     Config
	previous   verifiers // of the previous build, for reuse
	used       verifiers // of this build
	created    []resource.Verifier
	paths      []string                    // of the issuers in resource.Config.Issuers
	opaquePath string                      // of the issuer for opaque tokens
	elsewhere  map[string]credentialIssuer // issuers in resource.Credentials, by name in mistakes

	served, previousServed serverMetadata
	resource               *resource.Resource

	issuers []*issuerBuilder // in the order of Settings.issuers

	reloads    bool         // this is not the first build
	shared     *sharedStore // of the Live; the first build opens it
	sharedKeys [][]byte     // nil: nothing is shared, or there is a mistake in shared_state

	events     *receivers       // of the Live; nil in the first build, and without security_events
	eventsList *revocation.List // nil: without security_events, or in the store
	receiver   *receiver        // nil: without security_events

	exchanging       *onbehalf.Exchanger // of the Live; nil in the first build, and without on_behalf_of
	exchanger        *onbehalf.Exchanger // of this build; nil: without on_behalf_of, or there is a mistake
	exchangeSettings digest.Digest       // of exchanger
}

// build reads the files and builds a resource. It returns the digest of everything that
// it read, also with an error. A panic in a function of the program becomes an error, so
// that a reload cannot stop a running server.
func (l *Live) build(ctx context.Context) (b *builder, digest string, err error) {
	defer func() {
		p := recover()
		if p != nil {
			err = fmt.Errorf("config: a function of the program, such as Complete or Check, panicked with a value of type %T", p)
		}
		if err != nil && l.resource == nil && b != nil {
			b.shared.close()
		}
		if p != nil {
			b, digest = nil, "panic" // not equal to the digest of any input
		}
	}()
	b = &builder{input: l.config.read(), config: *l.config, previous: l.verifiers, used: verifiers{}, previousServed: l.served, elsewhere: map[string]credentialIssuer{},
		reloads: l.resource != nil, shared: l.shared, events: l.events, exchanging: l.exchanger}
	disabled := b.settings.Enabled != nil && !*b.settings.Enabled
	if b.found && !disabled {
		b.mistakes.endRead()
		b.buildResource(ctx)
	}
	if err = b.err(); err == nil && disabled {
		err = ErrDisabled
	}
	return b, b.files.digest(), err
}

func (b *builder) buildResource(ctx context.Context) {
	s := &b.settings
	c := resource.Config{
		Identifier:   b.requireURL("resource_server_url", s.ResourceServerURL),
		Identifiers:  s.AdditionalURLs,
		Scopes:       s.RequiredScopes,
		ScopeOptions: resource.ScopeOptions{Challenge: s.ChallengeScopes, Implies: s.ImpliedScopes},
		HTTP: resource.HTTPOptions{Origins: s.AllowedOrigins, DenyLoopbackOrigins: s.DenyLoopback, AllowHTTP: s.AllowHTTP,
			KeepAuthorization: s.KeepAuthorization, BasePath: s.BasePath, MetadataURL: s.ResourceMetadataURL, MetadataPaths: s.ResourceMetadataPaths},
		Metadata: metadata.Document{ScopesSupported: s.ScopesSupported, ResourceName: s.ResourceName, ResourceDocumentation: s.ServiceDocsURL,
			ResourcePolicyURI: s.PolicyURL, ResourceTOSURI: s.TermsURL, AuthorizationDetailsTypesSupported: s.DetailsTypes},
		Limits: s.limits(),
		Logger: b.config.Logger,
		Operations: resource.Operations{Methods: s.MethodScopes, Tools: s.ToolScopes, Prompts: s.PromptScopes,
			Public: s.PublicOperations, PublicTools: s.PublicTools, PublicPrompts: s.PublicPrompts, PublicResources: s.PublicResources,
			Stateless: s.Stateless},
	}
	b.addSharedState()
	b.addConditions(&c)
	b.addAuthentication(&c)
	b.addBound(&c)
	for _, rule := range s.ResourceScopes {
		c.Operations.Resources = append(c.Operations.Resources,
			resource.ResourceRule{URI: rule.URI, Prefix: rule.Prefix, Template: rule.Template, Scopes: rule.Scopes})
	}
	if s.Undeclared == "deny" {
		c.Operations.Undeclared = resource.DenyUndeclared
	}
	if s.StepUp == "keep_granted" {
		c.ScopeOptions.StepUp = resource.StepUpKeepGranted
	}
	if s.HandlerChallenges == "replace" {
		c.HTTP.HandlerChallenges = resource.ReplaceHandlerChallenges
	}
	b.addIssuers(&c)
	b.addServers(&c)
	b.addAPIKeys(ctx, &c)
	b.addHeaderClaims(&c)
	b.addDigestKey(&c)
	b.addBindings(&c)
	if b.config.Complete != nil {
		b.config.Complete(&c)
	}
	b.setShared(&c)
	b.addSecurityEvents(&c)
	b.addOnBehalf(&c)
	b.finish(c)
}

// limits returns the limits. Package resource replaces 0 by its default.
func (s *Settings) limits() resource.Limits {
	return resource.Limits{
		Leeway: seconds(s.LeewaySeconds), CacheTTL: seconds(s.TokenCacheTTL), MaxLifetime: seconds(s.MaxLifetime),
		MaxTokenBytes: number(s.MaxTokenBytes), MaxBodyBytes: number(s.MaxBodyBytes),
		CacheEntries: number(s.TokenCacheEntries), CacheBytes: number(s.TokenCacheBytes), LogPerSecond: number(s.LogPerSecond),
	}
}

// addHeaderClaims adds the header fields that must agree with a claim.
func (b *builder) addHeaderClaims(c *resource.Config) {
	for n, given := range b.settings.HeaderClaims {
		if given.Header == "" || given.Claim == "" {
			continue // the decoder has added a mistake
		}
		if c.Credentials.HeaderClaims == nil {
			c.Credentials.HeaderClaims = map[string]resource.HeaderClaim{}
		}
		if _, duplicate := c.Credentials.HeaderClaims[given.Header]; duplicate {
			path := fmt.Sprintf("header_claims[%d].header", n)
			b.mistakes.add(b.position(path), "%s: duplicate field %s", path, given.Header)
		}
		c.Credentials.HeaderClaims[given.Header] = resource.HeaderClaim{Claim: given.Claim, Required: given.Required}
	}
}

// addDigestKey reads the key of the token digests. Its bytes are used as they are.
func (b *builder) addDigestKey(c *resource.Config) {
	if b.settings.DigestKeyFile == "" {
		return
	}
	path := b.files.path(b.settings.DigestKeyFile)
	key, err := b.files.read(path)
	if err != nil {
		b.mistakes.add(b.position("digest_key_file"), "digest_key_file: file %q: %s", path, err)
		return
	}
	b.secrets = append(b.secrets, Secret(key))
	c.Credentials.DigestKey = key
}

// seconds returns 0, which package resource replaces by its default, if the setting is
// absent, and -1, which disables the feature, if it is 0.
func seconds(n *int) time.Duration {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	}
	return time.Duration(*n) * time.Second
}

// number returns 0, which stands for the default, if the setting is absent.
func number(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// requireURL returns the URL. If it is absent, requireURL adds a mistake and returns a
// placeholder, so that building can continue and find more mistakes.
func (b *builder) requireURL(path, url string) string {
	if url != "" {
		return url
	}
	if _, present := b.positions[path]; !present { // else the decoder has added a mistake
		b.mistakes.add(b.position(path), "%s: is missing", path)
	}
	return missingURL
}

// missingURL replaces a URL for which a mistake has been added.
const missingURL = "https://missing.invalid/"

// position returns the position of a key, or of the nearest enclosing key that is present.
func (b *builder) position(path string) position {
	for {
		if p, ok := b.positions[path]; ok || path == "" {
			return p
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// finish builds the resource. If there are mistakes already, it only looks for further
// ones, because placeholders have replaced verifiers that could not be built.
func (b *builder) finish(c resource.Config) {
	res, err := resource.New(c)
	for _, mistake := range splitMistakes(err) {
		b.addResourceMistake(mistake)
	}
	if b.mistakes.count() > 0 {
		return
	}
	if b.config.Check != nil {
		if err := b.config.Check(res); err != nil {
			b.addCheckMistakes(err)
			return
		}
	}
	b.resource = res
}
