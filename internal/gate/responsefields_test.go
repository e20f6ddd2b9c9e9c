package gate_test

import (
	"io"
	"net/http"
	"reflect"
	"testing"
)

// An upstream can set no field for the whole origin or host, which it shares with other upstreams,
// and none that is the gate's. It can do so neither in the header nor in trailers.
func TestFieldsOfResponses(t *testing.T) {
	removed := []string{"Alt-Svc", "Dpop-Nonce", "Warder-Identity", "warder_identity", "X-User", "X_User", "Access-Control-Allow-Origin", "Access-Control-Allow-Private-Network",
		"Access-Control-New", "Clear-Site-Data", "Set-Cookie", "Strict-Transport-Security", "Service-Worker-Allowed", "Refresh", "Nel", "Report-To", "Reporting-Endpoints",
		"Public-Key-Pins", "Authentication-Info", "Timing-Allow-Origin", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection"}
	kept := []string{"Mcp-Session-Id", "Retry-After", "Vary", "Etag", "X-Request-Id"}
	trailers := []string{"Mcp-Session-Id", "Location", "Content-Range", "Content-Type", "Cache-Control"}
	f := start(t, options{upstream: "  identity_headers: {X-User: subject}\n"}, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		for _, name := range append(removed, kept...) {
			h[name] = []string{"1"}
		}
		h["Content-Type"] = []string{"application/json"}
		h["Trailer"] = []string{"X-Announced, Clear-Site-Data"}
		_, _ = io.WriteString(w, "{}")
		_ = http.NewResponseController(w).Flush()
		for _, name := range append(removed, trailers...) {
			h[http.TrailerPrefix+name] = []string{"2"}
		}
		h["X-Announced"] = []string{"2"}
		h[http.TrailerPrefix+"X-Sum"] = []string{"2"}
	}))
	res, err := new(http.Transport).RoundTrip(f.post(call))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "{}" {
		t.Fatalf("got %q, %v", body, err)
	}
	want := http.Header{"Content-Type": {"application/json"}, "Date": res.Header["Date"]}
	for _, name := range kept {
		want[name] = []string{"1"}
	}
	if !reflect.DeepEqual(res.Header, want) {
		t.Errorf("header (-want +got)\n- %v\n+ %v", want, res.Header)
	}
	if want := (http.Header{"X-Announced": {"2"}, "X-Sum": {"2"}}); !reflect.DeepEqual(res.Trailer, want) {
		t.Errorf("trailers (-want +got)\n- %v\n+ %v", want, res.Trailer)
	}
}
