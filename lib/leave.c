/* leave - see leave.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "leave.h"
#include "clock.h"
#include "hub.h"
#include "poll.h"

#include <stdlib.h>

#define END_SECONDS 5.0

enum { WORDS = sizeof(struct nv_leave) / sizeof(int64_t) };

static int senders(const struct nv_steer *steer)
{
    return steer->ctx->rank == 0 ? steer->ctx->size - 1 : 1;
}

int nv_leave_open(struct nv_steer *steer)
{
    nave *ctx = steer->ctx;
    steer->least.polls = INT64_MAX;
    steer->sends = malloc((size_t)ctx->size * sizeof *steer->sends);
    if (steer->sends == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for steering");
    for (int r = 0; r < ctx->size; r++)
        steer->sends[r] = MPI_REQUEST_NULL;
    return NAVE_OK;
}

void nv_leave_hear(struct nv_steer *steer)
{
    int source = steer->ctx->rank == 0 ? MPI_ANY_SOURCE : 0, here;
    while (steer->heard < senders(steer)) {
        struct nv_leave leave;
        MPI_Status status;
        if (MPI_Iprobe(source, NV_TAG_LEAVE, steer->mpi, &here, &status) != MPI_SUCCESS || !here ||
            MPI_Recv(&leave, WORDS, MPI_INT64_T, status.MPI_SOURCE, NV_TAG_LEAVE, steer->mpi,
                     MPI_STATUS_IGNORE) != MPI_SUCCESS)
            return;
        steer->heard++;
        if (leave.polls < steer->least.polls)
            steer->least = leave;
    }
}

static int disagree(struct nv_steer *steer)
{
    struct nv_error *error = &steer->ctx->error;
    const struct nv_leave *least = &steer->least;
    int rank = (int)least->rank;
    long long polls = (long long)least->polls;
    if (least->code == NAVE_ELOST)
        return nv_error_set(error, NAVE_ELOST, "ranks are lost, and without them none can poll");
    if (least->code != NAVE_OK)
        return nv_error_set(error, (int)least->code, "rank %d cannot poll any more: %s", rank,
                            nave_strerror((int)least->code));
    if (rank == 0)
        return nv_error_set(error, NAVE_EDISAGREE,
                            "rank 0 has closed the farm after %lld polls, while rank %d polls on",
                            polls, steer->ctx->rank);
    return nv_error_set(error, NAVE_EDISAGREE,
                        "rank %d polls no more, after %lld polls, while rank %d polls on", rank,
                        polls, steer->ctx->rank);
}

/* A rank that is lost passes nothing on: nobody can be sure of any poll. */
int nv_leave_check(struct nv_steer *steer)
{
    nv_leave_hear(steer);
    if (nave_lost(steer->ctx) > 0)
        steer->least = (struct nv_leave){.code = NAVE_ELOST};
    return (int64_t)steer->polls > steer->least.polls ? disagree(steer) : NAVE_OK;
}

static void send_to(struct nv_steer *steer, int rank)
{
    MPI_Isend(&steer->word, WORDS, MPI_INT64_T, rank, NV_TAG_LEAVE, steer->mpi,
              &steer->sends[rank]);
}

void nv_leave_say(struct nv_steer *steer, uint64_t polls, int code)
{
    nave *ctx = steer->ctx;
    if (steer->left)
        return;
    steer->left = true;
    steer->word = (struct nv_leave){.polls = code == NAVE_ELOST ? 0 : (int64_t)polls,
                                    .rank = ctx->rank,
                                    .code = code == NAVE_EDISAGREE ? NAVE_OK : code};
    if (ctx->rank != 0) {
        send_to(steer, 0);
        return;
    }
    nv_leave_hear(steer);
    if (code == NAVE_EDISAGREE || steer->least.polls < steer->word.polls)
        steer->word = steer->least;
    steer->word.heads = steer->last_head = (int64_t)steer->heads + 1;
    for (int r = 1; r < ctx->size; r++)
        if (ctx->hub->lost == NULL || !nv_set_has(ctx->hub->lost, (size_t)r))
            send_to(steer, r);
}

bool nv_leave_settled(const struct nv_steer *steer)
{
    return steer->ctx->rank == 0 ? steer->left : steer->heard > 0;
}

/* Parts of a snapshot that rank 0 did not wait for. */
static void drop_parts(struct nv_steer *steer)
{
    struct nv_part part;
    MPI_Status status;
    int here;
    while (MPI_Iprobe(MPI_ANY_SOURCE, NV_TAG_PART, steer->mpi, &here, &status) == MPI_SUCCESS &&
           here)
        if (MPI_Recv(&part, sizeof part, MPI_BYTE, status.MPI_SOURCE, NV_TAG_PART, steer->mpi,
                     MPI_STATUS_IGNORE) != MPI_SUCCESS)
            return;
}

bool nv_leave_end(struct nv_steer *steer)
{
    double until = nv_clock() + END_SECONDS;
    int sent = 0, part = 0;
    while (!sent || !part || steer->heard < senders(steer)) {
        nv_leave_hear(steer);
        drop_parts(steer);
        if (MPI_Testall(steer->ctx->size, steer->sends, &sent, MPI_STATUSES_IGNORE) !=
                MPI_SUCCESS ||
            MPI_Test(&steer->part_request, &part, MPI_STATUS_IGNORE) != MPI_SUCCESS ||
            nv_clock() > until)
            return false;
    }
    return true;
}
