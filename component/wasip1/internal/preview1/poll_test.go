package preview1

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// subscribe writes subscriptions one behind the other.
type subscriptions []byte

func (s *subscriptions) add(userdata uint64, kind byte) []byte {
	*s = append(*s, make([]byte, subscriptionSize)...)
	b := (*s)[len(*s)-subscriptionSize:]
	le.PutUint64(b, userdata)
	b[8] = kind
	return b
}

func (s *subscriptions) clock(userdata uint64, id uint32, timeout time.Duration, flags uint16) {
	b := s.add(userdata, eventClock)
	le.PutUint32(b[16:], id)
	le.PutUint64(b[24:], uint64(timeout))
	le.PutUint16(b[40:], flags)
}

func (s *subscriptions) fd(userdata uint64, kind byte, fd uint32) {
	le.PutUint32(s.add(userdata, kind)[16:], fd)
}

// pollEvent is an event without what it says of clocks.
type pollEvent struct {
	userdata uint64
	e        Errno
	kind     byte
	bytes    uint64
	hangup   bool
}

func (w *world) poll(s subscriptions) (events []pollEvent, e Errno) {
	w.t.Helper()
	n := len(s) / subscriptionSize
	in, out, result := w.text(string(s)), w.room(n*eventSize), w.room(4)
	e = w.call("poll_oneoff", in, out, n, result)
	for i := range le.Uint32(w.m[result:]) {
		b := w.m[out+i*eventSize:]
		events = append(events, pollEvent{le.Uint64(b), Errno(le.Uint16(b[8:])), b[10], le.Uint64(b[16:]), b[24] == 1})
	}
	return events, e
}

func TestPollTellsWhatHasHappened(t *testing.T) {
	waiting, out := io.Pipe()
	defer out.Close()
	const hour = time.Hour
	monotonic := func(w *world) time.Duration { return time.Duration(w.g.monotonic()) }
	realtime := func() time.Duration { return time.Duration(time.Now().UnixNano()) }
	for _, test := range []struct {
		name  string
		stdin io.Reader
		make  func(w *world, s *subscriptions)
		want  []pollEvent
	}{
		{"the output can be written", waiting, func(_ *world, s *subscriptions) {
			s.fd(1, eventFdWrite, 1)
			s.fd(2, eventFdWrite, 2)
			s.clock(3, clockMonotonic, hour, 0)
		}, []pollEvent{{1, 0, eventFdWrite, 1, false}, {2, 0, eventFdWrite, 1, false}}},
		{"the input has nothing before the clock", waiting, func(_ *world, s *subscriptions) {
			s.fd(1, eventFdRead, 0)
			s.clock(2, clockMonotonic, time.Millisecond, 0)
			s.clock(3, clockMonotonic, hour, 0)
		}, []pollEvent{{2, 0, eventClock, 0, false}}},
		{"the input has something", io.MultiReader(strings.NewReader("four")), func(_ *world, s *subscriptions) {
			s.fd(1, eventFdRead, 0)
			s.clock(2, clockMonotonic, hour, 0)
		}, []pollEvent{{1, 0, eventFdRead, 4, false}}},
		{"the input is at its end", io.MultiReader(), func(_ *world, s *subscriptions) {
			s.fd(1, eventFdRead, 0)
		}, []pollEvent{{1, 0, eventFdRead, 0, true}}},
		{"there is no input", nil, func(_ *world, s *subscriptions) {
			s.fd(1, eventFdRead, 0)
		}, []pollEvent{{1, 0, eventFdRead, 0, true}}},
		{"files are always ready", nil, func(w *world, s *subscriptions) {
			fd := w.mustOpen(root, "a.txt", 0, rightFdRead|rightFdWrite, 0)
			s.fd(1, eventFdRead, fd)
			s.fd(2, eventFdWrite, fd)
			s.clock(3, clockRealtime, hour, 0)
		}, []pollEvent{{1, 0, eventFdRead, 3, false}, {2, 0, eventFdWrite, 1, false}}},
		{"a file at its end", nil, func(w *world, s *subscriptions) {
			fd := w.mustOpen(root, "a.txt", 0, rightFdRead, 0)
			w.seek(fd, 0, io.SeekEnd)
			s.fd(1, eventFdRead, fd)
		}, []pollEvent{{1, 0, eventFdRead, 0, true}}},
		{"what cannot be waited for says so", nil, func(w *world, s *subscriptions) {
			s.fd(1, eventFdRead, 99)
			s.fd(2, eventFdWrite, w.mustOpen(root, "a.txt", 0, rightFdRead, 0))
			s.fd(3, eventFdRead, root)
			s.clock(4, 2, 0, 0)
			s.clock(5, clockMonotonic, hour, 0)
		}, []pollEvent{{1, errBadf, eventFdRead, 0, false}, {2, errBadf, eventFdWrite, 0, false}, {3, errIsdir, eventFdRead, 0, false}, {4, errInval, eventClock, 0, false}}},
		{"absolute times", nil, func(w *world, s *subscriptions) {
			s.clock(1, clockMonotonic, monotonic(w), 1)
			s.clock(2, clockMonotonic, monotonic(w)+hour, 1)
			s.clock(3, clockRealtime, realtime()-hour, 1)
			s.clock(4, clockRealtime, realtime()+hour, 1)
		}, []pollEvent{{1, 0, eventClock, 0, false}, {3, 0, eventClock, 0, false}}},
		{"an absolute time that comes", nil, func(_ *world, s *subscriptions) {
			s.clock(1, clockRealtime, realtime()+5*time.Millisecond, 1)
		}, []pollEvent{{1, 0, eventClock, 0, false}}},
		{"times beyond all clocks", nil, func(_ *world, s *subscriptions) {
			s.clock(1, clockMonotonic, -1, 0)
			s.clock(2, clockRealtime, -1, 1)
			s.clock(3, clockRealtime, 0, 0)
		}, []pollEvent{{3, 0, eventClock, 0, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, Config{Stdin: test.stdin, Dirs: []Preopen{{tree(t), "/", false}}})
			var s subscriptions
			test.make(w, &s)
			if got, e := w.poll(s); e != 0 || !slices.Equal(got, test.want) {
				t.Errorf("%+v, errno %d, want %+v", got, e, test.want)
			}
		})
	}
}

func TestPollWaitsAsLongAsAsked(t *testing.T) {
	w := newWorld(t, Config{})
	var s subscriptions
	s.clock(1, clockMonotonic, 20*time.Millisecond, 0)
	for range 2 {
		start := time.Now()
		if got, e := w.poll(s); e != 0 || len(got) != 1 {
			t.Fatalf("%+v, errno %d", got, e)
		}
		if d := time.Since(start); d < 20*time.Millisecond {
			t.Errorf("it took %v", d)
		}
	}
}

func TestPollWaitsForTheInput(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	w := newWorld(t, Config{Stdin: in})
	var s subscriptions
	s.fd(1, eventFdRead, 0)
	s.clock(2, clockMonotonic, time.Hour, 0)
	go out.Write([]byte("x"))
	if got, e := w.poll(s); e != 0 || !slices.Equal(got, []pollEvent{{1, 0, eventFdRead, 1, false}}) {
		t.Errorf("%+v, errno %d", got, e)
	}
}

func TestPollEndsWithTheContext(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	w := newWorld(t, Config{Stdin: in})
	for name, kind := range map[string]byte{"asleep": eventClock, "waiting for input": eventFdRead} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		w.ctx = ctx
		var s subscriptions
		if kind == eventClock {
			s.clock(1, clockMonotonic, time.Hour, 0)
		} else {
			s.fd(1, kind, 0)
		}
		if _, e := w.poll(s); e != Interrupted {
			t.Errorf("%s: errno %d", name, e)
		}
	}
}

func TestPollIsChecked(t *testing.T) {
	w := newWorld(t, Config{})
	var clock, none, flags subscriptions
	clock.clock(1, clockMonotonic, 0, 0)
	none.add(1, 3)
	flags.clock(1, clockMonotonic, 0, 2)
	in, out, result := w.text(string(clock)), w.room(eventSize), w.room(4)
	end := uint32(len(w.m))
	for name, test := range map[string]struct{ got, want Errno }{
		"nothing":                          {w.call("poll_oneoff", in, out, 0, result), errInval},
		"too much":                         {w.call("poll_oneoff", in, out, maxSubscriptions+1, result), errInval},
		"2^32 bytes":                       {w.call("poll_oneoff", in, out, 1<<31, result), errInval},
		"subscriptions outside the memory": {w.call("poll_oneoff", end-47, out, 1, result), errFault},
		"events outside the memory":        {w.call("poll_oneoff", in, end-31, 1, result), errFault},
		"a result outside the memory":      {w.call("poll_oneoff", in, out, 1, end-3), errFault},
		"no kind of event":                 {w.call("poll_oneoff", w.text(string(none)), out, 1, result), errInval},
		"no flag of clocks":                {w.call("poll_oneoff", w.text(string(flags)), out, 1, result), errInval},
		"events over the subscriptions":    {w.call("poll_oneoff", in, in, 1, result), 0},
	} {
		if test.got != test.want {
			t.Errorf("%s: errno %d, want %d", name, test.got, test.want)
		}
	}
	many := newWorld(t, Config{})
	if got, e := many.poll(bytes.Repeat(clock, maxSubscriptions)); e != 0 || len(got) != maxSubscriptions {
		t.Errorf("%d events, errno %d", len(got), e)
	}
}
