package testsuite

import (
	"path/filepath"
	"testing"

	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// bigGuests returns the files among those that `make guests-big` puts into the
// cache that match a pattern. Without any, the test is skipped, on CI too:
// tests need no guest toolchain.
func bigGuests(t *testing.T, pattern string) []string {
	t.Helper()
	cache, err := pkgfetch.CacheRoot()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cache, "guests", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("there is no %s in %s: run make guests-big", pattern, filepath.Join(cache, "guests"))
	}
	return files
}

// TestBigDigits: the guests that are too big to be committed print what the
// others do.
func TestBigDigits(t *testing.T) {
	files := bigGuests(t, "*-digits.*.wasm")
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			e.open(t)
			reference := runDigits(t, e, "guests/prebuilt/c-digits.component.wasm", digitsLoads[0]...)
			for _, file := range files {
				checkDigits(t, e, filepath.Base(file), file, reference.stdout)
			}
		})
	}
}
