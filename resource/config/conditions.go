package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/warder-go/warder/resource"
)

// addConditions adds the conditions on claims and the rules for arguments.
func (b *builder) addConditions(c *resource.Config) {
	s := &b.settings
	c.Credentials.Conditions = b.conditions("required_conditions", s.RequiredConditions)
	c.Operations.Conditions = resource.OperationConditions{Methods: b.conditionMap("method_conditions", s.MethodConditions),
		Tools: b.conditionMap("tool_conditions", s.ToolConditions), Prompts: b.conditionMap("prompt_conditions", s.PromptConditions)}
	for n, rule := range s.ResourceConditions {
		c.Operations.Conditions.Resources = append(c.Operations.Conditions.Resources,
			resource.ResourceConditions{URI: rule.URI, Prefix: rule.Prefix, Template: rule.Template, Conditions: b.conditions(fmt.Sprintf("resource_conditions[%d].conditions", n), rule.Conditions)})
	}
	for _, rule := range s.ArgumentScopes {
		others := resource.OtherValuesNeedAll
		if rule.Others == "reject" {
			others = resource.RejectOtherValues
		}
		c.Operations.Arguments = append(c.Operations.Arguments,
			resource.ArgumentRule{Tool: rule.Tool, Argument: rule.Argument, Values: rule.Values, Others: others})
	}
}

// conditions converts the conditions at a path. It rejects an empty list, which would accept
// every token and is probably a mistake in a template.
func (b *builder) conditions(path string, given []Condition) (all []resource.Condition) {
	if given != nil && len(given) == 0 {
		b.mistakes.add(b.position(path), "%s: is empty; add a condition or remove the key", path)
	}
	for _, c := range given {
		all = append(all, resource.Condition{Claim: c.Claim, Equals: c.Equals, OneOf: c.OneOf, Contains: c.Contains, ContainsOneOf: c.ContainsOneOf,
			PathPrefix: c.PathPrefix, ContainsDetail: (*resource.DetailCondition)(c.ContainsDetail)})
	}
	return all
}

// conditionMap returns nil for nil, because a map that is not nil makes package resource read
// bodies.
func (b *builder) conditionMap(path string, given map[string][]Condition) map[string][]resource.Condition {
	if given == nil {
		return nil
	}
	all := make(map[string][]resource.Condition, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		all[name] = b.conditions(fmt.Sprintf("%s[%q]", path, name), given[name])
	}
	return all
}
