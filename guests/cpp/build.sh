# Sourced by ../build.sh: digits in C++, with libc++.

cpp=$(toolchain/setup.sh cpp)

cpp_core() { # INTERFACE OUT
  local source object objects=()
  for source in digits picture "neural_$1"; do
    object=$work/cpp-$source.o
    "$T/bin/clang++" --target=wasm32-wasi -std=c++23 -Os -Wall -Wextra -Werror -fno-exceptions -nostdinc++ \
      -isystem "$cpp/usr/include/wasm32-wasi/c++/v1" -o "$object" "cpp/$source.cpp"
    objects+=("$object")
  done
  link_command "$T/usr/lib/wasm32-wasi" "$2" "${objects[@]}" -L"$cpp/usr/lib/wasm32-wasi" -lc++ -lc++abi
}

cpp_core preview1 "$out/cpp-digits.p1.wasm"
cpp_core component "$work/cpp-digits.wasm"
component "$work/cpp-digits.wasm" "$out/cpp-digits.component.wasm"
