package preview1

import (
	"context"
	"io"
	"math"
	"time"
)

const (
	subscriptionSize = 48
	eventSize        = 32
)

// What a subscription waits for.
const (
	eventClock = iota
	eventFdRead
	eventFdWrite
)

// wait is a subscription.
type wait struct {
	userdata uint64
	kind     uint8
	at       time.Time   // of a clock; zero is now
	d        *descriptor // of the others
	failed   Errno       // it cannot be waited for
}

// pollOneoff waits until something that is subscribed to happens, and stores an
// event for each thing that has.
func (g *Guest) pollOneoff(ctx context.Context, m Memory, p Params) Errno {
	n := p.u32(2)
	if n == 0 || n > maxSubscriptions {
		return errInval
	}
	in, ok := m.bytes(p.u32(0), n*subscriptionSize)
	out, ok2 := m.bytes(p.u32(1), n*eventSize)
	if !ok || !ok2 {
		return errFault
	}
	if e := m.putUint32(p.u32(3), 0); e != 0 {
		return e
	}
	g.waits = g.waits[:0]
	defer func() { clear(g.waits) }()
	now := time.Now()
	for ; len(in) > 0; in = in[subscriptionSize:] {
		w, e := g.subscription(in, now)
		if e != 0 {
			return e
		}
		g.waits = append(g.waits, w)
	}
	for {
		if n := g.happened(out); n > 0 {
			return m.putUint32(p.u32(3), n)
		}
		if e := g.sleep(ctx); e != 0 {
			return e
		}
	}
}

// subscription reads one.
func (g *Guest) subscription(b []byte, now time.Time) (wait, Errno) {
	w := wait{userdata: le.Uint64(b), kind: b[8]}
	switch w.kind {
	case eventClock:
		return g.clock(w, b, now)
	case eventFdRead, eventFdWrite:
		needed := rightPollFdReadwrite | rightFdRead
		if w.kind == eventFdWrite {
			needed = rightPollFdReadwrite | rightFdWrite
		}
		w.d, w.failed = g.data(le.Uint32(b[16:]), needed)
		return w, 0
	}
	return w, errInval
}

func (g *Guest) clock(w wait, b []byte, now time.Time) (wait, Errno) {
	const absolute = 1
	id, timeout, flags := le.Uint32(b[16:]), le.Uint64(b[24:]), le.Uint16(b[40:])
	if flags&^absolute != 0 {
		return w, errInval
	}
	if id > clockMonotonic {
		w.failed = errInval
		return w, 0
	}
	if flags == absolute {
		passed := g.monotonic()
		if id == clockRealtime {
			passed = g.realtime()
		}
		timeout -= min(timeout, passed)
	}
	if timeout > 0 {
		w.at = now.Add(time.Duration(min(timeout, math.MaxInt64/2)))
	}
	return w, 0
}

// happened stores the events, and returns how many there are.
func (g *Guest) happened(out []byte) (n uint32) {
	for i := range g.waits {
		w := &g.waits[i]
		bytes, hangup, ok := w.look()
		if !ok {
			continue
		}
		e := out[n*eventSize:][:eventSize]
		clear(e)
		le.PutUint64(e, w.userdata)
		le.PutUint16(e[8:], uint16(w.failed))
		e[10] = w.kind
		le.PutUint64(e[16:], bytes)
		if hangup {
			e[24] = 1
		}
		n++
	}
	return n
}

// look tells whether what is waited for has happened, how many bytes can be
// read or written at least, and whether there is no more to be read.
func (w *wait) look() (bytes uint64, hangup, ok bool) {
	switch {
	case w.failed != 0:
		return 0, false, true
	case w.kind == eventClock:
		return 0, false, w.at.IsZero() || time.Until(w.at) <= 0
	case w.kind == eventFdWrite:
		return 1, false, true
	case w.d.in != nil:
		return w.d.in.look()
	}
	left := int64(0)
	if info, err := w.d.file.Stat(); err == nil {
		if at, err := w.d.file.Seek(0, io.SeekCurrent); err == nil {
			left = max(0, info.Size()-at)
		}
	}
	return uint64(left), left == 0, true
}

// look tells whether a read would wait, and what it would return.
func (in *input) look() (bytes uint64, hangup, ok bool) {
	switch r := in.direct.(type) {
	case nil:
	case interface{ Len() int }:
		return uint64(r.Len()), r.Len() == 0, true
	default:
		return 1, false, true
	}
	if in.pump.Pending() != nil {
		return 0, false, false
	}
	n, ended := in.pump.Unread()
	return uint64(n), n == 0 && ended, true
}

// sleep waits until something may have happened. That can be the earliest
// clock, or the standard input: all else happens at once.
func (g *Guest) sleep(ctx context.Context) Errno {
	var first time.Time
	var ready <-chan struct{}
	for i := range g.waits {
		switch w := &g.waits[i]; {
		case w.kind == eventClock:
			if first.IsZero() || w.at.Before(first) {
				first = w.at
			}
		case w.d != nil && w.d.in != nil && w.d.in.pump != nil:
			if ready = w.d.in.pump.Pending(); ready == nil {
				return 0 // it has happened since it was looked at
			}
		}
	}
	var fires <-chan time.Time
	if !first.IsZero() {
		if g.pace == nil {
			g.pace = time.NewTimer(time.Until(first))
		} else {
			g.pace.Reset(time.Until(first))
		}
		defer g.pace.Stop()
		fires = g.pace.C
	}
	select {
	case <-fires:
	case <-ready:
	case <-ctx.Done():
		return Interrupted
	}
	return 0
}
