/* kernel - the kernel tables of all ranks as one list; a kernel's place in it is its wire id.
 *
 * Invariant: after nv_kernels_agree() `count` and `names` are the same on all ranks; `local[id]` is
 * this rank's function or NULL; on the hub `engines[id]` are the engines that have it.  The
 * library's own kernels come first (NV_KERNEL_PUSH ...), on every engine.
 */
#ifndef NV_KERNEL_H
#define NV_KERNEL_H

#include "error.h"
#include "set.h"

enum { NV_NAME_MAX = 127 };

enum nv_own_kernel {
    NV_KERNEL_PUSH,
    NV_KERNEL_PULL,
    NV_KERNEL_DROP,
    NV_KERNEL_SHARE,
    NV_KERNEL_JOIN,
    NV_KERNEL_UNNAME,
    NV_KERNEL_OWN
};

struct nv_kernels {
    size_t count;
    char **names;
    unsigned *flags;
    nave_kernel_fn **local;
    struct nv_set **engines;
};

/* Checks a caller's table: names, doubles, functions.  NAVE_OK or NAVE_EINVAL. */
int nv_kernels_check(const nave_kernel *table, size_t count, struct nv_error *error);

/* Whether rank 0 of `ranks` may run a kernel with these flags beside its loop. */
bool nv_kernel_beside(unsigned flags, int ranks);

/* Makes the one list; collective.  hub_works (read on rank 0): whether rank 0 is an engine. */
int nv_kernels_agree(MPI_Comm mpi, const nave_kernel *table, size_t count, bool hub_works,
                     struct nv_error *error, struct nv_kernels *kernels);
void nv_kernels_release(struct nv_kernels *kernels);

/* The id of a name, or -1. */
int nv_kernels_find(const struct nv_kernels *kernels, const char *name);

/* The known name most like `name`, or NULL when none is near. */
const char *nv_kernels_near(const struct nv_kernels *kernels, const char *name);

/* 1 to NV_NAME_MAX bytes. */
bool nv_name_ok(const char *name);

#endif
