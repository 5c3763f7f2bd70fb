# Sourced by setup.sh and lock.sh: componentize-qjs, which makes a component of JavaScript and the engine QuickJS.
npms=(
  componentize-qjs@0.4.5
  @andreiltd/componentize-qjs-binding-linux-x64-gnu@0.4.5  # the same, compiled for Node; the engine is in it
)
