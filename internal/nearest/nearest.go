// Package nearest suggests a known name for a misspelled one.
package nearest

import "strings"

// maxCandidate limits the work for a known name that someone else chooses, such as a tool of a
// server.
const maxCandidate = 256 // bytes of a known name that is suggested

// Name returns the known name with the smallest edit distance from name, or the first known
// name that begins with name and an underscore. It returns "" if the distance of all known
// names is too large: more than 1 plus a third of the length of name, or more than 3 plus a
// sixteenth. It ignores case and treats dashes as underscores. It does not suggest known names of
// more than 256 bytes.
func Name(name string, known []string) string {
	best, limit := "", min(1+len(name)/3, 3+len(name)/16)
	for _, candidate := range known {
		if len(candidate) > maxCandidate {
			continue
		}
		if strings.HasPrefix(candidate, name+"_") {
			return candidate
		}
		if d := distance(normalize(name), normalize(candidate)); d <= limit {
			best, limit = candidate, d-1
		}
	}
	return best
}

func normalize(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// distance returns the Levenshtein distance: the number of bytes to insert, delete or
// change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
