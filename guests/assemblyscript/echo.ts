// echo: one tensor of any element type through a model, which tests the numbers of the types.
//
// It prints an "output" line, as digits does, and a line "bytes HEX" for each output.
import { Host } from "./host";
import { Neural, TYPE_NAMES } from "./neural";
import { Program } from "./program";

const USAGE = `usage: echo name MODEL INPUT TYPE DIMS HEX      the model that the host has under the name MODEL
       echo bytes FILE INPUT TYPE DIMS HEX      the ONNX model in FILE
INPUT is the input's name, TYPE as in WIT, DIMS such as 2x3 or scalar, HEX the data in hexadecimal, little endian.
`;

export class Echo extends Program {
  constructor(host: Host, neural: Neural) {
    super(host, neural);
  }

  run(): i32 {
    const args = this.host.args();
    if (args.length != 6 || (args[0] != "name" && args[0] != "bytes") || !TYPE_NAMES.includes(args[3])) {
      this.host.printError(USAGE);
      return 1;
    }
    return this.echo(args) ? 0 : 1;
  }

  private echo(args: string[]): bool {
    const graph = this.load(args[0], args[1]);
    if (!graph) return false;
    const made = graph.initExecutionContext();
    const context = made.value;
    if (!context) return this.fail("init", made.error);
    const computed = context.compute(args[2], TYPE_NAMES.indexOf(args[3]), dimsOf(args[4]), dataOf(args[5]));
    const outputs = computed.value;
    if (!outputs) return this.fail("compute", computed.error);
    for (let o = 0; o < outputs.length; o++) {
      this.printOutput(o, outputs[o]);
      this.host.print(`bytes ${hexOf(outputs[o].data)}`);
    }
    context.drop();
    graph.drop();
    return true;
  }
}

function dimsOf(text: string): u32[] {
  const dims: u32[] = [];
  if (text == "scalar") return dims;
  const parts = text.split("x");
  for (let i = 0; i < parts.length; i++) dims.push(u32(parseInt(parts[i])));
  return dims;
}

function dataOf(hex: string): ArrayBuffer {
  const data = new Uint8Array(hex.length / 2);
  for (let i = 0; i < data.length; i++) data[i] = u8(parseInt(hex.substr(2 * i, 2), 16));
  return data.buffer;
}

function hexOf(data: ArrayBuffer): string {
  const bytes = Uint8Array.wrap(data);
  let hex = "";
  for (let i = 0; i < bytes.length; i++) hex += bytes[i].toString(16).padStart(2, "0");
  return hex;
}
