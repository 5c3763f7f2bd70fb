package wasip2

import (
	"context"
	"math"
	"time"

	"github.com/wasinn/wasinn/gen/wasi/clocks/wallclock"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
)

// monotonicHost counts nanoseconds from the making of the instance, so that a
// guest learns nothing of the host's uptime.
type monotonicHost struct{ *host }

func (h monotonicHost) Now(context.Context) (uint64, error) {
	return uint64(max(0, h.now().Sub(h.started))), nil
}

func (h monotonicHost) Resolution(context.Context) (uint64, error) { return 1, nil }

func (h monotonicHost) SubscribeInstant(ctx context.Context, when uint64) (poll.Pollable, error) {
	now, err := h.Now(ctx)
	if err != nil || when <= now {
		return &pollable{}, err
	}
	return h.SubscribeDuration(ctx, when-now)
}

func (h monotonicHost) SubscribeDuration(_ context.Context, d uint64) (poll.Pollable, error) {
	if d == 0 {
		return &pollable{}, nil
	}
	return &pollable{event{at: time.Now().Add(time.Duration(min(d, math.MaxInt64/2)))}}, nil
}

type wallHost struct{ *host }

func (h wallHost) Now(context.Context) (wallclock.Datetime, error) { return datetime(h.now()), nil }

func (h wallHost) Resolution(context.Context) (wallclock.Datetime, error) {
	return wallclock.Datetime{Nanoseconds: 1}, nil
}

// datetime is a time since 1970; times before that are 1970.
func datetime(t time.Time) wallclock.Datetime {
	if t.Unix() < 0 {
		return wallclock.Datetime{}
	}
	return wallclock.Datetime{Seconds: uint64(t.Unix()), Nanoseconds: uint32(t.Nanosecond())}
}
