package securityevents_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warder-go/warder/jwks"
	"github.com/warder-go/warder/resource/securityevents"
)

// New lists every mistake.
func TestMistakes(t *testing.T) {
	keys := newKeys(t, newIssuer(t))
	tenants, err := jwks.New(jwks.Config{Issuer: "https://auth.example.test/{tenantid}", URL: "https://auth.example.test/jwks"})
	if err != nil {
		t.Fatal(err)
	}
	var noStore *store
	for _, row := range []struct {
		name   string
		change func(*securityevents.Config)
		want   []string // parts of the error
	}{
		{"nothing", func(c *securityevents.Config) { *c = securityevents.Config{} }, []string{"Keys: nil", "Revocations: nil", "Audience: empty"}},
		{"many tenants", func(c *securityevents.Config) { c.Keys = tenants }, []string{"Keys: the issuer is the pattern"}},
		{"a nil pointer", func(c *securityevents.Config) { c.Revocations = noStore }, []string{"Revocations: nil"}},
		{"empty audience", func(c *securityevents.Config) { c.Audience = []string{"a", ""} }, []string{"Audience[1]: empty"}},
		{"duplicate audience", func(c *securityevents.Config) { c.Audience = []string{"a", "a"} }, []string{"Audience[1]: duplicate"}},
		{"token issuer", func(c *securityevents.Config) { c.TokenIssuer = "x\n" }, []string{"TokenIssuer: "}},
		{"short times", func(c *securityevents.Config) {
			c.TokenLifetime, c.MaxAge, c.Leeway = time.Second-1, time.Minute-1, -1
		}, []string{"TokenLifetime: 999.999999ms", "MaxAge: 59.999999999s", "Leeway: -1ns"}},
		{"long times", func(c *securityevents.Config) {
			c.TokenLifetime, c.MaxAge, c.Leeway = 366*24*time.Hour+1, 30*24*time.Hour+1, 15*time.Minute+1
		}, []string{"TokenLifetime: ", "MaxAge: ", "Leeway: "}},
		{"two authorizations", func(c *securityevents.Config) { c.Authorization, c.AuthorizationFile = "s3cr3t", "f" }, []string{"both are set"}},
		{"authorization with a line break", func(c *securityevents.Config) { c.Authorization = "s3cr3t\n" }, []string{"Authorization: cannot be"}},
		{"authorization with a space at the end", func(c *securityevents.Config) { c.Authorization = "s3cr3t " }, []string{"Authorization: cannot be"}},
		{"authorization that is not ASCII", func(c *securityevents.Config) { c.Authorization = "s3cr3té" }, []string{"Authorization: cannot be"}},
	} {
		config := securityevents.Config{Keys: keys, Audience: []string{audience}, Revocations: new(store)}
		row.change(&config)
		receiver, err := securityevents.New(config)
		if err == nil || receiver != nil {
			t.Errorf("%s: no error", row.name)
			continue
		}
		for _, part := range append(row.want, "securityevents: configuration: ") {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q, want %q", row.name, err, part)
			}
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != len(row.want) {
			t.Errorf("%s: %d mistakes: %v", row.name, n, err)
		}
		if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the error contains the secret: %v", row.name, err)
		}
	}
}

// The bounds of the times are permitted.
func TestBounds(t *testing.T) {
	keys := newKeys(t, newIssuer(t))
	for _, c := range []securityevents.Config{
		{TokenLifetime: time.Second, MaxAge: time.Minute, Leeway: 1},
		{TokenLifetime: 366 * 24 * time.Hour, MaxAge: 30 * 24 * time.Hour, Leeway: 15 * time.Minute},
	} {
		c.Keys, c.Audience, c.Revocations = keys, []string{audience}, new(store)
		if _, err := securityevents.New(c); err != nil {
			t.Error(err)
		}
	}
}

// The secret is not printed. The slice of the caller can change later.
func TestPrinting(t *testing.T) {
	list := []string{audience}
	config := securityevents.Config{Keys: newKeys(t, newIssuer(t)), Audience: list, Revocations: new(store), Authorization: "s3cr3t"}
	receiver, err := securityevents.New(config)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s", config, config, config, config), fmt.Sprintf("%v %#v", receiver, receiver),
		fmt.Sprint(struct{ c *securityevents.Receiver }{receiver}), config.LogValue().String(), string(encoded),
	} {
		if strings.Contains(text, "s3cr3t") || strings.Contains(text, fmt.Sprintf("%x", "s3cr3t")) {
			t.Errorf("prints the secret: %s", text)
		}
	}
	if !strings.Contains(fmt.Sprint(config), audience) {
		t.Errorf("prints %s", fmt.Sprint(config))
	}
	list[0] = "other"
	f := newFixture(t, func(c *securityevents.Config) { c.Audience = list })
	list[0] = "changed"
	if got := f.deliver(withClaims(claims{"aud": "other"})); got.status != 202 {
		t.Errorf("the audience changed: got %d %s", got.status, got.body)
	}
}
