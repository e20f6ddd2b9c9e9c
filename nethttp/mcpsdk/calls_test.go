package mcpsdk_test

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// clientCall is a call of a client in a session.
type clientCall func(context.Context, *mcp.ClientSession) error

func tool(name string, arguments map[string]any) clientCall {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := s.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
		return err
	}
}

func prompt(name string, arguments map[string]string) clientCall {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := s.GetPrompt(ctx, &mcp.GetPromptParams{Name: name, Arguments: arguments})
		return err
	}
}

func read(uri string) clientCall {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := s.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
		return err
	}
}

func complete(ref mcp.CompleteReference) clientCall {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := s.Complete(ctx, &mcp.CompleteParams{Ref: &ref, Argument: mcp.CompleteParamsArgument{Name: "a"}})
		return err
	}
}

func subscribe(uri string) clientCall {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		return s.Subscribe(ctx, &mcp.SubscribeParams{URI: uri})
	}
}

func unsubscribe(uri string) clientCall {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		return s.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: uri})
	}
}

func custom(method string, arguments map[string]any) clientCall {
	return func(ctx context.Context, s *mcp.ClientSession) error {
		_, err := mcp.CallCustomMethod[*acmeParams, *acmeResult](ctx, s, method, &acmeParams{Arguments: arguments})
		return err
	}
}
