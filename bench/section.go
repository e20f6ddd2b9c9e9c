package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A section is a part of the results that -only measures on its own.
type section struct {
	heading string // of level 2; headings inside the section have a lower level
	text    string // with the heading
}

// idleLoad is the highest load average at which a machine counts as idle, right after the program was compiled.
const idleLoad = 1.5

// A sectionRun says when and how a section was measured.
type sectionRun struct {
	part                  string // the value of -only
	quick                 bool
	date                  string
	loadBefore, loadAfter string // averages over one minute
}

// begin notes the state of the machine before a section is measured.
func (p plan) begin(part string) sectionRun {
	return sectionRun{part: part, quick: p.quick(), date: time.Now().Format(time.DateOnly), loadBefore: loadAverage()}
}

// intro returns the heading and the first paragraph of a section. ownLoad is the load of the program
// itself, in words.
func (r sectionRun) intro(heading, ownLoad string) string {
	text := fmt.Sprintf("%s\nMeasured on %s with %s, %d cores (%s), by `go run . -only %s` in `bench`.\nThe load average of the machine over one minute was %s before and %s after. The program\nitself is a load of %s.\n",
		heading, r.date, runtime.Version(), runtime.GOMAXPROCS(0), processor(), r.part, r.loadBefore, r.loadAfter, ownLoad)
	if load, err := strconv.ParseFloat(r.loadBefore, 64); err == nil && load > idleLoad {
		text += "\n**Other programs used the machine. Times are too long, and ratios are less accurate.**\n"
	}
	if r.quick {
		text += "\n**These results are from a quick run. The figures are not meaningful.**\n"
	}
	return text
}

// replaceSection replaces a section in the README.md in folder, and leaves the rest. A README.md
// without the section gets it at the end.
func replaceSection(folder string, s section) {
	file := filepath.Join(folder, "README.md")
	text := string(must(os.ReadFile(file)))
	before, after, _ := strings.Cut(text, s.heading)
	if next := strings.Index(after, "\n## "); next >= 0 {
		after = after[next:]
	} else {
		after = ""
	}
	if err := os.WriteFile(file, []byte(before+s.text+after), 0o644); err != nil {
		panic(err)
	}
}

// loadAverage returns the load average over one minute, or "unknown" if /proc has none.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}
