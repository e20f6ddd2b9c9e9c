package jose_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/warder-go/warder/internal/jose"
)

// A published private or symmetric key is rejected: no token verifies with it, not even one that
// was signed with it. Two groups also contain a public key, which
// remains in use.
func TestWycheproofWithPublishedPrivateKeys(t *testing.T) {
	groups, tokens, inUse := 0, 0, 0
	for _, name := range []string{"signature", "key", "crypto", "encryption"} {
		var file wycheproof
		vectors(t, "wycheproof/json_web_"+name+"_test.json", &file)
		for _, g := range file.TestGroups {
			set := keySet(g.Private)
			_ = set.Ready(context.Background()) // returns an error if no key remains
			groups, inUse = groups+1, inUse+set.Stats().Keys
			if keys := set.Stats().Keys; keys > 0 && g.Comment != "jws_mixedSymmetryKeyset" {
				t.Errorf("%s %s: %d private keys are in use", name, g.Comment, keys)
			}
			for _, v := range g.Tests {
				tokens++
				if verify(set, v.raw()) == nil {
					t.Errorf("%s %s %d: FALSE ACCEPT", name, g.Comment, v.TcID)
				}
			}
		}
	}
	if groups != 87 || tokens != 649 || inUse != 2 {
		t.Errorf("got %d groups, %d tokens, %d public keys in use, want 87, 649, 2", groups, tokens, inUse)
	}
	t.Logf("%d groups, %d tokens, none accepted", groups, tokens)
}

// Encrypted tokens are treated as opaque and cannot be parsed as JWS, so that no key is looked up
// for them.
func TestWycheproofEncrypted(t *testing.T) {
	counts := map[string]int{}
	for _, name := range []string{"crypto", "encryption"} {
		var file wycheproof
		vectors(t, "wycheproof/json_web_"+name+"_test.json", &file)
		for _, v := range file.all() {
			if v.JWE == nil {
				continue
			}
			if _, err := jose.Parse(v.raw()); err == nil || jose.LooksLikeJWS(v.raw()) {
				t.Errorf("%s %d %s: treated as a JWS, error %v", v.group, v.TcID, v.Comment, err)
			}
			counts[map[int]string{4: "five segments", 3: "four segments"}[strings.Count(v.raw(), ".")]]++
		}
	}
	if want := map[string]int{"five segments": 151, "four segments": 20, "": 2}; !maps.Equal(counts, want) {
		t.Errorf("(-want +got)\n- %v\n+ %v", want, counts)
	}
	t.Logf("173 encrypted, all opaque: %v", counts)
}
