# Sourced by setup.sh and lock.sh: Zig, the compiler and all that it needs.
pypis=(ziglang==0.17.1)
