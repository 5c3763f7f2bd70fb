#!/bin/bash
# setup.sh: put the guests' toolchain into the cache folder and print its path.
#
# Nothing is installed: Debian packages and npm tarballs are unpacked below WASINN_CACHE (default: the user's cache
# folder), about 730 MB, once per version of the lock files. It needs no root, about 20 s, and then nothing but the folder.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh

cache=${WASINN_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME and WASINN_CACHE are not set}/.cache}/wasinn}
version=$(cat common.sh setup.sh debs.lock npm.lock | sha256sum | cut -c 1-12)
out=$cache/guest-toolchain-$version
if [ -d "$out" ]; then
  echo "$out"
  exit
fi

check_host
echo "setting up the guests' toolchain in $out" >&2
mkdir -p "$cache"
work=$(mktemp -d "$cache/guest-toolchain.XXXXXX") # beside its final place, so that it appears there in one step
trap 'rm -rf "$work"' EXIT

# verify FILE SHA256 NAME
verify() {
  local sum
  sum=$(sha256sum "$1" | cut -d ' ' -f 1)
  [ "$sum" = "$2" ] || die "$3 has sha256 $sum, and the lock file says $2"
}

mkdir -p "$work"/{apt,debs,npm,toolchain}
apt_init "$work/apt"
while read -r sum package; do
  apt_fetch "$work/debs" "$package"
  verify "$work/debs/${package%%=*}"_*.deb "$sum" "$package"
done < <(grep -v '^#' debs.lock)
apt_fetch "$work/debs" "${libraries[@]}"
for deb in "$work"/debs/*.deb; do
  dpkg-deb -x "$deb" "$work/toolchain"
done

while read -r sum package; do
  tgz=$(npm_fetch "$work/npm" "$package")
  verify "$tgz" "$sum" "$package"
  dir=$work/toolchain/node_modules/${package%@*}
  mkdir -p "$dir"
  tar -xzf "$tgz" -C "$dir" --strip-components 1
done < <(grep -v '^#' npm.lock)

# bin/NAME runs a compiler with the C library that it was built for. The driver clang only compiles here: left to link, it
# would run any wasm-opt that it finds, and the result would depend on that.
mkdir "$work/toolchain/bin"
wrap() {
  cat > "$work/toolchain/bin/$1" <<WRAPPER
#!/bin/bash
T=\$(dirname "\$(dirname "\$(realpath "\$0")")")
lib=\$T/usr/lib/x86_64-linux-gnu
exec "\$lib/ld-linux-x86-64.so.2" --library-path "\$lib:\$T/usr/lib/llvm-19/lib" "\$T/$2" $3 "\$@"
WRAPPER
  chmod +x "$work/toolchain/bin/$1"
}
wrap clang usr/lib/llvm-19/bin/clang '--target=wasm32-wasi -resource-dir "$T/usr/lib/llvm-19/lib/clang/19" --sysroot="$T/usr" -c'
wrap wasm-ld usr/lib/llvm-19/bin/wasm-ld ''
wrap rustc usr/bin/rustc '--sysroot "$T/usr" -C linker="$T/bin/wasm-ld" --target wasm32-wasip1'

chmod -R u+w "$work/toolchain"
mv -T "$work/toolchain" "$out" 2> /dev/null || [ -d "$out" ] # another set-up was faster
echo "$out"
