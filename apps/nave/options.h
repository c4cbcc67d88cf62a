/* options - what the verbs of a running job read from their command lines. */
#ifndef NAVE_OPTIONS_H
#define NAVE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* A list of ranks, "1,2,5", to be freed; -1: it is none, and an error line is out. */
int options_ranks(const char *verb, const char *text, int **ranks, size_t *count);

/* "CALL" or "CALL.INDEX"; *index is UINT64_MAX where there is none.  -1 as above. */
int options_task(const char *verb, const char *text, uint64_t *call, uint64_t *index);

/* The next option, as getopt() says it, but long ones are known to be none. */
int options_next(int argc, char **argv, const char *brief);

/* Nothing more is expected at argv[at].  0, or -1 as above. */
int options_end(const char *verb, int argc, char **argv, int at);

/* There must be at least one more word.  0, or -1. */
int options_need(const char *verb, int argc, int at, const char *what);

/* An error line on a word; `format` has one %s.  Returns CLI_USAGE. */
int options_refuse(const char *verb, const char *format, const char *word);

/* The words of an unknown or incomplete option, by what getopt has returned.  Returns CLI_USAGE. */
int options_wrong(const char *verb, int what, char **argv);

#endif
