//! digits: classify pictures of handwritten digits, through the crate wasi-nn 0.6, today's interface.

#[path = "../../../rust/src/digits.rs"]
mod digits;
mod neural;
#[path = "../../../rust/src/picture.rs"]
mod picture;

fn main() -> std::process::ExitCode {
    digits::main()
}
