//! digits: classify pictures of handwritten digits, through the crate wasmedge-wasi-nn, today's interface and WasmEdge's additions.

#[path = "../../../rust/src/digits.rs"]
mod digits;
mod neural;
#[path = "../../../rust/src/picture.rs"]
mod picture;

fn main() -> std::process::ExitCode {
    digits::main()
}
