package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/warder-go/warder/nethttp/mcpsdk"
	"github.com/warder-go/warder/resource/onbehalf"
)

const maxAnswerBytes = 64 << 10 // of the calendar

// calendarTool is a tool that reads the user's calendar.
type calendarTool struct {
	url    string       // of the calendar
	client *http.Client // its transport is that of the exchanger
}

// events handles a call of the tool.
func (c calendarTool) events(ctx context.Context, req *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
	caller, ok := mcpsdk.CallerFrom(req.Extra) // not from ctx, which belongs to the request that opened the session
	if !ok {
		return nil, nil, errors.New("no caller")
	}
	out, err := http.NewRequestWithContext(onbehalf.WithCaller(ctx, caller), http.MethodGet, c.url, nil)
	if err != nil {
		return nil, nil, err
	}
	response, err := c.client.Do(out)
	if failed, ok := errors.AsType[*onbehalf.Error](err); ok {
		return explain(req, failed), nil, nil
	} else if err != nil {
		return failure("The calendar cannot be reached."), nil, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil || response.StatusCode != http.StatusOK {
		return failure(fmt.Sprintf("The calendar answered with status %d.", response.StatusCode)), nil, nil
	}
	return text(string(body)), nil, nil
}

// explain says what a user can do if there is no token for the calendar. The package has logged and
// counted the error already.
func explain(req *mcp.CallToolRequest, e *onbehalf.Error) *mcp.CallToolResult {
	switch e.Kind {
	case onbehalf.KindInteraction:
		if mcpsdk.Challenge(req.Extra, e.Scopes...) {
			return failure("") // the client gets 403 instead
		}
		if question := mcpsdk.ElicitURL(req, e.InteractionURL, "Permit access to your calendar."); question != nil {
			return question
		}
		return failure("Permit access to your calendar, and then try again.")
	case onbehalf.KindUnavailable:
		return failure("The calendar is not available at the moment. Try again later.")
	case onbehalf.KindEnded:
		return failure("Your session has ended. Log in again.")
	}
	return failure("The calendar cannot be used for you.")
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}

func failure(s string) *mcp.CallToolResult {
	result := text(s)
	result.IsError = true
	return result
}
