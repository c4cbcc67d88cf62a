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

#include <mpi.h>

enum { NV_NAME_MAX = 127 };

enum nv_own_kernel {
    NV_KERNEL_PUSH,
    NV_KERNEL_PULL,
    NV_KERNEL_DROP,
    NV_KERNEL_SHARE,
    NV_KERNEL_JOIN,
    NV_KERNEL_UNNAME,
    NV_KERNEL_PIECE,
    NV_KERNEL_LAY,
    NV_KERNEL_PLUGIN,
    NV_KERNEL_OWN
};

struct nv_kernels {
    size_t count;
    size_t
        fixed;   /* of those, that are the library's and the program's; others came with plug-ins */
    size_t room; /* that the tables have; does not change */
    char **names;
    char **signatures; /* NULL inside: none */
    unsigned *flags;
    nave_kernel_fn **local;
    struct nv_set **engines;
};

/* Checks a caller's table: names, doubles, functions.  NAVE_OK or NAVE_EINVAL. */
int nv_kernels_check(const nave_kernel *table, size_t count, struct nv_error *error);

/* Whether rank 0 of `ranks` may run a kernel with these flags beside its loop. */
bool nv_kernel_beside(unsigned flags, int ranks);

/* Gives a kernel of a plug-in its id: that of its name if it came with a plug-in before, or a new one.
 * On the hub.  NAVE_OK, NAVE_EINVAL, NAVE_ENOMEM. */
int nv_kernels_name(struct nv_kernels *kernels, const nave_kernel *kernel, uint64_t *id,
                    struct nv_why why);

/* All these engines have it from now on.  On the hub. */
void nv_kernels_everywhere(struct nv_kernels *kernels, size_t id, const struct nv_set *engines,
                           int ranks);

/* An engine has loaded it, and knows its id.  False: there is no room, or memory. */
bool nv_kernels_adopt(struct nv_kernels *kernels, const nave_kernel *kernel, uint64_t id);

/* Makes the one list, with room for `more` kernels; collective.  hub_works (read on rank 0): whether rank 0 is an engine. */
int nv_kernels_agree(MPI_Comm mpi, const nave_kernel *table, size_t count, bool hub_works,
                     size_t more, struct nv_error *error, struct nv_kernels *kernels);
void nv_kernels_release(struct nv_kernels *kernels);

/* The id of a name, or -1. */
int nv_kernels_find(const struct nv_kernels *kernels, const char *name);

/* The known name most like `name`, or NULL when none is near. */
const char *nv_kernels_near(const struct nv_kernels *kernels, const char *name);

/* 1 to NV_NAME_MAX bytes. */
bool nv_name_ok(const char *name);

#endif
