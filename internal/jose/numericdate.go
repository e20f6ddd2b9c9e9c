package jose

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDate is the last second of the year 9999. Later dates overflow in some programs.
const maxDate = 253402300799

// NumericDate reads a NumericDate (RFC 7519 §2). A fraction is cut off: the result is never later than the value,
// as it could be if a float64 rounded it up.
func NumericDate(value jsontext.Value) (time.Time, error) {
	if value.Kind() != '0' {
		return time.Time{}, errors.New("is not a number")
	}
	seconds, err := strconv.ParseInt(integerPart(string(value)), 10, 64)
	if err != nil || seconds < 0 || seconds > maxDate || value[0] == '-' && strings.Trim(string(value), "-0.") != "" {
		return time.Time{}, errors.New("is out of range")
	}
	return time.Unix(seconds, 0), nil
}

// integerPart returns the digits in front of the decimal point of a JSON number, sign
// included, once its exponent is taken into account. Of an exponent that is beyond
// all dates it returns something beyond them too.
func integerPart(number string) string {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(number), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if !ok {
		return whole
	}
	shift, err := strconv.Atoi(exponent)
	switch {
	case err != nil || shift > 100 || shift < -100:
		return "out of range"
	case shift >= 0:
		fraction += strings.Repeat("0", shift)
		return whole + fraction[:shift]
	case len(whole) > -shift:
		return whole[:len(whole)+shift]
	}
	return "0"
}
