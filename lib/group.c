/* group - see group.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "group.h"
#include "error_mpi.h"

#include <stdlib.h>

enum { GROUP = 64 /* engines, where nobody says how many; fewer need no second level */ };

/* ----------------------------------------------------------------------------------------- pure */

static int group_size(const struct nv_member *members, int size, int wish)
{
    int engines = 0;
    bool several = false;
    if (wish != 0)
        return wish > 0 ? wish : 0;
    for (int r = 0; r < size; r++) {
        engines += members[r].engine;
        several = several || members[r].host != members[0].host;
    }
    return several && engines > GROUP ? GROUP : 0;
}

/* The group that begins with rank `first`: marks its members with `mark`, and says who leads it. */
static int gather(const struct nv_member *members, int size, int first, int most, int mark,
                  int *leaders)
{
    int leader = 0, count = 0;
    for (int r = first; r < size && count < most; r++) {
        if (leaders[r] >= 0 || !members[r].engine || members[r].host != members[first].host)
            continue;
        leaders[r] = mark;
        count++;
        if (leader == 0 && members[r].able)
            leader = r;
    }
    return count > 1 ? leader : 0;
}

void nv_groups_form(const struct nv_member *members, int size, int wish, int *leaders)
{
    enum { NOBODY_YET = -1 };
    int most = group_size(members, size, wish);
    bool own = true; /* the hub's group is still to come */
    for (int r = 0; r < size; r++)
        leaders[r] = most > 0 && members[r].engine ? NOBODY_YET : 0;
    for (int r = 0; r < size; r++) {
        int leader;
        if (leaders[r] != NOBODY_YET)
            continue;
        leader = gather(members, size, r, most, size, leaders);
        if (own && members[r].host == members[0].host) {
            own = false;
            leader = 0;
        }
        for (int m = r; m < size; m++)
            leaders[m] = leaders[m] == size ? leader : leaders[m];
    }
}

/* ---------------------------------------------------------------------------------- all ranks */

/* FNV-1a: two hosts of one number would only share a sub-hub. */
static uint64_t number_of(const char *name)
{
    uint64_t number = 0xcbf29ce484222325u;
    for (; *name != '\0'; name++)
        number = (number ^ (unsigned char)*name) * 0x100000001b3u;
    return number;
}

static bool is_able(const struct nv_kernels *kernels, int ranks)
{
    for (size_t id = 0; id < kernels->count; id++)
        if (kernels->local[id] != NULL && !nv_kernel_beside(kernels->flags[id], ranks))
            return false;
    return true;
}

static bool some_leader(const int *leaders, int size)
{
    for (int r = 0; r < size; r++)
        if (leaders[r] > 0)
            return true;
    return false;
}

int nv_groups_agree(MPI_Comm mpi, const char *host, bool engine, const struct nv_kernels *kernels,
                    int wish, struct nv_error *error, int **out)
{
    struct nv_member mine = {number_of(host), engine, 0}, *members;
    int *leaders;
    int size, rc, here = 0, everywhere = 0;
    MPI_Comm_size(mpi, &size);
    mine.able = is_able(kernels, size);
    members = calloc((size_t)size, sizeof *members);
    leaders = calloc((size_t)size, sizeof *leaders);
    here = members != NULL && leaders != NULL;
    rc = MPI_Allreduce(&here, &everywhere, 1, MPI_INT, MPI_MIN, mpi);
    if (rc == MPI_SUCCESS)
        rc = MPI_Bcast(&wish, 1, MPI_INT, 0, mpi);
    if (rc == MPI_SUCCESS && everywhere)
        rc = MPI_Allgather(&mine, (int)sizeof mine, MPI_BYTE, members, (int)sizeof mine, MPI_BYTE,
                           mpi);
    rc = nv_error_mpi(error, rc, "telling each other where the ranks are");
    if (rc == NAVE_OK && !everywhere)
        rc = nv_error_set(error, NAVE_ENOMEM, "no memory for the groups of engines");
    if (rc == NAVE_OK && leaders != NULL && members != NULL)
        nv_groups_form(members, size, wish, leaders);
    free(members);
    if (rc != NAVE_OK || leaders == NULL || !some_leader(leaders, size)) {
        free(leaders);
        return rc;
    }
    *out = leaders;
    return NAVE_OK;
}

int nv_groups_kernels(MPI_Comm mpi, const int *leaders, const struct nv_kernels *kernels,
                      struct nv_error *error, int **out)
{
    MPI_Comm group = MPI_COMM_NULL;
    int *has = calloc(kernels->count + 1, sizeof *has);
    int rank, rc, inner = 0;
    MPI_Comm_rank(mpi, &rank);
    rc = MPI_Comm_split(mpi, leaders[rank] > 0 ? leaders[rank] : MPI_UNDEFINED,
                        leaders[rank] == rank ? -1 : rank, &group);
    if (rc == MPI_SUCCESS && group != MPI_COMM_NULL) {
        int count = has != NULL ? (int)kernels->count : -1, least = -1;
        MPI_Comm_rank(group, &inner);
        for (int id = 0; id < count; id++)
            has[id] = kernels->local[id] != NULL;
        rc = MPI_Allreduce(&count, &least, 1, MPI_INT, MPI_MIN, group);
        if (rc == MPI_SUCCESS && least >= 0)
            rc = MPI_Allreduce(MPI_IN_PLACE, has, least, MPI_INT, MPI_MIN, group);
        MPI_Comm_free(&group);
    }
    rc = nv_error_mpi(error, rc, "telling the sub-hubs which kernels there are");
    if (rc == NAVE_OK && has == NULL)
        rc = nv_error_set(error, NAVE_ENOMEM, "no memory for the groups of engines");
    if (rc == NAVE_OK && leaders[rank] == rank)
        *out = has;
    else
        free(has);
    return rc;
}
