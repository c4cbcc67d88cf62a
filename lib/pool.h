/* pool - the spawned tasks of one engine that wait: a stack that can be taken from below as well.
 *
 * Invariant: all of them descend from one task.  The newest is run first, the oldest are given away.
 */
#ifndef NV_POOL_H
#define NV_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One spawned task.  Its input lies in the pool until the next call. */
struct nv_spawned {
    uint32_t kernel, in_size;
    const void *in;
};

struct nv_pool_entry;

/* All zero is an empty pool. */
struct nv_pool {
    struct nv_pool_entry *entries; /* a ring of `room`, a power of two */
    size_t first, count, room;
    unsigned char *bytes; /* inputs, one behind the other */
    size_t used, bytes_room;
};

void nv_pool_release(struct nv_pool *pool);

/* Adds a task with a copy of its input.  False: out of memory. */
bool nv_pool_push(struct nv_pool *pool, uint32_t kernel, const void *in, uint32_t in_size);

/* Takes the newest, or the oldest.  False: there is none. */
bool nv_pool_pop(struct nv_pool *pool, struct nv_spawned *spawned);
bool nv_pool_shift(struct nv_pool *pool, struct nv_spawned *spawned);

/* The oldest stays. */
bool nv_pool_oldest(const struct nv_pool *pool, struct nv_spawned *spawned);

void nv_pool_clear(struct nv_pool *pool);

#endif
