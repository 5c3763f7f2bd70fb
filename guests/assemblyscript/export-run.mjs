// A transform for asc: exports the function `run` of the entry file by the name that a component's command has. The language
// exports identifiers only.
export default class {
  afterCompile(module) {
    module.removeExport('run');
    module.addFunctionExport('component/run', 'wasi:cli/run@0.2.12#run');
  }
}
