# Sourced by setup.sh and lock.sh: Nim, which compiles to C; clang of base does the rest. Debian's stable suite has no Nim.
suite=bookworm
debs=(nim)
libraries=(libc6 libpcre3 libssl3)

# Nim finds its library beside its program, which the wrapper hides; the older suite has the C library in /lib.
finish() {
  mkdir -p "$1/usr/lib/x86_64-linux-gnu"
  cp -a "$1"/lib/x86_64-linux-gnu/. "$1/usr/lib/x86_64-linux-gnu/"
  wrap "$1" nim usr/bin/nim
  sed -i 's/ "\$@"$/ "$1" --lib:"$T\/usr\/lib\/nim\/lib" --skipCfg "${@:2}"/' "$1/bin/nim"
}
