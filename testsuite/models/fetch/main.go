// Command fetch gets the models of testsuite/models into the user's cache and
// prints the registry folder that holds them. "make models" runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/wasinn/wasinn/internal/pkgfetch"
	"github.com/wasinn/wasinn/testsuite/models"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := &printer{}
	dir, err := models.Fetch(ctx, p.show)
	if err != nil {
		fmt.Fprintln(os.Stderr, "models:", err)
		os.Exit(1)
	}
	for _, m := range models.All() {
		fmt.Fprintf(os.Stderr, "%-18s %9d bytes  %s\n", m.Name, m.Size, m.About)
	}
	fmt.Println(dir)
}

// printer writes a line per stage, and one a second within a stage.
type printer struct {
	last pkgfetch.Progress
	at   time.Time
}

func (p *printer) show(now pkgfetch.Progress) {
	if now.Stage == p.last.Stage && now.Package == p.last.Package && time.Since(p.at) < time.Second {
		return
	}
	p.last, p.at = now, time.Now()
	line := fmt.Sprintf("%s: %s: %s", now.Package, now.Source, now.Stage)
	if now.Total > 0 {
		line += fmt.Sprintf(" %.1f of %.1f MB", float64(now.Done)/1e6, float64(now.Total)/1e6)
	}
	fmt.Fprintln(os.Stderr, line)
}
