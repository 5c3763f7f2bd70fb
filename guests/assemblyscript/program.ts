// What the programs share: how a model is loaded, and the lines about outputs and errors.
import { Host } from "./host";
import { Graph, Neural, NeuralError, Output, Result } from "./neural";

export abstract class Program {
  constructor(protected host: Host, protected neural: Neural) {}

  /** Runs the program and returns its exit status. */
  abstract run(): i32;

  protected load(how: string, model: string): Graph | null {
    let r: Result<Graph>;
    if (how == "name") {
      r = this.neural.loadByName(model);
    } else {
      const content = this.host.readFile(model);
      if (!content) {
        this.host.print(`error model ${model}: cannot be read`);
        return null;
      }
      r = this.neural.loadOnnx(content);
    }
    if (!r.value) this.fail("load", r.error);
    return r.value;
  }

  protected printOutput(index: i32, o: Output): void {
    const name = o.name, type = o.type, dims = o.dims;
    this.host.print(`output ${index} name=${name ? name : "-"} ty=${type ? type : "-"} dims=${dims ? dims.join("x") : "-"}`);
  }

  protected fail(stage: string, error: NeuralError | null): bool {
    const e = error!;
    this.host.print(`error ${stage} code=${e.code} data=${oneLine(e.data)}`);
    return false;
  }
}

/** The text with its control characters made blanks. */
function oneLine(text: string): string {
  let line = "";
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    line += c < 0x20 || c == 0x7f ? " " : text.charAt(i);
  }
  return line;
}
