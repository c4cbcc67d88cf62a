/* JSON objects of one level, a line each, as they are made: for lists that are longer than memory. */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A line is begun, with a first member, "what" by name; gets more, and is ended. */
void json_begin(FILE *out, const char *what);
void json_end(FILE *out);

/* Members.  A real number gets as many digits as it needs to be read back the same, and is null if it
 * is not finite; what is not UTF-8 in a text becomes U+FFFD, byte by byte. */
void json_text(FILE *out, const char *name, const char *text);
void json_bytes(FILE *out, const char *name, const char *bytes, size_t size);
void json_natural(FILE *out, const char *name, uint64_t n);
void json_integer(FILE *out, const char *name, int64_t n);
void json_real(FILE *out, const char *name, double x);
void json_truth(FILE *out, const char *name, int truth);
void json_null(FILE *out, const char *name);

#endif
