// nncli.h: what nncli's parts say to each other, beside options.h.
#ifndef NNCLI_H
#define NNCLI_H

#include "guest.h"
#include "options.h"

// load_model loads the model that the options name, or prints why not.
bool load_model(const options *o, graph *g);

// new_context makes an execution context, or prints why not.
bool new_context(graph g, context *c);

// load_by_name_with_config is WasmEdge's addition to preview 1. For components it is an error.
bool load_by_name_with_config(const char *name, const char *config, graph *g, error *e);

// use_numbers_of has preview 1 speak in the numbers of an era: "now", "2021" or "2022". Components know no other than now.
bool use_numbers_of(const char *era);

#endif
