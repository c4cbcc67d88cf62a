/* error_mpi - see error_mpi.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "error_mpi.h"

int nv_error_mpi(struct nv_error *error, int mpi_code, const char *what)
{
    char words[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (mpi_code == MPI_SUCCESS)
        return NAVE_OK;
    MPI_Error_string(mpi_code, words, &length);
    return nv_error_set(error, NAVE_EMPI, "%s: %s", what, words);
}

static void catch_on(MPI_Comm mpi, MPI_Errhandler *old)
{
    MPI_Comm_get_errhandler(mpi, old);
    MPI_Comm_set_errhandler(mpi, MPI_ERRORS_RETURN);
}

static void release_on(MPI_Comm mpi, MPI_Errhandler *old)
{
    MPI_Comm_set_errhandler(mpi, *old);
    MPI_Errhandler_free(old);
}

void nv_error_catch(struct nv_handlers *old)
{
    catch_on(MPI_COMM_WORLD, &old->world);
    catch_on(MPI_COMM_SELF, &old->self);
}

void nv_error_release(struct nv_handlers *old)
{
    release_on(MPI_COMM_WORLD, &old->world);
    release_on(MPI_COMM_SELF, &old->self);
}
