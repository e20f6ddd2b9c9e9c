package config

import (
	"fmt"
	"strings"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
)

const onBehalfBlock = "on_behalf_of"

// addOnBehalf makes the exchanger, and makes the resource hold tokens. It is called after
// config.Config.Complete. If it adds a mistake, there can be no exchanger.
func (b *builder) addOnBehalf(c *resource.Config) {
	s := b.settings.OnBehalfOf
	_, present := b.positions[onBehalfBlock]
	switch {
	case present && s == nil: // the decoder has added a mistake
		return
	case b.reloads && (s == nil) != (b.exchanging == nil):
		b.addExchange("", "was added or removed; %s", needsRestart)
		return
	case s == nil:
		return
	case b.config.onlyResource:
		b.addExchange("", "config.Load does not return the exchanger; the program must call config.New, and use config.Live.OnBehalf")
		return
	}
	c.Credentials.HoldTokens = true
	issuer := b.issuerOf(onBehalfBlock, s.IssuerURL, "are exchanged", "tokens of many tenants cannot be exchanged")
	switch {
	case issuer == nil:
		return
	case b.exchanging != nil && b.exchanging.Issuer() != issuer.url:
		b.addExchange("issuer_url", "the issuer is another one; %s", needsRestart)
		return
	}
	config := issuer.exchange(s)
	made, err := onbehalf.New(config)
	if err != nil {
		b.files.note(err)
		issuer.addExchangeMistakes(err)
		return
	}
	auth := &config.Auth
	b.exchanger = made
	b.exchangeSettings = digest.Of(fmt.Sprintf("%#v", []any{config.Issuer, config.MetadataURL, config.TokenEndpoint, config.AllowHosts, config.AllowHTTP, string(issuer.issuer.ProxyURL), issuer.ca,
		config.CertificateFile, config.CertificateKeyFile, config.Timeout, config.MaxConcurrent, config.CacheEntries, s.Targets,
		auth.Method, auth.ClientID, auth.ClientSecret, auth.ClientSecretFile, auth.PrivateKeyFile, auth.KeyID, auth.Algorithm, auth.Audience})) // one by one, because ClientAuth prints a placeholder
}

// addExchange adds a mistake about a key of on_behalf_of, or about the block itself.
func (b *builder) addExchange(key, format string, args ...any) {
	path := strings.TrimSuffix(join(onBehalfBlock, key), ".")
	b.mistakes.add(b.position(path), "%s: %s", path, fmt.Sprintf(format, args...))
}

// exchanges reports whether the block on_behalf_of reads the metadata of the issuer.
func (i *issuerBuilder) exchanges() bool {
	s := i.settings.OnBehalfOf
	return s != nil && s.TokenEndpoint == "" && (s.IssuerURL == i.issuer.IssuerURL || s.IssuerURL == "" && len(i.settings.AdditionalIssuers) == 0)
}

// exchange returns the configuration of the exchanger.
func (i *issuerBuilder) exchange(s *OnBehalfOf) onbehalf.Config {
	c := onbehalf.Config{
		Issuer: i.url, TokenEndpoint: string(s.TokenEndpoint),
		Auth: introspect.ClientAuth{Method: s.AuthMethod, ClientID: s.ClientID, ClientSecret: string(s.ClientSecret), ClientSecretFile: i.filePath(s.ClientSecretFile),
			PrivateKeyFile: i.filePath(s.PrivateKeyFile), KeyID: s.KeyID, Algorithm: s.KeyAlgorithm, Audience: s.AssertionAudience},
		CertificateFile: i.filePath(s.ClientCertificateFile), CertificateKeyFile: i.filePath(s.ClientKeyFile),
		Timeout: seconds(s.Timeout), MaxConcurrent: number(s.MaxConcurrent), CacheEntries: number(s.CacheEntries),
		AllowHosts: i.issuer.AllowPrivateHosts, AllowHTTP: s.AllowHTTP, TLS: i.tls, Proxy: i.proxy, Transport: i.config.Transport, Logger: i.config.Logger,
	}
	if s.TokenEndpoint == "" {
		c.MetadataURL = string(i.issuer.MetadataURL)
	}
	for _, name := range sortedKeys(s.Targets) {
		c.Targets = append(c.Targets, i.target(name, s.Targets[name]))
	}
	return c
}

func (b *builder) target(name string, s OnBehalfTarget) onbehalf.Target {
	t := onbehalf.Target{
		Name: name, Grant: onbehalf.Grant(s.Grant), Audiences: s.Audiences, Resources: s.Resources, Scopes: s.Scopes, AcceptWiderScopes: s.AcceptWiderScopes,
		SubjectTokenType: s.SubjectTokenType, RequestedTokenType: s.RequestedTokenType, IssuedTokenType: s.IssuedTokenType,
		IssuedAudiences: s.IssuedAudiences, Origins: s.Origins, ChallengeScopes: s.ChallengeScopes, InteractionURL: s.InteractionURL,
	}
	if s.ActorTokenFile != "" || s.ActorTokenType != "" {
		t.Actor = &onbehalf.Actor{TokenFile: b.filePath(s.ActorTokenFile), TokenType: s.ActorTokenType}
	}
	return t
}

// exchangeNames are the names of the keys for client authentication in the block.
var exchangeNames = authNames{}

// exchangeKeys are the other fields of onbehalf.Config.
var exchangeKeys = []fieldKey{
	{field: "TokenEndpoint", key: "token_endpoint"},
	{field: "Timeout", key: "timeout_seconds"},
	{field: "MaxConcurrent", key: "max_concurrent"},
	{field: "CacheEntries", key: "cache_entries"},
	{field: "Targets", key: "targets"},
}

// targetKeys are the fields of onbehalf.Target.
var targetKeys = []fieldKey{
	{field: ".Grant", key: "grant"},
	{field: ".Audiences", key: "audiences"},
	{field: ".Resources", key: "resources"},
	{field: ".Scopes", key: "scopes"},
	{field: ".Origins", key: "origins"},
	{field: ".IssuedAudiences", key: "issued_audiences"},
	{field: ".ChallengeScopes", key: "challenge_scopes"},
	{field: ".InteractionURL", key: "interaction_url"},
	{field: ".SubjectTokenType", key: "subject_token_type"},
	{field: ".RequestedTokenType", key: "requested_token_type"},
	{field: ".IssuedTokenType", key: "issued_token_type"},
	{field: ".Actor.TokenFile", key: "actor_token_file"},
	{field: ".Actor.TokenType", key: "actor_token_type"},
	{field: ".Actor", key: "actor_token_type"},
	{field: ".Name", key: ""},
	{field: "", key: ""},
}

// exchangeWords are the names of fields in the mistakes of onbehalf.New.
var exchangeWords = strings.NewReplacer(append(exchangeNames.words(),
	"has neither Audiences nor Resources nor Scopes", "has neither audiences nor resources nor scopes",
	"use Resources, or Scopes with Entra", "use resources, or scopes with Entra",
	"; use Scopes", "; use scopes",
	"token types and Actor are for", "token types and actor_token_file are for",
	"set exactly one of TokenFile and TokenFunc", "requires actor_token_file",
	"set TokenEndpoint or MetadataURL", "set token_endpoint, or metadata_url of the issuer",
)...)

// addExchangeMistakes adds the mistakes of onbehalf.New under the keys that caused them.
func (i *issuerBuilder) addExchangeMistakes(err error) {
	for _, mistake := range splitMistakes(err) {
		field, rest, _ := strings.Cut(strings.TrimPrefix(mistake.Error(), "metadata: "), ": ")
		rest = exchangeWords.Replace(strings.TrimPrefix(rest, "metadata: "))
		text := strings.TrimSuffix(field+": "+rest, ": ")
		name, index, _ := strings.Cut(field, "[")
		key := exchangeNames.keys()[field]
		switch {
		case key != "":
			i.addExchange(key, "%s", rest)
		case name == "MetadataURL":
			i.addMistake("metadata_url", "%s", rest)
		case name == "AllowHosts" && index != "":
			i.addMistake("allow_private_hosts["+index, "%s", rest)
		case i.addTargetMistake(text), i.addTranslated(onBehalfBlock, text, exchangeKeys):
		default:
			i.addExchange("issuer_url", "%s", text)
		}
	}
}

// addTargetMistake adds a mistake about a target. It reports whether it has done so.
func (b *builder) addTargetMistake(text string) bool {
	for n, name := range sortedKeys(b.settings.OnBehalfOf.Targets) {
		if rest, ok := strings.CutPrefix(text, fmt.Sprintf("Targets[%d]", n)); ok {
			return b.addTranslated(fmt.Sprintf("%s.targets[%q]", onBehalfBlock, name), rest, targetKeys)
		}
	}
	return false
}
