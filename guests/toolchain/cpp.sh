# Sourced by setup.sh and lock.sh: libc++ for WebAssembly. The compiler is the one of base, of the same version.
debs=(libc++-19-dev-wasm32 libc++abi-19-dev-wasm32)
