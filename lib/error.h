/* error - codes to words, and the one line of detail that a context keeps.
 *
 * Invariant: `text` is always a terminated string without newlines.  Every function that fails in
 * the library has called nv_error_set() just before, once, where the most is known.
 */
#ifndef NV_ERROR_H
#define NV_ERROR_H

#include "codes.h"
#include "nave.h"
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

/* Turns a failed MPI call into NAVE_EMPI with MPI's own words; MPI_SUCCESS into NAVE_OK. */
int nv_error_mpi(struct nv_error *error, int mpi_code, const char *what);

/* MPI reports errors of calls that know no communicator to MPI_COMM_WORLD, or MPI_COMM_SELF since
 * MPI 4, where they may end the program.  Between these two such calls return their errors. */
struct nv_handlers {
    MPI_Errhandler world, self;
};
void nv_error_catch(struct nv_handlers *old);
void nv_error_release(struct nv_handlers *old);

#endif
