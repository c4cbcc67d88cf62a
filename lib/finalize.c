/* finalize - see finalize.h.  SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  MPI_Finalize begins with the attributes of MPI_COMM_SELF (MPI 4.0, 11.2.4): the one
 * place where a library hears of it, whatever language it is called from. */
#include "finalize.h"
#include "nave.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool never;
static int exit_status;

static int end_process(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)comm, (void)key, (void)value, (void)extra;
    fflush(NULL);
    exit(exit_status);
}

void nv_finalize_never(int status)
{
    int key;
    exit_status = status;
    if (never)
        return;
    never = true;
    if (MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, end_process, &key, NULL) == MPI_SUCCESS)
        MPI_Comm_set_attr(MPI_COMM_SELF, key, NULL);
}

int nave_finalize(void)
{
    if (never)
        return NAVE_OK;
    return MPI_Finalize() == MPI_SUCCESS ? NAVE_OK : NAVE_EMPI;
}
