// Included before all that Nim makes: what its library asks of stdio and wasi-libc, which has no threads, lacks.
#define flockfile(f) ((void)0)
#define funlockfile(f) ((void)0)
