// What an interface to wasi-nn offers the program. AssemblyScript has no exceptions that can be caught, so what may go
// wrong returns a Result.

/** The element types, numbered as in WIT. */
export enum ElementType { FP16, FP32, FP64, BF16, U8, I32, I64 }

/** WIT's names of the element types. */
export const TYPE_NAMES = ["FP16", "FP32", "FP64", "BF16", "U8", "I32", "I64"];

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
  /** Computes with one input, whose data are little endian; preview 1 goes by its place, components by its name. */
  abstract compute(name: string, type: ElementType, dims: u32[], data: ArrayBuffer): Result<Output[]>;
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
