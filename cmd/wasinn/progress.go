package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// progress shows how far long work is, on one line of a terminal that is
// rewritten, or by a line every few seconds elsewhere, where a guest's own words
// may be read by a program. Work that is done sooner is not mentioned.
type progress struct {
	w        io.Writer
	terminal bool
	quiet    bool
	started  time.Time
	shown    time.Time
	width    int // of the line that stands on the terminal
}

// How long work may take before it is mentioned, and how often it is.
const (
	patience      = 500 * time.Millisecond // on a terminal
	terminalPause = 100 * time.Millisecond
	logPause      = 5 * time.Second // elsewhere, for both
)

func newProgress(w io.Writer, quiet bool) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), quiet: quiet, started: time.Now()}
}

// show replaces the line. done and total count units, such as bytes; a total
// of 0 is unknown.
func (p *progress) show(what string, done, total int64) {
	wait, pause := logPause, logPause
	if p.terminal {
		wait, pause = patience, terminalPause
	}
	now := time.Now()
	if p.quiet || now.Sub(p.started) < wait || now.Sub(p.shown) < pause {
		return
	}
	p.shown = now
	p.write(strings.TrimSuffix(what+amount(done, total), ","))
}

func (p *progress) write(line string) {
	if !p.terminal {
		fmt.Fprintln(p.w, line)
		return
	}
	pad := max(0, p.width-len(line))
	p.width = len(line)
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", pad))
}

// fetch shows how far a download is.
func (p *progress) fetch(f pkgfetch.Progress) {
	p.show(string(f.Stage)+" "+f.Source, f.Done, f.Total)
}

// during shows work until end is called, whether or not it reports how far it is.
func (p *progress) during(what string) (report func(done, total int64), end func()) {
	var done, total atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(terminalPause)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				p.show(fmt.Sprintf("%s, %.0f s,", what, now.Sub(p.started).Seconds()), done.Load(), total.Load())
			case <-stop:
				return
			}
		}
	}()
	report = func(d, t int64) { done.Store(d); total.Store(t) }
	return report, func() {
		close(stop)
		<-stopped
		p.end()
	}
}

// end takes the line away.
func (p *progress) end() {
	if p.terminal && p.width > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}

// amount writes bytes as in " 3.1 of 11.4 MB (27 %)".
func amount(done, total int64) string {
	const mb = 1e6
	switch {
	case total > 0:
		return fmt.Sprintf(" %.1f of %.1f MB (%d %%)", float64(done)/mb, float64(total)/mb, 100*done/total)
	case done > 0:
		return fmt.Sprintf(" %.1f MB", float64(done)/mb)
	}
	return ""
}
