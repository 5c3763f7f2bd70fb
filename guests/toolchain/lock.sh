#!/bin/bash
# lock.sh: write debs.lock and npm.lock anew, from what Debian and npm offer now.
#
# Run it when setup.sh says that a pinned version is gone, then rebuild the guests: a new compiler makes new bytes.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
check_host

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

apt_init "$work"
{
  echo "# Debian $suite: sha256, package=version. Written by lock.sh."
  for p in "${compilers[@]}"; do
    apt-cache show --no-all-versions "$p" |
      awk '$1 == "Package:" { p = $2 } $1 == "Version:" { v = $2 } $1 == "SHA256:" { s = $2 } END { print s "  " p "=" v }'
  done
} > "$work/debs.lock"
{
  echo "# npm: sha256 of the tarball, package@version. Written by lock.sh."
  for p in "${npm_packages[@]}"; do
    tgz=$(npm_fetch "$work" "$p")
    echo "$(sha256sum "$tgz" | cut -d ' ' -f 1)  $p"
  done
} > "$work/npm.lock"

mv "$work/debs.lock" "$work/npm.lock" .
