// options.h: nncli's command line.
#ifndef OPTIONS_H
#define OPTIONS_H

#include "neural.h"

enum { MAX_PARTS = 16, MAX_TENSORS = 64 };

typedef struct {
  const char *abuse; // the misbehaviour asked for, or NULL

  const char *name;             // --name
  const char *config;           // --config
  const char *files[MAX_PARTS]; // --file
  size_t file_count;
  graph_encoding encoding;
  execution_target target;

  tensor inputs[MAX_TENSORS]; // --input
  size_t input_count;
  tensor declared[MAX_TENSORS]; // --output: types and dims for outputs of which the interface tells none
  size_t declared_count;

  size_t outputs; // how many outputs to fetch where the interface does not tell their number
  size_t contexts, repeat;
  bool same, print, time;
  const char *save; // the folder to save outputs in, or NULL
} options;

// parse_options reads the command line. Where something is wrong it prints what, or the help text, and returns false with
// the exit status in *status.
bool parse_options(int argc, char *argv[], options *o, int *status);

#endif
