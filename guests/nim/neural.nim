## wasi-nn by way of wasi_ephemeral_nn, for preview 1 modules. Each of its functions returns an errno and stores its result
## through the last pointer on success. It has none that drops a handle, and none that names or describes outputs.

{.emit: """/*INCLUDESECTION*/
#include "wasi_ephemeral_nn.h"
""".}

type
  Builder {.importc: "nn_graph_builder_t", nodecl.} = object
    `ptr`: ptr uint8
    len: uint32

  Tensor {.importc: "nn_tensor_t", nodecl.} = object
    dims: ptr uint32
    rank: uint32
    `type`: uint8
    data: pointer
    size: uint32

proc nnLoad(parts: ptr Builder, count: uint32, encoding, target: int32, graph: ptr int32): int32 {.importc: "nn_load", nodecl.}
proc nnLoadByName(name: cstring, len: uint32, graph: ptr int32): int32 {.importc: "nn_load_by_name", nodecl.}
proc nnInitExecutionContext(graph: int32, context: ptr int32): int32 {.importc: "nn_init_execution_context", nodecl.}
proc nnSetInput(context: int32, index: uint32, tensor: ptr Tensor): int32 {.importc: "nn_set_input", nodecl.}
proc nnCompute(context: int32): int32 {.importc: "nn_compute", nodecl.}
proc nnGetOutput(context: int32, index: uint32, buffer: pointer, size: uint32, written: ptr uint32): int32 {.importc: "nn_get_output", nodecl.}

const
  onnx = 1
  cpu = 0
  f32 = 1
  tooLarge = 7
  maxSize = 1 shl 30

  codes = [ # WIT's names of the errnos, where WIT has one
    "success", "invalid-argument", "invalid-encoding", "missing-memory", "busy",
    "runtime-error", "unsupported-operation", "too-large", "not-found"]

type
  NeuralError* = object of CatchableError
    ## An error of wasi-nn. Its message is the name of its code; preview 1 has no detail.
  Graph* = object ## A loaded model.
    handle: int32
  Context* = object ## An execution context of a graph.
    handle: int32

proc check(errno: int32) =
  if errno != 0:
    raise newException(NeuralError, if errno in 1 .. codes.high: codes[errno] else: "unknown")

proc loadByName*(name: string): Graph =
  check nnLoadByName(name.cstring, name.len.uint32, addr result.handle)

proc loadOnnx*(content: string): Graph =
  var part = Builder(`ptr`: cast[ptr uint8](content.cstring), len: content.len.uint32)
  check nnLoad(addr part, 1, onnx, cpu, addr result.handle)

proc initExecutionContext*(g: Graph): Context =
  check nnInitExecutionContext(g.handle, addr result.handle)

proc getOutput(c: Context, index: uint32): seq[uint8] =
  ## Fetches an output into a buffer that grows until the host finds it large enough.
  var size = 4096
  while true:
    result = newSeq[uint8](size)
    var written: uint32
    let errno = nnGetOutput(c.handle, index, addr result[0], size.uint32, addr written)
    if errno != tooLarge or size >= maxSize:
      check errno
      result.setLen(min(written.int, size))
      return
    size = if written.int in size + 1 .. maxSize: written.int else: 2 * size # some hosts tell the size that is needed

proc compute*(c: Context, dims: openArray[uint32], values: openArray[float32]): seq[uint8] =
  ## Computes with one FP32 input. The result is the first output, since the interface cannot tell how many there are.
  var tensor = Tensor(dims: unsafeAddr dims[0], rank: dims.len.uint32, `type`: f32,
                      data: unsafeAddr values[0], size: uint32(values.len * sizeof(float32)))
  check nnSetInput(c.handle, 0, addr tensor)
  check nnCompute(c.handle)
  c.getOutput(0)
