# Sourced by setup.sh and lock.sh: TinyGo, built from its Go module with Debian's LLVM, and the wasm-opt that it runs.
# It needs Go and g++, about 1 GB while it is built, and some minutes.
debs=(llvm-19-dev libclang-19-dev libclang1-19 libllvm19 libclang-cpp19 lld-19 binaryen)
gomods=(github.com/tinygo-org/tinygo@v0.41.1)
libraries=(libc6 libgcc-s1 libstdc++6 zlib1g libzstd1 libxml2 libicu76 liblzma5 libffi8 libedit2 libtinfo6 libbsd0 libmd0 libz3-4)

# The compiler runs wasm-ld and wasm-opt by name; build.sh puts them on its path. It is
# built by this machine's C++ compiler, with which LLVM's and clang's shared libraries are linked as they are: they
# may ask for newer system libraries than the machine has, which it gets when it runs.
finish() {
  local dir=$1 llvm=$1/usr/lib/llvm-19 module=$1/go/github.com/tinygo-org/tinygo
  command -v g++ > /dev/null || die "g++ is not installed; TinyGo is built with it"
  chmod -R u+w "$module"
  mkdir "$module/src/net" # a submodule, so that the module lacks it; guests without "net" do not miss it
  (
    cd "$module"
    export GOTOOLCHAIN=$go_version GOFLAGS= GOCACHE=$dir/gocache CGO_ENABLED=1 CC=gcc CXX=g++
    export CGO_CPPFLAGS="-I$llvm/include"
    export CGO_LDFLAGS="-L$llvm/lib -L$dir/usr/lib/x86_64-linux-gnu -Wl,--unresolved-symbols=ignore-in-shared-libs"
    nice go build -trimpath -tags llvm19 -o build/tinygo . > "$dir/log" 2>&1 || die "go cannot build TinyGo: $(tail -n 5 "$dir/log")"
  )
  wrap "$dir" tinygo go/github.com/tinygo-org/tinygo/build/tinygo
  wrap "$dir" wasm-ld-19 usr/lib/llvm-19/bin/wasm-ld
  wrap "$dir" wasm-opt usr/bin/wasm-opt
  rm -rf "$dir/gocache" "$dir/log" "$llvm"/lib/*.a "$llvm/include"
}
go_version=go1.26.8 # its standard library goes into the guests
