package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
)

// clocked is a service that starts a timer when a guest's first compute has
// ended and stops it n computes later, so that what a guest does before and
// after its loop is not measured. A guest is to compute n+1 times.
type clocked struct {
	wasinn.Service
	timer Timer
	n     int // computes to come; -1 before the first
	total int
}

// clock makes the service ready for a turn of n.
func (c *clocked) clock(n int, t Timer) { c.timer, c.n, c.total = t, -1, n }

// ended says how a guest ended: err is its own, out what it wrote.
func (c *clocked) ended(err error, out *bytes.Buffer) error {
	if err == nil && c.n != 0 {
		err = errors.New("too few computes")
	}
	if err != nil {
		return fmt.Errorf("the guest ended with %w, and wrote %q", err, out.String())
	}
	return nil
}

// LoadByName implements wasinn.Service.
func (c *clocked) LoadByName(ctx context.Context, name string) (wasinn.Graph, error) {
	g, err := c.Service.LoadByName(ctx, name)
	return clockedGraph{g, c}, err
}

type clockedGraph struct {
	wasinn.Graph
	c *clocked
}

func (g clockedGraph) NewContext(ctx context.Context) (wasinn.ExecutionContext, error) {
	x, err := g.Graph.NewContext(ctx)
	return clockedContext{x, g.c}, err
}

type clockedContext struct {
	wasinn.ExecutionContext
	c *clocked
}

func (x clockedContext) Compute(ctx context.Context, in []backends.NamedTensor) ([]backends.NamedTensor, error) {
	out, err := x.ExecutionContext.Compute(ctx, in)
	switch c := x.c; {
	case c.n < 0:
		c.n = c.total
		c.timer.ResetTimer()
	case c.n == 1:
		c.timer.StopTimer()
		c.n = 0
	default:
		c.n--
	}
	return out, err
}
