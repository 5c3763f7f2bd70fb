// Neural by way of wasi_ephemeral_nn, for preview 1 modules. Each function returns an errno and stores its result through
// the last pointer on success. The interface cannot drop a handle, nor name or describe outputs.
import { Context, Graph, Neural, NeuralError, Output, Result } from "./neural";

// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "load") declare function nn_load(builders: usize, count: i32, encoding: i32, target: i32, graph: usize): i32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "load_by_name") declare function nn_load_by_name(name: usize, length: i32, graph: usize): i32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "init_execution_context") declare function nn_init_execution_context(graph: i32, context: usize): i32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "set_input") declare function nn_set_input(context: i32, index: i32, tensor: usize): i32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "compute") declare function nn_compute(context: i32): i32;
// @ts-ignore: decorator
@external("wasi_ephemeral_nn", "get_output") declare function nn_get_output(context: i32, index: i32, buffer: usize, size: i32, written: usize): i32;

const ONNX = 1;
const CPU = 0;
const F32: u8 = 1;
const TOO_LARGE = 7;
const MAX_SIZE: i32 = 1 << 30;

// Where imports store the handle or the size that they return.
const result = memory.data(4, 4);

/** A graph_builder of the witx text: where a part of a model is. */
@unmanaged
class GraphBuilder {
  pointer: usize;
  length: i32;
}

/** A tensor of the witx text. */
@unmanaged
class Tensor {
  dims: usize;
  rank: i32;
  type: u8;
  data: usize;
  size: i32;
}

const builder = changetype<GraphBuilder>(memory.data(offsetof<GraphBuilder>(), 4));
const tensor = changetype<Tensor>(memory.data(offsetof<Tensor>(), 4));

// WIT's names of the errnos, where WIT has one.
const CODES = [
  "success", "invalid-argument", "invalid-encoding", "missing-memory", "busy",
  "runtime-error", "unsupported-operation", "too-large", "not-found",
];

function error(errno: i32): NeuralError {
  return new NeuralError(errno > 0 && errno < CODES.length ? CODES[errno] : "unknown", "");
}

/**
 * wasi_ephemeral_nn as it was in 2022, which is what the package as-wasi-nn speaks: five functions, and errnos up to
 * runtime-error. Of the tensor types only u8 and i32 had other numbers, 2 and 3.
 */
export class EphemeralNN2022 extends Neural {
  loadByName(name: string): Result<Graph> {
    return Result.fail<Graph>(new NeuralError("unsupported-operation", "")); // there was no such function
  }

  loadOnnx(content: ArrayBuffer): Result<Graph> {
    builder.pointer = changetype<usize>(content);
    builder.length = content.byteLength;
    return EphemeralGraph.after(nn_load(changetype<usize>(builder), 1, ONNX, CPU, result));
  }
}

/** wasi_ephemeral_nn as it is today. */
export class EphemeralNN extends EphemeralNN2022 {
  loadByName(name: string): Result<Graph> {
    const text = String.UTF8.encode(name);
    return EphemeralGraph.after(nn_load_by_name(changetype<usize>(text), text.byteLength, result));
  }
}

class EphemeralGraph extends Graph {
  private constructor(private handle: i32) {
    super();
  }

  /** The graph that an import stored, if its errno says so. */
  static after(errno: i32): Result<Graph> {
    return errno == 0 ? Result.ok<Graph>(new EphemeralGraph(load<i32>(result))) : Result.fail<Graph>(error(errno));
  }

  initExecutionContext(): Result<Context> {
    const errno = nn_init_execution_context(this.handle, result);
    return errno == 0 ? Result.ok<Context>(new EphemeralContext(load<i32>(result))) : Result.fail<Context>(error(errno));
  }

  drop(): void {}
}

class EphemeralContext extends Context {
  constructor(private handle: i32) {
    super();
  }

  /** The outputs are the first one, since the interface cannot tell how many there are. */
  compute(name: string, dims: u32[], values: Float32Array): Result<Output[]> {
    tensor.dims = dims.dataStart;
    tensor.rank = dims.length;
    tensor.type = F32;
    tensor.data = values.dataStart;
    tensor.size = values.byteLength;
    let errno = nn_set_input(this.handle, 0, changetype<usize>(tensor));
    if (errno == 0) errno = nn_compute(this.handle);
    if (errno != 0) return Result.fail<Output[]>(error(errno));
    return this.output(0);
  }

  /** Fetches an output into a buffer that grows until the host finds it large enough. */
  private output(index: i32): Result<Output[]> {
    let size: i32 = 4096;
    while (true) {
      const buffer = new ArrayBuffer(size);
      const errno = nn_get_output(this.handle, index, changetype<usize>(buffer), size, result);
      if (errno == 0) {
        return Result.ok<Output[]>([new Output(null, null, null, buffer.slice(0, load<i32>(result)))]);
      }
      if (errno != TOO_LARGE || size >= MAX_SIZE) return Result.fail<Output[]>(error(errno));
      const told = load<i32>(result); // some hosts tell the size that is needed
      size = told > size && told <= MAX_SIZE ? told : 2 * size;
    }
  }

  drop(): void {}
}
