# Sourced by setup.sh and lock.sh: the AssemblyScript compiler, which runs on Node.
npms=(
  assemblyscript@0.28.20
  binaryen@131.0.0-nightly.20260721  # what it makes code with
  long@5.3.2                         # what it counts with
)
