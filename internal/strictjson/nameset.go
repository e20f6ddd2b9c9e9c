package strictjson

import (
	"bytes"
	"hash/maphash"
)

// maxLinear is the number of names that a nameSet compares one by one.
const maxLinear = 16

// nameSet is a set of names. It refers to their bytes. Its zero value is an empty set.
type nameSet struct {
	few   [maxLinear][]byte
	n     int      // names in few
	names [][]byte // all names; nil while few has room
	table []int    // by hash: the index in names plus one; nil while few has room
}

// seed makes the hashes of each process different, so that a client cannot choose names
// with equal hashes.
var seed = maphash.MakeSeed()

// add adds a name. It returns false if the set has the name already.
func (set *nameSet) add(name []byte) bool {
	if set.table == nil {
		for _, other := range set.few[:set.n] {
			if bytes.Equal(other, name) {
				return false
			}
		}
		if set.n < maxLinear {
			set.few[set.n] = name
			set.n++
			return true
		}
		set.names = append(set.names, set.few[:]...)
	}
	if 2*len(set.names) >= len(set.table) {
		set.grow()
	}
	slot := set.slot(name)
	if *slot != 0 {
		return false
	}
	set.names = append(set.names, name)
	*slot = len(set.names)
	return true
}

// grow doubles the table.
func (set *nameSet) grow() {
	set.table = make([]int, max(4*maxLinear, 2*len(set.table)))
	for i, name := range set.names {
		*set.slot(name) = i + 1
	}
}

// slot returns the place of a name in the table. It is 0 if the set does not have the name.
// The size of the table is a power of two, and half of it is free.
func (set *nameSet) slot(name []byte) *int {
	mask := len(set.table) - 1
	for at := int(maphash.Bytes(seed, name)>>1) & mask; ; at = (at + 1) & mask {
		if found := set.table[at]; found == 0 || bytes.Equal(set.names[found-1], name) {
			return &set.table[at]
		}
	}
}
