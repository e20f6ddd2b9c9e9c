package valkey

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/warder-go/warder/resource"
)

// replays implements resource.Replays.
type replays struct{ store *Store }

// onceScript stores a proof, if it is not stored yet, and counts the proofs of its key.
var onceScript = newScript(`
local data = data()
if data == 'NORUNID' then return {data, 0} end
if not redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[2]) then return {data, 0} end
local count = redis.call('INCR', KEYS[3])
if count == 1 then redis.call('SET', KEYS[3], 1, 'PX', ARGV[2]) end
if count > tonumber(ARGV[3]) then
  redis.call('DEL', KEYS[2])
  return {data, 2}
end
return {data, 1}
`)

// Results of onceScript.
const (
	replayed = iota
	firstUse
	tooMany
)

var errExpired = errors.New("the proof has expired")

// keptLonger is how much longer a proof is stored than a process with the right time accepts it. A
// replay at the end of this time reaches the server up to a timeout later than it was checked, and the
// clock of the process that checks it can be slower than that of the process that stored the proof.
const keptLonger = clockSkew + maxTimeout

// Once implements resource.Replays. A proof whose MadeAfter is not clockSkew after the last change
// with which data may have been lost results in ErrProofsLost. It is stored all the same.
func (r replays) Once(ctx context.Context, proof resource.ProofID, until time.Time) error {
	s := r.store
	left := time.Until(until)
	if left <= 0 {
		return &callError{opOnce, errExpired}
	}
	ttl := milliseconds(left + keptLonger)
	keys := []string{
		s.names.data,
		s.names.proofs + short(proof.Key[:], proof.Proof[:]),
		s.names.counts + short(proof.Key[:]),
	}
	var data dataSet
	var result int64
	err := s.guard.do(ctx, opOnce, func(ctx context.Context, c *connection) error {
		reply, err := onceScript.run(ctx, c, keys, strconv.FormatInt(ttl, 10), strconv.Itoa(s.maxProofsPerKey))
		if err != nil {
			return err
		}
		if data, err = readDataSet(reply, 2); err != nil {
			return err
		}
		result, err = reply[1].ToInt64()
		return err
	})
	if err != nil {
		return err
	}
	s.noteData(data)
	switch {
	case result == replayed:
		return resource.ErrReplayed
	case result == tooMany:
		return resource.ErrTooManyProofs
	case result != firstUse:
		return &callError{opOnce, errReply}
	case proof.MadeAfter.Before(data.since.Add(clockSkew)):
		return resource.ErrProofsLost
	}
	return nil
}
