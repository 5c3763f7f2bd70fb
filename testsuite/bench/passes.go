package bench

import (
	"context"
	"errors"
	"math"
	"regexp"
	"runtime"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
)

// PassGain is what one pass over graphs gains a network on the engine in pure Go.
type PassGain struct {
	Network string `json:"network"`
	Pass    string `json:"pass"`
	// Changes is how often the pass changed something.
	Changes int `json:"changes"`
	// Ratio is the time without the pass by that with all passes, on one thread: the best
	// of many turns of each.
	Ratio float64 `json:"ratio"`
}

// PassGains measures each pass that changes something in a network whose name matches.
// Networks that are not here are left out.
func PassGains(ctx context.Context, match *regexp.Regexp, o Options) ([]PassGain, error) {
	var gains []PassGain
	for _, c := range networks() {
		if !match.MatchString(c.name) {
			continue
		}
		model, in, err := c.model()
		if errors.Is(err, ErrMissing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		more, err := passGains(ctx, c.name, model, in, o)
		if err != nil {
			return nil, err
		}
		gains = append(gains, more...)
	}
	return gains, nil
}

func passGains(ctx context.Context, network string, model []byte, in []backends.NamedTensor, o Options) (gains []PassGain, err error) {
	var all []loaded
	defer func() {
		for _, l := range all {
			err = errors.Join(err, l.close())
		}
	}()
	var sides []*turns
	open := func(without ...string) error {
		engine, err := gorgonia.New(gorgonia.Config{IntraOpThreads: 1, Without: without})
		if err != nil {
			return err
		}
		l, err := load(ctx, engine, model, in)
		all = append(all, l)
		if err != nil {
			return err
		}
		side := &turns{side: times(func() error { return l.compute(ctx, in) }), best: math.Inf(1)}
		sides = append(sides, side)
		return side.calibrate(ctx, o.Time)
	}
	if err := open(); err != nil {
		return nil, err
	}
	stats, _ := gorgonia.StatsOf(all[0].graph)
	for _, pass := range gorgonia.Passes() {
		if n := stats.Passes[pass]; n > 0 {
			gains = append(gains, PassGain{Network: network, Pass: pass, Changes: n})
			if err := open(pass); err != nil {
				return nil, err
			}
		}
	}
	for round := range max(1, o.Rounds) {
		runtime.GC()
		for k := range sides {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if _, err := sides[(k+round)%len(sides)].turn(); err != nil {
				return nil, err
			}
		}
	}
	for i := range gains {
		gains[i].Ratio = sides[i+1].best / sides[0].best
	}
	return gains, nil
}
