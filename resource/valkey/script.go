package valkey

import (
	"context"
	"crypto/fips140"
	"crypto/sha1" //nolint:gosec // G505: servers name scripts by their SHA-1, which protects nothing here
	"encoding/hex"
	"strconv"
	"time"

	valkeygo "github.com/valkey-io/valkey-go"
)

// script is a Lua script that returns an array. The server runs it atomically. Its first key is
// always that of the data set, and its first argument the time of this process in milliseconds
// since 1970.
type script struct{ text, name string }

// newScript returns a script that begins with dataFunction.
func newScript(text string) *script {
	s := &script{text: dataFunction + text}
	fips140.WithoutEnforcement(func() {
		sum := sha1.Sum([]byte(s.text)) //nolint:gosec // G401: as above
		s.name = hex.EncodeToString(sum[:])
	})
	return s
}

// run executes the script. The text is sent only if the server does not have the script, so that
// the script was not executed. This is the case once after the server has started.
func (s *script) run(ctx context.Context, c *connection, keys []string, arguments ...string) ([]valkeygo.ValkeyMessage, error) {
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	call := func(command, script string) valkeygo.ValkeyResult {
		builder := c.client.B().Arbitrary(command).Args(script, strconv.Itoa(len(keys))).Keys(keys...)
		return c.client.Do(ctx, builder.Args(now).Args(arguments...).Build())
	}
	result := call("EVALSHA", s.name)
	if reply, ok := valkeygo.IsValkeyErr(result.Error()); ok && reply.IsNoScript() {
		result = call("EVAL", s.text)
	}
	return result.ToArray()
}
