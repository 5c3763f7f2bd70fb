# Sourced by ../build.sh: digits in Rust through published crates, which cargo fetches as each Cargo.lock pins them.

crates=$(toolchain/setup.sh crates)
command -v cc > /dev/null || { echo "guests/build.sh: cc is not installed; it links the macros of crates, which run on this machine" >&2; exit 1; }

# crate FOLDER [CARGO FLAG...] prints the path of the core module. The paths of this machine stay out of it.
crate() {
  local folder=$1
  shift
  (
    cd "rust-crates/$folder"
    export RUSTC=$crates/bin/rustc CARGO_TARGET_DIR=$work/crates-$folder
    export CARGO_TARGET_WASM32_WASIP1_LINKER=$crates/bin/wasm-ld
    export CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="-D warnings --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$(cd ../../.. && pwd)=wasinn"
    "$crates/bin/cargo" build --quiet --locked --release --target wasm32-wasip1 "$@" >&2
  )
  echo "$work"/crates-"$folder"/wasm32-wasip1/release/digits-*.wasm
}

for folder in wasi-nn-0.1 wasi-nn-0.5 wasi-nn-0.6 wasmedge-wasi-nn; do
  core=$(crate "$folder")
  cp "$core" "$out/rust-$folder-digits.p1.wasm"
done

# wit-bindgen describes the imports in a section of the core module.
core=$(crate wit-bindgen)
described_component "$core" "$out/rust-wit-bindgen-digits.component.wasm"
core=$(crate wit-bindgen --features rc-2024-08-19)
described_component "$core" "$out/rust-wit-bindgen-2024-08-19-digits.component.wasm"
