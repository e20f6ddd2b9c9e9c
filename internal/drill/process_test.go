package drill_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// startLimit limits how long a process may take to print its address.
const startLimit = 30 * time.Second

// buildDir has the program.
var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "drill"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(buildDir)
	os.Exit(status)
}

// program builds examples/server, once for all tests.
var program = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(buildDir, "server")
	build := exec.Command("go", "build", "-o", path, "./server")
	build.Dir = filepath.Join("..", "..", "examples")
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build examples/server: %w\n%s", err, output)
	}
	return path, nil
})

// A process runs examples/server. It can be started again, at another port of the loopback interface.
type process struct {
	t      *testing.T
	number int
	file   string // configuration
	log    string // file with the output of all runs
	client *http.Client

	mu      sync.Mutex
	command *exec.Cmd
	exited  chan struct{}
	url     string    // without a path
	began   time.Time // of the run
}

func newProcess(t *testing.T, number int, configuration string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, number: number, file: filepath.Join(dir, "authorization.yaml"), log: filepath.Join(dir, "log"),
		client: &http.Client{Timeout: answerLimit, Transport: &http.Transport{MaxIdleConnsPerHost: maxConcurrent}}}
	if err := os.WriteFile(p.file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		p.client.CloseIdleConnections()
		if t.Failed() {
			t.Logf("end of the log of process %d:\n%s", number, lastLines(p.log, 15))
		}
	})
	return p
}

var addressLine = regexp.MustCompile(`^Metrics, health and readiness: (http://127\.0\.0\.1:\d+)/metrics `)

// start starts the program and waits until it has printed its address.
func (p *process) start() error {
	path, err := program()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(path, "-config", p.file, "-listen", "127.0.0.1:0")
	command.Stderr = log
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		return err
	}
	found, exited := make(chan string, 1), make(chan struct{})
	go func() {
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if m := addressLine.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
		_, _ = io.Copy(io.Discard, output)
		_ = command.Wait() // it is killed at the end
		close(exited)
	}()
	p.mu.Lock()
	p.command, p.exited, p.url, p.began = command, exited, "", began
	p.mu.Unlock()
	select {
	case url := <-found:
		p.mu.Lock()
		p.url = url
		p.mu.Unlock()
		return nil
	case <-exited:
		return fmt.Errorf("process %d ended:\n%s", p.number, lastLines(p.log, 15))
	case <-time.After(startLimit):
		return fmt.Errorf("process %d printed no address within %s", p.number, startLimit)
	}
}

// kill ends the process at once.
func (p *process) kill() {
	p.mu.Lock()
	command, exited := p.command, p.exited
	p.url = ""
	p.mu.Unlock()
	if command == nil {
		return
	}
	_ = command.Process.Kill() // it can have ended
	<-exited
	p.client.CloseIdleConnections()
}

// address returns the URL of the run, and when it began. The URL is empty while the process does not run.
func (p *process) address() (url string, began time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url, p.began
}

// get returns the status and the body of an endpoint for operators.
func (p *process) get(ctx context.Context, path string) (int, string, error) {
	url, _ := p.address()
	if url == "" {
		return 0, "", fmt.Errorf("process %d does not run", p.number)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := p.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// lastLines returns the last lines of a log, without those about single requests.
func lastLines(file string, n int) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(string(bytes.TrimSpace(content)), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return strings.Contains(line, "INFO request rejected") || strings.Contains(line, "WARN request rejected") || strings.Contains(line, "left out of the log")
	})
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
