//! digits: classify pictures of handwritten digits.
//!
//! The program is the same for components and for preview 1 modules; the module `neural` is what differs.

mod digits;
#[cfg_attr(feature = "component", path = "neural_component.rs")]
#[cfg_attr(not(feature = "component"), path = "neural_preview1.rs")]
mod neural;
mod picture;

fn main() -> std::process::ExitCode {
    digits::main()
}
