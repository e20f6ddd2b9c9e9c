package check

import (
	"context"
	"errors"
	"time"

	"github.com/warder-go/warder/introspect"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/config"
	"github.com/warder-go/warder/resource/revocation"
)

// openNothing is a config.Config.OpenStore that opens nothing, so that a configuration with the
// block shared_state can be read without its store.
func openNothing(config.StoreSettings) (config.Stores, error) {
	return config.Stores{Revocations: noStore{}, Replays: noStore{}, Answers: noStore{}}, nil
}

var errNotOpened = errors.New("check: the store is not opened")

// noStore is a store that cannot be used. Requests that need it are rejected with 503.
type noStore struct{}

func (noStore) Add(context.Context, []revocation.Record) error { return errNotOpened }

func (noStore) Read(context.Context, int64) (revocation.Page, error) {
	return revocation.Page{}, errNotOpened
}

func (noStore) Watch(context.Context, func()) error { return errNotOpened }

func (noStore) Once(context.Context, resource.ProofID, time.Time) error { return errNotOpened }

func (noStore) Get(context.Context, introspect.AnswerKey) ([]byte, int64, error) {
	return nil, 0, errNotOpened
}

func (noStore) Put(context.Context, introspect.AnswerKey, []byte, time.Duration) error {
	return errNotOpened
}

func (noStore) PutNew(context.Context, introspect.AnswerKey, []byte, time.Duration) (bool, error) {
	return false, errNotOpened
}

func (noStore) Purge(context.Context, int64) error { return errNotOpened }
