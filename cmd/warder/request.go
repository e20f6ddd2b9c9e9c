package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/warder-go/warder/internal/authorization"
	"github.com/warder-go/warder/internal/regularfile"
)

// maxRequestFile is the limit for the file of -request, in bytes.
const maxRequestFile = 16 << 20

// requestOf returns the request in the file of -request, or nil.
func requestOf(ctx context.Context, c *cli.Command) (*http.Request, error) {
	file := c.String("request")
	switch {
	case file == "" && c.String("remote-addr") != "":
		return nil, errors.New("-remote-addr has no effect without -request")
	case file != "" && c.String("resource") != "":
		return nil, errors.New("-resource has no effect with -request, whose path and Host select the identifier")
	case file == "":
		return nil, nil
	}
	if err := checkAddress(c.String("remote-addr")); err != nil {
		return nil, err
	}
	text, err := regularfile.Read(file, maxRequestFile)
	if err != nil {
		return nil, fmt.Errorf("-request: file %q: %w", file, err)
	}
	req, err := parseRequest(text)
	if err != nil {
		return nil, fmt.Errorf("-request: file %q: %w", file, err)
	}
	req.RemoteAddr = c.String("remote-addr")
	return req.WithContext(ctx), nil
}

// checkAddress rejects an address that the server would never see in a request.
func checkAddress(address string) error {
	if address == "" {
		return nil
	}
	if _, err := netip.ParseAddrPort(address); err != nil {
		return errors.New("-remote-addr: is not an IP address with a port, such as 192.0.2.1:443 or [2001:db8::1]:443")
	}
	return nil
}

// parseRequest reads an HTTP/1.1 request (RFC 9112). Its lines can end with LF alone, and the body is
// the rest of the text, whatever Content-Length is: a person may have edited it. Errors do not
// quote the text.
func parseRequest(text []byte) (*http.Request, error) {
	head, body := cutHead(text)
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	switch {
	case err != nil:
		return nil, errors.New("is not an HTTP request: write the request line, such as POST /mcp HTTP/1.1, then Host and the other header fields, an empty line and the body")
	case len(req.TransferEncoding) > 0:
		return nil, errors.New("has Transfer-Encoding: remove it, and write the body as it is")
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return req, nil
}

// cutHead returns the head of a request, up to and including the first empty line, and the rest.
func cutHead(text []byte) (head, body []byte) {
	at := 0
	for line := range bytes.Lines(text) {
		at += len(line)
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return text[:at], text[at:]
		}
	}
	return append(bytes.Clone(text), "\r\n\r\n"...), nil
}

// setToken sets the Authorization header field. The scheme is DPoP if the request has a proof, unless
// the token was given with a scheme.
func setToken(req *http.Request, token string) {
	token = strings.TrimSpace(token)
	if _, kind := authorization.Read([]string{token}); kind == authorization.OtherScheme {
		scheme := "Bearer "
		if len(req.Header["Dpop"]) > 0 {
			scheme = "DPoP "
		}
		token = scheme + token
	}
	req.Header["Authorization"] = []string{token}
}
