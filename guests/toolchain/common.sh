# Sourced by setup.sh and lock.sh: what the toolchain is made of, and how its parts come onto this machine.

suite=trixie

# These decide what the guests' bytes are, so debs.lock and npm.lock pin them by version and sha256.
compilers=(
  clang-19 lld-19 libllvm19 libclang-cpp19 libclang-common-19-dev libclang-rt-19-dev-wasm32 wasi-libc
  rustc libstd-rust-1.85 libstd-rust-dev-wasm32
)
npm_packages=(
  @bytecodealliance/jco@1.35.0            # the preview 1 adapter
  @bytecodealliance/jco-transpile@0.15.0  # wasm-tools, as a component that Node runs
  @bytecodealliance/preview2-shim@0.20.2  # what that component imports; the last release without a native part
)

# These only let the compilers run, whatever the machine's own C library is: the suite's current versions will do.
libraries=(libc6 libgcc-s1 libstdc++6 zlib1g libzstd1 libxml2 libicu76 liblzma5 libffi8 libedit2 libtinfo6 libbsd0 libmd0 libz3-4)

die() {
  echo "guests/toolchain: $*" >&2
  exit 1
}

# check_host says what is missing before anything is fetched.
check_host() {
  local or="Use the guests in guests/prebuilt, or build in a Debian container."
  [ "$(uname -sm)" = "Linux x86_64" ] || die "the pinned compilers are for Linux on amd64, and this is $(uname -sm). $or"
  local tool
  for tool in apt-get dpkg-deb node npm sha256sum; do
    command -v "$tool" > /dev/null || die "$tool is not installed; the toolchain comes by apt and npm. $or"
  done
  [ -r "$keyring" ] || die "$keyring is missing (package debian-archive-keyring); it verifies what apt fetches. $or"
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

# apt_fetch FOLDER PACKAGE[=VERSION]... downloads packages into FOLDER.
apt_fetch() {
  local dir=$1
  shift
  (cd "$dir" && apt-get -qq download "$@" > log 2>&1) || die "apt cannot fetch $*: $(grep '^E:' "$dir/log" | head -n 1)
If a pinned version was replaced by a newer one: run guests/toolchain/lock.sh, rebuild the guests, commit both."
}

# npm_fetch FOLDER PACKAGE@VERSION prints the path of the package's tarball.
npm_fetch() {
  local name
  name=$(npm pack --silent --pack-destination "$1" "$2" 2> "$1/log") || die "npm cannot fetch $2: $(tail -n 1 "$1/log")"
  echo "$1/$(tail -n 1 <<< "$name")"
}
