package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/warder-go/warder/resource"
)

// Authentication says how and when the user must have logged in. It has at least one of its keys.
type Authentication struct {
	ACRValues []string `yaml:"acr_values" doc:"accepted values of the claim acr, in order of preference. They are compared byte for byte. Default: tokens with any acr, and without it"`
	MaxAge    *int     `yaml:"max_age_seconds" min:"1" max:"315360000" doc:"longest time since the login of the user, which is the claim auth_time. leeway_seconds is added. Default: no limit"`
}

// ResourceAuthentication is Authentication for MCP resources. It has exactly one of uri, prefix
// and template.
type ResourceAuthentication struct {
	URI       string   `yaml:"uri" doc:"URI of one resource"`
	Prefix    string   `yaml:"prefix" doc:"prefix of the URIs of several resources"`
	Template  string   `yaml:"template" doc:"RFC 6570 template of the URIs of several resources"`
	ACRValues []string `yaml:"acr_values" doc:"accepted values of the claim acr, as in required_authentication"`
	MaxAge    *int     `yaml:"max_age_seconds" min:"1" max:"315360000" doc:"longest time since the login of the user, as in required_authentication"`
}

// addAuthentication adds the logins that requests need.
func (b *builder) addAuthentication(c *resource.Config) {
	s := &b.settings
	if s.RequiredAuthentication != nil {
		c.Credentials.Authentication = b.authentication("required_authentication", *s.RequiredAuthentication)
	}
	c.Operations.Authentication = resource.OperationAuthentication{Methods: b.authenticationMap("method_authentication", s.MethodAuthentication),
		Tools: b.authenticationMap("tool_authentication", s.ToolAuthentication), Prompts: b.authenticationMap("prompt_authentication", s.PromptAuthentication)}
	for n, rule := range s.ResourceAuthentication {
		needed := b.authentication(fmt.Sprintf("resource_authentication[%d]", n), Authentication{rule.ACRValues, rule.MaxAge})
		c.Operations.Authentication.Resources = append(c.Operations.Authentication.Resources,
			resource.ResourceAuthentication{URI: rule.URI, Prefix: rule.Prefix, Template: rule.Template, Authentication: needed})
	}
}

// authentication converts the requirement at a path. It rejects one without keys, which would
// accept every token and is probably a mistake in a template.
func (b *builder) authentication(path string, given Authentication) resource.Authentication {
	if given.ACRValues == nil && given.MaxAge == nil {
		b.mistakes.add(b.position(path), "%s: has neither acr_values nor max_age_seconds; add one of them or remove the key", path)
	}
	return resource.Authentication{ACRValues: given.ACRValues, MaxAge: time.Duration(number(given.MaxAge)) * time.Second}
}

// authenticationMap returns nil for nil, because a map that is not nil makes package resource read
// bodies.
func (b *builder) authenticationMap(path string, given map[string]Authentication) map[string]resource.Authentication {
	if given == nil {
		return nil
	}
	all := make(map[string]resource.Authentication, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		all[name] = b.authentication(fmt.Sprintf("%s[%q]", path, name), given[name])
	}
	return all
}
