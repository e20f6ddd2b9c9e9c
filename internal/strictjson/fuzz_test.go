package strictjson_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/warder-go/warder/internal/strictjson"
	"github.com/warder-go/warder/internal/strictjson/strictjsontest"
)

// FuzzObject compares Object, Valid and String with package strictjsontest: both accept the
// same documents and return the same values.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{"kid":"a","sub":["b",null],"exp":1.5e300,"expiresIn":{"a":{"b":[]}},"other":true}`,
		`{"\u0065xp":1,"exp":2}`, "{\"\u212Aid\":1}", `{"KID":1}`, `{"a":"\ud83d\ude00","b":"\ud800"}`, "{\"a\":\"\\\\ufffd\uFFFD\\uFFFD\"}",
		nested(64), nested(65), "\uFEFF{}", `{} {}`, `[{}]`, `{"a":[{"b":1,"b":2}]}`, "{\"\xff\":1}", `{"a":01}`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		got := map[string]string{}
		err := strictjson.Object(data, known, func(name string, value jsontext.Value) error {
			got[name] = compact(t, value)
			return strictjson.Valid(value)
		})
		if !bytes.Equal(data, before) {
			t.Fatalf("%q was changed to %q", before, data)
		}
		want, ok := strictjsontest.Object(data)
		ok = ok && !strictjsontest.CaseVariant(want, "kid", "sub", "exp", "expiresIn")
		if (err == nil) != ok {
			t.Fatalf("%q: error %v, strictjsontest accepts: %v", data, err, ok)
		}
		if valid := strictjson.Valid(data) == nil; valid != strictjsontest.Valid(data) {
			t.Fatalf("%q: valid %v, strictjsontest disagrees", data, valid)
		}
		if err != nil {
			return
		}
		for _, name := range []string{"kid", "sub", "exp", "expiresIn"} {
			if raw, present := want[name]; present != (got[name] != "") || present && compact(t, raw) != got[name] {
				t.Errorf("%q, member %q: got %s, want %s", data, name, got[name], raw)
			}
			wantText, _, isString := strictjsontest.String(want, name)
			text, err := strictjson.String(jsontext.Value(got[name]))
			if got[name] != "" && ((err == nil) != isString || text != wantText) {
				t.Errorf("%q, member %q: got text %q, error %v, want %q, %v", data, name, text, err, wantText, isString)
			}
		}
	})
}

func compact(t *testing.T, value []byte) string {
	var out bytes.Buffer
	if err := json.Compact(&out, value); err != nil {
		t.Fatalf("value %q is not JSON: %v", value, err)
	}
	return out.String()
}
