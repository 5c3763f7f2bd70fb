package wasip2

import (
	"context"
	"fmt"
	"reflect"
	"time"
)

// event is what a pollable waits for. The zero event has happened.
type event struct {
	// at is when a timer fires, by the real clock; zero when this is no timer. A
	// timer has no pending.
	at time.Time
	// pending returns a channel that is closed once the event has happened, or
	// nil when it has; a nil pending has happened, unless at says otherwise.
	pending func() <-chan struct{}
}

// ready reports whether the event has happened.
func (e event) ready() bool {
	if !e.at.IsZero() && time.Until(e.at) > 0 {
		return false
	}
	ch := e.channel()
	if ch == nil {
		return true
	}
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// channel is what pending returns.
func (e event) channel() <-chan struct{} {
	if e.pending == nil {
		return nil
	}
	return e.pending()
}

// wait returns once an event has happened, with the indices of all that have,
// or with the context's error.
func wait(ctx context.Context, events []event) ([]uint32, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var ready []uint32
		for i, e := range events {
			if e.ready() {
				ready = append(ready, uint32(i))
			}
		}
		if ready != nil {
			return ready, nil
		}
		if err := sleep(ctx, events); err != nil {
			return nil, err
		}
	}
}

// maxWaits is how many events that have not happened one poll may wait for;
// reflect.Select takes few more.
const maxWaits = 1 << 15

// sleep returns when something may have happened.
func sleep(ctx context.Context, events []event) error {
	var first time.Time
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	for _, e := range events {
		if !e.at.IsZero() && (first.IsZero() || e.at.Before(first)) {
			first = e.at
		}
		if e.pending != nil {
			ch := e.pending()
			if ch == nil {
				return nil // it has happened since it was looked at
			}
			if len(cases) > maxWaits {
				return fmt.Errorf("poll of more than %d pollables that are not ready", maxWaits)
			}
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ch)})
		}
	}
	if !first.IsZero() {
		timer := time.NewTimer(time.Until(first))
		defer timer.Stop()
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(timer.C)})
	}
	if chosen, _, _ := reflect.Select(cases); chosen == 0 {
		return ctx.Err()
	}
	return nil
}
