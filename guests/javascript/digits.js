// digits: classify pictures of handwritten digits.
//
// The program is the same for QuickJS and for StarlingMonkey. guests/README.md has the contract that its output keeps, in this
// and in every other language. An interface of WIT is a module here, and a result's error is thrown.
import { load, loadByName } from 'wasi:nn/graph@0.2.0-rc-2024-10-28';
import { Tensor } from 'wasi:nn/tensor@0.2.0-rc-2024-10-28';
import { Failure } from './failure.js';
import { readPicture, SIDE, VALUES } from './picture.js';
import { args, print, printError, readFile } from './wasi.js';

const USAGE = `\
usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL
       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE
PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,
in turn on N execution contexts of one graph, 1 to 1000.`;

// attempt calls wasi-nn, and makes a Failure of an error that it reports.
function attempt(stage, call) {
  try {
    return call();
  } catch (thrown) {
    const error = thrown?.payload; // a resource, unless something else was thrown
    if (typeof error?.code !== 'function') throw thrown;
    const data = error.data().replace(/[\x00-\x1f\x7f]/g, ' '); // keep it one line
    throw new Failure(`${stage} code=${error.code()} data=${data}`);
  }
}

function loadFile(path) {
  const content = readFile(path);
  if (content === null) throw new Failure(`model ${path}: cannot be read`);
  return attempt('load', () => load([content], 'onnx', 'cpu'));
}

// readOutput returns an output with its values, which have to be finite and the same number for each of count pictures.
function readOutput([name, tensor], index, count) {
  const type = tensor.ty();
  if (type !== 'FP32') throw new Failure(`output ${index}: values have to be FP32, not ${type}`);
  const bytes = tensor.data();
  if (bytes.length === 0 || bytes.length % (4 * count) !== 0) {
    throw new Failure(`output ${index}: ${bytes.length} bytes are not FP32 values for each of ${count} pictures`);
  }
  const values = new Float32Array(bytes.slice().buffer); // a copy, because the bytes need not lie at a multiple of 4
  const strange = values.findIndex((v) => !Number.isFinite(v));
  if (strange >= 0) throw new Failure(`output ${index}: value ${strange} is not a finite number`);
  const dims = [...tensor.dimensions()].join('x');
  return { line: `output ${index} name=${name} ty=${type} dims=${dims}`, values, classes: values.length / count };
}

// printTop prints the three greatest values, greatest first; of equals, the lower class comes first.
function printTop(values) {
  const classes = [...values.keys()].sort((a, b) => values[b] - values[a]); // a stable sort
  classes.slice(0, 3).forEach((c, k) => {
    print(`top ${k + 1} class=${c} milli=${BigInt(Math.floor(1000 * values[c] + 0.5))}`);
  });
}

// classify runs the model once on these pictures and prints what it says.
function classify(context, paths) {
  const image = new Float32Array(paths.length * VALUES);
  paths.forEach((path, i) => image.set(readPicture(path), i * VALUES));
  const dims = new Uint32Array([paths.length, 1, SIDE, SIDE]);
  const tensor = new Tensor(dims, 'FP32', new Uint8Array(image.buffer));

  const outputs = attempt('compute', () => context.compute([['image', tensor]]))
    .map((output, i) => readOutput(output, i, paths.length));
  paths.forEach((path, p) => {
    print(`picture ${path}`);
    for (const { line, values, classes } of outputs) {
      print(line);
      printTop(values.subarray(p * classes, (p + 1) * classes));
    }
  });
}

function main(args) {
  const batch = args[0] === 'batch', several = args[0] === 'contexts';
  const count = several ? (/^[0-9]+$/.test(args[1]) ? Number(args[1]) : 0) : 1;
  const [how, model, ...pictures] = args.slice(several ? 2 : batch ? 1 : 0);
  if (count < 1 || count > 1000 || !['name', 'bytes'].includes(how) || pictures.length === 0) {
    printError(USAGE);
    return false;
  }
  try {
    const graph = how === 'name' ? attempt('load', () => loadByName(model)) : loadFile(model);
    const contexts = Array.from({ length: count }, () => attempt('init', () => graph.initExecutionContext()));
    if (batch) classify(contexts[0], pictures);
    else pictures.forEach((picture, i) => classify(contexts[i % count], [picture]));
    return true;
  } catch (e) {
    if (!(e instanceof Failure)) throw e;
    print(`error ${e.message}`);
    return false;
  }
}

// The export wasi:cli/run. Its result has no values, so what is thrown for an error is undefined.
export const run = {
  run() {
    if (!main(args())) throw undefined;
  },
};
