package preview1

import (
	"context"
	"crypto/rand"
	"runtime"
	"time"
)

// listSizes stores how many texts there are, and how many bytes they take with
// a zero behind each.
func listSizes(m Memory, p Params, list []string) Errno {
	size := 0
	for _, s := range list {
		size += len(s) + 1
	}
	if e := m.putUint32(p.u32(0), uint32(len(list))); e != 0 {
		return e
	}
	return m.putUint32(p.u32(1), uint32(size))
}

// listGet stores texts with a zero behind each, and pointers to them.
func listGet(m Memory, p Params, list []string) Errno {
	pointers, at := p.u32(0), p.u32(1)
	for _, s := range list {
		b, ok := m.bytes(at, uint32(len(s))+1)
		if !ok {
			return errFault
		}
		b[copy(b, s)] = 0
		if e := m.putUint32(pointers, at); e != 0 {
			return e
		}
		pointers += 4
		at += uint32(len(b))
	}
	return 0
}

func (g *Guest) argsGet(_ context.Context, m Memory, p Params) Errno { return listGet(m, p, g.args) }

func (g *Guest) argsSizesGet(_ context.Context, m Memory, p Params) Errno {
	return listSizes(m, p, g.args)
}

func (g *Guest) environGet(_ context.Context, m Memory, p Params) Errno { return listGet(m, p, g.env) }

func (g *Guest) environSizesGet(_ context.Context, m Memory, p Params) Errno {
	return listSizes(m, p, g.env)
}

// The clocks; those of processor time are not supported.
const (
	clockRealtime = iota
	clockMonotonic
)

// clockResGet stores the resolution, which is the host's interface's.
func (g *Guest) clockResGet(_ context.Context, m Memory, p Params) Errno {
	if p.u32(0) > clockMonotonic {
		return errInval
	}
	return m.putUint64(p.u32(1), 1)
}

func (g *Guest) clockTimeGet(_ context.Context, m Memory, p Params) Errno {
	switch p.u32(0) {
	case clockRealtime:
		return m.putUint64(p.u32(2), g.realtime())
	case clockMonotonic:
		return m.putUint64(p.u32(2), g.monotonic())
	}
	return errInval
}

// wallEvery is how long the wall clock is taken to run as the monotonic one does.
const wallEvery = 5 * time.Millisecond

// realtime is the wall clock in nanoseconds. Go reads both clocks for it; one is
// enough as long as the other was read a moment ago.
func (g *Guest) realtime() uint64 {
	passed := time.Since(g.wall)
	if passed > wallEvery {
		g.wall, passed = time.Now(), 0
	}
	return uint64(max(0, g.wall.UnixNano()+int64(passed)))
}

// monotonic counts nanoseconds from the making of the guest, so that it learns
// nothing of the host's uptime. It is never zero, which Go's runtime takes for a
// clock that does not run.
func (g *Guest) monotonic() uint64 { return uint64(max(0, time.Since(g.started))) + 1 }

func (g *Guest) randomGet(ctx context.Context, m Memory, p Params) Errno {
	b, ok := m.bytes(p.u32(0), p.u32(1))
	if !ok {
		return errFault
	}
	for len(b) > 0 {
		n := min(len(b), pieceSize)
		rand.Read(b[:n]) // never fails
		if b = b[n:]; len(b) > 0 && ctx.Err() != nil {
			return Interrupted
		}
	}
	return 0
}

func (g *Guest) schedYield(context.Context, Memory, Params) Errno {
	runtime.Gosched()
	return 0
}

// procRaise is not there: there are no signals.
func (g *Guest) procRaise(context.Context, Memory, Params) Errno { return errNosys }

// notSocket is what every function of sockets answers: none can be granted.
func (g *Guest) notSocket(fd uint32) Errno {
	if _, e := g.fds.get(fd); e != 0 {
		return e
	}
	return errNotsock
}

func (g *Guest) sockAccept(_ context.Context, _ Memory, p Params) Errno { return g.notSocket(p.u32(0)) }
func (g *Guest) sockRecv(_ context.Context, _ Memory, p Params) Errno   { return g.notSocket(p.u32(0)) }
func (g *Guest) sockSend(_ context.Context, _ Memory, p Params) Errno   { return g.notSocket(p.u32(0)) }
func (g *Guest) sockShutdown(_ context.Context, _ Memory, p Params) Errno {
	return g.notSocket(p.u32(0))
}
