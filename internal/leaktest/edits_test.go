package leaktest_test

// The scanner builds the test suite with modified copies of some files (go build -overlay).
// In the copies, code that receives or creates a secret adds it to leaktest.Shared, and
// code that writes output passes it to leaktest.Scan. The files in the repository and the
// tests are not modified.

// An edit replaces the first occurrence of from in a file by to.
type edit struct{ file, from, to string }

// standardEdits cover the outputs of Go's standard library: errors of fmt, log records,
// responses with status 400 and above in an httptest.ResponseRecorder, and standard output
// and error, which receive panics of handlers and the output of examples and failed tests.
var standardEdits = []edit{
	{"os/file.go", "func (f *File) Write(b []byte) (n int, err error) {\n", "func (f *File) Write(b []byte) (n int, err error) {\n\tif WarderScan != nil && f != nil && (f.file.name == \"/dev/stdout\" || f.file.name == \"/dev/stderr\") {\n\t\tWarderScan(\"output\", string(b))\n\t}\n"},
	{"os/file.go", "// Write writes len(b) bytes from b to the File.\n", "// WarderScan, if set, receives output.\nvar WarderScan func(output, text string)\n\n// Write writes len(b) bytes from b to the File.\n"},
	{"fmt/errors.go", "	s := string(p.buf)\n", "	s := string(p.buf)\n\tif os.WarderScan != nil {\n\t\tos.WarderScan(\"error\", s)\n\t}\n"},
	{"fmt/errors.go", "	\"errors\"\n", "	\"errors\"\n\t\"os\"\n"},
	{"log/slog/handler.go", "	_, err := h.w.Write(*state.buf)\n", "	if os.WarderScan != nil {\n\t\tos.WarderScan(\"log\", string(*state.buf))\n\t}\n\t_, err := h.w.Write(*state.buf)\n"},
	{"log/slog/handler.go", "	\"io\"\n", "	\"io\"\n\t\"os\"\n"},
	{"log/log.go", "	_, err := l.out.Write(*buf)\n", "	if os.WarderScan != nil {\n\t\tos.WarderScan(\"log\", string(*buf))\n\t}\n\t_, err := l.out.Write(*buf)\n"},
	{"net/http/httptest/recorder.go", "	rw.writeHeader(buf, \"\")\n", "	rw.writeHeader(buf, \"\")\n\tif os.WarderScan != nil && rw.Code >= 400 {\n\t\tos.WarderScan(\"response\", fmt.Sprint(rw.snapHeader)+string(buf))\n\t}\n"},
	{"net/http/httptest/recorder.go", "	\"net/textproto\"\n", "	\"net/textproto\"\n\t\"os\"\n"},
}

// warderEdits cover the places in warder where secrets are received or created, and
// warder's own outputs.
var warderEdits = []edit{
	{"resource/authenticate.go", "	p := r.policy()\n\tif outer", "	p := r.policy()\n\tleakAddRequest(p, req)\n\tif outer"},
	{"resource/principal.go", "	b.policy.digestKey = ", "	leakSecrets.AddBytes(\"digest key\", key)\n\tb.policy.digestKey = "},
	{"resource/refusal.go", "	answer.Err = f\n", "	answer.Err = f\n\tleakScan(\"response\", fmt.Sprintf(\"%+v %q %q\", answer, answer.Body, answer.Err))\n"},
	{"resource/event.go", "	\"net/http\"\n", "	\"fmt\"\n\t\"net/http\"\n"},
	{"resource/refusal.go", "	\"net/http\"\n", "	\"fmt\"\n\t\"net/http\"\n"},
	{"resource/event.go", "	for _, o := range p.observers {\n", "	leakScan(\"event\", fmt.Sprintf(\"%+v %s\", e, caller))\n\tfor _, o := range p.observers {\n"},
	{"resource/metrics.go", "func (c collector) Collect(ch chan<- prometheus.Metric) {\n", "func (c collector) collectWithoutScan(ch chan<- prometheus.Metric) {\n"},
	{"resource/resourcetest/token.go", "	token, claims := s.compact(t)\n", "	token, claims := s.compact(t)\n\tleakSecrets.AddToken(token)\n"},
	{"resource/resourcetest/token.go", "	s.store.put(token, s.accessRecord(t, s.claims(t), t.grant()))\n", "	leakSecrets.AddToken(token)\n\ts.store.put(token, s.accessRecord(t, s.claims(t), t.grant()))\n"},
	{"resource/resourcetest/keys.go", "	signer := generate(family)\n", "	signer := generate(family)\n\tleakSecrets.AddKey(signer)\n"},
	{"resource/resourcetest/proofkey.go", "	jwk := publicJWK(signer.Public())\n", "	leakSecrets.AddKey(signer)\n\tjwk := publicJWK(signer.Public())\n"},
	{"resource/otelwarder/otelwarder.go", "	span.AddEvent(", "	if os.WarderScan != nil {\n\t\tos.WarderScan(\"span\", fmt.Sprint(attributes))\n\t}\n\tspan.AddEvent("},
	{"resource/otelwarder/otelwarder.go", "	\"context\"\n", "	\"context\"\n\t\"fmt\"\n\t\"os\"\n"},
	{"internal/commonkey/commonkey.go", "	return derived\n", "	leakSecrets.AddBytes(\"common key\", key)\n\tleakSecrets.AddBytes(\"key derived from a common key\", derived)\n\treturn derived\n"},
	{"resource/onbehalf/answer.go", "	return &Token{access: ", "	leakSecrets.AddToken(a.accessToken)\n\treturn &Token{access: "},
	{"resource/onbehalf/answer.go", "		switch {\n\t\tcase strictjson.IsAbsent(value)", "		if name == \"refresh_token\" {\n\t\t\ttext, _ := strictjson.String(value)\n\t\t\tleakSecrets.AddToken(text)\n\t\t}\n\t\tswitch {\n\t\tcase strictjson.IsAbsent(value)"},
	{"resource/onbehalf/call.go", "		form.Set(\"actor_token\", token)\n", "		leakSecrets.AddToken(token)\n\t\tform.Set(\"actor_token\", token)\n"},
	{"resource/onbehalf/metrics.go", "	e.metrics.count(t, err.Kind)\n", "	if os.WarderScan != nil {\n\t\tos.WarderScan(\"error\", fmt.Sprintf(\"%+v %s\", *err, err))\n\t}\n\te.metrics.count(t, err.Kind)\n"},
	{"resource/onbehalf/metrics.go", "	\"context\"\n", "	\"context\"\n\t\"fmt\"\n\t\"os\"\n"},
	{"resource/securityevents/authorization.go", "	a := &authorization{", "	leakSecrets.AddToken(c.Authorization)\n\ta := &authorization{"},
	{"resource/valkey/connection.go", "	return valkeygo.AuthCredentials{Username: l.username", "	leakSecrets.Add(\"store password\", password)\n\treturn valkeygo.AuthCredentials{Username: l.username"},
	{"internal/keyset/bearer.go", "	header.Set(\"Authorization\", ", "	leakSecrets.AddToken(c.token)\n\theader.Set(\"Authorization\", "},
	{"internal/oauthendpoint/oauthendpoint.go", "	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))\n", "	leakSecrets.AddToken(header.Get(\"Authorization\"))\n\tleakSecrets.AddToken(form.Get(\"client_assertion\"))\n\tleakSecrets.Add(\"client secret\", form.Get(\"client_secret\"))\n\t_, secret, _ := (&http.Request{Header: header}).BasicAuth()\n\tleakSecrets.Add(\"client secret\", secret)\n\treq, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))\n"},
}

// addedFile is a file that is added to each edited package which uses leakSecrets. %s is
// the name of the package. Package resource gets addedResourceFile instead, which also
// attaches the scanner to the standard library.
const addedFile = `package %s

import (
	"github.com/warder-go/warder/internal/leaktest"
)

var leakSecrets = leaktest.Shared
`

const addedResourceFile = `package resource

import (
	"net/http"
	"os"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/warder-go/warder/internal/leaktest"
)

var leakSecrets = leaktest.Shared

func leakScan(output, text string) { leaktest.Scan(os.Getenv("WARDER_LEAKS"), output, text) }

func leakAddRequest(p *policy, req *http.Request) {
	for _, value := range slices.Concat(req.Header["Authorization"], req.Header["Proxy-Authorization"], req.Header["Cookie"], req.Header[proofField]) {
		leakSecrets.AddToken(value)
	}
	for _, h := range p.headers {
		for _, value := range req.Header[h.name] {
			leakSecrets.AddToken(value)
		}
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	inner := make(chan prometheus.Metric)
	go func() {
		defer close(inner)
		c.collectWithoutScan(inner)
	}()
	for m := range inner {
		var written dto.Metric
		if m.Write(&written) == nil {
			leakScan("metric", m.Desc().String()+written.String())
		}
		ch <- m
	}
}

func init() { os.WarderScan = leakScan }
`
