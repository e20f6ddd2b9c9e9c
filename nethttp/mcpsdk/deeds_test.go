package mcpsdk_test

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// A deed is what a client does in a session.
type deed func(context.Context, *mcp.ClientSession) error

func tool(name string, arguments map[string]any) deed {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := s.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
		return err
	}
}

func prompt(name string, arguments map[string]string) deed {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := s.GetPrompt(ctx, &mcp.GetPromptParams{Name: name, Arguments: arguments})
		return err
	}
}

func read(uri string) deed {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := s.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
		return err
	}
}

func complete(ref mcp.CompleteReference) deed {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := s.Complete(ctx, &mcp.CompleteParams{Ref: &ref, Argument: mcp.CompleteParamsArgument{Name: "a"}})
		return err
	}
}

func subscribe(uri string) deed {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		return s.Subscribe(ctx, &mcp.SubscribeParams{URI: uri})
	}
}

func unsubscribe(uri string) deed {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		return s.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: uri})
	}
}

func custom(method string, arguments map[string]any) deed {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := mcp.CallCustomMethod[*acmeParams, *acmeResult](ctx, s, method, &acmeParams{Arguments: arguments})
		return err
	}
}
