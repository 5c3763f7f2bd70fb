# Sourced by ../build.sh: web in Rust, a component that exports wasi:http/incoming-handler. It is no command.

crates=$(toolchain/setup.sh crates)
command -v cc > /dev/null || { echo "guests/build.sh: cc is not installed; it links the macros of crates, which run on this machine" >&2; exit 1; }
(
  cd web
  export RUSTC=$crates/bin/rustc CARGO_TARGET_DIR=$work/web
  export CARGO_TARGET_WASM32_WASIP1_LINKER=$crates/bin/wasm-ld
  export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="-D warnings --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$(cd ../.. && pwd)=wasinn"
  "$crates/bin/cargo" build --quiet --locked --release --target wasm32-wasip1 >&2
)
described_component "$work/web/wasm32-wasip1/release/web.wasm" "$out/web.component.wasm" reactor
