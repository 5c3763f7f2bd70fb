// digits: classify pictures of handwritten digits.
//
// The program is the same for components and for preview 1 modules, which hand it their Host and their Neural.
// guests/README.md has the contract that its output keeps, in this and in every other language.
import { Host } from "./host";
import { Context, ElementType, Neural, Output } from "./neural";
import { decode, SIDE, VALUES } from "./picture";
import { Program } from "./program";

const USAGE = `usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL
       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE
PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,
in turn on N execution contexts of one graph, 1 to 1000.
`;

export class Digits extends Program {
  constructor(host: Host, neural: Neural) {
    super(host, neural);
  }

  /** Runs the program and returns its exit status. */
  run(): i32 {
    const args = this.host.args();
    const batch = args.length > 0 && args[0] == "batch";
    if (batch) args.shift();
    let contexts = 1;
    if (!batch && args.length > 1 && args[0] == "contexts") {
      contexts = contextCount(args[1]);
      args.splice(0, 2);
    }
    if (contexts == 0 || args.length < 3 || (args[0] != "name" && args[0] != "bytes")) {
      this.host.printError(USAGE);
      return 1;
    }
    return this.classifyAll(args[0], args[1], args.slice(2), batch, contexts) ? 0 : 1;
  }

  /** Runs the model on all pictures at once, or one by one on count contexts in turn. */
  private classifyAll(how: string, model: string, pictures: string[], batch: bool, count: i32): bool {
    const graph = this.load(how, model);
    if (!graph) return false;
    const contexts: Context[] = [];
    for (let i = 0; i < count; i++) {
      const r = graph.initExecutionContext();
      const context = r.value;
      if (!context) return this.fail("init", r.error);
      contexts.push(context);
    }

    let ok = true;
    if (batch) ok = this.classify(contexts[0], pictures);
    else for (let i = 0; i < pictures.length && ok; i++) ok = this.classify(contexts[i % count], [pictures[i]]);
    for (let i = 0; i < count; i++) contexts[i].drop();
    graph.drop();
    return ok;
  }

  /** Runs the model once on these pictures and prints what it says. */
  private classify(context: Context, paths: string[]): bool {
    const count = paths.length;
    const values = new Float32Array(count * VALUES);
    for (let i = 0; i < count; i++) {
      const content = this.host.readFile(paths[i]);
      const wrong = content ? decode(content, values, i * VALUES) : "cannot be read";
      if (wrong) {
        this.host.print(`error picture ${paths[i]}: ${wrong}`);
        return false;
      }
    }
    const r = context.compute("image", ElementType.FP32, [count, 1, SIDE, SIDE], values.buffer);
    const outputs = r.value;
    if (!outputs) return this.fail("compute", r.error);

    for (let o = 0; o < outputs.length; o++) {
      const wrong = check(outputs[o], count);
      if (wrong) {
        this.host.print(`error output ${o}: ${wrong}`);
        return false;
      }
    }
    for (let i = 0; i < count; i++) {
      this.host.print(`picture ${paths[i]}`);
      for (let o = 0; o < outputs.length; o++) {
        const all = Float32Array.wrap(outputs[o].data);
        const classes = all.length / count;
        this.printOutput(o, outputs[o]);
        this.printTop(all.subarray(i * classes, (i + 1) * classes));
      }
    }
    return true;
  }

  /** Prints the three greatest values, greatest first; of equals, the lower class comes first. */
  private printTop(values: Float32Array): void {
    const printed: i32[] = [];
    for (let k = 1; k <= 3 && k <= values.length; k++) {
      let best = -1;
      for (let c = 0; c < values.length; c++) {
        if (!printed.includes(c) && (best < 0 || values[c] > values[best])) best = c;
      }
      this.host.print(`top ${k} class=${best} milli=${i64(Math.floor(1000.0 * f64(values[best]) + 0.5))}`);
      printed.push(best);
    }
  }
}

/** Reads the N of the arguments: 1 to 1000, or 0 for anything else. */
function contextCount(text: string): i32 {
  let n = 0;
  for (let i = 0; i < text.length && n <= 1000; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    n = 10 * n + digit;
  }
  return n <= 1000 ? n : 0;
}

/** Says what keeps an output from being the same number of finite FP32 values for each of count pictures, or null. */
function check(o: Output, count: i32): string | null {
  const type = o.type;
  if (type && type != "FP32") return `values have to be FP32, not ${type}`;
  const size = o.data.byteLength;
  if (size == 0 || size % (4 * count) != 0) return `${size} bytes are not FP32 values for each of ${count} pictures`;
  const values = Float32Array.wrap(o.data);
  for (let i = 0; i < values.length; i++) {
    if (!isFinite(values[i])) return `value ${i} is not a finite number`;
  }
  return null;
}
