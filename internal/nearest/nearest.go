// Package nearest finds what somebody meant who mistyped a name.
package nearest

import "strings"

// Name returns the known name that looks most like the given one, or that it is the first
// words of; "" if none does. Case does not matter, nor a dash in the place of an underscore.
func Name(name string, known []string) string {
	best, least := "", min(1+len(name)/3, 3+len(name)/16)
	for _, candidate := range known {
		if strings.HasPrefix(candidate, name+"_") {
			return candidate
		}
		if d := distance(level(name), level(candidate)); d <= least {
			best, least = candidate, d-1
		}
	}
	return best
}

func level(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// distance is how many bytes must be put in, taken out or changed (Levenshtein).
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
