# Sourced by ../build.sh: digits in Go, for preview 1 and as a component.

go_version=$(sed -n 's/^go_version=\([^ ]*\).*/\1/p' toolchain/tinygo.sh)
go_core() { # OUT FLAG...
  local out=$1
  shift
  (cd go && GOTOOLCHAIN=$go_version GOOS=wasip1 GOARCH=wasm GOFLAGS='' GOWASM='' GOEXPERIMENT='' \
    go build -trimpath -buildvcs=false -ldflags '-s -w -buildid=' "$@" -o "$out" .)
}

go_core "$out/go-digits.p1.wasm"

# Go makes a component of a library only: a command's main would run before anything could call the exports.
go_core "$work/go.wasm" -buildmode c-shared -tags component
go_wit=$work/go-wit
mkdir -p "$go_wit/deps"
cp go/world.wit "$go_wit/"
cp -r ../wit/wasi/* "$wit/deps/nn" "$go_wit/deps/"
node toolchain/component.mjs "$T" "$go_wit" guest "$work/go.wasm" "$out/go-digits.component.wasm" reactor
