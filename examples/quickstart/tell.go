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

// tell plays the steps and prints each. The error says which one went otherwise.
func tell(ctx context.Context, out io.Writer, wire *recorder, steps []step) error {
	var done error // how the client's last undertaking ended
	for i, s := range steps {
		if s.do != nil {
			if err := orderly(wire, done); err != nil {
				return err
			}
			done = s.do(ctx)
		}
		fmt.Fprintf(out, "\n%2d. %s\n", i+1, s.title)
		x := wire.next()
		if x == nil {
			return because(fmt.Errorf("step %d: nothing was sent", i+1), done)
		}
		show(out, s, x, wire.secrets())
		if err := s.verify(x); err != nil {
			return because(fmt.Errorf("step %d: %w", i+1, err), done)
		}
		fmt.Fprintf(out, "    %s\n", s.meaning)
	}
	return orderly(wire, done)
}

// because adds what the client itself said, if anything.
func because(err, done error) error {
	if done == nil {
		return err
	}
	return fmt.Errorf("%w; the client says: %w", err, done)
}

// orderly reports an undertaking that failed although all its steps went as told, or
// that did more than was told.
func orderly(wire *recorder, done error) error {
	if done != nil {
		return done
	}
	if x := wire.next(); x != nil {
		return fmt.Errorf("nobody told of %s %s, status %d", x.method, x.address(), x.status)
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

// The headers worth reading, of whichever exchange has them.
var worthReading = []string{
	"Authorization", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name",
	"Www-Authenticate", "Location", "Retry-After",
}

func show(out io.Writer, s step, x *exchange, secrets []string) {
	line := func(direction, text string) {
		fmt.Fprintf(out, "    %s %s\n", direction, shorten(text, secrets))
	}
	line(">", x.method+" "+x.address())
	showFields(line, ">", x.sent.header, s.asked, x.asked())
	line("<", fmt.Sprintf("%d %s", x.status, http.StatusText(x.status)))
	showFields(line, "<", x.received.header, s.got, x.received.fields())
	if text, failed := x.toolAnswer(); failed {
		line("<", "    tool error: "+text)
	} else if text != "" {
		line("<", "    tool answer: "+text)
	}
}

func showFields(line func(direction, text string), direction string, header http.Header, names []string, fields map[string]string) {
	for _, name := range worthReading {
		for _, value := range header[name] {
			line(direction, "    "+spelling(name)+": "+value)
		}
	}
	for _, name := range names {
		if value, ok := fields[name]; ok {
			line(direction, "    "+name+" = "+value)
		}
	}
}

// spelling undoes what Go does to names that are written otherwise in their RFCs.
func spelling(name string) string {
	return strings.NewReplacer("Www-A", "WWW-A", "Mcp-P", "MCP-P").Replace(name)
}

// secrets are the values on the wire that a transcript must not give away.
func (r *recorder) secrets() (values []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.exchanges {
		redirect, err := url.Parse(x.received.header.Get("Location"))
		if err != nil {
			redirect = new(url.URL)
		}
		for _, fields := range []map[string]string{x.asked(), x.received.fields(), flat(redirect.Query())} {
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
