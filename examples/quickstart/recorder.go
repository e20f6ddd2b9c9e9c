package main

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// recorder is a RoundTripper that keeps what it sees. The zero value is ready.
type recorder struct {
	transport http.Transport

	mu        sync.Mutex
	exchanges []*exchange
	told      int // exchanges that next has returned
}

// exchange is a request and its response, as they were on the wire.
type exchange struct {
	method   string
	url      *url.URL
	sent     message
	status   int
	received message
}

type message struct {
	header http.Header
	body   []byte
}

// RoundTrip sends the request. Streams (SSE) are passed on without their body; there
// are none in this story.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{method: req.Method, url: req.URL}
	req = req.Clone(req.Context())
	var err error
	if req.Body != nil {
		if x.sent.body, req.Body, err = tap(req.Body); err != nil {
			return nil, err
		}
	}
	response, err := r.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x.sent.header, x.status, x.received.header = req.Header, response.StatusCode, response.Header.Clone()
	if kind(response.Header) != "text/event-stream" {
		if x.received.body, response.Body, err = tap(response.Body); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = append(r.exchanges, x)
	return response, nil
}

// tap reads a body and returns it twice.
func tap(body io.ReadCloser) ([]byte, io.ReadCloser, error) {
	defer body.Close()
	text, err := io.ReadAll(body)
	return text, io.NopCloser(bytes.NewReader(text)), err
}

// next returns the first exchange that it has not returned yet, or nil.
func (r *recorder) next() *exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == len(r.exchanges) {
		return nil
	}
	r.told++
	return r.exchanges[r.told-1]
}

func kind(header http.Header) string {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return kind
}

// address is the URL without its query.
func (x *exchange) address() string {
	bare := *x.url
	bare.RawQuery = ""
	return bare.String()
}

// asked returns the parameters of the request: of its query, form or JSON object.
func (x *exchange) asked() map[string]string {
	if x.method == http.MethodGet {
		return flat(x.url.Query())
	}
	return x.sent.fields()
}

// fields returns the members of a form or of a JSON object. Strings are decoded, other
// values are JSON.
func (m message) fields() map[string]string {
	switch kind(m.header) {
	case "application/x-www-form-urlencoded":
		values, _ := url.ParseQuery(string(m.body)) // what can be read of it
		return flat(values)
	case "application/json":
		var members map[string]jsontext.Value
		if json.Unmarshal(m.body, &members) != nil {
			return nil
		}
		fields := make(map[string]string, len(members))
		for name, value := range members {
			var text string
			if json.Unmarshal(value, &text) != nil {
				text = string(value)
			}
			fields[name] = text
		}
		return fields
	}
	return nil
}

func flat(values url.Values) map[string]string {
	fields := make(map[string]string, len(values))
	for name := range values {
		fields[name] = values.Get(name)
	}
	return fields
}

// toolAnswer reads the answer of a tool from a JSON-RPC response.
func (x *exchange) toolAnswer() (text string, failed bool) {
	var response struct {
		Result struct {
			IsError bool `json:"isError"`
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
		} `json:"result"`
	}
	if json.Unmarshal(x.received.body, &response) != nil || len(response.Result.Content) == 0 {
		return "", false
	}
	return response.Result.Content[0].Text, response.Result.IsError
}
