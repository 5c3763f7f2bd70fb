package graphreg

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/wasinn/wasinn/backends"
)

// fake is an engine that counts what it has loaded and closed.
type fake struct {
	loads, closes atomic.Int32
	open          atomic.Int32
	gate          chan struct{} // when set, Load waits for it or for its context
	opts          atomic.Pointer[backends.LoadOptions]
}

func (f *fake) Name() string                   { return "fake" }
func (f *fake) Encodings() []backends.Encoding { return []backends.Encoding{backends.ONNX} }

func (f *fake) Load(ctx context.Context, parts [][]byte, o backends.LoadOptions) (backends.Graph, error) {
	f.loads.Add(1)
	f.opts.Store(&o)
	if f.gate != nil {
		select {
		case <-f.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch string(parts[0]) {
	case "bad":
		return nil, backends.Errorf(backends.InvalidEncoding, "no model")
	case "panic":
		panic("engine bug")
	}
	f.open.Add(1)
	return &fakeGraph{f: f, text: string(parts[0])}, nil
}

type fakeGraph struct {
	f    *fake
	text string
	once sync.Once
}

func (g *fakeGraph) NewContext(context.Context) (backends.ExecutionContext, error) {
	return nil, errors.ErrUnsupported
}
func (g *fakeGraph) Inputs() []backends.TensorInfo {
	return []backends.TensorInfo{{Name: g.text, Type: backends.FP32}}
}
func (g *fakeGraph) Outputs() []backends.TensorInfo { return nil }
func (g *fakeGraph) Close() error {
	g.once.Do(func() { g.f.closes.Add(1); g.f.open.Add(-1) })
	return nil
}

// text is what the graph of a handle was loaded from.
func text(h *Handle) string { return h.Graph().(backends.Describer).Inputs()[0].Name }

func put(t testing.TB, folder, path, content string) {
	t.Helper()
	path = filepath.Join(folder, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func newRegistry(t testing.TB, f *fake, folder string, change ...func(*Config)) *Registry {
	t.Helper()
	src, err := Dir(folder)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Backends: backends.NewSet(f), Sources: []Source{src}, Options: backends.LoadOptions{Encoding: backends.ONNX}}
	for _, c := range change {
		c(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func acquire(t testing.TB, r *Registry, name string) *Handle {
	t.Helper()
	h, err := r.Acquire(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantCode(t testing.TB, err error, code backends.Code, words string) {
	t.Helper()
	var e *backends.Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Detail, words) {
		t.Errorf("error %v, want %s with %q", err, code, words)
	}
}

func TestFolderNamesGraphsAndVersions(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "plain/model.onnx", "plain")
	put(t, dir, "many/1.9/model.onnx", "many 1.9")
	put(t, dir, "many/1.10/model.onnx", "many 1.10")
	put(t, dir, "many/2.0-rc1/model.onnx", "many 2.0-rc1")
	put(t, dir, "both/model.onnx", "both")
	put(t, dir, "both/7/model.onnx", "both 7")
	put(t, dir, ".hidden/model.onnx", "hidden")
	put(t, dir, "stray.txt", "")
	put(t, dir, "empty/readme", "")
	r := newRegistry(t, &fake{}, dir)
	for name, want := range map[string]string{
		"plain": "plain", "many": "many 1.10", "many@1.9": "many 1.9", "many@2.0-rc1": "many 2.0-rc1", "both": "both", "both@7": "both 7",
	} {
		if got := text(acquire(t, r, name)); got != want {
			t.Errorf("%s: loaded %q, want %q", name, got, want)
		}
	}
	list, err := r.List()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range list {
		names = append(names, s.FullName())
	}
	if want := []string{"both@7", "both", "many@2.0-rc1", "many@1.9", "many@1.10", "plain"}; !reflect.DeepEqual(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
	_, err = r.Acquire(t.Context(), "many@3")
	wantCode(t, err, backends.NotFound, `no version "3"`)
	_, err = r.Acquire(t.Context(), "none")
	wantCode(t, err, backends.NotFound, "both@7, both, many@2.0-rc1")
	for _, hostile := range []string{"", "..", "../plain", "/etc", "plain/model.onnx", "plain@../x", "a\x00b"} {
		_, err = r.Acquire(t.Context(), hostile)
		wantCode(t, err, backends.InvalidArgument, "")
	}
}

func TestNothingOutsideTheFolderIsRead(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	put(t, outside, "model.onnx", "secret")
	put(t, dir, "good/model.onnx", "good")
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	os.Mkdir(filepath.Join(dir, "file"), 0o777)
	os.Symlink(filepath.Join(outside, "model.onnx"), filepath.Join(dir, "file", "model.onnx"))
	r := newRegistry(t, &fake{}, dir)
	for _, name := range []string{"link", "file"} {
		_, err := r.Acquire(t.Context(), name)
		wantCode(t, err, backends.NotFound, "")
	}
	put(t, dir, ManifestFile, `{"graphs":[{"name":"a","path":"link/model.onnx"},{"name":"b","path":"good/model.onnx"}]}`)
	_, err := r.Acquire(t.Context(), "a")
	wantCode(t, err, backends.Security, "leaves the registry's folder")
	if got := text(acquire(t, r, "b")); got != "good" {
		t.Errorf("loaded %q", got)
	}
}

func TestManifestOptionsReachTheEngine(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "m/x.bin", "weights")
	sum := sha256.Sum256([]byte("weights"))
	put(t, dir, ManifestFile, fmt.Sprintf(`{"graphs":[
		{"name":"a","path":"m/x.bin","sha256":"%X","encoding":"onnx","backend":"fake","target":"gpu","threads":3,"inter-op-threads":2,"preload":true},
		{"name":"tampered","path":"m/x.bin","sha256":"%064d"}]}`, sum, 0))
	f := &fake{}
	r := newRegistry(t, f, dir, func(c *Config) { c.Options.IntraOpThreads = 9 })
	if err := r.Preload(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := backends.LoadOptions{Encoding: backends.ONNX, Target: backends.GPU, IntraOpThreads: 3, InterOpThreads: 2,
		Path: filepath.Join(dir, "m", "x.bin")}
	if got := *f.opts.Load(); got != want {
		t.Errorf("engine got %+v, want %+v", got, want)
	}
	info, err := r.Info(t.Context(), "a")
	if err != nil || !info.Loaded || info.Users != 0 || info.Bytes != 7 || info.Choice.Backend != "fake" || len(info.Inputs) != 1 {
		t.Errorf("info %+v, %v", info, err)
	}
	_, err = r.Acquire(t.Context(), "tampered")
	wantCode(t, err, backends.Security, "the manifest promises 0000")
	if f.loads.Load() != 1 {
		t.Errorf("%d loads, want 1", f.loads.Load())
	}
}

func TestGraphIsLoadedOnceForManyFirstCallers(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/model.onnx", "a")
	f := &fake{}
	r := newRegistry(t, f, dir)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 20 {
				h, err := r.Acquire(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				if text(h) != "a" {
					t.Error("another graph")
				}
				h.Close()
				h.Close() // counts once
			}
		})
	}
	wg.Wait()
	if f.loads.Load() != 1 || f.closes.Load() != 0 {
		t.Errorf("%d loads and %d closes, want 1 and 0", f.loads.Load(), f.closes.Load())
	}
	r.Close()
	if f.open.Load() != 0 {
		t.Errorf("%d graphs open after Close", f.open.Load())
	}
}

func TestOneCallerGoingDoesNotFailTheOthers(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/model.onnx", "a")
	synctest.Test(t, func(t *testing.T) {
		f := &fake{gate: make(chan struct{})}
		r := newRegistry(t, f, dir)
		impatient, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan *Handle, 1)
		go func() { _, err := r.Acquire(impatient, "a"); first <- err }()
		synctest.Wait() // the first caller's context is not the loading's
		go func() { h, _ := r.Acquire(t.Context(), "a"); second <- h }()
		synctest.Wait()
		cancel()
		wantCode(t, <-first, backends.Timeout, "while the model was loading")
		close(f.gate)
		h := <-second
		if h == nil || text(h) != "a" || f.loads.Load() != 1 {
			t.Fatalf("handle %v after %d loads", h, f.loads.Load())
		}
	})
}

func TestLoadingThatNoOneWaitsForStops(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/model.onnx", "a")
	synctest.Test(t, func(t *testing.T) {
		f := &fake{gate: make(chan struct{})}
		r := newRegistry(t, f, dir)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := r.Acquire(ctx, "a"); done <- err }()
		synctest.Wait()
		cancel()
		<-done
		synctest.Wait() // the loading has ended, though its gate is shut
		if list, _ := r.List(); list[0].Loaded || r.count != 0 || r.bytes != 0 {
			t.Errorf("left behind: %+v, count %d, bytes %d", list, r.count, r.bytes)
		}
		close(f.gate)
		if h, err := r.Acquire(t.Context(), "a"); err != nil || text(h) != "a" {
			t.Errorf("the next caller: %v", err)
		}
	})
}

func TestUnloadReloadAndChange(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/model.onnx", "one")
	f := &fake{}
	r := newRegistry(t, f, dir, func(c *Config) { c.ReloadChanged = true })
	h1 := acquire(t, r, "a")
	put(t, dir, "a/model.onnx", "two, longer")
	h2 := acquire(t, r, "a")
	if text(h1) != "one" || text(h2) != "two, longer" || f.closes.Load() != 0 {
		t.Fatalf("loaded %q, %q; %d closed", text(h1), text(h2), f.closes.Load())
	}
	h1.Close()
	if f.closes.Load() != 1 {
		t.Error("the changed graph was not closed with its last user")
	}
	if err := r.Reload(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	h2.Close()
	if f.loads.Load() != 3 || f.open.Load() != 1 {
		t.Errorf("%d loads, %d open, want 3 and 1", f.loads.Load(), f.open.Load())
	}
	put(t, dir, "a/model.onnx", "bad")
	wantCode(t, r.Reload(t.Context(), "a"), backends.InvalidEncoding, `graph "a": no model`)
	if f.open.Load() != 1 {
		t.Error("a reload that failed took the old graph away")
	}
	if was, err := r.Unload("a"); !was || err != nil || f.open.Load() != 0 {
		t.Errorf("unload: %t, %v, %d open", was, err, f.open.Load())
	}
	if was, _ := r.Unload("a"); was {
		t.Error("unloaded twice")
	}
}

func TestVanishedFileFailsAloneAndLoadedGraphsGoOn(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "x/a.onnx", "a")
	put(t, dir, "x/b.onnx", "b")
	put(t, dir, ManifestFile, `{"graphs":[{"name":"a","path":"x/a.onnx"},{"name":"b","path":"x/b.onnx"}]}`)
	f := &fake{}
	r := newRegistry(t, f, dir, func(c *Config) { c.ReloadChanged = true })
	acquire(t, r, "b").Close()
	os.RemoveAll(filepath.Join(dir, "x"))
	_, err := r.Acquire(t.Context(), "a")
	wantCode(t, err, backends.NotFound, `graph "a": file "a.onnx": is not there`)
	if strings.Contains(backends.AsError(err).Detail, dir) {
		t.Errorf("the detail names a path of the host: %v", err)
	}
	if text(acquire(t, r, "b")) != "b" {
		t.Error("a loaded graph was lost with its file")
	}
	os.RemoveAll(dir)
	_, err = r.Acquire(t.Context(), "a")
	wantCode(t, err, backends.NotFound, "the registry's folder: is not there")
}

func TestErrorsAreNotRemembered(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/model.onnx", "bad")
	put(t, dir, "p/model.onnx", "panic")
	r := newRegistry(t, &fake{}, dir)
	_, err := r.Acquire(t.Context(), "a")
	wantCode(t, err, backends.InvalidEncoding, "no model")
	_, err = r.Acquire(t.Context(), "p")
	wantCode(t, err, backends.RuntimeError, `backend "fake" broke down while loading`)
	put(t, dir, "a/model.onnx", "good")
	if text(acquire(t, r, "a")) != "good" {
		t.Error("the old error came again")
	}
}

func TestBoundsEvictWhatIsIdle(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"a", "b", "c"} {
		put(t, dir, n+"/model.onnx", strings.Repeat(n, 10))
	}
	put(t, dir, "huge/model.onnx", strings.Repeat("h", 100))
	f := &fake{}
	r := newRegistry(t, f, dir, func(c *Config) { c.MaxBytes, c.MaxModelBytes = 25, 50 })
	a := acquire(t, r, "a")
	acquire(t, r, "b").Close()
	c := acquire(t, r, "c") // b makes way
	if f.closes.Load() != 1 || f.open.Load() != 2 {
		t.Errorf("%d closed, %d open, want 1 and 2", f.closes.Load(), f.open.Load())
	}
	_, err := r.Acquire(t.Context(), "b")
	wantCode(t, err, backends.TooLarge, "20 of the 25")
	_, err = r.Acquire(t.Context(), "huge")
	wantCode(t, err, backends.TooLarge, "found 100 bytes, the limit leaves 50")
	a.Close()
	c.Close()
	if text(acquire(t, r, "b")) != strings.Repeat("b", 10) {
		t.Error("b did not come back")
	}
	r.Close()
	if f.open.Load() != 1 || r.bytes != 10 {
		t.Errorf("after Close %d open and %d bytes, want b's handle alone", f.open.Load(), r.bytes)
	}
}

func TestEarlierSourcesCountFirst(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a/model.onnx", "folder")
	put(t, dir, "elsewhere/x.onnx", "flag")
	flag, err := ParseGraphFlag("a=" + filepath.Join(dir, "elsewhere", "x.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	static, err := Static(flag)
	if err != nil {
		t.Fatal(err)
	}
	r := newRegistry(t, &fake{}, dir, func(c *Config) { c.Sources = append([]Source{static}, c.Sources...) })
	if got := text(acquire(t, r, "a")); got != "flag" {
		t.Errorf("loaded %q", got)
	}
	if _, err := Static(flag, flag); err == nil {
		t.Error("one name twice was accepted")
	}
}

func TestHammer(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", "b", "c", "d"}
	for _, n := range names {
		put(t, dir, n+"/model.onnx", n)
	}
	f := &fake{}
	r := newRegistry(t, f, dir, func(c *Config) { c.MaxGraphs = 3 })
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				name := names[(g+i)%len(names)]
				ctx, cancel := context.WithCancel(t.Context())
				if i%7 == 0 {
					cancel()
				}
				h, err := r.Acquire(ctx, name)
				if err == nil {
					if text(h) != name {
						t.Errorf("%s is %s", name, text(h))
					}
					if i%5 == 0 {
						r.Unload(name)
					}
					if i%11 == 0 {
						r.Reload(ctx, name)
					}
					h.Close()
				} else if c := backends.AsError(err).Code; c != backends.Timeout && c != backends.TooLarge {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	r.Close()
	wantNothingOpen(t, f, r)
}

// wantNothingOpen waits for loadings that were given up, then counts.
func wantNothingOpen(t *testing.T, f *fake, r *Registry) {
	t.Helper()
	for range 1000 {
		r.mu.Lock()
		n := r.count
		r.mu.Unlock()
		if n == 0 && f.open.Load() == 0 {
			break
		}
		// a given-up loading ends by itself; yield to it
		<-func() chan struct{} { c := make(chan struct{}); go func() { close(c) }(); return c }()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count != 0 || r.bytes != 0 || f.open.Load() != 0 {
		t.Errorf("left behind: count %d, bytes %d, %d open graphs", r.count, r.bytes, f.open.Load())
	}
}
