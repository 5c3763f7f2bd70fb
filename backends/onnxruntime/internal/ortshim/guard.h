#ifndef WASINN_GUARD_H
#define WASINN_GUARD_H

#include <stdbool.h>
#include <stdint.h>

// guard_install keeps integer divisions in the library that holds the function
// at code from ending the process. Where the processor does not trap them, or
// where this is not known to work, it does nothing.
void guard_install(const void *code);

// guard_divisions_by_zero is how often this thread has divided by zero in the
// library so far.
uint64_t guard_divisions_by_zero(void);

#endif
