// Package anyvalue compares the values of interfaces without a panic.
package anyvalue

import "reflect"

// Same reports whether two interfaces hold the same value. Values that cannot be compared are not
// the same, not even each with itself.
func Same(a, b any) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// IsNil reports whether a is nil, or a nil pointer or nil function of some type.
func IsNil(a any) bool {
	v := reflect.ValueOf(a)
	return !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}
