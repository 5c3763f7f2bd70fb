//! wasi-nn by way of wasi_ephemeral_nn, for preview 1 modules: the imports, and safe types over them.
//!
//! Each function returns an errno and stores its result through the last pointer on success. The interface has no
//! function that drops a handle and none that names or describes outputs.

use std::fmt;

/// The tensor types, in the numbers of the current witx text.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
pub enum ElementType {
    FP32 = 1,
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// WIT's names of the errnos, where WIT has one.
const ERRNO_CODES: [&str; 9] = [
    "success",
    "invalid-argument",
    "invalid-encoding",
    "missing-memory",
    "busy",
    "runtime-error",
    "unsupported-operation",
    "too-large",
    "not-found",
];

const TOO_LARGE: i32 = 7;
const ONNX: i32 = 1;
const CPU: i32 = 0;

#[repr(C)]
struct Builder {
    ptr: *const u8,
    len: usize,
}

#[repr(C)]
struct Tensor {
    dims: *const u32,
    rank: usize,
    ty: ElementType,
    data: *const u8,
    size: usize,
}

#[link(wasm_import_module = "wasi_ephemeral_nn")]
unsafe extern "C" {
    fn load(parts: *const Builder, count: usize, encoding: i32, target: i32, graph: *mut i32) -> i32;
    fn load_by_name(name: *const u8, len: usize, graph: *mut i32) -> i32;
    fn init_execution_context(graph: i32, context: *mut i32) -> i32;
    fn set_input(context: i32, index: u32, tensor: *const Tensor) -> i32;
    fn compute(context: i32) -> i32;
    fn get_output(context: i32, index: u32, buffer: *mut u8, size: usize, written: *mut usize) -> i32;
}

/// An error of wasi-nn: the name of its code. Preview 1 has no detail text.
pub struct Error {
    pub code: &'static str,
    pub data: String,
}

fn check(errno: i32) -> Result<(), Error> {
    if errno == 0 {
        return Ok(());
    }
    Err(Error { code: ERRNO_CODES.get(errno as usize).unwrap_or(&"unknown"), data: String::new() })
}

/// A loaded model.
pub struct Graph(i32);

impl Graph {
    pub fn load_by_name(name: &str) -> Result<Graph, Error> {
        let mut graph = 0;
        check(unsafe { load_by_name(name.as_ptr(), name.len(), &mut graph) })?;
        Ok(Graph(graph))
    }

    pub fn load_onnx(content: &[u8]) -> Result<Graph, Error> {
        let (part, mut graph) = (Builder { ptr: content.as_ptr(), len: content.len() }, 0);
        check(unsafe { load(&part, 1, ONNX, CPU, &mut graph) })?;
        Ok(Graph(graph))
    }

    pub fn init_execution_context(&self) -> Result<Context, Error> {
        let mut context = 0;
        check(unsafe { init_execution_context(self.0, &mut context) })?;
        Ok(Context(context))
    }
}

/// One output of a compute. Preview 1 tells only its bytes.
pub struct Output {
    pub name: Option<String>,
    pub ty: Option<ElementType>,
    pub dims: Option<Vec<u32>>,
    pub data: Vec<u8>,
}

/// An execution context of a graph.
pub struct Context(i32);

impl Context {
    /// Computes with one input and returns the first output, since the interface cannot tell how many there are.
    pub fn compute(&self, _name: &str, dims: &[u32], ty: ElementType, data: &[u8]) -> Result<Vec<Output>, Error> {
        let tensor = Tensor { dims: dims.as_ptr(), rank: dims.len(), ty, data: data.as_ptr(), size: data.len() };
        check(unsafe { set_input(self.0, 0, &tensor) })?;
        check(unsafe { compute(self.0) })?;
        Ok(vec![Output { name: None, ty: None, dims: None, data: self.output(0)? }])
    }

    /// Fetches an output into a buffer that grows until the host finds it large enough.
    fn output(&self, index: u32) -> Result<Vec<u8>, Error> {
        const MAX_SIZE: usize = 1 << 30;
        let mut buffer = vec![0; 4096];
        loop {
            let mut written = 0;
            let errno = unsafe { get_output(self.0, index, buffer.as_mut_ptr(), buffer.len(), &mut written) };
            if errno != TOO_LARGE || buffer.len() >= MAX_SIZE {
                check(errno)?;
                buffer.truncate(written);
                return Ok(buffer);
            }
            // Some hosts tell the size that is needed.
            let told = (buffer.len() + 1..=MAX_SIZE).contains(&written);
            buffer = vec![0; if told { written } else { 2 * buffer.len() }];
        }
    }
}
