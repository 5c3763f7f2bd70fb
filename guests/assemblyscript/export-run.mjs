// A transform for asc: exports the function `run` of the entry file by the name that a component's command has. The language
// exports identifiers only.
export default class {
  afterCompile(module) {
    module.removeExport('run');
    const entry = ['component/run', 'echo_component/run'].find((name) => module.getFunction(name));
    module.addFunctionExport(entry, 'wasi:cli/run@0.2.12#run');
  }
}
