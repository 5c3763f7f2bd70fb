//! wasi-nn by way of the crate wasmedge-wasi-nn.

use std::fmt;
use wasmedge_wasi_nn::{BackendError, ExecutionTarget, GraphBuilder, GraphEncoding, TensorType};

/// The element types that the program uses.
#[derive(Clone, Copy, PartialEq)]
pub struct ElementType(TensorType);

impl ElementType {
    pub const FP32: ElementType = ElementType(TensorType::F32);
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FP{}", 8 * self.0.byte_size())
    }
}

/// An error of wasi-nn: the name of its code. The interface has no detail text.
pub struct Error {
    pub code: &'static str,
    pub data: String,
}

impl From<wasmedge_wasi_nn::Error> for Error {
    fn from(e: wasmedge_wasi_nn::Error) -> Error {
        use wasmedge_wasi_nn::Error::BackendError as Backend;
        let code = match e {
            Backend(BackendError::InvalidArgument) => "invalid-argument",
            Backend(BackendError::InvalidEncoding) => "invalid-encoding",
            Backend(BackendError::MissingMemory) => "missing-memory",
            Backend(BackendError::Busy) => "busy",
            Backend(BackendError::RuntimeError) => "runtime-error",
            Backend(BackendError::UnsupportedOperation) => "unsupported-operation",
            Backend(BackendError::TooLarge) => "too-large",
            Backend(BackendError::NotFound) => "not-found",
            _ => "unknown",
        };
        Error { code, data: String::new() }
    }
}

/// A loaded model.
pub struct Graph(wasmedge_wasi_nn::Graph);

impl Graph {
    fn builder() -> GraphBuilder {
        GraphBuilder::new(GraphEncoding::Onnx, ExecutionTarget::CPU)
    }

    pub fn load_by_name(name: &str) -> Result<Graph, Error> {
        Ok(Graph(Self::builder().build_from_cache(name)?))
    }

    pub fn load_onnx(content: &[u8]) -> Result<Graph, Error> {
        Ok(Graph(Self::builder().build_from_bytes([content])?))
    }

    pub fn init_execution_context(&self) -> Result<Context, Error> {
        Ok(Context(self.0.init_execution_context()?))
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
pub struct Context(wasmedge_wasi_nn::GraphExecutionContext);

impl Context {
    /// Computes with one input and returns the first output, since the interface cannot tell how many there are.
    pub fn compute(&mut self, _name: &str, dims: &[u32], ty: ElementType, data: &[u8]) -> Result<Vec<Output>, Error> {
        let dims: Vec<usize> = dims.iter().map(|&d| d as usize).collect();
        self.0.set_input(0, ty.0, &dims, data)?;
        self.0.compute()?;
        Ok(vec![Output { name: None, ty: None, dims: None, data: self.output(0)? }])
    }

    /// Fetches an output into a buffer that grows until the host finds it large enough.
    fn output(&self, index: usize) -> Result<Vec<u8>, Error> {
        const MAX_SIZE: usize = 1 << 30;
        let mut buffer = vec![0u8; 4096];
        loop {
            match self.0.get_output(index, &mut buffer).map_err(Error::from) {
                Ok(written) => {
                    buffer.truncate(written);
                    return Ok(buffer);
                }
                Err(e) if e.code == "too-large" && buffer.len() < MAX_SIZE => buffer = vec![0; 2 * buffer.len()],
                Err(e) => return Err(e),
            }
        }
    }
}
