/* group - which engines have a sub-hub, and who that is.
 *
 * Engines of one host make groups in order of rank.  The first group of the hub's host is the hub's
 * own; each other one has a sub-hub: the first of its ranks of which all kernels may run beside a
 * loop (see NAVE_NOT_ON_HUB).  A group of one engine, or without such a rank, has none.
 *
 * Invariant: all ranks have the same groups.
 */
#ifndef NV_GROUP_H
#define NV_GROUP_H

#include "kernel.h"

#include <mpi.h>

struct nv_member {
    uint64_t host;  /* a number for its name */
    int32_t engine; /* 1: runs kernels */
    int32_t able;   /* 1: may run them beside a loop */
};

/* Pure: leaders[r] becomes the rank of the sub-hub of rank r, 0 where the hub itself serves it.
 * `wish` as nave_options.group. */
void nv_groups_form(const struct nv_member *members, int size, int wish, int *leaders);

/* The groups of a farm; rank 0's wish counts.  Collective.  *leaders is malloc()ed, or NULL when
 * there is no sub-hub at all. */
int nv_groups_agree(MPI_Comm mpi, const char *host, bool engine, const struct nv_kernels *kernels,
                    int wish, struct nv_error *error, int **leaders);

/* For a sub-hub: whether all engines of its group have a kernel, by kernel.  Collective over the
 * ranks that have one leader; *everywhere is malloc()ed there. */
int nv_groups_kernels(MPI_Comm mpi, const int *leaders, const struct nv_kernels *kernels,
                      struct nv_error *error, int **everywhere);

#endif
