# Sourced by setup.sh and lock.sh: how a toolchain's parts come onto this machine.
#
# A toolchain is a file NAME.sh that sets
#   debs=(PACKAGE...)       Debian packages of $suite that decide what the guests' bytes are,
#   npms=(PACKAGE@VERSION...), pypis=(PACKAGE==VERSION...), gomods=(MODULE@VERSION...)  the same from npm, PyPI and as Go modules,
#   libraries=(PACKAGE...)  Debian packages that only let a compiler run, whatever the machine's own C library is
# and may define finish FOLDER, which is called when all are unpacked there. lock.sh NAME pins all but the last in NAME.lock by
# version and sha256; of the libraries, the suite's current versions will do.
suite=trixie debs=() npms=() pypis=() gomods=() libraries=()
finish() { :; }

die() {
  echo "guests/toolchain: $*" >&2
  exit 1
}

# load NAME reads a toolchain's file.
load() {
  [ -r "$1.sh" ] && [[ "$1" =~ ^[a-z][a-z0-9-]*$ ]] || die "there is no toolchain $1"
  # shellcheck disable=SC1090
  . "./$1.sh"
}

# check_host says what is missing before anything is fetched.
check_host() {
  local or="Use the guests in guests/prebuilt, or build in a Debian container."
  [ "$(uname -sm)" = "Linux x86_64" ] || die "the pinned compilers are for Linux on amd64, and this is $(uname -sm). $or"
  local tool tools=(node npm sha256sum)
  [ ${#debs[@]} -eq 0 ] || tools+=(apt-get dpkg-deb)
  [ ${#pypis[@]} -eq 0 ] || tools+=(python3)
  [ ${#gomods[@]} -eq 0 ] || tools+=(go)
  for tool in "${tools[@]}"; do
    command -v "$tool" > /dev/null || die "$tool is not installed; the toolchain comes by apt, npm and pip. $or"
  done
  [ ${#debs[@]} -eq 0 ] || [ -r "$keyring" ] || die "$keyring is missing (package debian-archive-keyring); it verifies what apt fetches. $or"
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_init FOLDER gives apt a configuration of its own in FOLDER: the suite's index and nothing of this machine's state.
# The mirror is the one that this machine's apt is set up with; proxies and credentials come from there too.
apt_init() {
  local dir=$1 url
  url=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep -v security | head -n 1)}
  [ -n "$url" ] || die "apt has no mirror set up; set DEBIAN_MIRROR to the address of one"
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  echo "deb [arch=amd64 target=Packages signed-by=$keyring] $url $suite main" > "$dir/sources.list"
  cat > "$dir/apt.conf" <<CONF
Dir::State::lists "$dir/lists";
Dir::State::status "/dev/null";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
APT::Sandbox::User "";
APT::Architecture "amd64";
APT::Architectures "amd64";
Acquire::Languages "none";
CONF
  export APT_CONFIG=$dir/apt.conf
  apt-get -qq update > "$dir/log" 2>&1 || die "apt cannot read the index of $suite: $(tail -n 1 "$dir/log")"
}

# deb_fetch FOLDER PACKAGE[=VERSION] downloads a package into FOLDER and prints its path.
deb_fetch() {
  (cd "$1" && apt-get -qq download "$2" > log 2>&1) || die "apt cannot fetch $2: $(grep '^E:' "$1/log" | head -n 1)
If the pinned version was replaced by a newer one: run guests/toolchain/lock.sh, rebuild the guests, commit both."
  echo "$1/${2%%=*}"_*.deb
}

# npm_fetch FOLDER PACKAGE@VERSION downloads the package's tarball into FOLDER and prints its path.
npm_fetch() {
  local name
  name=$(npm pack --silent --pack-destination "$1" "$2" 2> "$1/log") || die "npm cannot fetch $2: $(tail -n 1 "$1/log")"
  echo "$1/$(tail -n 1 <<< "$name")"
}

# pypi_fetch FOLDER PACKAGE==VERSION downloads the package's wheel into FOLDER and prints its path.
pypi_fetch() {
  local name=${2%%==*}
  python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$1" "$2" > "$1/log" 2>&1 ||
    die "pip cannot fetch $2: $(grep '^ERROR:' "$1/log" | head -n 1)"
  echo "$1/${name//-/_}"-*.whl
}

# go_fetch FOLDER MODULE@VERSION downloads a Go module and prints its zip file's path, which is in Go's own cache.
go_fetch() {
  go mod download -json "$2" > "$1/module.json" 2> "$1/log" || die "go cannot fetch $2: $(tail -n 1 "$1/log")"
  sed -n 's/^\t"Zip": "\(.*\)",$/\1/p' "$1/module.json"
}

# deb_unpack, npm_unpack, pypi_unpack and go_unpack FOLDER PACKAGE FILE unpack what was fetched into FOLDER.
deb_unpack() { dpkg-deb -x "$3" "$1"; }

npm_unpack() {
  mkdir -p "$1/node_modules/${2%@*}"
  tar -xzf "$3" -C "$1/node_modules/${2%@*}" --strip-components 1
}

pypi_unpack() {
  python3 -m pip install --quiet --no-deps --no-index --no-compile --disable-pip-version-check --root-user-action ignore \
    --target "$1/python" "$3" > /dev/null || die "pip cannot unpack $2"
}

go_unpack() {
  mkdir -p "$1/go/${2%@*}"
  cp -r "$(go mod download -json "$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')/." "$1/go/${2%@*}"
}

# wrap FOLDER NAME PROGRAM [ARGUMENTS] makes FOLDER/bin/NAME, which runs FOLDER/PROGRAM with the C library that it was built
# for. The arguments come before the caller's own and can refer to the folder as $T.
wrap() {
  mkdir -p "$1/bin"
  cat > "$1/bin/$2" <<WRAPPER
#!/bin/bash
T=\$(dirname "\$(dirname "\$(realpath "\$0")")")
lib=\$T/usr/lib/x86_64-linux-gnu
exec "\$lib/ld-linux-x86-64.so.2" --library-path "\$lib:\$T/usr/lib/llvm-19/lib" "\$T/$3" ${4:-} "\$@"
WRAPPER
  chmod +x "$1/bin/$2"
}
