#!/bin/bash
# setup.sh [NAME]: put a toolchain into the cache folder and print its path. Without NAME it is base, which most guests need.
#
# Nothing is installed: packages are unpacked below WASINN_CACHE (default: the user's cache folder), once per version
# of the toolchain's files. It needs no root, for base 730 MB and about 20 s, and then nothing but the folder.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh

name=${1:-base}
load "$name"
cache=${WASINN_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME and WASINN_CACHE are not set}/.cache}/wasinn}
version=$(cat common.sh setup.sh "$name.sh" "$name.lock" | sha256sum | cut -c 1-12)
out=$cache/guest-toolchain-$name-$version
if [ -d "$out" ]; then
  echo "$out"
  exit
fi

check_host
echo "setting up the toolchain $name in $out" >&2
mkdir -p "$cache"
work=$(mktemp -d "$cache/guest-toolchain.XXXXXX") # beside its final place, so that it appears there in one step
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{apt,fetched,toolchain}
[ ${#debs[@]} -eq 0 ] || apt_init "$work/apt"

while read -r sum kind package; do
  file=$("${kind}_fetch" "$work/fetched" "$package")
  found=$(sha256sum "$file" | cut -d ' ' -f 1)
  [ "$found" = "$sum" ] || die "$kind $package has sha256 $found, and the lock file says $sum"
  "${kind}_unpack" "$work/toolchain" "$package" "$file"
done < <(grep -v '^#' "$name.lock")
for package in "${libraries[@]}"; do
  deb_unpack "$work/toolchain" "$package" "$(deb_fetch "$work/fetched" "$package")"
done

finish "$work/toolchain"
chmod -R u+w "$work/toolchain"
mv -T "$work/toolchain" "$out" 2> /dev/null || [ -d "$out" ] # another set-up was faster
echo "$out"
