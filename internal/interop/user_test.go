package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A user simulates the person who uses a client, with a browser. The login name is alice.
type user struct {
	mu     sync.Mutex
	logins int
}

// authorize opens the authorization URL that a client shows, logs in and consents. It
// returns the client's redirect URL, to which the browser was sent. It does not open it.
func (u *user) authorize(ctx context.Context, address string) (*url.URL, error) {
	u.mu.Lock()
	u.logins++
	u.mu.Unlock()
	return browse(ctx, "alice", address)
}

// authorizeAndReturn calls authorize and opens the redirect URL, for clients that listen
// there. It tries again while the connection is refused, because some clients start to
// listen only after they have shown the authorization URL.
func (u *user) authorizeAndReturn(ctx context.Context, address string) error {
	redirect, err := u.authorize(ctx, address)
	if redirect == nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, redirect.String(), http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	for end := time.Now().Add(timeout); errors.Is(err, syscall.ECONNREFUSED) && time.Now().Before(end); {
		waitUntil(ctx, time.Now().Add(50*time.Millisecond))
		res, err = http.DefaultClient.Do(req)
	}
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return nil
}

// loginCount returns the number of calls to authorize.
func (u *user) loginCount() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.logins
}

// browse submits the provider's login and consent pages until it is redirected to another
// host, and returns that URL. If the URL reports an error of the provider, browse returns
// the URL and an error.
func browse(ctx context.Context, login, start string) (*url.URL, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	first, err := url.Parse(start)
	if err != nil {
		return nil, err
	}
	var page, redirect *url.URL // the current page; the URL at another host
	browser := &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if page = req.URL; page.Host != first.Host {
			redirect = page
			return http.ErrUseLastResponse
		}
		return nil
	}}
	method, address, form := http.MethodGet, start, url.Values{}
	for _, prompt := range []string{"login", "consent", ""} {
		req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := browser.Do(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return nil, err
		}
		if redirect != nil {
			break
		}
		if res.StatusCode != http.StatusOK || page == nil {
			return nil, fmt.Errorf("login: got %d %s", res.StatusCode, body)
		}
		method, address = http.MethodPost, page.String()
		form = url.Values{"prompt": {prompt}, "login": {login}, "password": {"any"}}
	}
	if redirect == nil {
		return nil, fmt.Errorf("login: no redirect to the client; last page %v", page)
	}
	if code := redirect.Query().Get("error"); code != "" {
		return redirect, fmt.Errorf("login: the authorization server returned %s", code)
	}
	return redirect, nil
}
