package revocation

import "context"

// Store has the records that several processes share. Package resource/valkey has one for Valkey and
// Redis. The methods are called concurrently, and they must return when their context ends. A panic in
// them is an error. Their errors are logged, so they must not contain a secret.
type Store interface {
	// Add stores records. Adding a record that the store already has does nothing. If Add
	// returns nil, Read returns the records in every process.
	Add(ctx context.Context, records []Record) error

	// Read returns records that were added after the one with the sequence number after, in the
	// order in which they were added. 0 is before the first one. One call returns a limited
	// number of records. A record must not become visible after one with a higher sequence number.
	// Records whose Until has passed can be missing.
	Read(ctx context.Context, after int64) (Page, error)

	// Watch calls notify after other processes have added records. It returns an error if it cannot do
	// that any more, and when ctx ends. The list then calls it again. The list also calls Read
	// every second, so Watch can do nothing but wait for ctx.
	Watch(ctx context.Context, notify func()) error
}

// Page is a result of [Store].Read.
type Page struct {
	Records []Record
	Last    int64 // sequence number of the last record, for the next call; equals after if Records is empty
	More    bool  // the store has further records now

	// Data identifies the data in the store, at the moment at which Records were read. It must change
	// if records may have been lost, for example because the store was emptied, or because another
	// server has become the primary. The list then reads all records again, and adds those that
	// the store lacks.
	Data string
}
