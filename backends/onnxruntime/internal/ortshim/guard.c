#define _GNU_SOURCE
#include "guard.h"

// On x86-64 an integer division by zero, or one whose result has no room such as
// INT64_MIN / -1, is a SIGFPE, which ends the process. ONNX Runtime checks for
// some of these and not for others, so that a model of one Div could end the
// host. On arm64 the processor goes on: with 0 after a division by zero, and with
// the wrapped result after the other. The handler below does the same for the
// code of the library, and for nothing else: it decodes the instruction, sets
// its results, and steps over it. A division by zero is counted, since a result
// that rests on it is to be an error.

#if defined(__linux__) && defined(__x86_64__)

#include <link.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>

static uintptr_t text_from, text_to; // the library's code
static struct sigaction before;      // who had the signal before, such as Go
static __thread uint64_t zeros;

// regs are the registers in the order of their numbers in instructions.
static const int regs[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

// A DIV or IDIV, decoded.
typedef struct {
  int length; // of the instruction, in bytes
  int size;   // of the divisor, in bytes: 1, 2, 4 or 8
  bool is_signed;
  uint64_t divisor; // zero-extended
} division;

static int32_t read32(const uint8_t *p) {
  int32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}

// address_of computes the operand in memory whose ModRM byte is at p. It sets
// used to the bytes of ModRM, SIB and displacement. An operand relative to the
// instruction pointer counts from the instruction's end, which is p + used:
// DIV and IDIV have no immediate.
static uintptr_t address_of(const greg_t *g, const uint8_t *p, int rex, int *used) {
  int mod = p[0] >> 6, rm = p[0] & 7, n = 1;
  uintptr_t at = 0;
  bool no_base = false;
  if (rm == 4) { // SIB
    int scale = p[1] >> 6, index = (p[1] >> 3 & 7) | (rex & 2) << 2, base = p[1] & 7;
    n = 2;
    no_base = mod == 0 && base == 5;
    if (index != 4) at = (uintptr_t)g[regs[index]] << scale;
    if (!no_base) at += (uintptr_t)g[regs[base | (rex & 1) << 3]];
  } else if (mod == 0 && rm == 5) { // relative to the instruction pointer
    *used = 5;
    return (uintptr_t)(p + 5) + (intptr_t)read32(p + 1);
  } else {
    at = (uintptr_t)g[regs[rm | (rex & 1) << 3]];
  }
  if (mod == 1) {
    at += (intptr_t)(int8_t)p[n];
    n += 1;
  } else if (mod == 2 || no_base) {
    at += (intptr_t)read32(p + n);
    n += 4;
  }
  *used = n;
  return at;
}

static uint64_t narrow(uint64_t v, int size) { return size == 8 ? v : v & ((1ull << 8 * size) - 1); }

// decode reads the instruction at p. It returns false for one it does not know.
static bool decode(const greg_t *g, const uint8_t *p, division *d) {
  const uint8_t *start = p;
  int rex = 0;
  d->size = 4;
  for (; *p == 0x66 || *p == 0x2e || *p == 0x3e || *p == 0xf2 || *p == 0xf3; p++) {
    if (*p == 0x66) d->size = 2;
  }
  if ((*p & 0xf0) == 0x40) rex = *p++;
  if (rex & 8) d->size = 8;
  if (*p == 0xf6) d->size = 1;
  else if (*p != 0xf7) return false;
  p++;
  int op = *p >> 3 & 7, mod = *p >> 6, used = 1;
  if (op != 6 && op != 7) return false;
  d->is_signed = op == 7;
  if (mod == 3) {
    int reg = (*p & 7) | (rex & 1) << 3;
    bool high = d->size == 1 && !rex && reg >= 4; // AH, CH, DH, BH
    d->divisor = (uint64_t)g[regs[high ? reg - 4 : reg]] >> (high ? 8 : 0);
  } else {
    uint64_t v = 0;
    memcpy(&v, (const void *)address_of(g, p, rex, &used), (size_t)d->size);
    d->divisor = v;
  }
  d->divisor = narrow(d->divisor, d->size);
  d->length = (int)(p - start) + used;
  return true;
}

// store sets the low bytes of a register, as an instruction of that size does.
static void store(greg_t *g, int reg, uint64_t v, int size) {
  uint64_t old = (uint64_t)g[reg];
  if (size >= 4) old = 0; // writing 32 bits clears the upper half
  else old &= ~((1ull << 8 * size) - 1);
  g[reg] = (greg_t)(old | narrow(v, size));
}

// settle sets quotient and remainder to what arm64 would compute. In the other
// overflow there is, of a dividend of double width, both are 0.
static void settle(greg_t *g, const division *d) {
  uint64_t low = narrow((uint64_t)g[REG_RAX], d->size), quotient = 0, remainder = 0;
  bool minus_one = d->is_signed && d->divisor == narrow(~0ull, d->size);
  if (d->divisor == 0) remainder = low;
  if (minus_one) quotient = 0 - low;
  if (d->size == 1) { // AL and AH
    store(g, REG_RAX, narrow(quotient, 1) | narrow(remainder, 1) << 8, 2);
    return;
  }
  store(g, REG_RAX, quotient, d->size);
  store(g, REG_RDX, remainder, d->size);
}

static void pass_on(int number, siginfo_t *info, void *context) {
  if (before.sa_flags & SA_SIGINFO) {
    before.sa_sigaction(number, info, context);
    return;
  }
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
    return;
  }
  signal(number, SIG_DFL); // the instruction runs again and ends the process
}

static void on_sigfpe(int number, siginfo_t *info, void *context) {
  greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
  uintptr_t at = (uintptr_t)g[REG_RIP];
  division d;
  if (at < text_from || at >= text_to || !decode(g, (const uint8_t *)at, &d)) {
    pass_on(number, info, context);
    return;
  }
  if (d.divisor == 0) zeros++;
  settle(g, &d);
  g[REG_RIP] += d.length;
}

// find_text looks whether a loaded object holds the code at data, and takes down
// its executable segment.
static int find_text(struct dl_phdr_info *object, size_t size, void *data) {
  (void)size;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
    uintptr_t from = object->dlpi_addr + segment->p_vaddr, to = from + segment->p_memsz;
    if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X)) continue;
    if ((uintptr_t)data < from || (uintptr_t)data >= to) continue;
    text_from = from;
    text_to = to;
    return 1;
  }
  return 0;
}

void guard_install(const void *code) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  if (!dl_iterate_phdr(find_text, (void *)code)) return;
  action.sa_sigaction = on_sigfpe;
  // Go wants its alternate stack used, and interrupted calls restarted.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigfillset(&action.sa_mask);
  sigaction(SIGFPE, &action, &before);
}

uint64_t guard_divisions_by_zero(void) { return zeros; }

#else

void guard_install(const void *code) { (void)code; }

uint64_t guard_divisions_by_zero(void) { return 0; }

#endif
