//! wasi-nn by way of wasi:nn, for components: the imports as the canonical ABI lowers them, and safe types over them.
//!
//! A string or list is a pointer and a length, a handle is an i32, and a result that does not fit one value is stored
//! through the last pointer. What the host returns it places in memory from `cabi_realloc`, below, and gives away.

use std::alloc::{self, Layout};
use std::fmt;

/// WIT's tensor-type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(i32)]
#[allow(dead_code)] // the host makes them
pub enum ElementType {
    FP16,
    FP32,
    FP64,
    BF16,
    U8,
    I32,
    I64,
}

impl ElementType {
    fn from_wit(number: i32) -> ElementType {
        use ElementType::*;
        [FP16, FP32, FP64, BF16, U8, I32, I64][number as usize]
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

const ERROR_CODES: [&str; 9] = [
    "invalid-argument",
    "invalid-encoding",
    "timeout",
    "runtime-error",
    "unsupported-operation",
    "too-large",
    "not-found",
    "security",
    "unknown",
];

const ONNX: i32 = 1;
const CPU: i32 = 0;

/// A string or list that the host returned or is to read.
#[repr(C)]
#[derive(Clone, Copy)]
struct Slice<T> {
    ptr: *mut T,
    len: usize,
}

impl<T> Slice<T> {
    /// For an import to store its result in.
    const EMPTY: Slice<T> = Slice { ptr: std::ptr::null_mut(), len: 0 };

    fn of(items: &[T]) -> Slice<T> {
        Slice { ptr: items.as_ptr().cast_mut(), len: items.len() }
    }

    /// Takes what the host placed in this memory by `cabi_realloc`, which is where a `Vec` gets its memory too.
    unsafe fn into_vec(self) -> Vec<T> {
        if self.len == 0 { Vec::new() } else { unsafe { Vec::from_raw_parts(self.ptr, self.len, self.len) } }
    }
}

/// tuple<string, tensor>
#[repr(C)]
struct NamedTensor {
    name: Slice<u8>,
    tensor: i32,
}

/// result<own, own<error>>
#[repr(C)]
struct HandleResult {
    is_err: u8,
    handle: i32,
}

/// result<list<named-tensor>, own<error>>: the handle of the error is where the list's pointer would be.
#[repr(C)]
struct ComputeResult {
    is_err: u8,
    tensors: Slice<NamedTensor>,
}

#[link(wasm_import_module = "wasi:nn/tensor@0.2.0-rc-2024-10-28")]
unsafe extern "C" {
    #[link_name = "[constructor]tensor"]
    fn tensor_new(dims: *const u32, rank: usize, ty: i32, data: *const u8, size: usize) -> i32;
    #[link_name = "[method]tensor.dimensions"]
    fn tensor_dimensions(tensor: i32, result: *mut Slice<u32>);
    #[link_name = "[method]tensor.ty"]
    fn tensor_ty(tensor: i32) -> i32;
    #[link_name = "[method]tensor.data"]
    fn tensor_data(tensor: i32, result: *mut Slice<u8>);
    #[link_name = "[resource-drop]tensor"]
    fn tensor_drop(tensor: i32);
}

#[link(wasm_import_module = "wasi:nn/graph@0.2.0-rc-2024-10-28")]
unsafe extern "C" {
    #[link_name = "load"]
    fn graph_load(parts: *const Slice<u8>, count: usize, encoding: i32, target: i32, result: *mut HandleResult);
    #[link_name = "load-by-name"]
    fn graph_load_by_name(name: *const u8, len: usize, result: *mut HandleResult);
    #[link_name = "[method]graph.init-execution-context"]
    fn graph_init_execution_context(graph: i32, result: *mut HandleResult);
    #[link_name = "[resource-drop]graph"]
    fn graph_drop(graph: i32);
}

#[link(wasm_import_module = "wasi:nn/inference@0.2.0-rc-2024-10-28")]
unsafe extern "C" {
    #[link_name = "[method]graph-execution-context.compute"]
    fn context_compute(context: i32, inputs: *const NamedTensor, count: usize, result: *mut ComputeResult);
    #[link_name = "[resource-drop]graph-execution-context"]
    fn context_drop(context: i32);
}

#[link(wasm_import_module = "wasi:nn/errors@0.2.0-rc-2024-10-28")]
unsafe extern "C" {
    #[link_name = "[method]error.code"]
    fn error_code(error: i32) -> i32;
    #[link_name = "[method]error.data"]
    fn error_data(error: i32, result: *mut Slice<u8>);
    #[link_name = "[resource-drop]error"]
    fn error_drop(error: i32);
}

/// Called by the host, to place strings and lists of results in this component's memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    if size == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    unsafe {
        let p = if old_size == 0 {
            alloc::alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            alloc::realloc(old, Layout::from_size_align_unchecked(old_size, align), size)
        };
        if p.is_null() {
            std::process::abort();
        }
        p
    }
}

/// An error of wasi-nn: WIT's name of its code, and the host's detail text.
pub struct Error {
    pub code: &'static str,
    pub data: String,
}

impl Error {
    /// Reads and drops an error resource.
    unsafe fn take(handle: i32) -> Error {
        let mut data = Slice::EMPTY;
        unsafe {
            let code = ERROR_CODES[error_code(handle) as usize];
            error_data(handle, &mut data);
            error_drop(handle);
            Error { code, data: String::from_utf8_unchecked(data.into_vec()) }
        }
    }
}

impl HandleResult {
    fn get(call: impl FnOnce(*mut HandleResult)) -> Result<i32, Error> {
        let mut r = HandleResult { is_err: 0, handle: 0 };
        call(&mut r);
        if r.is_err != 0 { Err(unsafe { Error::take(r.handle) }) } else { Ok(r.handle) }
    }
}

/// A loaded model.
pub struct Graph(i32);

impl Graph {
    pub fn load_by_name(name: &str) -> Result<Graph, Error> {
        HandleResult::get(|r| unsafe { graph_load_by_name(name.as_ptr(), name.len(), r) }).map(Graph)
    }

    pub fn load_onnx(content: &[u8]) -> Result<Graph, Error> {
        HandleResult::get(|r| unsafe { graph_load(&Slice::of(content), 1, ONNX, CPU, r) }).map(Graph)
    }

    pub fn init_execution_context(&self) -> Result<Context, Error> {
        HandleResult::get(|r| unsafe { graph_init_execution_context(self.0, r) }).map(Context)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        unsafe { graph_drop(self.0) }
    }
}

/// One output of a compute. A component is told all of it.
pub struct Output {
    pub name: Option<String>,
    pub ty: Option<ElementType>,
    pub dims: Option<Vec<u32>>,
    pub data: Vec<u8>,
}

impl Output {
    unsafe fn take(t: NamedTensor) -> Output {
        let (mut dims, mut data) = (Slice::EMPTY, Slice::EMPTY);
        unsafe {
            tensor_dimensions(t.tensor, &mut dims);
            tensor_data(t.tensor, &mut data);
            let ty = ElementType::from_wit(tensor_ty(t.tensor));
            tensor_drop(t.tensor);
            Output {
                name: Some(String::from_utf8_unchecked(t.name.into_vec())),
                ty: Some(ty),
                dims: Some(dims.into_vec()),
                data: data.into_vec(),
            }
        }
    }
}

/// An execution context of a graph.
pub struct Context(i32);

impl Context {
    /// Computes with one input and returns all of the model's outputs. The tensor is handed over to the host.
    pub fn compute(&self, name: &str, dims: &[u32], ty: ElementType, data: &[u8]) -> Result<Vec<Output>, Error> {
        let mut r = ComputeResult { is_err: 0, tensors: Slice::EMPTY };
        unsafe {
            let tensor = tensor_new(dims.as_ptr(), dims.len(), ty as i32, data.as_ptr(), data.len());
            let input = NamedTensor { name: Slice::of(name.as_bytes()), tensor };
            context_compute(self.0, &input, 1, &mut r);
            if r.is_err != 0 {
                return Err(Error::take(r.tensors.ptr as i32));
            }
            Ok(r.tensors.into_vec().into_iter().map(|t| Output::take(t)).collect())
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        unsafe { context_drop(self.0) }
    }
}
