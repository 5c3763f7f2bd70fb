package onnxruntime

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

func touch(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLocateTakesTheFirstPlaceThatIsNamed(t *testing.T) {
	dir := t.TempDir()
	fromConfig := touch(t, filepath.Join(dir, "config", "lib.so"))
	fromEnv := touch(t, filepath.Join(dir, "env", "lib.so"))
	fromSystem := touch(t, filepath.Join(dir, "system", libraryNames()[1]))
	gone := filepath.Join(dir, "gone.so")
	tests := []struct {
		name, config, env string
		want              string
		source            LibrarySource
		err               *NoLibraryError
	}{
		{"the configuration wins", fromConfig, fromEnv, fromConfig, FromConfig, nil},
		{"the environment is next", "", fromEnv, fromEnv, FromEnvironment, nil},
		{"the system is last", "", "", fromSystem, FromSystem, nil},
		{"a configured library that is not there is an error", gone, fromEnv, "", "", &NoLibraryError{Path: gone, Source: FromConfig}},
		{"one in the environment, too", "", gone, "", "", &NoLibraryError{Path: gone, Source: FromEnvironment}},
		{"a directory is not a library", dir, "", "", "", &NoLibraryError{Path: dir, Source: FromConfig}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(LibraryVariable, tt.env)
			t.Setenv(pkgfetch.CacheVariable, filepath.Join(dir, "empty"))
			t.Setenv(map[bool]string{true: "DYLD_LIBRARY_PATH", false: "LD_LIBRARY_PATH"}[runtime.GOOS == "darwin"], filepath.Dir(fromSystem))
			path, source, err := Locate(Config{Library: tt.config})
			if path != tt.want || source != tt.source {
				t.Errorf("found %q by %q, expected %q by %q", path, source, tt.want, tt.source)
			}
			var found *NoLibraryError
			if errors.As(err, &found); (found == nil) != (tt.err == nil) {
				t.Fatalf("error is %v, expected %v", err, tt.err)
			}
			if found != nil && (found.Path != tt.err.Path || found.Source != tt.err.Source) {
				t.Errorf("error is %+v, expected %+v", found, tt.err)
			}
		})
	}
}

func TestPackagesAreComplete(t *testing.T) {
	for _, platform := range []struct {
		os, arch   string
		gpu        bool
		ways       int // npm alone and pip alone
		wantFailed bool
	}{
		{"linux", "amd64", false, 2, false},
		{"linux", "arm64", false, 2, false},
		{"darwin", "arm64", false, 2, false},
		{"linux", "amd64", true, 2, false},
		{"darwin", "arm64", true, 0, true},
		{"darwin", "amd64", false, 0, true},
		{"plan9", "386", false, 0, true},
	} {
		builds, err := buildsFor(platform.os, platform.arch, platform.gpu)
		if (err != nil) != platform.wantFailed {
			t.Errorf("%s/%s, gpu %v: error %v", platform.os, platform.arch, platform.gpu, err)
		}
		ways := 0
		for _, b := range builds {
			ways += len(b.library.Sources)
			for _, p := range []pkgfetch.Package{b.library, b.providers} {
				if p.Name == "" {
					continue
				}
				if err := p.Validate(); err != nil {
					t.Errorf("%s/%s: %v", platform.os, platform.arch, err)
				}
				for _, s := range p.Sources {
					if s.SHA256 == "" || s.Size == 0 {
						t.Errorf("%s is not pinned", s)
					}
				}
			}
		}
		if ways != platform.ways {
			t.Errorf("%s/%s, gpu %v: %d ways to get it, expected %d", platform.os, platform.arch, platform.gpu, ways, platform.ways)
		}
	}
}

func TestPlacePutsAFileBesideAnother(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, content := range []string{"first", "second"} { // the second time over the first
		if err := os.WriteFile(from, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := place(from, to); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(from); err != nil { // it may be a link
			t.Fatal(err)
		}
		if found, err := os.ReadFile(to); err != nil || string(found) != content {
			t.Errorf("found %q, %v, expected %q", found, err, content)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "placing-*")); len(left) > 0 {
		t.Errorf("%v are left over", left)
	}
}
