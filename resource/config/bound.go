package config

import (
	"github.com/warder-go/warder/resource"
)

// ResourcePattern selects MCP resources. It has exactly one of its keys.
type ResourcePattern struct {
	URI      string `yaml:"uri" doc:"URI of one resource"`
	Prefix   string `yaml:"prefix" doc:"prefix of the URIs of several resources"`
	Template string `yaml:"template" doc:"RFC 6570 template of the URIs of several resources"`
}

// addBound adds the operations that need a bound token.
func (b *builder) addBound(c *resource.Config) {
	s := &b.settings
	c.Operations.Bound = resource.BoundOperations{Methods: s.BoundMethods, Tools: s.BoundTools, Prompts: s.BoundPrompts}
	for _, pattern := range s.BoundResources {
		c.Operations.Bound.Resources = append(c.Operations.Bound.Resources, resource.ResourcePattern(pattern))
	}
}
