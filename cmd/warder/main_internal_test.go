package main

import (
	"bytes"
	"strings"
	"testing"
)

// ran is the result of a run of the program.
type ran struct {
	status    int
	out, errs string
}

// runWith runs the program with arguments and standard input.
func runWith(t *testing.T, in string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), append([]string{"warder"}, args...), streams{strings.NewReader(in), &out, &errs})
	return ran{status, out.String(), errs.String()}
}

func TestVersion(t *testing.T) {
	got := runWith(t, "", "version")
	if want := "warder " + version() + "\n"; got != (ran{0, want, ""}) {
		t.Errorf("got %+v, want status 0 and %q", got, want)
	}
}

// A mistake in the arguments has exit status 2, and its text is not on standard output.
func TestMistakesInArguments(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		text string
	}{
		{"unknown command", []string{"chekc"}, `warder: unknown command "chekc"; see "warder help"` + "\n"},
		{"unknown flag of the program", []string{"-x"}, "warder: flag provided but not defined: -x\n"},
		{"unknown flag of a command", []string{"version", "-x"}, "warder: flag provided but not defined: -x\n"},
		{"argument without a meaning", []string{"version", "now"}, `warder: version: unexpected argument "now"` + "\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := runWith(t, "", row.args...); got != (ran{2, "", row.text}) {
				t.Errorf("got %+v, want status 2 and %q", got, row.text)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"-help"}} {
		if got := runWith(t, "", args...); got.status != 0 || !strings.HasPrefix(got.out, "NAME:\n   warder - ") || got.errs != "" {
			t.Errorf("%v: got %+v, want status 0 and the help", args, got)
		}
	}
}

// The library writes the scripts; the test is that they are on.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "pwsh"} {
		if got := runWith(t, "", "completion", shell); got.status != 0 || !strings.Contains(got.out, "generate-shell-completion") {
			t.Errorf("%s: got %+v, want status 0 and a script", shell, got)
		}
	}
}
