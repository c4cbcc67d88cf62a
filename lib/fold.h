/* fold - results that are combined where they arise and brought home by MPI_Reduce.
 *
 * A fold says how: operation, type, and slots.  The tasks of a slot are combined on one engine, in
 * order.  An exact fold (integer sums and the like) has one slot, of which each engine holds a
 * part: MPI_Reduce with the operation itself adds them up, and whoever has none adds zeros.  All
 * others are ordered: the tasks are cut into blocks, a slot each.  A slot is filled on one rank and
 * zero on all others, so MPI_Reduce with MPI_BOR over its bits brings it home unchanged, and the
 * hub combines the slots in order.  Either way the answer does not depend on who ran what.
 *
 * Invariant: on all ranks that take part, nv_fold_reduce() makes the same row of MPI_Reduce calls,
 * whatever each of them holds.
 */
#ifndef NV_FOLD_H
#define NV_FOLD_H

#include "error.h"
#include "nave.h"

#include <stdbool.h>
#include <stdint.h>

struct nv_fold {
    MPI_Datatype type;
    bool type_made; /* rebuilt here, to be freed */
    MPI_Op op;
    int op_number;       /* of a predefined one, or -1 */
    const char *op_name; /* of the caller's */
    int count;
    size_t extent;
    bool exact; /* in any order: no MPI is needed to combine two results */
    uint64_t tasks;
    uint64_t slots;
    uint64_t block; /* tasks in a slot; 0: all, of an exact fold */
};

/* What one engine holds of a fold. */
struct nv_partial {
    struct nv_partial *next;
    uint64_t job;
    int engine;         /* whose results these are, where the hub adds them up; -1: nobody's yet */
    unsigned char *how; /* owned: the encoded fold, where it is not typed */
    size_t how_size;
    struct nv_fold fold;
    bool accumulates; /* kernels add to the slot themselves */
    void *scratch;
    struct nv_slot *slots; /* ascending by number */
    size_t slot_count, slot_room;
};

static inline size_t nv_fold_size(const struct nv_fold *fold)
{
    return (size_t)fold->count * fold->extent;
}

/* Hub: describes a fold of n tasks.  `chunk`: tasks in a block, 0: by the size of a result. */
int nv_fold_init(struct nv_fold *fold, const nave_op *ops, size_t op_count, uint64_t n,
                 uint64_t chunk, int count, MPI_Datatype type, MPI_Op op, struct nv_error *error);
void nv_fold_release(struct nv_fold *fold);

/* Hub: an exact fold is cut into blocks as all others are: they are to come home one by one, as
 * results do, instead of by MPI_Reduce. */
void nv_fold_by_blocks(struct nv_fold *fold, uint64_t chunk);

/* Whether the task is the last of its block, of a fold that has blocks. */
static inline bool nv_fold_ends_block(const struct nv_fold *fold, uint64_t index)
{
    return index + 1 == fold->tasks || (index + 1) % fold->block == 0;
}

/* To bytes (0: does not fit) and back on an engine, with its own table of operations.  The message
 * says why not.  Not `typed`: no MPI call is made, and the type is MPI_DATATYPE_NULL; a partial over
 * such a fold must be exact, or its kernels accumulate. */
size_t nv_fold_encode(const struct nv_fold *fold, unsigned char *bytes, size_t room);
bool nv_fold_decode(struct nv_fold *fold, const unsigned char *bytes, size_t size,
                    const nave_op *ops, size_t op_count, bool typed, char *message, size_t room);

/* Engine: a new partial over `fold`, which it takes over; NULL when out of memory. */
struct nv_partial *nv_partial_new(uint64_t job, const struct nv_fold *fold, bool accumulates);
void nv_partial_free(struct nv_partial *partial);

/* Keeps the encoded fold, for the loop beside which an engine without MPI runs.  False: out of
 * memory. */
bool nv_partial_describe(struct nv_partial *partial, const unsigned char *bytes, size_t size);

/* Takes over the slots of another partial of the same fold, which has none of the same number, and
 * frees it; nv_partial_sort() follows.  NAVE_OK or NAVE_ENOMEM. */
int nv_partial_merge(struct nv_partial *partial, struct nv_partial *other);

/* Takes out the slot of the block that ends with the task: its number and its bytes, which are the
 * caller's to be freed.  NULL: there is none. */
void *nv_partial_take(struct nv_partial *partial, uint64_t index, uint64_t *number);

/* Puts in a slot, which is not there yet; takes over the bytes, also when out of memory (false). */
bool nv_partial_put(struct nv_partial *partial, uint64_t number, void *data);

/* Slots that were put in or merged come into their order, which nv_fold_reduce() needs. */
void nv_partial_sort(struct nv_partial *partial);

/* A copy of what `out` from nv_partial_begin() holds, of a partial that accumulates; valid until the
 * next such call.  NULL: out of memory. */
const void *nv_partial_copy(struct nv_partial *partial, const void *out);

/* Where the kernel of task `index` puts its result (NULL: out of memory); then takes it in. */
void *nv_partial_begin(struct nv_partial *partial, uint64_t index);
int nv_partial_end(struct nv_partial *partial, uint64_t index);

/* The communicator of those that take part: rank 0 and `ranks` (ascending, without 0), or all when
 * count is 0: then `mpi` itself.  Collective over them. */
int nv_fold_comm(MPI_Comm mpi, const int32_t *ranks, int count, MPI_Comm *members,
                 struct nv_error *error);

/* Collective over `mpi`; rank 0 gets the answer in acc (NULL elsewhere).  partial may be NULL. */
int nv_fold_reduce(MPI_Comm mpi, const struct nv_fold *fold, const struct nv_partial *partial,
                   void *acc, struct nv_error *error);

/* Both: the reduction of those that take part. */
int nv_fold_enter(MPI_Comm mpi, const int32_t *ranks, int count, const struct nv_fold *fold,
                  const struct nv_partial *partial, void *acc, struct nv_error *error);

#endif
