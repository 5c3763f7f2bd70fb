# Sourced by setup.sh and lock.sh: clang and lld, wasi-libc, rustc, wasm-tools and the preview 1 adapter.
suite=trixie
debs=(
  clang-19 lld-19 libllvm19 libclang-cpp19 libclang-common-19-dev libclang-rt-19-dev-wasm32 wasi-libc
  rustc libstd-rust-1.85 libstd-rust-dev-wasm32
)
npms=(
  @bytecodealliance/jco@1.35.0            # the preview 1 adapter
  @bytecodealliance/jco-transpile@0.15.0  # wasm-tools, as a component that Node runs
  @bytecodealliance/preview2-shim@0.20.2  # what that component imports; the last release without a native part
)
libraries=(libc6 libgcc-s1 libstdc++6 zlib1g libzstd1 libxml2 libicu76 liblzma5 libffi8 libedit2 libtinfo6 libbsd0 libmd0 libz3-4)

# The drivers clang and clang++ only compile here: left to link, they would run any wasm-opt that they find, and the result
# would depend on that.
finish() {
  local clang='-resource-dir "$T/usr/lib/llvm-19/lib/clang/19" --sysroot="$T/usr" -c'
  wrap "$1" clang usr/lib/llvm-19/bin/clang "$clang"
  wrap "$1" clang++ usr/lib/llvm-19/bin/clang "--driver-mode=g++ $clang"
  wrap "$1" wasm-ld usr/lib/llvm-19/bin/wasm-ld
  wrap "$1" rustc usr/bin/rustc '--sysroot "$T/usr" -C linker="$T/bin/wasm-ld"'
}
