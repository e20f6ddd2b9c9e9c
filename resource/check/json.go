package check

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MarshalJSON returns the report as docs/check.md describes it: with all members, in the same order
// in each report.
func (r Report) MarshalJSON() ([]byte, error) {
	w := jsonWriter{}
	enc := jsontext.NewEncoder(&w.out)
	w.enc = enc
	w.token(jsontext.BeginObject)
	w.text("file", strings.ToValidUTF8(r.File, "\uFFFD"))
	for _, s := range severities {
		w.token(jsontext.String(string(s)))
		w.token(jsontext.Int(int64(r.Count(s))))
	}
	w.token(jsontext.String("findings"))
	w.token(jsontext.BeginArray)
	for _, f := range r.Findings {
		w.token(jsontext.BeginObject)
		w.text("id", string(f.ID))
		w.text("severity", string(f.Severity))
		w.text("subject", f.Subject)
		w.text("seen", f.Seen)
		w.text("meaning", f.Meaning)
		w.text("fix", f.Fix)
		w.token(jsontext.EndObject)
	}
	w.token(jsontext.EndArray)
	w.token(jsontext.EndObject)
	return bytes.TrimSuffix(w.out.Bytes(), []byte("\n")), w.err
}

// jsonWriter writes tokens until one fails.
type jsonWriter struct {
	out bytes.Buffer
	enc *jsontext.Encoder
	err error
}

func (w *jsonWriter) token(t jsontext.Token) {
	if w.err == nil {
		w.err = w.enc.WriteToken(t)
	}
}

func (w *jsonWriter) text(name, value string) {
	w.token(jsontext.String(name))
	w.token(jsontext.String(value))
}
