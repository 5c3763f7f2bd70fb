package archtest

// Module is the project's module path. Rules name its packages without it.
const Module = "github.com/wasinn/wasinn"

// External packages, by the paths that begin so.
const (
	wazero    = "github.com/tetratelabs/wazero/..."
	onnx      = "github.com/yalue/onnxruntime_go/..."
	gorgonia  = "gorgonia.org/..."
	hm        = "github.com/chewxy/hm"
	protowire = "google.golang.org/protobuf/encoding/protowire"
	wit       = "go.bytecodealliance.org/..."
	sys       = "golang.org/x/sys/..."
	cobra     = "github.com/spf13/..."
	headers   = "golang.org/x/net/http/httpguts"
	pictures  = "golang.org/x/image/..."
	anything  = "..."
)

// Rule says what one package may import besides the standard library.
type Rule struct {
	// Package is a package, or a tree of packages when it ends in /... ; the rule with the
	// longest match counts.
	Package string
	// Imports are packages or trees, of this module without its path, or of others.
	Imports []string
}

// Rules is the table of design/architecture.md, row by row. Imports go strictly
// towards the leaves: component never knows wasi-nn, wasinn never knows
// WebAssembly, engines know only backends, and wazero is behind corewasm, wasip1,
// nnwitx and the commands.
func Rules() []Rule {
	return []Rule{
		// The contract between service and engines, the engines, and their conformance suite.
		{"backends", nil},
		{"backends/backendtest/...", in("backends", "backends/backendtest/...", "internal/onnxtest")},
		{"backends/internal/onnxfile", nil},
		{"backends/internal/onnxload", in("backends", "backends/internal/onnxfile")},
		{"backends/onnxruntime", in("backends", "backends/internal/...", "backends/onnxruntime/...", "internal/pkgfetch", onnx)},
		{"backends/onnxruntime/...", in("backends/onnxruntime/...", onnx)},
		{"backends/gorgonia", in("backends", "backends/internal/...", "backends/gorgonia/...", gorgonia, sys)},
		{"backends/gorgonia/...", in("backends", "backends/gorgonia/...", gorgonia, hm, protowire, sys)},
		{"backends/gorgonia/internal/ops", in("backends", "backends/gorgonia/...", pictures)},
		{"graphreg", in("backends")},

		// The component engine, from the leaves up.
		{"component/types", nil},
		{"component/resource", nil},
		{"component/value", in("component/types")},
		{"component/value/wave", in("component/types", "component/value")},
		{"component/abi/layout", in("component/types")},
		{"component/abi", in("component/abi/layout", "component/types", "component/value", "component/resource", "internal/invariants")},
		{"component/internal/corebin", nil},
		{"component/internal/decode", in("component/internal/corebin")},
		{"component/internal/validate", in("component/internal/decode", "component/internal/corebin", "component/abi/layout", "component/types")},
		{"component/internal/link", in("component/internal/validate", "component/internal/decode", "component/internal/corebin", "component/abi", "component/abi/layout", "component/types")},
		{"component/internal/hostfs", in(sys)},
		{"component/internal/pump", nil},
		{"component/internal/corewasm", in("component/internal/corebin", "internal/invariants", wazero, sys)},
		{"component/internal/instantiate", in("component/internal/corebin", "component/internal/decode", "component/internal/link", "component/internal/corewasm", "component/abi", "component/abi/layout", "component/types")},
		{"component", in("component/internal/...", "component/abi", "component/types", "component/value")},

		// Interface texts and bindings.
		{"wit", in(wit)},
		{"wit/bindgen", in(wit)},
		{"wit/bindgen/internal/loop", in("component/abi")},
		{"wit/bindgen/internal/testgen/...", in("component", "component/abi", "component/types", "wit/bindgen/internal/testgen/...")},
		{"gen/...", in("component", "component/abi", "component/types", "component/resource", "gen/...")},

		// The hosts.
		{"component/wasip1", in("component", "component/abi", "component/types", "component/wasip1/internal/preview1", wazero, sys)},
		{"component/wasip1/internal/preview1", in("component/internal/hostfs", "component/internal/pump")},
		{"component/wasip2", in("component", "component/abi", "component/resource", "component/internal/hostfs", "component/internal/pump", "component/wasip2/internal/...", "gen/...", headers, sys)},
		{"component/wasip2/internal/...", in("component/wasip2/internal/...", sys)},
		{"component/wasinn", in("backends", "graphreg")},
		{"component/wasinn/internal/...", in("backends", "graphreg", "component/wasinn", "component/wasinn/internal/...")},
		{"component/wasinn/nnwit", in("component/wasinn", "component/wasinn/internal/...", "backends", "component", "component/abi", "gen/...")},
		{"component/wasinn/nnwitx", in("component/wasinn", "component/wasinn/internal/...", "backends", "component/resource", wazero)},

		// What is put together of all these.
		{"cmd/...", in(anything)},
		{"guests/...", in("guests/...")},
		{"testsuite/...", in("testsuite/...", "guests/prebuilt", "backends/...", "graphreg", "component", "component/abi", "component/types", "component/value/...",
			"component/wasip1", "component/wasip2", "component/wasinn", "component/wasinn/nnwit", "component/wasinn/nnwitx", "gen/...", wazero,
			"internal/golden", "internal/onnxdata", "internal/onnxtest", "internal/pkgfetch", "internal/testenv", "internal/valuediff")},

		// Helpers, which know nothing of the rest.
		{"internal/archtest", nil},
		{"internal/golden", nil},
		{"internal/graphdiff", in("backends", "internal/onnxdata", "internal/valuediff")},
		{"internal/invariants", nil},
		{"internal/onnxdata", in("backends", protowire)},
		{"internal/onnxtest", nil},
		{"internal/pkgfetch", nil},
		{"internal/valuediff", in("backends")},
		{"internal/testenv", in("internal/pkgfetch")},
	}
}

func in(paths ...string) []string { return paths }
