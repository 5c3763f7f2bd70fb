# Sourced by ../build.sh: digits in Python.

python=$(toolchain/setup.sh python)
cp -r python "$work/python" # componentize-py writes into the program's folder
PYTHONPATH=$python/python python3 "$python/python/bin/componentize-py" -q -d "$(command_wit)" -w program \
  componentize -p "$work/python" digits -o "$out/python-digits.component.wasm"
