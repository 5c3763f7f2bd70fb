# Sourced by ../build.sh: net in Rust, natively for WASI 0.2: the standard library's sockets are WASI's.

wasip2=$(toolchain/setup.sh wasip2)

"$wasip2/bin/rustc" --target wasm32-wasip2 -C linker="$T/bin/wasm-ld" --crate-name net --edition 2024 \
  -C opt-level=z -C lto -C codegen-units=1 -C panic=abort -C strip=symbols -D warnings -o "$work/net.wasm" net/net.rs
described_component "$work/net.wasm" "$out/net.wasip2.wasm" native
