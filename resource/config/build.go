package config

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/warder-go/warder/metadata"
	"github.com/warder-go/warder/resource"
)

// A building is a resource that is made of a reading.
type building struct {
	*reading
	of       Config
	pool     pool // verifiers that may be used again
	next     pool // those that are used
	fresh    []resource.Verifier
	opaque   string // the path of the issuer that opaque tokens go to
	resource *resource.Resource
}

// build makes a resource. The sum is of all that was read for it, also if it fails. A
// function of the program that panics takes no server down that has a configuration.
func (l *Live) build(ctx context.Context) (b *building, sum string, err error) {
	defer func() {
		if p := recover(); p != nil {
			b, sum = nil, "panic" // a sum that no reading has
			err = fmt.Errorf("config: a function that was called for the configuration panicked with a %T", p)
		}
	}()
	b = &building{reading: l.config.read(), of: *l.config, pool: l.pool, next: pool{}}
	off := b.settings.Enabled != nil && !*b.settings.Enabled
	if b.found && !off {
		b.m.read = len(b.m.all)
		b.make(ctx)
	}
	if err = b.err(); err == nil && off {
		err = ErrDisabled
	}
	return b, string(b.files.sum.Sum(nil)), err
}

func (b *building) make(ctx context.Context) {
	s := &b.settings
	c := resource.Config{
		Identifier:   b.need("resource_server_url", s.ResourceServerURL),
		Scopes:       s.RequiredScopes,
		ScopeOptions: resource.ScopeOptions{Challenge: s.ChallengeScopes, Implies: s.ImpliedScopes},
		HTTP:         resource.HTTPOptions{Origins: s.AllowedOrigins},
		Metadata:     metadata.Document{ScopesSupported: s.ScopesSupported, ResourceName: s.ResourceName, ResourceDocumentation: s.ServiceDocsURL},
		Limits:       resource.Limits{Leeway: seconds(s.LeewaySeconds), CacheTTL: seconds(s.TokenCacheTTL)},
		Logger:       b.of.Logger,
		Operations: resource.Operations{Methods: s.MethodScopes, Tools: s.ToolScopes, Prompts: s.PromptScopes,
			Public: s.PublicOperations},
	}
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
	b.issuers(&c)
	b.apiKeys(ctx, &c)
	if b.of.Complete != nil {
		b.of.Complete(&c)
	}
	b.finish(c)
}

// seconds: what is not said is the default of resource, and 0 is none.
func seconds(n *int) time.Duration {
	switch {
	case n == nil:
		return 0
	case *n == 0:
		return -1
	}
	return time.Duration(*n) * time.Second
}

// need returns a required URL. In the place of one that is missing it returns another,
// with which to look for more mistakes.
func (b *building) need(path, url string) string {
	if url != "" {
		return url
	}
	if _, said := b.places[path]; !said { // else it was told why there is none
		b.m.add(b.at(path), "%s: is missing", path)
	}
	return "https://missing.invalid/"
}

// at is where a key stands, or the nearest one round it.
func (b *building) at(path string) place {
	for {
		if p, ok := b.places[path]; ok || path == "" {
			return p
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

// finish makes the resource, if nothing was wrong so far, else it only looks for more
// mistakes: stand-ins have taken the place of verifiers that could not be made.
func (b *building) finish(c resource.Config) {
	res, err := resource.New(c)
	for _, mistake := range parts(err) {
		b.told(mistake)
	}
	if len(b.m.all) > 0 {
		return
	}
	if b.of.Check != nil {
		if err := b.of.Check(res); err != nil {
			b.m.add(b.at(""), "%s", err)
			return
		}
	}
	b.resource = res
}
