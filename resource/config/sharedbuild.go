package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/warder-go/warder/internal/anyvalue"
	"github.com/warder-go/warder/internal/commonkey"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/revocation"
)

const sharedBlock = "shared_state"

// A sharedStore is the open store of a Live. It is opened once, because the entries of the list, and the
// knowledge that the store has not lost a proof, would be lost otherwise. A nil pointer stands for none.
type sharedStore struct {
	settings SharedState
	ca       []byte // content of ca_file
	stores   Stores
	list     *revocation.List // nil: revocations are not shared
	closed   sync.Once
}

// close closes the store. It can be called repeatedly.
func (s *sharedStore) close() {
	if s != nil && s.stores.Close != nil {
		s.closed.Do(s.stores.Close)
	}
}

// revocations returns the list, or nil.
func (s *sharedStore) revocations() *revocation.List {
	if s == nil {
		return nil
	}
	return s.list
}

// noMetrics has no series.
type noMetrics struct{}

func (noMetrics) Describe(chan<- *prometheus.Desc) {}
func (noMetrics) Collect(chan<- prometheus.Metric) {}

// collector returns the series of the store.
func (s *sharedStore) collector() prometheus.Collector {
	if s == nil || s.stores.Metrics == nil {
		return noMetrics{}
	}
	return s.stores.Metrics
}

// addSharedState opens the store in the first build, and otherwise checks that its settings are the same. If it
// adds a mistake, nothing is shared in this build.
func (b *builder) addSharedState() {
	s := b.settings.SharedState
	if _, present := b.positions[sharedBlock]; present && s == nil {
		return // the decoder has added a mistake
	}
	if b.reloads && !b.hasSameStore() || s == nil {
		return
	}
	before := b.mistakes.count()
	keys := b.readKeys(sharedBlock+".keys", sharedBlock+".key_files", s.Keys, s.KeyFiles)
	if s.Keys == nil && s.KeyFiles == nil {
		b.addShared("keys", "is missing; set it or key_files to keys that all replicas have")
	} else if err := commonkey.Check(keys); err != nil {
		b.addShared(b.presentShared("key_files", "keys"), "%s", err)
	}
	settings, ca := b.storeSettings(s)
	b.checkShared(s)
	switch {
	case b.mistakes.count() > before:
		return
	case b.config.WithoutStore:
		return
	case !b.reloads:
		b.openStore(s, settings, ca, keys)
	case !slices.Equal(ca, b.shared.ca):
		b.addShared("ca_file", "the certificates are other ones; %s", needsRestart)
	}
	if b.mistakes.count() == before {
		b.sharedKeys = keys
	}
}

const needsRestart = "a change needs a restart"

// addShared adds a mistake about a key of shared_state.
func (b *builder) addShared(key, format string, args ...any) {
	path := join(sharedBlock, key)
	b.mistakes.add(b.position(path), "%s: %s", path, fmt.Sprintf(format, args...))
}

// presentShared returns the first of the keys that is present, or else the last.
func (b *builder) presentShared(keys ...string) string {
	for _, key := range keys {
		if _, ok := b.positions[join(sharedBlock, key)]; ok {
			return key
		}
	}
	return keys[len(keys)-1]
}

// hasSameStore adds a mistake if a key of shared_state has changed that needs a restart. Those are all keys
// but the two with the keys of the store.
func (b *builder) hasSameStore() bool {
	given := b.settings.SharedState
	switch {
	case given == nil && b.shared == nil, b.config.WithoutStore:
		return true
	case given == nil || b.shared == nil:
		b.mistakes.add(b.position(sharedBlock), "%s: was added or removed; %s", sharedBlock, needsRestart)
		return false
	}
	was, is := reflect.ValueOf(b.shared.settings), reflect.ValueOf(*given)
	for _, k := range keys(is.Type()) {
		if k.name != "keys" && k.name != "key_files" && !reflect.DeepEqual(was.FieldByIndex(k.index).Interface(), is.FieldByIndex(k.index).Interface()) {
			b.addShared(k.name, "has another value; %s", needsRestart)
			return false
		}
	}
	return true
}

// storeKeys are the fields of StoreSettings and Stores, as mistakes of Config.OpenStore name them.
var storeKeys = []fieldKey{
	{field: "Addresses", key: "addresses"},
	{field: "Mode", key: "mode"},
	{field: "SentinelMaster", key: "sentinel_master"},
	{field: "Username", key: "username"},
	{field: "PasswordFile", key: "password_file"},
	{field: "SentinelUsername", key: "sentinel_username"},
	{field: "SentinelPasswordFile", key: "sentinel_password_file"},
	{field: "TLS", key: "tls"},
	{field: "Prefix", key: "prefix"},
	{field: "Database", key: "database"},
	{field: "Timeout", key: "timeout_milliseconds"},
	{field: "MaxCalls", key: "max_calls"},
	{field: "MaxRevocations", key: "max_revocations"},
	{field: "MaxProofsPerKey", key: "max_proofs_per_key"},
	{field: "Store", key: "revocations"},
}

// addStoreMistakes adds the mistakes of Config.OpenStore or of revocation.New.
func (b *builder) addStoreMistakes(err error) {
	for _, mistake := range splitMistakes(err) {
		if !b.addTranslated(sharedBlock, mistake.Error(), storeKeys) {
			b.mistakes.add(b.position(sharedBlock), "%s: %s", sharedBlock, mistake)
		}
	}
}

// openStore opens the store and makes the list.
func (b *builder) openStore(s *SharedState, settings StoreSettings, ca []byte, keys [][]byte) {
	if b.config.OpenStore == nil {
		b.mistakes.add(b.position(sharedBlock), "%s: the program cannot open a store; it must set config.Config.OpenStore, for example to OpenStore of package resource/valkey, and run config.Live.Run", sharedBlock)
		return
	}
	stores, err := b.config.OpenStore(settings)
	if err != nil {
		b.addStoreMistakes(err)
		return
	}
	b.shared = &sharedStore{settings: *s, ca: ca, stores: stores}
	for _, part := range []struct {
		key    string
		shared bool
		store  any
	}{{"revocations", s.sharesRevocations(), stores.Revocations}, {"replays", s.sharesReplays(), stores.Replays}, {"introspection_answers", s.sharesAnswers(), stores.Answers}} {
		if part.shared && anyvalue.IsNil(part.store) {
			b.addShared(part.key, "the store of this program cannot share them; set it to false")
		}
	}
	if !s.sharesRevocations() || anyvalue.IsNil(stores.Revocations) {
		return
	}
	b.shared.list, err = revocation.New(revocation.Config{Store: stores.Revocations, Keys: keys, MaxEntries: number(s.MaxRevocations),
		MaxAge: seconds(s.MaxRevocationAge), AcceptOutdated: s.AcceptOutdated, Logger: b.config.Logger})
	if err != nil {
		b.addStoreMistakes(err)
	}
}

// sharesIn reports whether the store is open and something is shared in it.
func (b *builder) sharesIn(something func(*SharedState) bool) bool {
	return b.sharedKeys != nil && something(&b.shared.settings)
}

// setShared sets what package resource shares, after config.Config.Complete. If Complete has set
// it, that is a mistake: what the file says would silently not apply.
func (b *builder) setShared(c *resource.Config) {
	const mistake = "config.Config.Complete of the program sets %s; set this key to false, or remove it there"
	if b.sharesIn((*SharedState).sharesRevocations) {
		if c.Hooks.Revocations != nil {
			b.addShared("revocations", mistake, "Hooks.Revocations")
		}
		c.Hooks.Revocations = b.shared.list
	}
	if b.sharesIn((*SharedState).sharesReplays) {
		switch proofs := &c.Credentials.DPoP; {
		case proofs.Replays != nil:
			b.addShared("replays", mistake, "Credentials.DPoP.Replays")
		case acceptsDPoP(c):
			proofs.Replays = b.shared.stores.Replays
		}
	}
}

// acceptsDPoP reports whether a token can be bound to a key.
func acceptsDPoP(c *resource.Config) bool {
	issuers := slices.Concat(c.Issuers, slices.Collect(maps.Values(c.Credentials.Prefixed)), []resource.Issuer{{DPoP: c.Credentials.DPoP.Tokens}})
	if c.Opaque != nil {
		issuers = append(issuers, *c.Opaque)
	}
	return slices.ContainsFunc(issuers, func(i resource.Issuer) bool { return i.DPoP > resource.BindingOff })
}
