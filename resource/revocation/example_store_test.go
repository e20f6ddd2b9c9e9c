package revocation_test

import (
	"context"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/warder-go/warder/resource/revocation"
)

// sqlStore is a Store for a SQL database. In this example, a slice stands for the table:
//
//	CREATE TABLE revocations (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, record BYTEA UNIQUE, ends BIGINT);
//	CREATE TABLE data_set (id TEXT);
//
// data_set has one random ID. It must be replaced whenever records may have been lost: after a
// backup was restored, and after a replica without the last records has become the primary.
type sqlStore struct {
	mu          sync.Mutex
	revocations [][]byte
	id          string
}

// Add needs the lock because a database assigns sequence numbers before the commit. A reader could
// otherwise skip a record that is committed after one with a higher number.
func (s *sqlStore) Add(_ context.Context, records []revocation.Record) error {
	s.mu.Lock() // BEGIN; LOCK TABLE revocations IN EXCLUSIVE MODE
	defer s.mu.Unlock()
	for _, r := range records {
		b, err := r.MarshalBinary()
		if err != nil {
			return err
		}
		// INSERT INTO revocations (record, ends) VALUES ($1, $2) ON CONFLICT DO NOTHING
		s.revocations = append(s.revocations, b)
	}
	return nil // COMMIT
}

func (s *sqlStore) Read(_ context.Context, after int64) (revocation.Page, error) {
	s.mu.Lock() // BEGIN ISOLATION LEVEL REPEATABLE READ
	defer s.mu.Unlock()
	const limit = 1000
	// SELECT id FROM data_set
	page := revocation.Page{Last: after, Data: s.id}
	// SELECT seq, record FROM revocations WHERE seq > $1 ORDER BY seq LIMIT 1000
	for _, b := range s.revocations[after:min(after+limit, int64(len(s.revocations)))] {
		var r revocation.Record
		if err := r.UnmarshalBinary(b); err != nil {
			return revocation.Page{}, err
		}
		page.Records = append(page.Records, r)
		page.Last++ // seq
	}
	page.More = len(page.Records) == limit
	return page, nil
}

// Watch does nothing, so the lists read the table every second. It could use LISTEN and NOTIFY.
func (*sqlStore) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// Two processes share revocations through a database. A job removes old records:
//
//	DELETE FROM revocations WHERE ends < EXTRACT(EPOCH FROM now())
func ExampleStore() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	store := &sqlStore{id: "4f1c9e7a"}
	newProcess := func() *revocation.List {
		list, err := revocation.New(revocation.Config{
			Store: store,
			Keys:  [][]byte{[]byte("32 random bytes that all processes have")},
		})
		if err != nil {
			log.Fatal(err)
		}
		go list.Run(ctx)
		return list
	}

	first := newProcess()
	err := first.Add(ctx, revocation.Entry{Issuer: "https://auth.example.com", Subject: "alice", Until: time.Now().Add(8 * time.Hour)})
	if err != nil {
		log.Fatal(err)
	}

	second := newProcess()
	for second.Ready(ctx) != nil { // usually for a few milliseconds
		time.Sleep(time.Millisecond)
	}
	fmt.Println(second.Len())
	// Output: 1
}
