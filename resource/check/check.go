package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/warder-go/warder/internal/secretfile"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
)

// Run looks at everything that c describes, and returns what it has found. It does not start
// anything that continues after it. A configuration that is invalid is a finding ([IDInvalidConfig])
// and not an error. The error is about c itself, or that of ctx. If Config.Timeout ends, that is
// a finding too ([IDTimeOver]). Run can be called concurrently; each call makes
// its own requests, so do not call it for each request of a client. For example, call it when a
// server starts, or at a limited rate for a readiness probe that must be strict.
func Run(ctx context.Context, c Config) (Report, error) {
	if err := c.validate(); err != nil {
		return Report{}, err
	}
	r := &run{config: c, collector: collector{report: Report{File: c.Config.File}, secrets: []string{c.Token}}}
	limited, cancel := context.WithTimeout(ctx, cmp.Or(c.Timeout, DefaultTimeout))
	defer cancel()
	if r.load() {
		r.checkAll(limited)
	}
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("check: %w", err)
	}
	r.report.sort()
	return r.report, nil
}

// run is the state of a call of Run.
type run struct {
	collector
	config   Config
	parts    *config.Parts
	resource *resource.Resource
	offers   []offer          // of the issuers whose tokens can have scopes
	caller   *resource.Caller // that the token stands for; nil: it is not known
}

// load reads the configuration, and reports whether it is valid. Its mistakes are findings.
func (r *run) load() bool {
	c := r.config.Config
	c.Logger = slog.New(slog.DiscardHandler)
	complete := c.Complete
	c.Complete = func(settings *resource.Config) {
		if complete != nil {
			complete(settings)
		}
		settings.Hooks.Observers = nil // the decisions of this check are not about requests
	}
	c.WithoutStore = true
	live, err := config.New(c)
	switch {
	case errors.Is(err, config.ErrDisabled):
		r.add(IDDisabled, "enabled", "enabled is false", "remove enabled, or set it to true")
		return false
	case err != nil:
		r.addMistakes(err)
		return false
	}
	r.parts, r.resource = live.Parts(), live.Resource()
	r.addSecrets()
	return true
}

// addMistakes adds a finding for each mistake in the configuration. Its position is the subject, and
// the text says what to change.
func (r *run) addMistakes(err error) {
	var list interface{ Unwrap() []error }
	if !errors.As(err, &list) {
		r.add(IDInvalidConfig, r.config.Config.File, err.Error(), "correct the configuration")
		return
	}
	for _, mistake := range list.Unwrap() {
		at, text := splitPosition(mistake.Error())
		key, _, _ := cutKey(text)
		r.add(IDInvalidConfig, at+": "+key, text, "correct "+key+" at "+at)
	}
}

// addSecrets adds the secrets of the configuration to those that no finding may have. No finding
// quotes one intentionally.
func (r *run) addSecrets() {
	r.addSecretFiles(r.parts.SecretFiles)
	if s := r.parts.Settings.OnBehalfOf; s != nil {
		r.secrets = append(r.secrets, string(s.ClientSecret))
	}
	for _, i := range r.parts.Issuers {
		for _, s := range []config.Secret{i.Settings.ClientSecret, i.Settings.IntrospectionClientSecret, i.Settings.IntrospectionBearerToken, i.Settings.JWKSToken} {
			r.secrets = append(r.secrets, string(s))
		}
		r.addSecretFiles(i.SecretFiles)
	}
}

func (r *run) addSecretFiles(paths []string) {
	for _, path := range paths {
		if secret, err := secretfile.New(path).Read(); err == nil { // an error is a finding when the secret is used
			r.secrets = append(r.secrets, secret)
		}
	}
}

// checkAll looks at everything. It skips what is left when ctx ends.
func (r *run) checkAll(ctx context.Context) {
	r.checkBlocks()
	for n, parts := range r.parts.Issuers {
		if n == maxIssuers {
			r.add(IDNotChecked, "additional_issuers", fmt.Sprintf("only the first %d issuers are looked at", maxIssuers), "")
			break
		}
		r.within(ctx, "issuer "+issuerName(parts), func() { r.checkIssuer(ctx, parts) })
	}
	r.within(ctx, "authorization_servers", func() { r.checkServers(ctx) })
	r.checkScopes()
	valid := false
	r.within(ctx, "token", func() { valid = r.checkToken(new(exchanges).record(ctx)) }) // so that no connection stays open
	r.within(ctx, "public URL", func() { r.checkPublic(ctx, valid) })
}

// within calls step, unless the time of the run is over. That is an error, because a problem could be
// in what was not looked at.
func (r *run) within(ctx context.Context, subject string, step func()) {
	if ctx.Err() != nil {
		r.add(IDTimeOver, "timeout", "the check took longer than "+cmp.Or(r.config.Timeout, DefaultTimeout).String(), "raise -timeout (in Go: Timeout), or correct the servers that do not answer")
		r.add(IDNotChecked, subject, "the time for the whole check is over", "")
		return
	}
	step()
}

// checkBlocks reports settings that are risky or that cannot be looked at from outside the server.
func (r *run) checkBlocks() {
	s := &r.parts.Settings
	if s.SharedState != nil {
		r.add(IDNotChecked, "shared_state", "this check does not open the store, so it does not know which tokens are revoked there", "")
	}
	if s.SecurityEvents != nil {
		r.add(IDNotChecked, "security_events", "only the issuer can send a security event", "")
	}
	if s.APIKeysFile != "" {
		r.add(IDNotChecked, "api_keys_file", "the file has only the digests of the keys", "")
	}
	if s.AllowHTTP && isPlain(s.ResourceServerURL) {
		r.add(IDPlainHTTP, "resource_server_url", s.ResourceServerURL+" has the scheme http", "serve https, write https in resource_server_url, and remove allow_http")
	}
	for _, i := range r.parts.Issuers {
		if i.Settings.AllowHTTPIssuer && isPlain(i.Settings.IssuerURL) {
			r.add(IDPlainHTTP, keyOf(i, "issuer_url"), i.Settings.IssuerURL+" has the scheme http", "use the https URL of the issuer, and remove "+keyOf(i, "allow_http_issuer"))
		}
	}
}
