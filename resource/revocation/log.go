package revocation

import (
	"sync/atomic"

	"github.com/warder-go/warder/internal/logging"
)

// outage is whether the last call of a kind failed, so that only changes are logged.
type outage struct{ failed atomic.Bool }

// update stores the result of a call. It reports whether an outage began or ended.
func (o *outage) update(err error) (began, ended bool) {
	before := o.failed.Swap(err != nil)
	return err != nil && !before, err == nil && before
}

// logRead writes a log record if the store cannot be read, and if it can be read again. A log handler
// that panics loses the record and does not end the process.
func (l *List) logRead(err error) {
	defer func() { _ = recover() }()
	log := logging.OrDefault(l.log)
	switch began, ended := l.reading.update(err); {
	case began:
		log.Error("revocations cannot be read from the store", "max_age", l.maxAge, "accept_outdated", l.acceptOutdated, "error", err)
	case ended:
		log.Info("revocations are read from the store again", "entries", l.Len())
	}
}

// logAdd is logRead for the entries of this process.
func (l *List) logAdd(err error) {
	defer func() { _ = recover() }()
	log := logging.OrDefault(l.log)
	switch began, ended := l.adding.update(err); {
	case began:
		log.Error("revocations of this process cannot be added to the store; other processes do not have them", "error", err)
	case ended:
		log.Info("revocations of this process were added to the store")
	}
}

// logWatch writes a log record if the store does not report new records.
func (l *List) logWatch(err error) {
	defer func() { _ = recover() }()
	logging.OrDefault(l.log).Debug("new revocations are not pushed at the moment; the store is read every second", "error", err)
}
