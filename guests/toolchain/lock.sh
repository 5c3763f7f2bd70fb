#!/bin/bash
# lock.sh [NAME]: write NAME.lock (default: base.lock) anew, from what Debian, npm and PyPI offer now.
#
# Run it when setup.sh says that a pinned version is gone, then rebuild the guests: a new compiler makes new bytes.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh

name=${1:-base}
load "$name"
check_host
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ ${#debs[@]} -eq 0 ] || apt_init "$work"

# locked KIND PACKAGE prints the line of a package.
locked() {
  local file
  file=$("$1_fetch" "$work" "$2")
  echo "$(sha256sum "$file" | cut -d ' ' -f 1)  $1 $2"
}

{
  echo "# Debian $suite, npm, PyPI, Go: sha256 of the file, what it is. Written by lock.sh $name."
  for p in "${debs[@]}"; do
    apt-cache show --no-all-versions "$p" |
      awk '$1 == "Package:" { p = $2 } $1 == "Version:" { v = $2 } $1 == "SHA256:" { s = $2 } END { print s "  deb " p "=" v }'
  done
  for p in "${npms[@]}"; do
    locked npm "$p"
  done
  for p in "${pypis[@]}"; do
    locked pypi "$p"
  done
  for p in "${gomods[@]}"; do
    locked go "$p"
  done
} > "$work/lock"
mv "$work/lock" "$name.lock"
