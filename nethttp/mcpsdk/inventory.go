package mcpsdk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/yosida95/uritemplate/v3"

	"github.com/warder-go/warder/internal/mcpmsg"
	"github.com/warder-go/warder/internal/nearest"
	"github.com/warder-go/warder/resource"
)

// inventory is what a server has: names, URIs and texts of templates.
type inventory struct {
	tools, prompts, resources, templates []string
	arguments                            map[string][]string // by tool; none if its schema has no properties
}

// checkKey is the context key of the session that Check opens. The SDK passes it to the
// server's middlewares. No other request has it.
type checkKey struct{}

// isChecking reports whether a message belongs to that session and is one that Check sends.
func isChecking(ctx context.Context, method string) bool {
	return ctx.Value(checkKey{}) != nil && (mcpmsg.CanBePublic(method) || mcpmsg.IsLifecycle(method))
}

// takeInventory lists everything that a server has.
func takeInventory(ctx context.Context, server *mcp.Server) (have inventory, err error) {
	here, there := mcp.NewInMemoryTransports()
	serving, err := server.Connect(context.WithValue(ctx, checkKey{}, true), there, nil)
	if err != nil {
		return have, fmt.Errorf("connecting to the server: %w", err)
	}
	defer func() { _ = serving.Close() }()
	client := mcp.NewClient(&mcp.Implementation{Name: "warder-check", Version: "1"}, nil)
	session, err := client.Connect(ctx, here, nil)
	if err != nil {
		return have, fmt.Errorf("connecting to the server: %w", err)
	}
	defer func() { _ = session.Close() }()
	var failed [4]error
	have.arguments = map[string][]string{}
	have.tools, failed[0] = all(session.Tools(ctx, nil), func(t *mcp.Tool) string {
		schema, _ := t.InputSchema.(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		have.arguments[t.Name] = slices.Sorted(maps.Keys(properties))
		return t.Name
	})
	have.prompts, failed[1] = all(session.Prompts(ctx, nil), func(p *mcp.Prompt) string { return p.Name })
	have.resources, failed[2] = all(session.Resources(ctx, nil), func(r *mcp.Resource) string { return r.URI })
	have.templates, failed[3] = all(session.ResourceTemplates(ctx, nil), func(t *mcp.ResourceTemplate) string { return t.URITemplate })
	return have, errors.Join(failed[:]...)
}

func all[T any](pages iter.Seq2[*T, error], name func(*T) string) (names []string, err error) {
	for one, err := range pages {
		if err != nil {
			return nil, fmt.Errorf("listing: %w", err)
		}
		names = append(names, name(one))
	}
	return names, nil
}

// appliesToTemplate reports whether a rule applies to some of the URIs of a registered
// template. It compares templates by one of their URIs.
func appliesToTemplate(rule resource.ResourceRule, template string) bool {
	registered := resource.ResourceRule{Template: template}
	head, _, _ := strings.Cut(template, "{")
	switch {
	case rule.Applies(sample(template)):
		return true
	case rule.URI != "":
		return registered.Applies(rule.URI)
	case rule.Prefix != "":
		return strings.HasPrefix(rule.Prefix, head)
	}
	return registered.Applies(sample(rule.Template))
}

// sample returns a URI of the template, with "x" for each variable; "" for a malformed
// template, which rules and the SDK reject. The text of a template is not a URI itself.
func sample(template string) string {
	parsed, err := uritemplate.New(template)
	if err != nil {
		return ""
	}
	values := uritemplate.Values{}
	for _, name := range parsed.Varnames() {
		values.Set(name, uritemplate.String("x"))
	}
	text, err := parsed.Expand(values)
	if err != nil {
		return ""
	}
	return text
}

// didYouMean returns the end of a message about a name that the server does not have.
func didYouMean(name string, have []string) string {
	if meant := nearest.Name(name, have); meant != "" {
		return fmt.Sprintf("; did you mean %q?", meant)
	}
	return ""
}
