# Sourced by ../build.sh: digits in Rust, with the settings of Cargo.toml's release profile.

rust_core() { # OUT [FEATURE]
  "$T/bin/rustc" --target wasm32-wasip1 --crate-name digits --edition 2024 \
    -C opt-level=s -C lto -C codegen-units=1 -C panic=abort -C strip=symbols \
    -D warnings ${2:+--cfg "feature=\"$2\""} --check-cfg 'cfg(feature, values("component"))' -o "$1" rust/src/main.rs
}

rust_core "$out/rust-digits.p1.wasm"
rust_core "$work/rust-digits.wasm" component
component "$work/rust-digits.wasm" "$out/rust-digits.component.wasm"
