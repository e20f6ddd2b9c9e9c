package valkey

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	valkeygo "github.com/valkey-io/valkey-go"
)

// finder opens connections to the primary. All keys of a store are in one slot of a cluster, so one
// server has all data, and one connection is enough in every mode. The library's own clients for
// sentinels and clusters are not used, because they open connections in the goroutines of calls,
// which then wait without regard to their contexts. A finder is not safe for concurrent use.
type finder struct {
	mode      Mode
	addresses []string // the one that was last useful is the first
	database  int
	tls       *tls.Config
	login     *credentials
	names     names

	sentinelLogin *credentials
	master        string      // its name at the sentinels
	sentinel      *connection // that named the primary; it stays open; nil: none
}

func newFinder(c Config) *finder {
	return &finder{
		mode: c.Mode, addresses: slices.Clone(c.Addresses), database: c.Database, tls: c.TLS,
		login: newCredentials(c.Username, c.PasswordFile, c.PasswordFunc), names: newNames(c.Prefix),
		sentinelLogin: newCredentials(c.SentinelUsername, c.SentinelPasswordFile, nil), master: c.SentinelMaster,
	}
}

// find returns a connection to the primary, which was checked. ctx limits all attempts. An address that
// fails becomes the last one, so the next call of find begins with those that were not tried.
func (f *finder) find(ctx context.Context) (*connection, health, error) {
	var all []error
	for _, address := range slices.Clone(f.addresses) {
		c, h, err := f.findVia(ctx, address)
		if err == nil {
			return c, h, nil
		}
		all = append(all, err)
		f.rotate()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, health{}, errors.Join(all...)
}

// rotate moves the first address to the end.
func (f *finder) rotate() { f.addresses = append(f.addresses[1:], f.addresses[0]) }

// findVia finds the primary with the help of one of the addresses.
func (f *finder) findVia(ctx context.Context, address string) (*connection, health, error) {
	if f.mode == Sentinel {
		primary, err := f.ask(ctx, address)
		if err != nil {
			return nil, health{}, err
		}
		return f.open(ctx, primary)
	}
	c, h, err := f.open(ctx, address)
	if to, ok := movedTo(err, address); ok && f.mode == Cluster {
		return f.open(ctx, to)
	}
	return c, h, err
}

// open connects to a server, and checks that it is the primary.
func (f *finder) open(ctx context.Context, address string) (*connection, health, error) {
	c, err := connect(ctx, address, f.login, f.database, f.tls)
	if err != nil {
		return nil, health{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	h, err := check(ctx, c, f.names)
	if err != nil {
		c.close()
		return nil, health{}, &connectError{address, err}
	}
	return c, h, nil
}

// movedTo returns the server that an error names as the one with the data. The host can be missing,
// and is then that of the server that sent the error.
func movedTo(err error, from string) (address string, ok bool) {
	reply, ok := errors.AsType[*valkeygo.ValkeyError](err)
	if !ok || errorCode(reply) != "MOVED" {
		return "", false
	}
	words := strings.Fields(reply.Error()) // MOVED slot host:port
	if len(words) != 3 {
		return "", false
	}
	at := strings.LastIndexByte(words[2], ':')
	if at < 0 {
		return "", false
	}
	host, port := strings.Trim(words[2][:at], "[]"), words[2][at+1:]
	if host == "" {
		host, _, _ = net.SplitHostPort(from)
	}
	address = net.JoinHostPort(host, port)
	return address, isAddress(address)
}

// ask returns the address of the primary that a sentinel names. The connection to the sentinel
// stays open.
func (f *finder) ask(ctx context.Context, address string) (primary string, err error) {
	if f.sentinel == nil || f.sentinel.isLost() || f.sentinel.address != address {
		f.closeSentinel()
		if f.sentinel, err = connect(ctx, address, f.sentinelLogin, 0, f.tls); err != nil {
			f.sentinel = nil
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	client := f.sentinel.client
	words, err := client.Do(ctx, client.B().SentinelGetMasterAddrByName().Master(f.master).Build()).AsStrSlice()
	if err == nil && (len(words) != 2 || !isAddress(net.JoinHostPort(words[0], words[1]))) {
		err = errReply
	}
	switch {
	case valkeygo.IsValkeyNil(err):
		err = fmt.Errorf("the sentinel does not know the primary %q", f.master)
		return "", &connectError{address, err}
	case err != nil:
		f.closeSentinel()
		return "", &connectError{address, err}
	}
	return net.JoinHostPort(words[0], words[1]), nil
}

// movedElsewhere reports whether a sentinel names another primary than the given one. If no
// sentinel answers, this is not known, and the primary is used as long as it answers.
func (f *finder) movedElsewhere(ctx context.Context, current string) bool {
	if f.mode != Sentinel {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	primary, err := f.ask(ctx, f.addresses[0])
	if err != nil {
		f.rotate() // another sentinel next time
		return false
	}
	return primary != current
}

func (f *finder) closeSentinel() {
	if f.sentinel != nil {
		f.sentinel.close()
		f.sentinel = nil
	}
}
