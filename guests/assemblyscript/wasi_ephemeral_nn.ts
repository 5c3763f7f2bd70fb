// Neural by way of wasi_ephemeral_nn, for preview 1 modules. Each function returns an errno and stores its result through
// the last pointer on success. The interface cannot drop a handle, nor name or describe outputs.
import { Context, ElementType, Graph, Neural, NeuralError, Output, Result } from "./neural";

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

// The numbers of the element types, in WIT's order. Today's text has no BF16; hosts that know it use WIT's number, and tell it
// from U8 by its size.
const NONE: u8 = 255;
const NUMBERS: u8[] = [0, 1, 2, 3, 3, 4, 5];
const NUMBERS_2022: u8[] = [0, 1, NONE, NONE, 2, 3, NONE];

function error(errno: i32): NeuralError {
  return new NeuralError(errno > 0 && errno < CODES.length ? CODES[errno] : "unknown", "");
}

/**
 * wasi_ephemeral_nn as it was in 2022, which is what the package as-wasi-nn speaks: five functions, and errnos up to
 * runtime-error. Of the tensor types only u8 and i32 had other numbers, 2 and 3.
 */
export class EphemeralNN2022 extends Neural {
  constructor(private numbers: u8[] = NUMBERS_2022) {
    super();
  }

  loadByName(name: string): Result<Graph> {
    return Result.fail<Graph>(new NeuralError("unsupported-operation", "")); // there was no such function
  }

  loadOnnx(content: ArrayBuffer): Result<Graph> {
    builder.pointer = changetype<usize>(content);
    builder.length = content.byteLength;
    return EphemeralGraph.after(nn_load(changetype<usize>(builder), 1, ONNX, CPU, result), this.numbers);
  }
}

/** wasi_ephemeral_nn as it is today. */
export class EphemeralNN extends EphemeralNN2022 {
  constructor() {
    super(NUMBERS);
  }

  loadByName(name: string): Result<Graph> {
    const text = String.UTF8.encode(name);
    return EphemeralGraph.after(nn_load_by_name(changetype<usize>(text), text.byteLength, result), NUMBERS);
  }
}

class EphemeralGraph extends Graph {
  private constructor(private handle: i32, private numbers: u8[]) {
    super();
  }

  /** The graph that an import stored, if its errno says so. */
  static after(errno: i32, numbers: u8[]): Result<Graph> {
    return errno == 0 ? Result.ok<Graph>(new EphemeralGraph(load<i32>(result), numbers)) : Result.fail<Graph>(error(errno));
  }

  initExecutionContext(): Result<Context> {
    const errno = nn_init_execution_context(this.handle, result);
    return errno == 0 ? Result.ok<Context>(new EphemeralContext(load<i32>(result), this.numbers)) : Result.fail<Context>(error(errno));
  }

  drop(): void {}
}

class EphemeralContext extends Context {
  constructor(private handle: i32, private numbers: u8[]) {
    super();
  }

  /** The outputs are the first one, since the interface cannot tell how many there are. */
  compute(name: string, type: ElementType, dims: u32[], data: ArrayBuffer): Result<Output[]> {
    const number = this.numbers[type];
    if (number == NONE) return Result.fail<Output[]>(new NeuralError("unsupported-operation", "")); // there was no such type
    tensor.dims = dims.dataStart;
    tensor.rank = dims.length;
    tensor.type = number;
    tensor.data = changetype<usize>(data);
    tensor.size = data.byteLength;
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
