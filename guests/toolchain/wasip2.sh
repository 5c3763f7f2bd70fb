# Sourced by setup.sh and lock.sh: rustc and wasi-libc that speak WASI 0.2 themselves, without the adapter.
#
# Debian's stable suite has neither: its targets wasm32-wasip2 still call preview 1. In the testing suite versions come and go
# within weeks, so that the lock file tells what was used, but no mirror has it for long: the guests are built with --loose.
suite=forky
debs=(rustc libstd-rust-1.97 libstd-rust-dev-wasm32 wasi-libc)
libraries=(libllvm22 libc6 libgcc-s1 libstdc++6 zlib1g libzstd1 libxml2-16 libffi8 libedit2 libtinfo6 libbsd0 libmd0 libz3-4)

finish() {
  wrap "$1" rustc usr/bin/rustc '--sysroot "$T/usr"'
}
