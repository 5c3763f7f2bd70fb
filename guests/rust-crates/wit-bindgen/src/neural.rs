//! wasi-nn by way of wit-bindgen, which makes Rust of the WIT text, for components.
//!
//! With the feature `rc-2024-08-19` the text is that of August 2024, as hosts of 2024 and 2025 have it.

#[cfg(not(feature = "rc-2024-08-19"))]
wit_bindgen::generate!({ path: "../../../wit/wasi-nn/0.2.0-rc-2024-10-28", world: "ml" });
#[cfg(feature = "rc-2024-08-19")]
wit_bindgen::generate!({ path: "../../../wit/wasi-nn/0.2.0-rc-2024-08-19", world: "ml" });

use std::fmt;
use wasi::nn::errors::{self, ErrorCode};
use wasi::nn::graph::{self, ExecutionTarget, GraphEncoding};
use wasi::nn::inference::GraphExecutionContext;
use wasi::nn::tensor::{Tensor, TensorType};

/// WIT's tensor-type.
#[derive(Clone, Copy, PartialEq)]
pub struct ElementType(TensorType);

impl ElementType {
    pub const FP32: ElementType = ElementType(TensorType::Fp32);
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", format!("{:?}", self.0).trim_start_matches("TensorType::").to_uppercase())
    }
}

/// An error of wasi-nn: the name of its code, and the host's detail text.
pub struct Error {
    pub code: &'static str,
    pub data: String,
}

impl From<errors::Error> for Error {
    fn from(e: errors::Error) -> Error {
        let code = match e.code() {
            ErrorCode::InvalidArgument => "invalid-argument",
            ErrorCode::InvalidEncoding => "invalid-encoding",
            ErrorCode::Timeout => "timeout",
            ErrorCode::RuntimeError => "runtime-error",
            ErrorCode::UnsupportedOperation => "unsupported-operation",
            ErrorCode::TooLarge => "too-large",
            ErrorCode::NotFound => "not-found",
            ErrorCode::Security => "security",
            ErrorCode::Unknown => "unknown",
        };
        Error { code, data: e.data() }
    }
}

/// A loaded model.
pub struct Graph(graph::Graph);

impl Graph {
    pub fn load_by_name(name: &str) -> Result<Graph, Error> {
        Ok(Graph(graph::load_by_name(name)?))
    }

    pub fn load_onnx(content: &[u8]) -> Result<Graph, Error> {
        Ok(Graph(graph::load(&[content.to_vec()], GraphEncoding::Onnx, ExecutionTarget::Cpu)?))
    }

    pub fn init_execution_context(&self) -> Result<Context, Error> {
        Ok(Context(self.0.init_execution_context()?))
    }
}

/// One output of a compute.
pub struct Output {
    pub name: Option<String>,
    pub ty: Option<ElementType>,
    pub dims: Option<Vec<u32>>,
    pub data: Vec<u8>,
}

impl Output {
    fn new(name: Option<String>, tensor: &Tensor) -> Output {
        let (ty, dims) = (ElementType(tensor.ty()), tensor.dimensions());
        Output { name, ty: Some(ty), dims: Some(dims), data: tensor.data() }
    }
}

/// An execution context of a graph.
pub struct Context(GraphExecutionContext);

impl Context {
    /// Computes with one input and returns the outputs that the interface tells of.
    pub fn compute(&mut self, name: &str, dims: &[u32], ty: ElementType, data: &[u8]) -> Result<Vec<Output>, Error> {
        self.compute_tensor(name, Tensor::new(dims, ty.0, data))
    }

    #[cfg(not(feature = "rc-2024-08-19"))]
    fn compute_tensor(&self, name: &str, input: Tensor) -> Result<Vec<Output>, Error> {
        let outputs = self.0.compute(vec![(name.to_string(), input)])?;
        Ok(outputs.into_iter().map(|(name, tensor)| Output::new(Some(name), &tensor)).collect())
    }

    /// The text of August 2024 cannot tell what a model's outputs are called, so this asks for the first by its number.
    #[cfg(feature = "rc-2024-08-19")]
    fn compute_tensor(&self, name: &str, input: Tensor) -> Result<Vec<Output>, Error> {
        self.0.set_input(name, input)?;
        self.0.compute()?;
        Ok(vec![Output::new(None, &self.0.get_output("0")?)])
    }
}
