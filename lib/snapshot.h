/* snapshot - copies of what a rank has published, as it was at one nave_poll().
 *
 * Invariant: a snapshot does not change, and stays until it is released.  They are made and released by
 * the program's thread, and read by an engine, which on rank 0 is another thread only where rank 0
 * reads its own by itself.
 */
#ifndef NV_SNAPSHOT_H
#define NV_SNAPSHOT_H

#include "nave.h"
#include "types.h"

#include <stdbool.h>

struct nv_snapshot;

/* All zero is none. */
struct nv_snapshots {
    struct nv_snapshot *first;
};

/* Whether the array makes sense: type, dimensions, and a block that is within shape and room.  Stores the
 * block's bytes. */
bool nv_array_ok(const nave_array *array, size_t *size);

/* Copies the block of the array, packed in C order.  NAVE_OK, NAVE_ENOMEM. */
int nv_snapshots_add(struct nv_snapshots *snapshots, uint64_t number, const nave_array *array);
const void *nv_snapshots_find(const struct nv_snapshots *snapshots, uint64_t number, size_t *size);
void nv_snapshots_drop(struct nv_snapshots *snapshots, uint64_t number);
void nv_snapshots_release(struct nv_snapshots *snapshots);

#endif
