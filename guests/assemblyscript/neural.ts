// What an interface to wasi-nn offers the program. AssemblyScript has no exceptions that can be caught, so what may go
// wrong returns a Result.

/** The name of an error code, and what the host has to say about it. */
export class NeuralError {
  constructor(readonly code: string, readonly data: string) {}
}

/** A value, or the reason why there is none. */
export class Result<T> {
  constructor(readonly value: T | null, readonly error: NeuralError | null) {}

  static ok<T>(value: T): Result<T> {
    return new Result<T>(value, null);
  }

  static fail<T>(error: NeuralError): Result<T> {
    return new Result<T>(null, error);
  }
}

/** An output of a compute. What the interface cannot tell is null. */
export class Output {
  constructor(readonly name: string | null, readonly type: string | null, readonly dims: u32[] | null, readonly data: ArrayBuffer) {}
}

/** An execution context: where a model computes. */
export abstract class Context {
  /** Computes with one FP32 input; preview 1 goes by its place, components by its name. */
  abstract compute(name: string, dims: u32[], values: Float32Array): Result<Output[]>;
  abstract drop(): void;
}

/** A loaded model. */
export abstract class Graph {
  abstract initExecutionContext(): Result<Context>;
  abstract drop(): void;
}

/** The two ways to a model. */
export abstract class Neural {
  abstract loadByName(name: string): Result<Graph>;
  abstract loadOnnx(content: ArrayBuffer): Result<Graph>;
}
