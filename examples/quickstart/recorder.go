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

// recorder is a RoundTripper that records every request and response. The zero value is
// ready for use. It is safe for concurrent use.
type recorder struct {
	transport http.Transport

	mu        sync.Mutex
	exchanges []*exchange
	returned  int // number of exchanges that next has returned
}

// exchange is a request and its response, as sent and received.
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

// RoundTrip sends the request. It does not record bodies of event streams (SSE), of
// which the demo has none.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{method: req.Method, url: req.URL}
	req = req.Clone(req.Context())
	var err error
	if req.Body != nil {
		if x.sent.body, req.Body, err = copyBody(req.Body); err != nil {
			return nil, err
		}
	}
	response, err := r.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x.sent.header, x.status, x.received.header = req.Header, response.StatusCode, response.Header.Clone()
	if mediaType(response.Header) != "text/event-stream" {
		if x.received.body, response.Body, err = copyBody(response.Body); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = append(r.exchanges, x)
	return response, nil
}

// copyBody reads and closes body. It returns the bytes and a new body with the same
// bytes.
func copyBody(body io.ReadCloser) ([]byte, io.ReadCloser, error) {
	defer body.Close()
	text, err := io.ReadAll(body)
	return text, io.NopCloser(bytes.NewReader(text)), err
}

// next returns the first exchange that it has not returned yet, or nil.
func (r *recorder) next() *exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.returned == len(r.exchanges) {
		return nil
	}
	r.returned++
	return r.exchanges[r.returned-1]
}

func mediaType(header http.Header) string {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return mediaType
}

// address is the URL without its query.
func (x *exchange) address() string {
	bare := *x.url
	bare.RawQuery = ""
	return bare.String()
}

// parameters returns the request's parameters: from the query of a GET request,
// otherwise from the form or JSON object in the body.
func (x *exchange) parameters() map[string]string {
	if x.method == http.MethodGet {
		return firstValues(x.url.Query())
	}
	return x.sent.fields()
}

// fields returns the members of a form or of a JSON object. JSON strings are decoded;
// other JSON values are returned as JSON text.
func (m message) fields() map[string]string {
	switch mediaType(m.header) {
	case "application/x-www-form-urlencoded":
		values, _ := url.ParseQuery(string(m.body)) // keeps the valid pairs
		return firstValues(values)
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

func firstValues(values url.Values) map[string]string {
	fields := make(map[string]string, len(values))
	for name := range values {
		fields[name] = values.Get(name)
	}
	return fields
}

// toolResult reads the text of a tool result from a JSON-RPC response. It returns ""
// if there is none.
func (x *exchange) toolResult() (text string, isError bool) {
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
