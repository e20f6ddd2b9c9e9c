package valkey

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	valkeygo "github.com/valkey-io/valkey-go"
)

// dataFunction makes lost data visible. It is in every script that answers about proofs and
// revocations.
//
// The first key holds RUN/SINCE. RUN is the run_id of the server, which is another one after a
// restart and on another server. SINCE is the time at which a script first noticed that RUN had
// changed, or that the key was missing because the data was deleted. Everything that was stored
// before SINCE may have been lost. What was stored later is complete until SINCE changes again.
//
// A text that no script has written counts as missing.
//
// SINCE is the later one of the times of the server and of the process, so that a clock that is
// slow does not move it before the change. A SINCE that is in the future, because a clock was fast,
// is replaced.
//
// The key is deleted first, because a full server permits a script to write after it has removed
// something. So such a server still returns revocations.
const dataFunction = `
local function data()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  if not run then return 'NORUNID' end
  local now, since = tonumber(ARGV[1]), nil
  local stored = redis.call('GET', KEYS[1])
  if stored and #stored < 80 and string.match(stored, '^%x+/') == run .. '/' and string.match(stored, '/%d+$') then
    since = tonumber(string.sub(stored, #run + 2))
    if since <= now + 5000 then return stored end
  end
  local time = redis.call('TIME')
  local latest = math.max(now, time[1] * 1000 + math.floor(time[2] / 1000))
  if since and since <= latest + 5000 then return stored end
  stored = run .. '/' .. string.format('%.0f', latest)
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[1], stored)
  return stored
end
`

// clockSkew is the largest difference of the clocks of two processes for which no lost proof is
// missed. It is also in dataFunction.
const clockSkew = 5 * time.Second

// dataSet identifies the data of the server.
type dataSet struct {
	run   string
	since time.Time // what was stored before may have been lost
}

func (d dataSet) String() string { return fmt.Sprintf("%s/%d", d.run, d.since.UnixMilli()) }

// readDataSet reads the first element of a reply with a number of elements.
func readDataSet(reply []valkeygo.ValkeyMessage, elements int) (dataSet, error) {
	if len(reply) != elements {
		return dataSet{}, errReply
	}
	text, err := reply[0].ToString()
	switch {
	case err != nil:
		return dataSet{}, err
	case text == "NORUNID":
		return dataSet{}, errNoRunID
	}
	run, since, _ := strings.Cut(text, "/")
	milliseconds, err := strconv.ParseInt(since, 10, 64)
	if err != nil || run == "" {
		return dataSet{}, errReply
	}
	return dataSet{run, time.UnixMilli(milliseconds)}, nil
}

// checkScript also notices that the server has become the primary again while its process continued. It may
// lack what another primary has stored meanwhile, and RUN is the same. master_replid2 is then another
// one; it is 0 if the server was always the primary. Each new connection begins with a check.
var checkScript = newScript(`
local before = string.match(redis.call('INFO', 'replication'), 'master_replid2:(%x*[1-9a-f]%x*)')
if before and before ~= redis.call('GET', KEYS[2]) then
  redis.call('SET', KEYS[2], before)
  redis.call('DEL', KEYS[1])
end
return {data()}
`)

// health is what a check of a server has found.
type health struct {
	data  dataSet // if the server does not evict keys
	evict string  // a setting of the server with which it can evict keys; empty: it does not
}

// check reads whether the server can evict keys, and the data set, which writes it if it has changed.
// If the server can evict keys, check deletes the data set: what is in the store then counts as lost,
// also after the setting was changed. A replica is an error, because it can lack revocations. It still
// has its own run_id in the data set if it was the primary before. Its role is checked last, because a
// replica in a cluster names its primary in the error of another command.
func check(ctx context.Context, c *connection, n names) (health, error) {
	text, err := c.client.Do(ctx, c.client.B().Arbitrary("INFO", "memory", "replication").Build()).ToString()
	if err != nil {
		return health{}, err
	}
	info := fieldsOf(text)
	var h health
	if h.evict, err = evictionIn(info); err != nil {
		return health{}, err
	}
	if h.evict != "" {
		_, err = c.client.Do(ctx, c.client.B().Del().Key(n.data).Build()).ToInt64()
	} else {
		h.data, err = currentData(ctx, c, n)
	}
	if err == nil && info["role"] != "master" {
		err = errReplica
	}
	return h, err
}

// currentData reads the data set.
func currentData(ctx context.Context, c *connection, n names) (dataSet, error) {
	reply, err := checkScript.run(ctx, c, []string{n.data, n.before})
	if err != nil {
		return dataSet{}, err
	}
	return readDataSet(reply, 1)
}

// fieldsOf returns the lines of INFO by name.
func fieldsOf(info string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

// evictionIn returns the setting in INFO with which the server can evict keys. An evicted key would be
// a proof that is accepted again, or a revocation that is lost.
func evictionIn(info map[string]string) (setting string, err error) {
	limit, limited := info["maxmemory"]
	policy, hasPolicy := info["maxmemory_policy"]
	switch {
	case !limited || !hasPolicy:
		return "", errReply // fail closed: it is not known whether keys are evicted
	case limit == "0" || policy == "noeviction":
		return "", nil
	}
	return "maxmemory-policy " + policy, nil
}
