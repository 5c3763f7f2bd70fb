## Classifies pictures of handwritten digits. ../README.md has the contract that its output keeps, in this and in every other
## language.

import std/[algorithm, math, os, strutils]
import neural, picture

{.emit: """
/* Nim's own main has three parameters, which is not a main that clang knows for WebAssembly: hence --noMain, and this. */
extern int cmdCount;
extern char **cmdLine;
void NimMain(void);
int main(int argc, char *argv[]) {
  cmdCount = argc;
  cmdLine = argv;
  NimMain();
  return nim_program_result;
}
""".}

const usage = """
usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL
       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE
PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,
in turn on N execution contexts of one graph, 1 to 1000.
"""

type Failure = object of CatchableError
  ## What ends the program. The message is the line that it prints.

proc fail(message: string) {.noreturn.} =
  raise newException(Failure, "error " & message)

template stage(name: string, body: untyped): untyped =
  ## Says in which stage an error of wasi-nn came. Preview 1 has no detail, so the line ends with `data=`.
  try:
    body
  except NeuralError as e:
    fail name & " code=" & e.msg & " data="

proc load(how, model: string): Graph =
  if how == "name":
    stage("load"): result = loadByName(model)
  else:
    var content: string
    try:
      content = readFile(model)
    except IOError:
      fail "model " & model & ": cannot be read"
    stage("load"): result = loadOnnx(content)

proc toValues(output: seq[uint8], count: int): seq[float32] =
  ## The values of an output, which have to be finite FP32 and the same number for each of count pictures.
  if output.len == 0 or output.len mod (count * sizeof(float32)) != 0:
    fail "output 0: " & $output.len & " bytes are not FP32 values for each of " & $count & " pictures"
  result = newSeq[float32](output.len div sizeof(float32))
  copyMem(addr result[0], unsafeAddr output[0], output.len)
  for i, value in result:
    if value.classify in {fcNan, fcInf, fcNegInf}:
      fail "output 0: value " & $i & " is not a finite number"

proc printTop(values: openArray[float32]) =
  ## Prints the three greatest values, greatest first; of equals, the lower class comes first.
  var order: seq[tuple[value: float32, class: int]]
  for class, value in values: order.add (value, class)
  order.sort(proc (a, b: auto): int = cmp(b.value, a.value)) # stable
  for k in 0 ..< min(3, order.len):
    let milli = floor(1000.0 * float64(order[k].value) + 0.5)
    echo "top ", k + 1, " class=", order[k].class, " milli=", int64(milli)

proc classify(c: Context, paths: openArray[string]) =
  ## Runs the model once on these pictures and prints what it says.
  var values: seq[float32]
  for path in paths:
    try:
      values.add readPicture(path)
    except PictureError as e:
      fail "picture " & path & ": " & e.msg
  var output: seq[uint8]
  stage("compute"): output = c.compute([paths.len.uint32, 1, side, side], values)

  let all = output.toValues(paths.len)
  let classes = all.len div paths.len
  for i, path in paths:
    echo "picture ", path
    echo "output 0 name=- ty=- dims=-" # preview 1 tells nothing of it
    printTop all.toOpenArray(i * classes, (i + 1) * classes - 1)

proc contextCount(text: string): int =
  ## Reads the N of the arguments: 1 to 1000, or 0 for anything else.
  if text.len in 1 .. 4 and text.allCharsInSet(Digits):
    result = parseInt(text)
    if result > 1000: result = 0

proc run(how, model: string, pictures: seq[string], batch: bool, count: int) =
  ## Runs the model on all pictures at once, or one by one on count contexts in turn.
  let graph = load(how, model)
  var contexts = newSeq[Context](count)
  stage("init"):
    for context in contexts.mitems: context = graph.initExecutionContext()
  if batch:
    classify(contexts[0], pictures)
  else:
    for i, path in pictures: classify(contexts[i mod count], [path])

var args = commandLineParams()
let batch = args.len > 0 and args[0] == "batch"
var count = 1
if batch:
  args.delete(0)
elif args.len > 1 and args[0] == "contexts":
  count = contextCount(args[1])
  args = args[2 .. ^1]
if count == 0 or args.len < 3 or args[0] notin ["name", "bytes"]:
  stderr.write usage
  quit 1
try:
  run(args[0], args[1], args[2 .. ^1], batch, count)
except Failure as e:
  echo e.msg
  quit 1
