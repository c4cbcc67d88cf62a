/* codes - results as names and texts, and messages of one line: what needs no MPI.
 *
 * Invariant: a message is always a terminated string of UTF-8 without control characters.
 */
#ifndef NV_CODES_H
#define NV_CODES_H

#include "nave_kernel.h"

#include <stdarg.h>

/* Where a function without a context leaves the reason of a failure. */
struct nv_why {
    char *text;
    size_t room;
};

/* Leaves the reason and returns `code`. */
int nv_why(struct nv_why why, int code, const char *format, ...) NAVE_PRINTF(3, 4);

/* vsnprintf that replaces control characters by blanks, so that one message stays one line, and what is no UTF-8 by
 * '?'.  (Kernels say what they like.) */
void nv_error_line(char *text, size_t room, const char *format, va_list args);

#endif
