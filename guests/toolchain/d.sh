# Sourced by setup.sh and lock.sh: LDC, the D compiler on LLVM.
debs=(ldc libphobos2-ldc-shared-dev libphobos2-ldc-shared110)
libraries=(libllvm19 libc6 libgcc-s1 libstdc++6 zlib1g libzstd1 libxml2 libicu76 liblzma5 libffi8 libedit2 libtinfo6 libbsd0 libmd0 libz3-4)

finish() {
  wrap "$1" ldc2 usr/bin/ldc2 '-I "$T/usr/lib/ldc/x86_64-linux-gnu/include/d" -I "$T/usr/include/d" -conf='
}
