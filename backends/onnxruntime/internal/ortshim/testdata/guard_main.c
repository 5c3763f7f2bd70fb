// Divisions that a processor traps, in every form that compilers write them.
// The guard is told that this program's own code is the library. Every line
// prints nothing when it is right.
#include "guard.c"

#include <inttypes.h>
#include <stdio.h>

static int wrong;

static void check(const char *what, uint64_t q, uint64_t r, uint64_t want_q, uint64_t want_r) {
  if (q == want_q && r == want_r) return;
  printf("%s: quotient %" PRIx64 " remainder %" PRIx64 ", expected %" PRIx64 " and %" PRIx64 "\n", what, q, r, want_q, want_r);
  wrong = 1;
}

int64_t global64 = -1;
static int64_t array[64];

// aim makes one element the divisor -1, so that a wrong address shows.
static void aim(int hit) {
  for (int i = 0; i < 64; i++) array[i] = i == hit ? -1 : 5;
}

#define LOW64 0x8000000000000000u
#define LOW32 0x80000000u

// DIVIDE runs an instruction with a dividend in RDX:RAX. The operands that it
// names are %[b], %[i] and the registers given as clobbers.
#define DIVIDE(what, text, high, low, base, index, want_q, want_r) \
  do { \
    uint64_t q = low, r = high; \
    __asm__ volatile("mov %[b], %%r13\n mov %[b], %%r12\n mov %[b], %%rcx\n mov %[i], %%r9\n mov %[i], %%rsi\n" text \
                     : "+a"(q), "+d"(r) \
                     : [b] "r"((uint64_t)(base)), [i] "r"((uint64_t)(index)) \
                     : "rcx", "rsi", "r9", "r12", "r13", "cc", "memory"); \
    check(what, q, r, want_q, want_r); \
  } while (0)

int main(void) {
  guard_install((const void *)main);
  uintptr_t a = (uintptr_t)array;

  DIVIDE("idiv rcx", "idivq %%rcx", ~0ull, LOW64, -1, 0, LOW64, 0);
  DIVIDE("idiv r9", "idivq %%r9", ~0ull, LOW64, 0, -1, LOW64, 0);
  DIVIDE("idiv ecx", "idivl %%ecx", 0xffffffffu, LOW32, -1, 0, LOW32, 0);
  DIVIDE("idiv r9d", "idivl %%r9d", 0xffffffffu, LOW32, 0, -1, LOW32, 0);
  DIVIDE("idiv cx", "idivw %%cx", 0xffff, 0x8000, -1, 0, 0x8000, 0);
  DIVIDE("idiv cl", "idivb %%cl", 0x77, 0xff80, -1, 0, 0x0080, 0x77);
  DIVIDE("idiv ch", "idivb %%ch", 0x77, 0xff80, 0xff00, 0, 0x0080, 0x77);
  DIVIDE("idiv sil", "idivb %%sil", 0x77, 0xff80, 0, -1, 0x0080, 0x77);

  aim(0);
  DIVIDE("idiv [rcx]", "idivq (%%rcx)", ~0ull, LOW64, a, 0, LOW64, 0);
  aim(1);
  DIVIDE("idiv [rcx+8]", "idivq 8(%%rcx)", ~0ull, LOW64, a, 0, LOW64, 0);
  aim(32);
  DIVIDE("idiv [rcx+256]", "idivq 256(%%rcx)", ~0ull, LOW64, a, 0, LOW64, 0);
  aim(0);
  DIVIDE("idiv [rcx-8]", "idivq -8(%%rcx)", ~0ull, LOW64, a + 8, 0, LOW64, 0);
  aim(0);
  DIVIDE("idiv [r13]", "idivq (%%r13)", ~0ull, LOW64, a, 0, LOW64, 0);
  aim(0);
  DIVIDE("idiv [r12]", "idivq (%%r12)", ~0ull, LOW64, a, 0, LOW64, 0);
  aim(2);
  DIVIDE("idiv [r12+16]", "idivl 16(%%r12)", 0xffffffffu, LOW32, a, 0, LOW32, 0);
  aim(3);
  DIVIDE("idiv [rcx+rsi*8]", "idivq (%%rcx,%%rsi,8)", ~0ull, LOW64, a, 3, LOW64, 0);
  aim(2);
  DIVIDE("idiv [r13+r9*4+8]", "idivl 8(%%r13,%%r9,4)", 0xffffffffu, LOW32, a, 2, LOW32, 0);
  aim(5);
  DIVIDE("idiv [rsi*8+array]", "idivq (,%%rsi,1)", ~0ull, LOW64, 0, a + 40, LOW64, 0);
  DIVIDE("idiv [rip+global]", "idivq global64(%%rip)", ~0ull, LOW64, 0, 0, LOW64, 0);

  uint64_t zeros = guard_divisions_by_zero();
  if (zeros != 0) check("divisions by zero so far", zeros, 0, 0, 0);
  DIVIDE("div rcx by 0", "divq %%rcx", 0, 7, 0, 0, 0, 7);
  DIVIDE("idiv ecx by 0", "idivl %%ecx", 0xffffffffu, 0xfffffff9u, 0, 0, 0, 0xfffffff9u);
  DIVIDE("div cl by 0", "divb %%cl", 0x77, 7, 0, 0, 0x0700, 0x77);
  DIVIDE("div rcx, no room", "divq %%rcx", 5, 7, 2, 0, 0, 0);
  check("divisions by zero", guard_divisions_by_zero(), 0, 3, 0);
  return wrong;
}
