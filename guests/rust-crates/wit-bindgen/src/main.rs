//! digits: classify pictures of handwritten digits, through wit-bindgen, as a component.

#[path = "../../../rust/src/digits.rs"]
mod digits;
mod neural;
#[path = "../../../rust/src/picture.rs"]
mod picture;

fn main() -> std::process::ExitCode {
    digits::main()
}
