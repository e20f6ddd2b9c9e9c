package config

import (
	"context"

	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/apikey"
)

// APIKeyHeader is the header field for the keys of api_keys_file.
const APIKeyHeader = "X-API-Key"

func (b *builder) addAPIKeys(ctx context.Context, c *resource.Config) {
	name, prefix := b.settings.APIKeysFile, b.settings.APIKeyPrefix
	if name == "" && prefix != "" {
		b.mistakes.add(b.position("api_key_prefix"), "api_key_prefix: requires api_keys_file")
	}
	if name == "" || c.Identifier == "" {
		return
	}
	file := b.files.path(name)
	v, err := b.reuse(func() (resource.Verifier, error) {
		v, err := apikey.New(apikey.Config{Resource: c.Identifier, File: file, Logger: b.config.Logger})
		if err == nil {
			err = v.Ready(ctx)
		}
		return v, err
	}, "apikey", c.Identifier, file)
	if err != nil {
		for _, mistake := range splitMistakes(err) {
			b.mistakes.add(b.position("api_keys_file"), "api_keys_file: %s", mistake)
		}
		return
	}
	if keys, ok := v.(resource.HeaderVerifier); ok {
		c.Credentials.Headers = map[string]resource.HeaderVerifier{APIKeyHeader: keys}
	}
	if prefix != "" {
		if c.Credentials.Prefixed == nil {
			c.Credentials.Prefixed = map[string]resource.Issuer{}
		}
		c.Credentials.Prefixed[prefix] = resource.Issuer{Verifier: v}
	}
}
