"""digits: classify pictures of handwritten digits.

guests/README.md has the contract that the output keeps, in this and in every other language. componentize-py makes the modules
wit_world and componentize_py_types from the world's text.
"""

import math
import re
import struct
import sys
from contextlib import contextmanager

import picture
from componentize_py_types import Err
from failure import Failure
from wit_world import exports
from wit_world.imports import errors, graph, inference
from wit_world.imports.graph import ExecutionTarget, GraphEncoding
from wit_world.imports.tensor import Tensor, TensorType

USAGE = """\
usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL
       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE
PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,
in turn on N execution contexts of one graph, 1 to 1000.
"""


@contextmanager
def stage(name: str):
    """Makes a Failure of an error that wasi-nn reports in the block."""
    try:
        yield
    except Err as e:
        if not isinstance(e.value, errors.Error):
            raise
        code = e.value.code().name.lower().replace("_", "-")
        data = re.sub(r"[\x00-\x1f\x7f]", " ", e.value.data())  # keep it one line
        raise Failure(f"{name} code={code} data={data}")


def load_file(path: str) -> graph.Graph:
    try:
        with open(path, "rb") as f:
            content = f.read()
    except OSError:
        raise Failure(f"model {path}: cannot be read")
    return graph.load([content], GraphEncoding.ONNX, ExecutionTarget.CPU)


class Output:
    """An output of the model, whose values have to be finite and the same number for each of count pictures."""

    def __init__(self, index: int, name: str, tensor: Tensor, count: int):
        ty, data = tensor.ty(), tensor.data()
        if ty != TensorType.FP32:
            raise Failure(f"output {index}: values have to be FP32, not {ty.name}")
        if not data or len(data) % (4 * count) != 0:
            raise Failure(f"output {index}: {len(data)} bytes are not FP32 values for each of {count} pictures")
        self.values = struct.unpack(f"<{len(data) // 4}f", data)
        for i, value in enumerate(self.values):
            if not math.isfinite(value):
                raise Failure(f"output {index}: value {i} is not a finite number")
        dims = "x".join(map(str, tensor.dimensions()))
        self.line = f"output {index} name={name} ty={ty.name} dims={dims}"
        self.classes = len(self.values) // count

    def print(self, row: int):
        """Prints the three greatest values of a picture, greatest first; of equals, the lower class comes first."""
        print(self.line)
        values = self.values[row * self.classes : (row + 1) * self.classes]
        best = sorted(range(len(values)), key=lambda c: -values[c])  # a stable sort
        for k, c in enumerate(best[:3], 1):
            print(f"top {k} class={c} milli={math.floor(1000 * values[c] + 0.5)}")


def classify(context: inference.GraphExecutionContext, paths: list[str]):
    """Runs the model once on these pictures and prints what it says."""
    values = [value for path in paths for value in picture.read(path)]
    dims = [len(paths), 1, picture.SIDE, picture.SIDE]
    tensor = Tensor(dims, TensorType.FP32, struct.pack(f"<{len(values)}f", *values))
    with stage("compute"):
        computed = context.compute([("image", tensor)])

    outputs = [Output(i, name, tensor, len(paths)) for i, (name, tensor) in enumerate(computed)]
    for row, path in enumerate(paths):
        print(f"picture {path}")
        for output in outputs:
            output.print(row)


def main(args: list[str]) -> bool:
    batch, count = False, 1
    match args:
        case ["batch", *args]:
            batch = True
        case ["contexts", text, *args]:
            count = int(text) if re.fullmatch("[0-9]{1,4}", text) else 0
    match args if 1 <= count <= 1000 else []:
        case ["name" | "bytes" as how, model, *pictures] if pictures:
            pass
        case _:
            sys.stderr.write(USAGE)
            return False
    try:
        with stage("load"):
            loaded = graph.load_by_name(model) if how == "name" else load_file(model)
        with stage("init"):
            contexts = [loaded.init_execution_context() for _ in range(count)]
        for i, paths in enumerate([pictures] if batch else [[p] for p in pictures]):
            classify(contexts[i % count], paths)
        return True
    except Failure as e:
        print(f"error {e}")
        return False


class Run(exports.Run):
    """The export wasi:cli/run."""

    def run(self):
        ok = main(sys.argv[1:])
        sys.stdout.flush()
        if not ok:
            raise Err(None)
