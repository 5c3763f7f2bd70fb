package models

import (
	"os"
	"testing"
)

// Dir returns the registry folder for a test that needs the models. Where CI
// is set it fetches them, and fails the test when that fails; elsewhere it
// skips the test unless they are cached.
func Dir(t testing.TB) string {
	t.Helper()
	if dir, ok := Cached(); ok {
		return dir
	}
	if os.Getenv("CI") == "" {
		t.Skip(`the models are not cached: "make models" fetches them`)
	}
	dir, err := Fetch(t.Context(), nil)
	if err != nil {
		t.Fatalf("models: %v", err)
	}
	return dir
}
