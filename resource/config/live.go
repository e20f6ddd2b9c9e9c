package config

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/warder-go/warder/resource"
)

// Times of a reload.
const (
	DefaultInterval = 10 * time.Second // between two looks at the files
	MinInterval     = time.Second      // the shortest that can be configured
	WarmUpTime      = 5 * time.Second  // a reload waits for the keys of an issuer that is new
	SettleTime      = time.Second      // what has changed must stay like that before it counts
)

// Live is a configuration that follows its files. It is safe for concurrent use, and
// implements prometheus.Collector with series about reloads, beside those of
// [resource.Resource.Metrics].
type Live struct {
	config   *Config // by pointer: printing what holds a Live shows an address
	resource *resource.Resource
	metrics  *metrics

	mu      sync.Mutex // guards what follows, and makes reloads come one by one
	pool    pool
	applied string // the sum of what counts
	refused string // the sum of what was last refused; "": nothing since
	why     error  // it was
}

// Resource returns the resource. It is always the same: a reload replaces what it
// decides by (see [resource.Resource.Replace]).
func (l *Live) Resource() *resource.Resource { return l.resource }

// Run looks at the files every Config.Interval until ctx is done, and takes over what
// has changed: the configuration, the file of secrets, those of client_secret_file and
// ca_file. The contents are compared, not times, so links that are switched as
// Kubernetes does it are noticed. A variable of the environment can't change.
//
// What is new counts if it is still there after [SettleTime]: half of a file that
// somebody is writing may be a good configuration, with fewer rules than all of it.
//
// A file that is broken, gone, or says `enabled: false` is told once, in the log and by
// the metrics, and changes nothing. Files of keys are looked at by their verifiers.
func (l *Live) Run(ctx context.Context) {
	timer := time.NewTimer(l.config.Interval)
	defer timer.Stop()
	seen := "nothing yet"
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			next := l.config.Interval
			now, _ := l.reload(ctx, seen) // an error has been told
			if now != seen {
				next = min(next, SettleTime)
			}
			seen = now
			timer.Reset(next)
		}
	}
}

// Reload looks at the files now, for a program that was told to, such as by SIGHUP. It
// returns nil if what they say counts now, whether or not that is new, and else why the
// old configuration stays.
//
// Another resource_server_url is refused: clients and routes depend on it. An issuer
// that is new is asked for its keys first, for [WarmUpTime] at most; then it counts, with
// keys or without: a configuration may be there to take the trust away from another.
func (l *Live) Reload(ctx context.Context) error {
	_, err := l.reload(ctx, "")
	return err
}

// reload returns the sum of what there is now. Seen is that of the last look, if there
// must have been one that found the same and what was refused is not to be told again.
func (l *Live) reload(ctx context.Context, seen string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, sum, err := l.build(ctx)
	switch {
	case ctx.Err() != nil:
		return sum, ctx.Err()
	case err == nil && sum == l.applied:
		l.settle(sum)
		return sum, nil
	case seen != "" && sum != seen:
		return sum, nil
	case seen != "" && sum == l.refused:
		return sum, l.why
	}
	if err == nil {
		err = l.apply(ctx, b)
	}
	if err != nil {
		l.refused, l.why = sum, err
		l.metrics.refuse()
		l.logger().Error("configuration refused, the old one stays", "file", l.config.File, "error", err)
		return sum, err
	}
	l.settle(sum)
	l.metrics.apply()
	l.logger().Info("configuration taken over", "file", l.config.File)
	return sum, nil
}

// settle notes that what the files say is what counts.
func (l *Live) settle(sum string) {
	if l.refused != "" {
		l.refused, l.why = "", nil
		l.metrics.mend()
	}
	l.applied = sum
}

func (l *Live) apply(ctx context.Context, b *building) error {
	l.warmUp(ctx, b.fresh)
	if err := l.resource.Replace(b.resource); err != nil {
		return fmt.Errorf("config: %s: resource_server_url: %w", b.at("resource_server_url"), err)
	}
	l.pool = b.next
	return nil
}

// warmUp has verifiers fetch what they need, all at once.
func (l *Live) warmUp(ctx context.Context, fresh []resource.Verifier) {
	ctx, cancel := context.WithTimeout(ctx, WarmUpTime)
	defer cancel()
	var group sync.WaitGroup
	for _, v := range fresh {
		if v, ok := v.(interface {
			Issuer() string
			Ready(context.Context) error
		}); ok {
			group.Go(func() {
				if err := v.Ready(ctx); err != nil {
					l.logger().Warn("tokens of an issuer cannot be checked yet", "issuer", v.Issuer(), "error", err)
				}
			})
		}
	}
	group.Wait()
}

// Format prints the name of the file for every verb.
func (l *Live) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "config.Live("+l.config.File+")")
}

// LogValue logs the name of the file.
func (l *Live) LogValue() slog.Value { return slog.StringValue(l.config.File) }

func (l *Live) logger() *slog.Logger {
	if l.config.Logger != nil {
		return l.config.Logger
	}
	return slog.Default()
}
