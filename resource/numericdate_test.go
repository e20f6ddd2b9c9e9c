package resource_test

import (
	"testing"

	"github.com/warder-go/warder/resource"
)

// TestNumericDateTruncation tests dates that other readers round or accept. Fuzzing against those
// readers found them.
func TestNumericDateTruncation(t *testing.T) {
	for _, row := range []struct {
		name, number string
		want         int64 // -1: rejected
	}{
		{"a fraction (RFC 7519 §2)", "1700000000.9", 1700000000},
		{"a fraction too close to the next second for a float64", "1700000000.99999999999", 1700000000},
		{"a fraction of zero", "1700000000.0", 1700000000},
		{"an exponent", "1.7e9", 1700000000},
		{"an exponent and a fraction too close to the next second", "1.70000000099999999999E+9", 1700000000},
		{"a negative exponent", "17000000009e-1", 1700000000},
		{"less than one second, with an exponent", "5e-1", 0},
		{"an exponent above all dates", "1e13", -1},
		{"an exponent above the range of int64", "1e99999999999999999999", -1},
		{"a negative number above -1, with an exponent", "-5e-1", -1},
		{"a negative fraction", "-0.5", -1},
		{"the last second of the year 9999", "253402300799.9", 253402300799},
		{"the second after it", "253402300800", -1},
	} {
		got := int64(-1)
		if claims, err := resource.ParseClaims([]byte(`{"nbf":` + row.number + `}`)); err == nil {
			got = claims.NotBefore.Unix()
		}
		if got != row.want {
			t.Errorf("%s, %s: got %d, want %d", row.name, row.number, got, row.want)
		}
	}
}
