/* error_mpi - errors of MPI calls.
 */
#ifndef NV_ERROR_MPI_H
#define NV_ERROR_MPI_H

#include "error.h"

#include <mpi.h>

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
