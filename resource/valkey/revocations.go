package valkey

import (
	"context"
	"errors"
	"slices"
	"strconv"

	valkeygo "github.com/valkey-io/valkey-go"

	"github.com/warder-go/warder/resource/revocation"
)

// Limits of one call of a script, which blocks the server: for two milliseconds if it adds records, and
// for half a millisecond if it reads. All processes read all records at the same time after another server has
// become the primary. With larger pages, the calls of a thousand processes would all take longer than
// bulkTimeout.
const (
	addBatch  = 500  // records that are added, and ended ones that are removed
	readBatch = 1000 // records that are read
)

// endDelay is how long after its end a record is removed, so that a clock that is fast does not
// remove records that other processes need.
const endDelay = "300" // seconds

// revocations implements revocation.Store.
type revocations struct{ store *Store }

// addScript adds records that the store does not have, and removes some that have ended. The
// arguments after the first five are pairs of a record and its end.
var addScript = newScript(`
local data = data()
if data == 'NORUNID' then return {data, 0} end
local records, ends = KEYS[2], KEYS[3]
local now = math.min(ARGV[1] / 1000, redis.call('TIME')[1]) - ARGV[4]
local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[3])
if #ended > 0 then
  redis.call('ZREM', records, unpack(ended))
  redis.call('ZREM', ends, unpack(ended))
end
local room = tonumber(ARGV[2]) - redis.call('ZCARD', records)
local last, full = false, 0
for i = 6, #ARGV, 2 do
  if not redis.call('ZSCORE', records, ARGV[i]) then
    if room <= 0 then full = 1 break end
    room = room - 1
    last = redis.call('INCR', KEYS[4])
    redis.call('ZADD', records, last, ARGV[i])
    redis.call('ZADD', ends, ARGV[i + 1], ARGV[i])
  end
end
if last then redis.call('PUBLISH', ARGV[5], last) end
return {data, full}
`)

var errFull = errors.New("the store has too many revocations: raise MaxRevocations")

// Add implements revocation.Store.
func (r revocations) Add(ctx context.Context, records []revocation.Record) error {
	for batch := range slices.Chunk(records, addBatch) {
		if err := r.addBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (r revocations) addBatch(ctx context.Context, records []revocation.Record) error {
	s := r.store
	arguments := []string{strconv.Itoa(s.maxRevocations), strconv.Itoa(addBatch), endDelay, s.names.channel}
	for _, record := range records {
		b, err := record.MarshalBinary()
		if err != nil {
			return err
		}
		arguments = append(arguments, string(b), strconv.FormatInt(record.Until, 10))
	}
	keys := []string{s.names.data, s.names.records, s.names.ends, s.names.last}
	var full int64
	err := s.guard.do(ctx, opAdd, func(ctx context.Context, c *connection) error {
		reply, err := addScript.run(ctx, c, keys, arguments...)
		if err != nil {
			return err
		}
		if _, err = readDataSet(reply, 2); err != nil {
			return err
		}
		full, err = reply[1].ToInt64()
		return err
	})
	if err == nil && full != 0 {
		err = &callError{opAdd, errFull}
	}
	return err
}

// readScript returns records after a sequence number, each with its sequence number, and the last
// number that was given to a record. If a record has not the length of one, it returns none of them but
// something that is an error: the text could have any length.
//
// PERSIST changes nothing, but a server that does not accept writes rejects it. A primary that is cut off
// from its replicas (min-replicas-to-write) must not be read, because another one may have taken its place
// and have further revocations. A server that cannot save its data to the disk (MISCONF) has all of them.
var readScript = newScript(`
local data = data()
if data == 'NORUNID' then return {data, 0, {}} end
local written = redis.pcall('PERSIST', KEYS[1])
if type(written) == 'table' and string.sub(written.err, 1, 7) ~= 'MISCONF' then return written end
local last = tonumber(redis.call('GET', KEYS[3]) or 0)
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #found, 2 do
  if #found[i] ~= 32 then return {data, last, {''}} end
end
return {data, last, found}
`)

// Read implements revocation.Store.
func (r revocations) Read(ctx context.Context, after int64) (page revocation.Page, err error) {
	s := r.store
	keys := []string{s.names.data, s.names.records, s.names.last}
	err = s.guard.do(ctx, opRead, func(ctx context.Context, c *connection) error {
		// One more record than a page has shows that there are more.
		reply, err := readScript.run(ctx, c, keys, strconv.FormatInt(after, 10), strconv.Itoa(readBatch+1))
		if err != nil {
			return err
		}
		data, err := readDataSet(reply, 3)
		if err != nil {
			return err
		}
		s.noteData(data)
		page, err = readPage(reply, data, after)
		return err
	})
	return page, err
}

func readPage(reply []valkeygo.ValkeyMessage, data dataSet, after int64) (revocation.Page, error) {
	page := revocation.Page{Data: data.String(), Last: after}
	last, err := reply[1].ToInt64()
	if err != nil {
		return revocation.Page{}, err
	}
	if after > last {
		// The key with the last number was deleted, but not the data set. Another Data makes the
		// list read everything.
		page.Data += "/" + strconv.FormatInt(last, 10)
		return page, nil
	}
	elements, err := reply[2].AsStrSlice()
	if err != nil || len(elements)%2 != 0 {
		return revocation.Page{}, errReply
	}
	if len(elements) > 2*readBatch {
		elements, page.More = elements[:2*readBatch], true
	}
	for pair := range slices.Chunk(elements, 2) {
		var record revocation.Record
		if err := record.UnmarshalBinary([]byte(pair[0])); err != nil {
			return revocation.Page{}, errReply // fail closed: it could be a revocation of a newer version
		}
		if page.Last, err = strconv.ParseInt(pair[1], 10, 64); err != nil {
			return revocation.Page{}, errReply
		}
		page.Records = append(page.Records, record)
	}
	return page, nil
}
