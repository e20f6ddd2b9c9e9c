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

// Get implements introspect.Answers. The generation is read first.
func (a answers) Get(ctx context.Context, key introspect.AnswerKey) (value []byte, generation int64, err error) {
	s := a.store
	err = s.guard.do(ctx, opGet, func(ctx context.Context, c *connection) error {
		b := c.client.B()
		replies := c.client.DoMulti(ctx, b.Get().Key(s.names.purged).Build(), b.Get().Key(a.key(key)).Build())
		if generation, err = replies[0].AsInt64(); err != nil && !valkeygo.IsValkeyNil(err) {
			return badNumber(err)
		}
		text, err := replies[1].ToString()
		switch {
		case valkeygo.IsValkeyNil(err):
			return nil
		case err != nil:
			return err
		}
		value = []byte(text)
		return nil
	})
	return value, generation, err
}

// badNumber replaces the error of a text that is not a number, which contains the text.
func badNumber(err error) error {
	if errors.Is(err, strconv.ErrSyntax) || errors.Is(err, strconv.ErrRange) {
		return errReply
	}
	return err
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
