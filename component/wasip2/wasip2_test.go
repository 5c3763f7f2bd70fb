package wasip2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/pump"
	"github.com/wasinn/wasinn/gen/wasi/clocks/wallclock"
	fstypes "github.com/wasinn/wasinn/gen/wasi/filesystem/types"
	httptypes "github.com/wasinn/wasinn/gen/wasi/http/types"
	"github.com/wasinn/wasinn/gen/wasi/io/poll"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
	"github.com/wasinn/wasinn/gen/wasi/sockets/network"
)

func testHost(t *testing.T, cfg Config) *host {
	t.Helper()
	h, err := newHost(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(context.Background()) })
	return h
}

// ok returns the value of a result that is no error and no trap.
func ok[T, E any](t *testing.T) func(abi.Result[T, E], error) T {
	return func(r abi.Result[T, E], err error) T {
		t.Helper()
		if err != nil || r.IsErr {
			t.Fatalf("got error %v, trap %v", r.Err, err)
		}
		return r.OK
	}
}

// code returns the error of a result that is one.
func code[T, E any](t *testing.T) func(abi.Result[T, E], error) E {
	return func(r abi.Result[T, E], err error) E {
		t.Helper()
		if err != nil || !r.IsErr {
			t.Fatalf("got value %v, trap %v; want an error", r.OK, err)
		}
		return r.Err
	}
}

func TestALinkerTakesAllOfWASI(t *testing.T) {
	ctx := context.Background()
	rt, err := component.NewRuntime(ctx, component.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close(ctx)
	if err := AddToLinker(component.NewLinker(rt), NewConfig()); err != nil {
		t.Fatal(err)
	}
}

func TestStdinIsReadWithoutWaiting(t *testing.T) {
	ctx := context.Background()
	r, w := io.Pipe()
	h := testHost(t, NewConfig().WithStdin(r))
	in, _ := h.GetStdin(ctx)
	if b := ok[[]byte, streams.StreamError](t)(in.Read(ctx, 10)); len(b) != 0 {
		t.Errorf("read %q before anything was written", b)
	}
	p, _ := in.Subscribe(ctx)
	if ready, _ := p.Ready(ctx); ready {
		t.Error("ready before anything was written")
	}
	go func() {
		w.Write([]byte("hello"))
		w.Write([]byte(" world"))
		w.Close()
	}()
	if err := p.Block(ctx); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for {
		r, err := in.BlockingRead(ctx, 3)
		if err != nil {
			t.Fatal(err)
		}
		if r.IsErr {
			if r.Err.Tag != streams.StreamErrorTagClosed {
				t.Fatalf("ended with %v", r.Err)
			}
			break
		}
		got.Write(r.OK)
	}
	if got.String() != "hello world" {
		t.Errorf("read %q", got.String())
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	h := testHost(t, NewConfig().WithStdin(r))
	ctx, cancel := context.WithCancel(context.Background())
	in, _ := h.GetStdin(ctx)
	timer, _ := monotonicHost{h}.SubscribeDuration(ctx, uint64(time.Hour))
	cancel()
	if _, err := in.BlockingRead(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("blocking-read: %v", err)
	}
	if err := timer.Block(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("block: %v", err)
	}
}

func TestPollReturnsAllThatAreReady(t *testing.T) {
	ctx := context.Background()
	h := testHost(t, NewConfig())
	long, _ := monotonicHost{h}.SubscribeDuration(ctx, uint64(time.Hour))
	short, _ := monotonicHost{h}.SubscribeDuration(ctx, uint64(time.Millisecond))
	now, _ := monotonicHost{h}.SubscribeInstant(ctx, 0)
	if got, err := (pollHost{}).Poll(ctx, []poll.Pollable{long, now, long, now}); err != nil || !reflect.DeepEqual(got, []uint32{1, 3}) {
		t.Errorf("poll: %v, %v", got, err)
	}
	if got, err := (pollHost{}).Poll(ctx, []poll.Pollable{long, short}); err != nil || !reflect.DeepEqual(got, []uint32{1}) {
		t.Errorf("poll: %v, %v", got, err)
	}
	if _, err := (pollHost{}).Poll(ctx, nil); err == nil {
		t.Error("polling nothing did not trap")
	}
}

// TestAnEventBetweenTwoLooksIsNotMissed: something may happen after poll has found
// that it had not, and before poll waits for it.
func TestAnEventBetweenTwoLooksIsNotMissed(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	looks := 0
	p := &pollable{event{pending: func() <-chan struct{} {
		if looks++; looks == 1 {
			return make(chan struct{})
		}
		return nil
	}}}
	if err := p.Block(ctx); err != nil {
		t.Error(err)
	}
}

func TestOutputStreams(t *testing.T) {
	ctx := context.Background()
	var out bytes.Buffer
	h := testHost(t, NewConfig().WithStdout(&out).WithStderr(failing{}))
	s, _ := h.GetStdout(ctx)
	if _, err := s.Write(ctx, []byte("x")); err == nil {
		t.Error("writing before check-write did not trap")
	}
	n := ok[uint64, streams.StreamError](t)(s.CheckWrite(ctx))
	if _, err := s.Write(ctx, make([]byte, n+1)); err == nil {
		t.Error("writing more than check-write allowed did not trap")
	}
	ok[abi.Unit, streams.StreamError](t)(s.Write(ctx, []byte("ab")))
	ok[abi.Unit, streams.StreamError](t)(s.WriteZeroes(ctx, 2))
	ok[abi.Unit, streams.StreamError](t)(s.BlockingWriteAndFlush(ctx, bytes.Repeat([]byte("c"), 5000)))
	src := &inputStream{in: pumped{pump.New(strings.NewReader("spliced"))}}
	if n := ok[uint64, streams.StreamError](t)(s.BlockingSplice(ctx, src, 6)); n != 6 {
		t.Errorf("spliced %d bytes", n)
	}
	if want := "ab\x00\x00" + strings.Repeat("c", 5000) + "splice"; out.String() != want {
		t.Errorf("wrote %q", out.String())
	}
	e, _ := h.GetStderr(ctx)
	first := code[abi.Unit, streams.StreamError](t)(e.BlockingWriteAndFlush(ctx, []byte("x")))
	if text, _ := first.LastOperationFailed.ToDebugString(ctx); text != "broken" {
		t.Errorf("the first failure says %q", text)
	}
	if second := code[abi.Unit, streams.StreamError](t)(e.Flush(ctx)); second.Tag != streams.StreamErrorTagClosed {
		t.Errorf("after a failure: %v", second)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestRelativePathsBeginInAFolderThatIsGranted(t *testing.T) {
	for _, test := range []struct {
		name, want string
		cfg        Config
	}{
		{"no folder", "", NewConfig()},
		{"a folder somewhere", "", NewConfig().WithDir(".", "/data", true).WithDir(".", "data", true)},
		{"the root", "/", NewConfig().WithDir(".", "/data", true).WithDir(".", "/", true)},
		{"the working folder as well", ".", NewConfig().WithDir(".", "/", true).WithDir(".", ".", true)},
		{"the working folder, written otherwise", "./", NewConfig().WithDir(".", "./", true)},
		{"what was set", "/home", NewConfig().WithDir(".", ".", true).WithInitialCwd("/home")},
	} {
		cwd, err := environmentHost{&host{cfg: test.cfg}}.InitialCwd(t.Context())
		if want := (abi.Option[string]{Value: test.want, Some: test.want != ""}); err != nil || cwd != want {
			t.Errorf("%s: %+v, %v, want %+v", test.name, cwd, err, want)
		}
	}
}

func TestExitIsAnExitError(t *testing.T) {
	for want, err := range map[uint32]error{
		0: exitHost{}.Exit(context.Background(), abi.Result[abi.Unit, abi.Unit]{}),
		1: exitHost{}.Exit(context.Background(), abi.Result[abi.Unit, abi.Unit]{IsErr: true}),
		7: exitHost{}.ExitWithCode(context.Background(), 7),
	} {
		var e *component.ExitError
		if !errors.As(err, &e) || e.Code != want {
			t.Errorf("got %v, want exit code %d", err, want)
		}
	}
}

// granted returns the descriptor of a granted folder.
func granted(t *testing.T, readOnly bool) (h *host, d *descriptor, folder string) {
	t.Helper()
	folder = t.TempDir()
	h = testHost(t, NewConfig().WithDir(folder, "/data", readOnly))
	dirs, err := h.GetDirectories(context.Background())
	if err != nil || len(dirs) != 1 || dirs[0].F1 != "/data" {
		t.Fatalf("directories %v, %v", dirs, err)
	}
	return h, dirs[0].F0.(*descriptor), folder
}

const readWrite = fstypes.DescriptorFlagsRead | fstypes.DescriptorFlagsWrite

func TestFilesAreWrittenAndRead(t *testing.T) {
	ctx := context.Background()
	_, d, folder := granted(t, false)
	f := ok[fstypes.Descriptor, fstypes.ErrorCode](t)(d.OpenAt(ctx, 0, "f", fstypes.OpenFlagsCreate, readWrite))
	if n := ok[uint64, fstypes.ErrorCode](t)(f.Write(ctx, []byte("0123456789"), 2)); n != 10 {
		t.Errorf("wrote %d bytes", n)
	}
	w := ok[streams.OutputStream, fstypes.ErrorCode](t)(f.AppendViaStream(ctx))
	ok[abi.Unit, streams.StreamError](t)(w.BlockingWriteAndFlush(ctx, []byte("end")))
	r := ok[abi.Tuple2[[]byte, bool], fstypes.ErrorCode](t)(f.Read(ctx, 100, 10))
	if string(r.F0) != "89end" || !r.F1 {
		t.Errorf("read %q, end %v", r.F0, r.F1)
	}
	in := ok[streams.InputStream, fstypes.ErrorCode](t)(f.ReadViaStream(ctx, 3))
	f.Drop(ctx) // the stream keeps the file open
	if b := ok[[]byte, streams.StreamError](t)(in.BlockingRead(ctx, 4)); string(b) != "1234" {
		t.Errorf("the stream read %q", b)
	}
	if b, err := os.ReadFile(filepath.Join(folder, "f")); string(b) != "\x00\x000123456789end" {
		t.Errorf("the file holds %q, %v", b, err)
	}
	st := ok[fstypes.DescriptorStat, fstypes.ErrorCode](t)(d.StatAt(ctx, 0, "f"))
	if st.Size != 15 || st.Type != fstypes.DescriptorTypeRegularFile || st.LinkCount != 1 {
		t.Errorf("stat %+v", st)
	}
}

func TestFilesystemErrorsHaveTheirCodes(t *testing.T) {
	ctx := context.Background()
	_, d, folder := granted(t, false)
	if err := os.WriteFile(filepath.Join(folder, "f"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, ro, _ := granted(t, true)
	f := ok[fstypes.Descriptor, fstypes.ErrorCode](t)(d.OpenAt(ctx, 0, "f", 0, fstypes.DescriptorFlagsRead))
	open := code[fstypes.Descriptor, fstypes.ErrorCode](t)
	read := code[abi.Tuple2[[]byte, bool], fstypes.ErrorCode](t)
	late := fstypes.NewTimestampTimestamp(wallclock.Datetime{Seconds: 1, Nanoseconds: 1e9})
	for _, c := range []struct {
		what string
		got  fstypes.ErrorCode
		want fstypes.ErrorCode
	}{
		{"a missing file", open(d.OpenAt(ctx, 0, "none", 0, 0)), fstypes.ErrorCodeNoEntry},
		{"a path that goes up", open(d.OpenAt(ctx, 0, "../f", 0, 0)), fstypes.ErrorCodeNotPermitted},
		{"an absolute path", open(d.OpenAt(ctx, 0, "/etc/passwd", 0, 0)), fstypes.ErrorCodeNotPermitted},
		{"creating in a read-only folder", open(ro.OpenAt(ctx, 0, "f", fstypes.OpenFlagsCreate, readWrite)), fstypes.ErrorCodeNotPermitted},
		{"a file as a folder", open(d.OpenAt(ctx, 0, "f", fstypes.OpenFlagsDirectory, 0)), fstypes.ErrorCodeNotDirectory},
		{"a file that exists", open(d.OpenAt(ctx, 0, "f", fstypes.OpenFlagsCreate|fstypes.OpenFlagsExclusive, readWrite)), fstypes.ErrorCodeExist},
		{"a path below a file", open(f.OpenAt(ctx, 0, "x", 0, 0)), fstypes.ErrorCodeNotDirectory},
		{"writing what was opened for reading", code[uint64, fstypes.ErrorCode](t)(f.Write(ctx, []byte("y"), 0)), fstypes.ErrorCodeBadDescriptor},
		{"an offset of 64 bits", read(f.Read(ctx, 1, 1<<63)), fstypes.ErrorCodeInvalid},
		{"reading a folder as a file", read(d.Read(ctx, 1, 0)), fstypes.ErrorCodeIsDirectory},
		{"a time with too many nanoseconds", code[abi.Unit, fstypes.ErrorCode](t)(d.SetTimesAt(ctx, 0, "f", fstypes.NewTimestampNow(), late)), fstypes.ErrorCodeInvalid},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestAGuestCannotUseUpTheFilesOfTheProcess(t *testing.T) {
	ctx := context.Background()
	h, d, folder := granted(t, true)
	if err := os.WriteFile(filepath.Join(folder, "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var opened []fstypes.Descriptor
	for range maxOpenFiles {
		opened = append(opened, ok[fstypes.Descriptor, fstypes.ErrorCode](t)(d.OpenAt(ctx, 0, "f", 0, 0)))
	}
	if got := code[fstypes.Descriptor, fstypes.ErrorCode](t)(d.OpenAt(ctx, 0, "f", 0, 0)); got != fstypes.ErrorCodeQuota {
		t.Errorf("one file too many: %v", got)
	}
	for _, f := range opened {
		f.Drop(ctx)
	}
	if h.openFiles != 0 {
		t.Errorf("%d files are counted after all were dropped", h.openFiles)
	}
}

func TestTheSameFileHasTheSameHash(t *testing.T) {
	ctx := context.Background()
	_, d, folder := granted(t, true)
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	hash := func(name string) fstypes.MetadataHashValue {
		return ok[fstypes.MetadataHashValue, fstypes.ErrorCode](t)(d.MetadataHashAt(ctx, 0, name))
	}
	if a, again, b := hash("a"), hash("a"), hash("b"); a != again || a == b {
		t.Errorf("hashes a %v and %v, b %v", a, again, b)
	}
}

func TestTheNetworkIsRefused(t *testing.T) {
	ctx := context.Background()
	h := testHost(t, NewConfig())
	if r, err := h.network.CreateTCPSocket(ctx, network.IPAddressFamilyIPv4); err != nil || !r.IsErr || r.Err != network.ErrorCodeAccessDenied {
		t.Errorf("create-tcp-socket: %+v, %v", r, err)
	}
	hh := httpHost{h}
	fields, _ := hh.NewFields(ctx)
	if got := code[abi.Unit, httptypes.HeaderError](t)(fields.Append(ctx, "bad name", nil)); got.Tag != httptypes.HeaderErrorTagInvalidSyntax {
		t.Errorf("a name with a blank: %v", got)
	}
	ok[abi.Unit, httptypes.HeaderError](t)(fields.Append(ctx, "Accept", []byte("x")))
	if v, _ := fields.Get(ctx, "accept"); !reflect.DeepEqual(v, [][]byte{[]byte("x")}) {
		t.Errorf("accept: %q", v)
	}
	req, err := hh.NewOutgoingRequest(ctx, fields)
	if err != nil {
		t.Fatal(err)
	}
	if got := code[abi.Unit, httptypes.HeaderError](t)(fields.Append(ctx, "a", nil)); got.Tag != httptypes.HeaderErrorTagImmutable {
		t.Errorf("changing a request's fields: %v", got)
	}
	r, err := hh.Handle(ctx, req, abi.Option[httptypes.RequestOptions]{})
	if err != nil || !r.IsErr || r.Err.Tag != httptypes.ErrorCodeTagHTTPRequestDenied {
		t.Errorf("handle: %+v, %v", r, err)
	}
	if h.fields.used != 0 {
		t.Errorf("%d bytes of fields are counted after all were dropped", h.fields.used)
	}
}

func TestFieldsAreBounded(t *testing.T) {
	ctx := context.Background()
	fields, _ := httpHost{testHost(t, NewConfig())}.NewFields(ctx)
	big := bytes.Repeat([]byte("x"), maxFieldBytes/2)
	ok[abi.Unit, httptypes.HeaderError](t)(fields.Append(ctx, "a", big))
	if _, err := fields.Append(ctx, "a", big); err == nil {
		t.Error("fields beyond the limit did not trap")
	}
}
