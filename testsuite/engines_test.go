package testsuite

import (
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/testsuite/echo"
)

// underTest is an engine that guests are run on.
type underTest struct {
	// name is what --backend calls it.
	name string
	// open makes one that computes in this process, or skips the test when
	// what the engine needs is missing.
	open func(t testing.TB) backends.Backend
	// lacks says why a case of the echo suite does not apply, or nothing.
	lacks func(c echo.Case) string
}

// engines are those that guests are run on.
func engines() []underTest {
	return []underTest{
		{"onnxruntime", func(t testing.TB) backends.Backend { return engine(t) }, func(echo.Case) string { return "" }},
		{"gorgonia", openGorgonia, func(echo.Case) string { return "" }},
	}
}

func openGorgonia(t testing.TB) backends.Backend {
	t.Helper()
	b, err := gorgonia.New(gorgonia.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
