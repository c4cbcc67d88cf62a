/* error - the one line of detail that a context keeps: no MPI.
 *
 * Invariant: `text` is always a terminated string without newlines.  Every function that fails in
 * the library has called nv_error_set() just before, once, where the most is known.
 */
#ifndef NV_ERROR_H
#define NV_ERROR_H

#include "codes.h"

#include <stdarg.h>

struct nv_error {
    nave_log_fn *log;
    void *log_arg;
    char text[4096];
};

/* Keeps the detail, gives it to the log, returns `code` so that callers can `return` it. */
int nv_error_set(struct nv_error *error, int code, const char *format, ...) NAVE_PRINTF(3, 4);

/* The same without the log: for what a caller may well expect (a future with failed tasks). */
int nv_error_note(struct nv_error *error, int code, const char *format, ...) NAVE_PRINTF(3, 4);

/* Says a line to the log only. */
void nv_error_warn(const struct nv_error *error, const char *format, ...) NAVE_PRINTF(2, 3);

#endif
