package drill_test

import (
	"sync"
	"time"
)

// A fault is a failure of the store that the driver caused. All times are by the clock of the driver.
type fault struct {
	begin time.Time // before the first step of the failure
	gone  time.Time // after the last step of the failure
	end   time.Time // before the first step of the repair
	back  time.Time // after the last step of the repair: the store answers the driver, as a primary
	what  effects
}

// effects are what the store cannot do between gone and end, and may be unable to do between begin and back.
type effects struct {
	reads  bool // it cannot return revocations
	proofs bool // it cannot store proofs
	may    bool // it may be able to do these things nevertheless, for some of the processes
	stays  bool // the connections work all the time
	lost   bool // data was lost, or another server may have become the primary
}

// downtime is a time in which a process does not answer, because the driver ended it.
type downtime struct {
	process int
	begin   time.Time // before the driver ended it
	killed  time.Time // after that
	end     time.Time // it has printed its address again
	ready   time.Time // it has reported that it is ready, if the driver waited for that
}

// faults are the failures of a scenario. It is safe for concurrent use.
type faults struct {
	mu        sync.Mutex
	all       []fault
	downtimes []downtime
}

func (f *faults) add(one fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, one)
}

func (f *faults) addDowntime(one downtime) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.downtimes = append(f.downtimes, one)
}
