package check

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/warder-go/warder/internal/outbound"
)

// exchanges are the requests to the servers of one issuer, or to one public URL.
type exchanges struct{ all []outbound.Exchange }

// record returns a context whose requests are added. Requests are sent one after the other.
func (x *exchanges) record(ctx context.Context) context.Context {
	return outbound.WithTrace(ctx, func(e outbound.Exchange) { x.all = append(x.all, e) })
}

// last returns the last exchange, or the zero Exchange.
func (x *exchanges) last() outbound.Exchange {
	if len(x.all) == 0 {
		return outbound.Exchange{}
	}
	return x.all[len(x.all)-1]
}

// origins returns the origins of the servers that have answered, in the order of the first answer.
func (x *exchanges) origins() (origins []string) {
	for _, e := range x.all {
		if o := originOf(e.URL); e.Status != 0 && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins
}

// offset returns how far the clock of a server is ahead, by all its responses. It is 0 if the
// difference can be due to the time of a request and to the seconds that Date does not have.
// Caches pass on an old Date: the smallest difference counts.
func (x *exchanges) offset(origin string) (ahead time.Duration, known bool) {
	for _, e := range x.all {
		if originOf(e.URL) != origin {
			continue
		}
		if o, ok := offsetOf(e); ok && (!known || o.Abs() < ahead.Abs()) {
			ahead, known = o, true
		}
	}
	return ahead, known
}

func offsetOf(e outbound.Exchange) (ahead time.Duration, ok bool) {
	date, err := http.ParseTime(e.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	if age, err := strconv.Atoi(strings.TrimSpace(e.Header.Get("Age"))); err == nil && age > 0 { // RFC 9111 §5.1
		date = date.Add(time.Duration(min(age, 1<<31-1)) * time.Second)
	}
	switch latest := date.Add(time.Second); {
	case date.After(e.Received):
		return date.Sub(e.Received), true
	case latest.Before(e.Sent):
		return latest.Sub(e.Sent), true
	}
	return 0, true
}

// Limits for the clock and for certificates.
const (
	usualDrift    = 5 * time.Second     // between two clocks that are synchronized
	expiryWarning = 14 * 24 * time.Hour // before a certificate expires
)

// checkClocks compares the clock of each server with that of this machine.
func (r *run) checkClocks(x *exchanges) {
	leeway := r.resource.Leeway()
	for _, origin := range x.origins() {
		ahead, known := x.offset(origin)
		if !known {
			continue
		}
		seen := "the difference is " + ahead.Abs().Round(time.Second).String()
		if direction := "ahead of"; ahead != 0 {
			if ahead < 0 {
				direction = "behind"
			}
			seen = "its clock is " + ahead.Abs().Round(time.Second).String() + " " + direction + " that of this machine"
		}
		seen += "; leeway_seconds allows " + leeway.String()
		fix := "synchronize the clock of this machine and that of the server with NTP"
		switch {
		case ahead.Abs() > leeway:
			r.add(IDClockSkew, origin, seen, fix+", or raise leeway_seconds (at most 300)")
		case ahead.Abs() > usualDrift:
			r.add(IDClockDrift, origin, seen, fix)
		default:
			r.add(IDClock, origin, seen, "")
		}
	}
}

// checkCertificates reports certificates that expire soon. Those that have expired fail the
// handshake.
func (r *run) checkCertificates(x *exchanges) {
	for _, e := range x.all {
		if e.TLS == nil || len(e.TLS.PeerCertificates) == 0 {
			continue
		}
		if expiry := e.TLS.PeerCertificates[0].NotAfter; time.Until(expiry) < expiryWarning {
			r.add(IDCertificateExpiry, originOf(e.URL), "the certificate expires at "+expiry.UTC().Format(time.RFC3339), "renew the certificate of "+originOf(e.URL))
		}
	}
}
