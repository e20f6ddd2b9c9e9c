package revocation

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Limits of calls of the store.
const (
	callTimeout = 2 * time.Second // for one call
	addBatch    = 500             // records in one call of Store.Add
)

// addUnstored adds the records that could not be added before. After an error, the next call continues.
func (l *List) addUnstored(ctx context.Context) error {
	for batch := range slices.Chunk(l.table.listUnstored(time.Now()), addBatch) {
		if err := l.addToStore(ctx, batch); err != nil {
			return err
		}
		l.table.setStored(batch)
	}
	return nil
}

// addToStore adds records in batches.
func (l *List) addToStore(ctx context.Context, records []Record) error {
	for batch := range slices.Chunk(records, addBatch) {
		if err := l.call(ctx, func(ctx context.Context) error { return l.store.Add(ctx, batch) }); err != nil {
			return fmt.Errorf("adding: %w", err)
		}
	}
	return nil
}

// call calls the store. The call ends after callTimeout.
func (l *List) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return protect(func() error { return f(ctx) })
}

// protect makes a panic of the store an error, because in the goroutines of Run a panic would end the
// process. The error does not contain the value of the panic, which could be anything.
func protect(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the store panicked with a %T", v)
		}
	}()
	return f()
}
