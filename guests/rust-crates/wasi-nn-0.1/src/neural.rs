//! wasi-nn by way of the crate wasi-nn 0.1, which is the interface of 2021 as it is: numbers, and unsafe functions.

use std::fmt;

/// The element types that the program uses.
#[derive(Clone, Copy, PartialEq)]
pub struct ElementType(wasi_nn::TensorType);

impl ElementType {
    pub const FP32: ElementType = ElementType(wasi_nn::TENSOR_TYPE_F32);
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", ["FP16", "FP32", "U8", "I32"][usize::from(self.0)])
    }
}

/// An error of wasi-nn: the name of its code. The interface has no detail text.
pub struct Error {
    pub code: &'static str,
    pub data: String,
}

impl From<wasi_nn::Error> for Error {
    fn from(e: wasi_nn::Error) -> Error {
        let code = match e.raw_error() {
            wasi_nn::NN_ERRNO_INVALID_ARGUMENT => "invalid-argument",
            wasi_nn::NN_ERRNO_MISSING_MEMORY => "missing-memory",
            wasi_nn::NN_ERRNO_BUSY => "busy",
            _ => "unknown",
        };
        Error { code, data: String::new() }
    }
}

/// The crate knows only OpenVINO's number.
const GRAPH_ENCODING_ONNX: wasi_nn::GraphEncoding = 1;

/// A loaded model.
pub struct Graph(wasi_nn::Graph);

impl Graph {
    /// The interface of 2021 has no models with names.
    pub fn load_by_name(_name: &str) -> Result<Graph, Error> {
        Err(Error { code: "unsupported-operation", data: String::new() })
    }

    pub fn load_onnx(content: &[u8]) -> Result<Graph, Error> {
        Ok(Graph(unsafe { wasi_nn::load(&[content], GRAPH_ENCODING_ONNX, wasi_nn::EXECUTION_TARGET_CPU)? }))
    }

    pub fn init_execution_context(&self) -> Result<Context, Error> {
        Ok(Context(unsafe { wasi_nn::init_execution_context(self.0)? }))
    }
}

/// One output of a compute. The interface tells only its bytes.
pub struct Output {
    pub name: Option<String>,
    pub ty: Option<ElementType>,
    pub dims: Option<Vec<u32>>,
    pub data: Vec<u8>,
}

/// An execution context of a graph.
pub struct Context(wasi_nn::GraphExecutionContext);

impl Context {
    /// Computes with one input and returns the first output, since the interface cannot tell how many there are. Nor can it
    /// tell that a buffer is too small, so there has to be room for the largest output that the program expects.
    pub fn compute(&mut self, _name: &str, dims: &[u32], ty: ElementType, data: &[u8]) -> Result<Vec<Output>, Error> {
        let mut buffer = vec![0u8; 1 << 20];
        let tensor = wasi_nn::Tensor { dimensions: dims, r#type: ty.0, data };
        let written = unsafe {
            wasi_nn::set_input(self.0, 0, tensor)?;
            wasi_nn::compute(self.0)?;
            wasi_nn::get_output(self.0, 0, buffer.as_mut_ptr(), buffer.len() as u32)?
        };
        buffer.truncate(written as usize);
        Ok(vec![Output { name: None, ty: None, dims: None, data: buffer }])
    }
}
