//go:build cgo && (linux || darwin)

package ortshim

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program has the binding's own header check every line of slots.h: the
// place in the table, and by an assignment the type of the function.
const slotsProgram = `
#include <stdbool.h>
#include <stddef.h>
#include "onnxruntime_c_api.h"
#include "slots.h"
#define PLACE(slot, result, name, parameters) _Static_assert(offsetof(OrtApi, name) == slot * sizeof(void *), #name " is not at " #slot);
ORT_SLOTS(PLACE)
#define TYPE(slot, result, name, parameters) result (*check_##name(const OrtApi *api)) parameters { return api->name; }
ORT_SLOTS(TYPE)
_Static_assert(ORT_API_VERSION == EXPECTED_API, "the binding asks for another API version");
_Static_assert(ONNX_TYPE_SEQUENCE == 2 && ONNX_TYPE_MAP == 3 && ONNX_TYPE_OPTIONAL == 6 && ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING == 8 && ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 == 16, "enums");
_Static_assert(ORT_LOGGING_LEVEL_FATAL == 4 && OrtArenaAllocator == 1 && OrtMemTypeDefault == 0, "enums");
_Static_assert(ORT_FAIL == 1 && ORT_INVALID_PROTOBUF == 7 && ORT_NOT_FOUND == 14, "error codes");
`

func TestSlotsMatchTheBindingsHeader(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Fatalf("no C compiler, though this package was built with one: %v", err)
	}
	binding, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Fatalf("where the binding's source is: %v", err)
	}
	program := filepath.Join(t.TempDir(), "slots.c")
	if err := os.WriteFile(program, []byte(slotsProgram), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(cc, "-std=gnu11", "-fsyntax-only", "-Werror=incompatible-pointer-types",
		"-DEXPECTED_API=24", "-I", strings.TrimSpace(string(binding)), "-I", here, program).CombinedOutput()
	if err != nil {
		t.Errorf("slots.h differs from the binding's onnxruntime_c_api.h:\n%s", out)
	}
}
