# Sourced by setup.sh and lock.sh: cargo, and a rustc that can also build the macros and build scripts of crates, which run
# on this machine and are linked with its own cc. Cargo fetches crates as the user's configuration of it says.
debs=(cargo rustc libstd-rust-1.85 libstd-rust-dev libstd-rust-dev-wasm32 lld-19 libllvm19)
libraries=(
  libc6 libgcc-s1 libstdc++6 zlib1g libzstd1 libxml2 libicu76 liblzma5 libffi8 libedit2 libtinfo6 libbsd0 libmd0 libz3-4
  libcurl4t64 libgit2-1.9 libsqlite3-0 libssh2-1t64 libssl3t64 libbrotli1 libkrb5support0 libcom-err2 libk5crypto3 libkeyutils1
  libkrb5-3 libgssapi-krb5-2 libunistring5 libidn2-0 libsasl2-2 libldap2 libnghttp2-14 libnghttp3-9 libpsl5t64 libgmp10
  libnettle8t64 libhogweed6t64 libp11-kit0 libtasn1-6 libgnutls30t64 librtmp1 libhttp-parser2.9 libmbedcrypto16
  libmbedx509-7 libmbedtls21 libpcre2-8-0
)

finish() {
  wrap "$1" cargo usr/bin/cargo
  wrap "$1" rustc usr/bin/rustc '--sysroot "$T/usr"'
  wrap "$1" wasm-ld usr/lib/llvm-19/bin/wasm-ld
}
