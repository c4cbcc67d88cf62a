/* parting - the ends of a comm: with one rank that is gone, and with all.  See comm.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "lane.h"
#include "error_mpi.h"

#include <stdlib.h>

/* A request of which nothing more will come.  What MPI may still look at stays. */
static void give_up(struct nv_comm *comm, MPI_Request *request, const struct owner *owner)
{
    int ended = 0;
    if (owner->parcel != NULL) {
        nv_enqueue(&comm->forgotten, &owner->parcel->item);
    } else if (!owner->transfer->sending) {
        MPI_Cancel(request);
        MPI_Test(request, &ended, MPI_STATUS_IGNORE);
    }
    if (!ended)
        MPI_Request_free(request);
    *request = MPI_REQUEST_NULL;
}

static int rank_of(const struct owner *owner)
{
    return owner->parcel != NULL ? owner->parcel->item.rank : owner->transfer->item.rank;
}

/* The requests of that rank leave the arrays; `done` is called when all have. */
int nv_comm_forget(struct nv_comm *comm, int rank)
{
    struct queue ended = {NULL, &ended.first};
    struct transfer *transfer;
    size_t kept = 0;
    int size;
    MPI_Comm_size(comm->mpi, &size);
    if (comm->gone == NULL)
        comm->gone = calloc((size_t)size, sizeof *comm->gone);
    if (comm->gone == NULL)
        return nv_error_set(comm->error, NAVE_ENOMEM, "no memory to go on without rank %d", rank);
    comm->gone[rank] = true;
    for (size_t i = 0; i < comm->count; i++) {
        struct owner *owner = &comm->owners[i];
        if (rank_of(owner) == rank) {
            give_up(comm, &comm->requests[i], owner);
            if (owner->transfer != NULL && --owner->transfer->pieces == 0)
                nv_enqueue(&ended, &owner->transfer->item);
            continue;
        }
        comm->requests[kept] = comm->requests[i];
        comm->owners[kept++] = *owner;
    }
    comm->count = kept;
    comm->window = 0;
    while ((transfer = nv_dequeue(&ended)) != NULL)
        nv_transfer_end(comm, transfer, false);
    return NAVE_OK;
}

/* Nobody looks at what still comes. */
static int let_go_by(struct nv_comm *comm)
{
    int rc = NAVE_OK, source;
    for (int l = 0; l < NV_LANES && rc >= 0; l++)
        while (comm->lanes[l].listening && (rc = nv_lane_test(comm, &comm->lanes[l], &source)) == 1)
            continue;
    return rc;
}

int nv_comm_finish(struct nv_comm *comm)
{
    int told = 0, rc = nv_comm_progress(comm); /* the engine's last mail goes out before the sums */
    if (rc >= 0 && !comm->finishing) {
        comm->finishing = true;
        rc = MPI_Ireduce_scatter_block(comm->sent, &comm->expected, 1, MPI_UINT64_T, MPI_SUM,
                                       comm->mpi, &comm->finish);
        rc = nv_error_mpi(comm->error, rc, "the agreement of nave_close");
    }
    if (rc >= 0)
        rc = let_go_by(comm);
    if (rc >= 0)
        rc = nv_error_mpi(comm->error, MPI_Test(&comm->finish, &told, MPI_STATUS_IGNORE),
                          "the agreement of nave_close");
    if (rc < 0)
        return rc;
    return told && comm->received == comm->expected && nv_comm_pending(comm) == 0;
}
