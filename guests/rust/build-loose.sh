# Sourced by ../build.sh: digits in Rust, natively for WASI 0.2: the standard library calls WASI 0.2, and no adapter is needed.

wasip2=$(toolchain/setup.sh wasip2)

"$wasip2/bin/rustc" --target wasm32-wasip2 -C linker="$T/bin/wasm-ld" --crate-name digits --edition 2024 \
  -C opt-level=s -C lto -C codegen-units=1 -C panic=abort -C strip=symbols \
  -D warnings --cfg 'feature="component"' --check-cfg 'cfg(feature, values("component"))' -o "$work/rust-digits.wasm" rust/src/main.rs
native_component "$work/rust-digits.wasm" "$out/rust-digits.wasip2.wasm"
