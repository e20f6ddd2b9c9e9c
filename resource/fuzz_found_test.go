package resource_test

import (
	"testing"

	"github.com/warder-go/warder/resource"
)

// What fuzzing and comparing with other readers brought to light.
func TestNumericDateIsCutTowardsThePast(t *testing.T) {
	for _, row := range []struct {
		what, number string
		want         int64 // -1: refused
	}{
		{"a fraction (RFC 7519 §2)", "1700000000.9", 1700000000},
		{"a fraction too close to the next second for a float64", "1700000000.99999999999", 1700000000},
		{"a fraction of nothing", "1700000000.0", 1700000000},
		{"an exponent", "1.7e9", 1700000000},
		{"an exponent and a fraction too close to the next second", "1.70000000099999999999E+9", 1700000000},
		{"an exponent below zero", "17000000009e-1", 1700000000},
		{"less than a second, with an exponent", "5e-1", 0},
		{"an exponent beyond all dates", "1e13", -1},
		{"an exponent beyond all machines", "1e99999999999999999999", -1},
		{"an exponent below zero that leaves nothing", "-5e-1", -1},
		{"a fraction below zero", "-0.5", -1},
		{"the last second of the year 9999", "253402300799.9", 253402300799},
		{"the one after it", "253402300800", -1},
	} {
		got := int64(-1)
		if claims, err := resource.ParseClaims([]byte(`{"nbf":` + row.number + `}`)); err == nil {
			got = claims.NotBefore.Unix()
		}
		if got != row.want {
			t.Errorf("%s, %s: got %d, want %d", row.what, row.number, got, row.want)
		}
	}
}
