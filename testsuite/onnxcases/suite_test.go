package onnxcases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/internal/pkgfetch"
)

// TestMain lets ONNX Runtime take operator sets that are newer than those its
// release calls final. It reads this when its library is loaded.
func TestMain(m *testing.M) {
	os.Setenv("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")
	os.Exit(m.Run())
}

// TestSuite runs ONNX's own cases on ONNX Runtime. What fails is listed with its
// reason in testdata; a case that fails and is not listed fails the test, and so
// does one that is listed and passes.
func TestSuite(t *testing.T) {
	engine, err := onnxruntime.New(onnxruntime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	needEngine(t, engine)
	suite(t, engine, "testdata/onnxruntime.txt")
}

// needEngine skips a test on a machine without ONNX Runtime, and fails it there
// when CI is set.
func needEngine(t *testing.T, engine backends.Checker) {
	t.Helper()
	err := engine.Check(t.Context())
	var missing *onnxruntime.NoLibraryError
	switch {
	case err == nil:
	case errors.As(err, &missing) && os.Getenv("CI") == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// officialCases are ONNX's. The test is skipped where no client can fetch them,
// and where that fails and CI is not set.
func officialCases(t *testing.T) []*Case {
	t.Helper()
	root, closer, err := Official(t.Context())
	var without *pkgfetch.NoClientError
	switch {
	case err == nil:
	case errors.As(err, &without) || os.Getenv("CI") == "":
		t.Skipf("ONNX's cases cannot be had: %v", err)
	default:
		t.Fatalf("ONNX's cases: %v", err)
	}
	t.Cleanup(func() { closer.Close() })
	cases, err := Find(root, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 1900 {
		t.Fatalf("found %d cases, expected more than 1900", len(cases))
	}
	return cases
}

func suite(t *testing.T, engine backends.Backend, list string) {
	expected, err := LoadExpected(list)
	if err != nil {
		t.Fatal(err)
	}
	by := Host(engine)
	passed, known := 0, map[string]bool{}
	cases := officialCases(t)
	for _, c := range cases {
		known[c.Name] = true
		listed, isListed := expected[c.Name]
		err := runCase(t.Context(), c, by)
		switch {
		case err != nil && !isListed:
			t.Errorf("%s fails and is not listed: %v", c.Name, err)
		case err == nil && isListed && !listed.Maybe:
			t.Errorf("%s passes and is listed as failing: take it off the list", c.Name)
		}
		if err == nil {
			passed++
		}
	}
	for name := range expected {
		if !known[name] {
			t.Errorf("%s is listed, and there is no such case", name)
		}
	}
	t.Logf("%d of %d cases passed on %s", passed, len(cases), engine.Name())
}

// runCase runs a case for a minute at most.
func runCase(ctx context.Context, c *Case, by Loader) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l, err := c.Load()
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return l.Run(ctx, by)
}
