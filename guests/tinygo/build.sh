# Sourced by ../build.sh: digits of ../go, by TinyGo: for preview 1, and natively for WASI 0.2.

G=$(toolchain/setup.sh tinygo)
root=$G/go/github.com/tinygo-org/tinygo
go_version=$(sed -n 's/^go_version=\([^ ]*\).*/\1/p' toolchain/tinygo.sh)
"$T/bin/clang" --target=wasm32-wasi -x assembler -o "$work/asm_tinygowasm.o" "$root/src/runtime/asm_tinygowasm.S"

tinygo_build() { # TARGET OUT
  # TinyGo's own targets name a C library in its repository, which the Go module lacks: these name Debian's.
  sed "s#TOOLCHAIN#$T#g; s#WORK#$work#" "tinygo/$1.json" > "$work/$1.json"
  (cd go && PATH=$G/bin:$PATH GOTOOLCHAIN=$go_version GOFLAGS= GOCACHE=$work/tinygo-cache \
    TINYGOROOT=$root tinygo build -no-debug -opt z -target "$work/$1.json" -o "$2" .)
}

tinygo_build wasip1 "$out/tinygo-digits.p1.wasm"

tinygo_build wasip2 "$work/tinygo.wasm"
tinygo_wit=$work/tinygo-wit
mkdir -p "$tinygo_wit/deps"
cp tinygo/world.wit "$tinygo_wit/"
cp -r ../wit/wasi/* "$wit/deps/nn" "$tinygo_wit/deps/"
sed -i 's/@0\.2\.12/@0.2.0/g' "$tinygo_wit"/deps/*/package.wit # the later versions only add
node toolchain/component.mjs "$T" "$tinygo_wit" guest "$work/tinygo.wasm" "$out/tinygo-digits.component.wasm" native
