// Neural by way of wasi:nn, for components.
import { free, takeBytes, takeString } from "./canonical";
import { Context, ElementType, Graph, Neural, NeuralError, Output, Result, TYPE_NAMES } from "./neural";

// @ts-ignore: decorator
@external("wasi:nn/tensor@0.2.0-rc-2024-10-28", "[constructor]tensor") declare function tensor_new(dims: usize, rank: i32, type: i32, data: usize, size: i32): i32;
// @ts-ignore: decorator
@external("wasi:nn/tensor@0.2.0-rc-2024-10-28", "[method]tensor.dimensions") declare function tensor_dimensions(tensor: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:nn/tensor@0.2.0-rc-2024-10-28", "[method]tensor.ty") declare function tensor_ty(tensor: i32): i32;
// @ts-ignore: decorator
@external("wasi:nn/tensor@0.2.0-rc-2024-10-28", "[method]tensor.data") declare function tensor_data(tensor: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:nn/tensor@0.2.0-rc-2024-10-28", "[resource-drop]tensor") declare function tensor_drop(tensor: i32): void;
// @ts-ignore: decorator
@external("wasi:nn/graph@0.2.0-rc-2024-10-28", "load") declare function graph_load(builders: usize, count: i32, encoding: i32, target: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:nn/graph@0.2.0-rc-2024-10-28", "load-by-name") declare function graph_load_by_name(name: usize, length: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:nn/graph@0.2.0-rc-2024-10-28", "[method]graph.init-execution-context") declare function graph_init_execution_context(graph: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:nn/graph@0.2.0-rc-2024-10-28", "[resource-drop]graph") declare function graph_drop(graph: i32): void;
// @ts-ignore: decorator
@external("wasi:nn/inference@0.2.0-rc-2024-10-28", "[method]graph-execution-context.compute") declare function context_compute(context: i32, inputs: usize, count: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:nn/inference@0.2.0-rc-2024-10-28", "[resource-drop]graph-execution-context") declare function context_drop(context: i32): void;
// @ts-ignore: decorator
@external("wasi:nn/errors@0.2.0-rc-2024-10-28", "[method]error.code") declare function error_code(error: i32): i32;
// @ts-ignore: decorator
@external("wasi:nn/errors@0.2.0-rc-2024-10-28", "[method]error.data") declare function error_data(error: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:nn/errors@0.2.0-rc-2024-10-28", "[resource-drop]error") declare function error_drop(error: i32): void;

const ONNX = 1;
const CPU = 0;

const CODES = [
  "invalid-argument", "invalid-encoding", "timeout", "runtime-error", "unsupported-operation",
  "too-large", "not-found", "security", "unknown",
];

// The layout of tuple<string, tensor>: address and length of the name, then the handle.
const NAMED_TENSOR: usize = 12;

// Where imports store what they return, and lists of one that they read.
const result = memory.data(12, 4);
const one = memory.data(12, 4);

function takeError(handle: i32): NeuralError {
  error_data(handle, result);
  const e = new NeuralError(CODES[error_code(handle)], takeString(result));
  error_drop(handle);
  return e;
}

export class WasiNN extends Neural {
  loadByName(name: string): Result<Graph> {
    graph_load_by_name(changetype<usize>(name), name.length, result);
    return ModelGraph.take();
  }

  loadOnnx(content: ArrayBuffer): Result<Graph> {
    store<usize>(one, changetype<usize>(content));
    store<i32>(one + 4, content.byteLength);
    graph_load(one, 1, ONNX, CPU, result);
    return ModelGraph.take();
  }
}

class ModelGraph extends Graph {
  private constructor(private handle: i32) {
    super();
  }

  /** The graph or the error that an import stored. */
  static take(): Result<Graph> {
    const handle = load<i32>(result + 4);
    return load<u8>(result) == 0 ? Result.ok<Graph>(new ModelGraph(handle)) : Result.fail<Graph>(takeError(handle));
  }

  initExecutionContext(): Result<Context> {
    graph_init_execution_context(this.handle, result);
    const handle = load<i32>(result + 4);
    return load<u8>(result) == 0 ? Result.ok<Context>(new ModelContext(handle)) : Result.fail<Context>(takeError(handle));
  }

  drop(): void {
    graph_drop(this.handle);
  }
}

class ModelContext extends Context {
  constructor(private handle: i32) {
    super();
  }

  /** The tensor is handed over to the host. */
  compute(name: string, type: ElementType, dims: u32[], data: ArrayBuffer): Result<Output[]> {
    store<usize>(one, changetype<usize>(name));
    store<i32>(one + 4, name.length);
    store<i32>(one + 8, tensor_new(dims.dataStart, dims.length, type, changetype<usize>(data), data.byteLength));
    context_compute(this.handle, one, 1, result);
    if (load<u8>(result) != 0) return Result.fail<Output[]>(takeError(load<i32>(result + 4)));

    const list: usize = load<u32>(result + 4), count = load<u32>(result + 8);
    const outputs: Output[] = [];
    for (let i: usize = 0; i < count; i++) outputs.push(takeOutput(list + i * NAMED_TENSOR));
    free(list, count);
    return Result.ok<Output[]>(outputs);
  }

  drop(): void {
    context_drop(this.handle);
  }
}

function takeOutput(named: usize): Output {
  const name = takeString(named), tensor = load<i32>(named + 8);
  tensor_dimensions(tensor, result);
  const list: usize = load<u32>(result), rank = load<u32>(result + 4);
  const dims: u32[] = [];
  for (let i: usize = 0; i < rank; i++) dims.push(load<u32>(list + 4 * i));
  free(list, rank);
  tensor_data(tensor, result);
  const data = takeBytes(result);
  const type = TYPE_NAMES[tensor_ty(tensor)];
  tensor_drop(tensor);
  return new Output(name, type, dims, data);
}
