package config

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/warder-go/warder/internal/digest"
	"github.com/warder-go/warder/internal/logging"
	"github.com/warder-go/warder/resource"
	"github.com/warder-go/warder/resource/onbehalf"
	"github.com/warder-go/warder/resource/revocation"
)

// Limits of Config.Interval.
const (
	DefaultInterval = 10 * time.Second // default time between two checks of the files
	MinInterval     = time.Second      // minimum time between two checks of the files
)

const (
	warmUpTime = 5 * time.Second // maximum time that a reload waits for the keys of new issuers
	settleTime = time.Second     // time that a change must remain the same before Run applies it
)

// Live is a configuration that follows changes of its files. It implements prometheus.Collector
// with series about reloads, about the store of shared_state and about the events of
// security_events; those of [resource.Resource.Metrics] are separate. With security_events it is
// an unchecked collector, because a reload can change the issuer: a registry reports a second
// registration only when it gathers. It is safe for concurrent use.
type Live struct {
	config   *Config // a pointer, so that formatting a struct that contains a Live shows only an address
	resource *resource.Resource
	metrics  *metrics
	shared   *sharedStore // nil: no shared_state
	events   *receivers   // nil: no security_events

	exchanger *onbehalf.Exchanger // nil: no on_behalf_of

	mu         sync.Mutex // serializes reloads and guards the fields below
	verifiers  verifiers
	served     serverMetadata
	basePath   string   // of the applied configuration
	sharedKeys [][]byte // of the applied configuration
	parts      *Parts   // of the applied configuration; a pointer as for config
	applied    string   // digest of the applied input
	rejected   string   // digest of the last rejected input; "" if none since then was applied
	cause      error    // of the rejection

	exchangeSettings digest.Digest // of the applied configuration
}

// Resource returns the resource. It is always the same one: a reload replaces its
// configuration (see [resource.Resource.Replace]).
func (l *Live) Resource() *resource.Resource { return l.resource }

// Revocations returns the list of revocations, for example to add entries or to pass it to
// package securityevents. It is the list that the block shared_state shares. If revocations are
// not shared and the file has the block security_events, it is a list in the memory of this
// process. Otherwise it is nil, and a program can set Hooks.Revocations in Config.Complete. It is
// always the same one.
func (l *Live) Revocations() *revocation.List {
	if list := l.shared.revocations(); list != nil {
		return list
	}
	return l.events.revocations()
}

// Close closes the store of the block shared_state. Call it after the server has stopped, because requests that
// need the store are rejected with 503 afterwards. Without the block, it does nothing.
func (l *Live) Close() { l.shared.close() }

// Run checks the files every Config.Interval until ctx is done, and applies changes of the
// configuration file, the secrets file, and the files of ca_file, digest_key_file,
// dpop_nonce_key_files and key_files. It compares contents, not modification times, so it detects
// symbolic links that are switched, as Kubernetes does. It does not detect changes of environment
// variables.
//
// A change is applied if it is still the same one second later: a partially written file
// can be valid, but have fewer rules than the complete one.
//
// A file that is invalid, missing or has `enabled: false` is reported once in the log and
// by the metrics, and changes nothing. Verifiers read the files of keys and of credentials for
// introspection themselves.
//
// With the block shared_state, Run also keeps the shared [Live.Revocations] up to date. Until it
// runs and has read all revocations, requests with a credential are rejected with 503. Run must
// be called once only.
func (l *Live) Run(ctx context.Context) {
	var list sync.WaitGroup
	defer list.Wait()
	if revocations := l.Revocations(); revocations != nil {
		list.Go(func() { revocations.Run(ctx) })
	}
	timer := time.NewTimer(l.config.Interval)
	defer timer.Stop()
	seen := "none" // not equal to the digest of any input
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			next := l.config.Interval
			digest, _ := l.reload(ctx, seen) // reload reports errors
			if digest != seen {
				next = min(next, settleTime)
			}
			seen = digest
			timer.Reset(next)
		}
	}
}

// Reload reads the files immediately, for example on SIGHUP. It returns nil if their
// content is now applied, whether or not it has changed. Otherwise it returns the reason,
// and the previous configuration stays in use.
//
// Different identifiers, and a different base_path or resource_metadata_paths, are rejected,
// because clients and routes depend on them. So is a different shared_state, except for its keys
// and key_files, because the process would lose what it has in the store. The block
// security_events cannot be added or removed. The same applies to on_behalf_of, whose issuer cannot
// change either: another one would be another series of metrics. Reload first fetches the keys of new issuers, for
// at most five seconds. Then it applies the configuration with or without these keys, because its
// purpose may be to remove another issuer.
func (l *Live) Reload(ctx context.Context) error {
	_, err := l.reload(ctx, "")
	return err
}

// reload returns the digest of the current input. If seen is not empty, reload does
// nothing unless the digest equals seen, which is that of the previous check, and does not
// report the same rejection again.
func (l *Live) reload(ctx context.Context, seen string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, digest, err := l.build(ctx)
	switch {
	case ctx.Err() != nil:
		return digest, ctx.Err()
	case err == nil && digest == l.applied:
		l.setApplied(digest)
		return digest, nil
	case seen != "" && digest != seen:
		return digest, nil
	case seen != "" && digest == l.rejected:
		return digest, l.cause
	}
	if err == nil {
		err = l.apply(ctx, b)
	}
	logger := logging.OrDefault(l.config.Logger)
	if err != nil {
		l.rejected, l.cause = digest, err
		l.metrics.countRejected()
		logger.Error("configuration rejected; the previous one stays in use", "file", l.config.File, "error", err)
		return digest, err
	}
	l.setApplied(digest)
	l.metrics.countApplied()
	logger.Info("configuration applied", "file", l.config.File)
	return digest, nil
}

// setApplied records that the input with this digest is applied.
func (l *Live) setApplied(digest string) {
	if l.rejected != "" {
		l.rejected, l.cause = "", nil
		l.metrics.clearBroken()
	}
	l.applied = digest
}

func (l *Live) apply(ctx context.Context, b *builder) error {
	l.warmUp(ctx, b.created)
	list := l.shared.revocations()
	if list != nil {
		if err := list.SetKeys(b.sharedKeys); err != nil {
			return fmt.Errorf("config: %s: shared_state: %w", b.position("shared_state"), err)
		}
	}
	if err := l.resource.Replace(b.resource); err != nil {
		if list != nil {
			_ = list.SetKeys(l.sharedKeys)
		}
		key := b.keyOfRoutes(l.resource, l.basePath)
		return fmt.Errorf("config: %s: %s: %w", b.position(key), key, err)
	}
	l.sharedKeys, l.parts = b.sharedKeys, b.parts()
	l.verifiers, l.served, l.basePath = b.used, b.served, b.settings.BasePath
	if l.events != nil {
		l.events.current.Store(b.receiver)
	}
	if l.exchanger != nil && b.exchangeSettings != l.exchangeSettings { // otherwise the cache stays
		if err := l.exchanger.Replace(b.exchanger); err != nil {
			return fmt.Errorf("config: %s: %w", onBehalfBlock, err) // cannot happen: the issuer is the same
		}
		l.exchangeSettings = b.exchangeSettings
	}
	return nil
}

// keyOfRoutes returns the key on which routes depend and that differs from that of current.
func (b *builder) keyOfRoutes(current *resource.Resource, basePath string) string {
	switch {
	case b.resource.Identifier() != current.Identifier():
		return "resource_server_url"
	case !slices.Equal(b.resource.Identifiers(), current.Identifiers()):
		return "additional_resource_server_urls"
	case b.settings.BasePath != basePath:
		return "base_path"
	}
	return "resource_metadata_paths"
}

// warmUp calls the Ready methods of new verifiers concurrently, so that they fetch keys.
func (l *Live) warmUp(ctx context.Context, created []resource.Verifier) {
	ctx, cancel := context.WithTimeout(ctx, warmUpTime)
	defer cancel()
	var group sync.WaitGroup
	for _, v := range created {
		if v, ok := v.(interface {
			Issuer() string
			Ready(context.Context) error
		}); ok {
			group.Go(func() {
				if err := v.Ready(ctx); err != nil {
					logging.OrDefault(l.config.Logger).Warn("cannot verify tokens of a new issuer yet", "issuer", v.Issuer(), "error", err)
				}
			})
		}
	}
	group.Wait()
}

// Format writes the path of the file for every verb.
func (l *Live) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "config.Live("+l.config.File+")")
}

// LogValue returns the path of the file.
func (l *Live) LogValue() slog.Value { return slog.StringValue(l.config.File) }
