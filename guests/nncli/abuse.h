// abuse.h: misbehaviour on request, for the tests of hosts.
//
// A host answers each kind with an error, with a trap of this guest, or with a limit; it never breaks, and other guests
// go on. A kind that comes back prints what happened: the host's error, as an "error" line and exit status 1, or
// "accepted KIND" and exit status 0.
#ifndef ABUSE_H
#define ABUSE_H

#include "options.h"

typedef struct {
  const char *name;
  bool (*run)(const options *o); // false when the host gave an error, which run has printed
  const char *what;
} abuse_kind;

// What is done "without end" ends after so many times, which is more than any host should bear.
enum { WITHOUT_END = 100000000 };

// The kinds that only one interface can do, and how many they are: interface_component.c, interface_preview1.c.
extern const abuse_kind interface_kinds[];
extern const size_t interface_kind_count;

// good_inputs are the inputs that the options describe, or one that the project's digit model takes.
tensors good_inputs(const options *o);

// abuse runs the kind that the options name.
bool abuse(const options *o);

// print_abuse_kinds prints a line for each kind.
void print_abuse_kinds(void);

#endif
