#!/bin/bash
# build.sh [LANG...]: build the guests into guests/prebuilt and write their SHA256SUMS.
# build.sh --check [LANG...]: build them elsewhere and fail unless the bytes are those of guests/prebuilt.
# build.sh --loose [LANG...]: build the ones whose bytes cannot be the same again; SHA256SUMS.loose.
# build.sh --big [LANG...]: build the ones too big to be committed, into the cache folder, and print their paths.
#
# LANG is a folder here; without one, all that apply are built. The toolchains are those that guests/toolchain pins, so the
# same sources make the same bytes on every machine. What to run for a language is in LANG/build.sh, LANG/build-loose.sh
# and LANG/build-big.sh, which use the functions below.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"
export LC_ALL=C
unset CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH # clang would look there
umask 022

mode=build script=build.sh sums=SHA256SUMS
case "${1:-}" in
  --check) mode=check ;;
  --loose) mode=loose script=build-loose.sh sums=SHA256SUMS.loose ;;
  --big) mode=big script=build-big.sh ;;
  -*) sed -n 's/^# \(build.sh\)/guests\/\1/p' build.sh >&2; exit 1 ;;
esac
[ "$mode" = build ] || shift
all=$([ $# -eq 0 ] && echo yes || echo no)
if [ "$all" = yes ]; then
  set -- */"$script"
  set -- "${@%/*}"
fi
for language in "$@"; do
  [ -r "$language/$script" ] || { echo "guests/build.sh: there is no guests/$language/$script" >&2; exit 1; }
done

nn_wit=../wit/wasi-nn/0.2.0-rc-2024-10-28
[ -d "$nn_wit" ] || { echo "guests/build.sh: no WIT text of wasi:nn in $nn_wit" >&2; exit 1; }

cache=${WASINN_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME and WASINN_CACHE are not set}/.cache}/wasinn}
T=$(toolchain/setup.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/out
wit=$work/wit
mkdir -p "$out" "$wit/deps"
cp world.wit "$wit/"
cp -r "$nn_wit" "$wit/deps/nn"

# compile OBJECT SOURCE FLAG...: compile C.
compile() {
  local object=$1 source=$2
  shift 2
  "$T/bin/clang" --target=wasm32-wasi -std=gnu17 -Os -Wall -Wextra -Werror "$@" -o "$object" "$source"
}

# link_command LIB OUT FLAG...: link a command with the C library in the folder LIB. The stack comes first, so that an
# overflow traps.
link_command() {
  local lib=$1 out=$2
  shift 2
  "$T/bin/wasm-ld" -m wasm32 --strip-all --stack-first -z stack-size=262144 -L"$lib" -o "$out" \
    "$lib/crt1-command.o" "$@" -lc "$T/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a"
}

# component CORE OUT: make a component of a preview 1 command.
component() {
  node toolchain/component.mjs "$T" "$wit" guest "$1" "$2"
}

# described_component CORE OUT [OPTION...]: the same, of a command that has its imports' types in a section.
described_component() {
  node toolchain/component.mjs "$T" "$wit" - "$@"
}

# native_component CORE OUT: make a component of a command whose C library calls WASI 0.2 itself.
native_component() {
  node toolchain/component.mjs "$T" "$wit" guest "$1" "$2" native
}

# command_wit prints the path of the worlds of command.wit, with the texts of wasi:nn and of the rest of WASI.
command_wit() {
  local folder=$work/command
  mkdir -p "$folder/deps"
  cp command.wit "$folder/"
  cp -r ../wit/wasi/* "$folder/deps/"
  cp -r "$nn_wit" "$folder/deps/nn"
  echo "$folder"
}

for language in "$@"; do
  # shellcheck disable=SC1090
  (. "$language/$script")
done

if [ "$mode" = big ]; then
  mkdir -p "$cache/guests"
  for f in "$out"/*.wasm; do
    mv "$f" "$cache/guests/"
    echo "$cache/guests/$(basename "$f")"
  done
  exit
fi

chmod 644 "$out"/*.wasm
(cd "$out" && sha256sum -- *.wasm > SUMS)
if [ "$mode" = check ]; then
  (cd prebuilt && sha256sum --quiet --strict -c "$out/SUMS") ||
    { echo "guests/build.sh: guests/prebuilt is not what the sources make; run guests/build.sh" >&2; exit 1; }
  [ "$all" = no ] || diff <(sort -k 2 prebuilt/SHA256SUMS) <(sort -k 2 "$out/SUMS") ||
    { echo "guests/build.sh: guests/prebuilt/SHA256SUMS lists other guests than there are sources" >&2; exit 1; }
  echo "guests/prebuilt is what the sources make"
  exit
fi

# The list keeps the lines of guests that were not built now, unless everything was.
mv "$out/SUMS" "$work/sums"
if [ "$all" = no ] && [ -e "prebuilt/$sums" ]; then
  awk 'FNR == NR { built[$2] = 1; next } !($2 in built)' "$work/sums" "prebuilt/$sums" > "$work/kept"
  cat "$work/kept" >> "$work/sums"
elif [ -e "prebuilt/$sums" ]; then
  awk '{ print "prebuilt/" $2 }' "prebuilt/$sums" | xargs -r rm -f
fi
mv "$out"/*.wasm prebuilt/
sort -k 2 "$work/sums" > "prebuilt/$sums"
(cd prebuilt && wc -c -- *.wasm)
