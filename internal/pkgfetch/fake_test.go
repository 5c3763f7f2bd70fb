package pkgfetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// The test binary plays the package clients: TestMain sees by its own name
// and environment that it is one.
const (
	envMode    = "PKGFETCH_TEST_MODE_"    // + NPM or PIP: what the client does
	envArchive = "PKGFETCH_TEST_ARCHIVE_" // + NPM or PIP: the file it hands out
	envLog     = "PKGFETCH_TEST_LOG"      // a line for each download
)

func TestMain(m *testing.M) {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	switch {
	case name == "npm":
		os.Exit(fakeClient("NPM", os.Args[1:]))
	case name == "python3" && len(os.Args) > 3:
		os.Exit(fakeClient("PIP", os.Args[3:]))
	}
	os.Exit(m.Run())
}

// fakeClient is what an installed client does, by its mode.
func fakeClient(which string, args []string) int {
	mode := os.Getenv(envMode + which)
	if slices.Contains(args, "--version") {
		if mode == "no pip" {
			return 1
		}
		return 0
	}
	if log := os.Getenv(envLog); log != "" {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(f, which, args)
		f.Close()
	}
	dest := after(args, "--pack-destination") + after(args, "--dest")
	switch mode {
	case "fails":
		fmt.Fprintln(os.Stderr, strings.Repeat("noise ", 2000)+"the last words")
		return 3
	case "disk full":
		fmt.Fprintln(os.Stderr, "npm error code ENOSPC")
		return 1
	case "hangs":
		os.WriteFile(filepath.Join(dest, "half.tgz"), []byte("half"), 0o600)
		time.Sleep(time.Hour)
	case "floods":
		if err := os.WriteFile(filepath.Join(dest, "flood"), nil, 0o600); err != nil {
			panic(err)
		}
		// A hole: the size counts, and costs no disk.
		if err := os.Truncate(filepath.Join(dest, "flood"), 1<<30); err != nil {
			panic(err)
		}
		time.Sleep(time.Hour)
	case "writes nothing":
		return 0
	}
	content, err := os.ReadFile(os.Getenv(envArchive + which))
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(dest, "archive"), content, 0o600); err != nil {
		panic(err)
	}
	return 0
}

// after returns the argument that follows option.
func after(args []string, option string) string {
	if i := slices.Index(args, option); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// clients makes a PATH on which exactly the given clients are.
func clients(t *testing.T, have ...Client) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fake clients are symbolic links to the test binary")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range have {
		name := map[Client]string{NPM: "npm", Pip: "python3"}[c]
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // or each client takes a second to end under -race
}

// serve has the fake client c hand out content.
func serve(t *testing.T, c Client, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(envArchive+strings.ToUpper(string(c)), path)
}

// behave sets the mode of the fake client c.
func behave(t *testing.T, c Client, mode string) {
	t.Helper()
	t.Setenv(envMode+strings.ToUpper(string(c)), mode)
}

// downloads counts the downloads written to the log.
func downloads(t *testing.T, log string) int {
	t.Helper()
	content, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return bytes.Count(content, []byte("\n"))
}

func sum(content string) string {
	h := sha256.Sum256([]byte(content))
	return hex.EncodeToString(h[:])
}

// member describes a member of an archive made by tgz or wheel.
func member(path, name, content string) Member {
	return Member{Path: path, Name: name, SHA256: sum(content), Size: int64(len(content))}
}

// entry is one entry of an archive under test.
type entry struct {
	name, content string
	typeflag      byte // of tar; 0 is a regular file
	mode          fs.FileMode
}

func tgz(entries ...entry) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.typeflag, Mode: 0o644, Size: int64(len(e.content))}
		if e.typeflag == tar.TypeSymlink || e.typeflag == tar.TypeLink {
			h.Linkname, h.Size = e.content, 0
		}
		if err := w.WriteHeader(h); err != nil {
			panic(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(e.content)); err != nil {
				panic(err)
			}
		}
	}
	w.Close()
	z.Close()
	return out.Bytes()
}

func wheel(entries ...entry) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode | 0o644)
		f, err := w.CreateHeader(h)
		if err != nil {
			panic(err)
		}
		if _, err := f.Write([]byte(e.content)); err != nil {
			panic(err)
		}
	}
	w.Close()
	return out.Bytes()
}

// below lists the files below dir with their content, lock files left out.
func below(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		content, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(content)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files
}
