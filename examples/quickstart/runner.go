package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// runSteps runs the steps in order and prints each. The error names the step that
// failed. A request without a step is an error too.
func runSteps(ctx context.Context, out io.Writer, traffic *recorder, steps []step) error {
	var clientErr error // result of the client's latest action
	for i, s := range steps {
		if s.do != nil {
			if err := finished(traffic, clientErr); err != nil {
				return err
			}
			clientErr = s.do(ctx)
		}
		fmt.Fprintf(out, "\n%2d. %s\n", i+1, s.title)
		x := traffic.next()
		if x == nil {
			return withClientError(fmt.Errorf("step %d: the client sent no request", i+1), clientErr)
		}
		printExchange(out, s, x, traffic.secrets())
		if err := s.verify(x); err != nil {
			return withClientError(fmt.Errorf("step %d: %w", i+1, err), clientErr)
		}
		fmt.Fprintf(out, "    %s\n", s.explanation)
	}
	return finished(traffic, clientErr)
}

// withClientError adds the client's own error, if there is one.
func withClientError(err, clientErr error) error {
	if clientErr == nil {
		return err
	}
	return fmt.Errorf("%w; the client reports: %w", err, clientErr)
}

// finished returns an error if the client's action failed although all its steps
// passed, or if it sent more requests than there are steps.
func finished(traffic *recorder, clientErr error) error {
	if clientErr != nil {
		return clientErr
	}
	if x := traffic.next(); x != nil {
		return fmt.Errorf("no step for %s %s, status %d", x.method, x.address(), x.status)
	}
	return nil
}

func (s step) verify(x *exchange) error {
	got := fmt.Sprintf("%s %s, status %d", x.method, x.address(), x.status)
	want := fmt.Sprintf("%s %s, status %d", s.method, s.url, s.status)
	if got != want {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	if s.check == nil {
		return nil
	}
	return s.check(x)
}

// printedHeaders are the header fields to print, of requests and responses.
var printedHeaders = []string{
	"Authorization", "Dpop", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name",
	"Www-Authenticate", "Location", "Retry-After",
}

func printExchange(out io.Writer, s step, x *exchange, secrets []string) {
	line := func(direction, text string) {
		fmt.Fprintf(out, "    %s %s\n", direction, shorten(text, secrets))
	}
	line(">", x.method+" "+x.address())
	printFields(line, ">", x.sent.header, s.parameters, x.parameters())
	line("<", fmt.Sprintf("%d %s", x.status, http.StatusText(x.status)))
	printFields(line, "<", x.received.header, s.fields, x.received.fields())
	if text, isError := x.toolResult(); isError {
		line("<", "    tool error: "+text)
	} else if text != "" {
		line("<", "    tool result: "+text)
	}
}

func printFields(line func(direction, text string), direction string, header http.Header, names []string, fields map[string]string) {
	for _, name := range printedHeaders {
		for _, value := range header[name] {
			line(direction, "    "+officialSpelling(name)+": "+value)
		}
	}
	for _, name := range names {
		if value, ok := fields[name]; ok {
			line(direction, "    "+name+" = "+value)
		}
	}
}

// officialSpelling restores the case that the specifications use and Go canonicalizes.
func officialSpelling(name string) string {
	return strings.NewReplacer("Www-A", "WWW-A", "Mcp-P", "MCP-P", "Dpop", "DPoP").Replace(name)
}

// secrets returns the recorded values that must not be printed in full. DPoP proofs are not
// secret, but long.
func (r *recorder) secrets() (values []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.exchanges {
		values = append(values, x.sent.header["Dpop"]...)
		redirect, err := url.Parse(x.received.header.Get("Location"))
		if err != nil {
			redirect = new(url.URL)
		}
		for _, fields := range []map[string]string{x.parameters(), x.received.fields(), firstValues(redirect.Query())} {
			for _, name := range []string{"access_token", "refresh_token", "client_secret", "code", "code_verifier"} {
				if value := fields[name]; value != "" && !slices.Contains(values, value) {
					values = append(values, value)
				}
			}
		}
	}
	return values
}

func shorten(text string, secrets []string) string {
	for _, secret := range secrets {
		short := "..."
		if len(secret) > 20 {
			short = secret[:6] + "..." + secret[len(secret)-4:]
		}
		text = strings.ReplaceAll(text, secret, short)
	}
	return text
}
