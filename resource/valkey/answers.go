package valkey

import (
	"context"
	"errors"
	"strconv"
	"time"

	valkeygo "github.com/valkey-io/valkey-go"

	"github.com/warder-go/warder/introspect"
)

// answers implements introspect.Answers. Lost and evicted keys cost calls of the endpoint only.
type answers struct{ store *Store }

func (a answers) key(key introspect.AnswerKey) string { return a.store.names.answers + string(key[:]) }

// Limits of what Get reads, in bytes. A process stores no longer texts.
const (
	maxAnswer     = 32 << 10 // maximum size of an answer that is read; package introspect stores 17 KiB at most
	maxGeneration = 19       // maximum length of a generation that is read
)

// Get implements introspect.Answers. The generation is read first.
func (a answers) Get(ctx context.Context, key introspect.AnswerKey) (value []byte, generation int64, err error) {
	s := a.store
	err = s.guard.do(ctx, opGet, func(ctx context.Context, c *connection) error {
		b := c.client.B()
		replies := c.client.DoMulti(ctx,
			b.Getrange().Key(s.names.purged).Start(0).End(maxGeneration).Build(),
			b.Getrange().Key(a.key(key)).Start(0).End(maxAnswer-1).Build())
		text, err := textOf(replies[0])
		if err != nil {
			return err
		}
		if generation, err = readGeneration(text); err != nil {
			return err
		}
		if text, err = textOf(replies[1]); err == nil && text != "" { // empty: absent
			value = []byte(text)
		}
		return err
	})
	return value, generation, err
}

// textOf returns a text. The library returns an empty one for a reply of another type.
func textOf(result valkeygo.ValkeyResult) (string, error) {
	message, err := result.ToMessage()
	switch {
	case err != nil:
		return "", err
	case !message.IsString():
		return "", errReply
	}
	return message.ToString()
}

// errGeneration does not count as a failure of the server, because it is about answers only.
var errGeneration = errors.New("the key generation is not a number: remove it, or set another Prefix")

// readGeneration reads a generation. It is 0 if text is empty: the key is absent.
func readGeneration(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	generation, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) > maxGeneration {
		return 0, errGeneration // the error of strconv contains the text
	}
	return generation, nil
}

// Put implements introspect.Answers.
func (a answers) Put(ctx context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) error {
	return a.store.guard.do(ctx, opPut, func(ctx context.Context, c *connection) error {
		b := c.client.B()
		if ttl <= 0 {
			_, err := c.client.Do(ctx, b.Del().Key(a.key(key)).Build()).ToInt64()
			return err
		}
		set := b.Set().Key(a.key(key)).Value(string(value)).PxMilliseconds(milliseconds(ttl)).Build()
		return expectOK(c.client.Do(ctx, set))
	})
}

// PutNew implements introspect.Answers.
func (a answers) PutNew(ctx context.Context, key introspect.AnswerKey, value []byte, ttl time.Duration) (stored bool, err error) {
	err = a.store.guard.do(ctx, opPutNew, func(ctx context.Context, c *connection) error {
		set := c.client.B().Set().Key(a.key(key)).Value(string(value)).Nx().PxMilliseconds(milliseconds(ttl)).Build()
		err := expectOK(c.client.Do(ctx, set))
		if valkeygo.IsValkeyNil(err) {
			return nil
		}
		stored = err == nil
		return err
	})
	return stored, err
}

// expectOK returns nil if the reply is OK.
func expectOK(result valkeygo.ValkeyResult) error {
	text, err := result.ToString()
	if err == nil && text != "OK" {
		err = errReply
	}
	return err
}

// milliseconds rounds up a duration, which is at least one millisecond.
func milliseconds(d time.Duration) int64 {
	return max(1, (d + time.Millisecond - 1).Milliseconds())
}

// purgeScript raises the generation. It compares decimal numbers, because Lua would round them.
var purgeScript = newScript(`
local old = redis.call('GET', KEYS[2])
if not old or #ARGV[2] > #old or #ARGV[2] == #old and ARGV[2] > old then redis.call('SET', KEYS[2], ARGV[2]) end
return {1}
`)

var errNegative = errors.New("the generation is negative")

// Purge implements introspect.Answers.
func (a answers) Purge(ctx context.Context, generation int64) error {
	s := a.store
	if generation < 0 {
		return &callError{opPurge, errNegative}
	}
	return s.guard.do(ctx, opPurge, func(ctx context.Context, c *connection) error {
		reply, err := purgeScript.run(ctx, c, []string{s.names.data, s.names.purged}, strconv.FormatInt(generation, 10))
		if err == nil && len(reply) != 1 {
			err = errReply
		}
		return err
	})
}
