/* pool - see pool.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

struct nv_pool_entry {
    size_t at; /* of the input in `bytes` */
    uint32_t kernel, in_size;
};

void nv_pool_release(struct nv_pool *pool)
{
    free(pool->entries);
    free(pool->bytes);
    *pool = (struct nv_pool){0};
}

void nv_pool_clear(struct nv_pool *pool)
{
    pool->first = pool->count = pool->used = 0;
}

static struct nv_pool_entry *entry(const struct nv_pool *pool, size_t i)
{
    return &pool->entries[(pool->first + i) & (pool->room - 1)];
}

static bool entries_grow(struct nv_pool *pool)
{
    size_t room = pool->room == 0 ? 64 : 2 * pool->room;
    struct nv_pool_entry *entries = malloc(room * sizeof *entries);
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < pool->count; i++)
        entries[i] = *entry(pool, i);
    free(pool->entries);
    pool->entries = entries;
    pool->first = 0;
    pool->room = room;
    return true;
}

/* What the oldest left behind below the others is used again. */
static void close_gap(struct nv_pool *pool, size_t gap)
{
    memmove(pool->bytes, pool->bytes + gap, pool->used - gap);
    pool->used -= gap;
    for (size_t i = 0; i < pool->count; i++)
        entry(pool, i)->at -= gap;
}

static bool bytes_for(struct nv_pool *pool, size_t size)
{
    size_t gap = pool->count > 0 ? entry(pool, 0)->at : 0;
    size_t room = pool->bytes_room == 0 ? 4096 : pool->bytes_room;
    unsigned char *bytes;
    if (pool->bytes_room - pool->used >= size)
        return true;
    if (gap > pool->used / 2)
        close_gap(pool, gap);
    while (room - pool->used < size)
        room *= 2;
    if (room == pool->bytes_room)
        return true;
    bytes = realloc(pool->bytes, room);
    if (bytes == NULL)
        return false;
    pool->bytes = bytes;
    pool->bytes_room = room;
    return true;
}

bool nv_pool_push(struct nv_pool *pool, uint32_t kernel, const void *in, uint32_t in_size)
{
    if (pool->count == pool->room && !entries_grow(pool))
        return false;
    if (!bytes_for(pool, in_size))
        return false;
    if (in_size > 0)
        memcpy(pool->bytes + pool->used, in, in_size);
    pool->count++;
    *entry(pool, pool->count - 1) = (struct nv_pool_entry){pool->used, kernel, in_size};
    pool->used += in_size;
    return true;
}

static void describe(const struct nv_pool *pool, size_t i, struct nv_spawned *spawned)
{
    const struct nv_pool_entry *of = entry(pool, i);
    *spawned = (struct nv_spawned){of->kernel, of->in_size, pool->bytes + of->at};
}

bool nv_pool_pop(struct nv_pool *pool, struct nv_spawned *spawned)
{
    if (pool->count == 0)
        return false;
    describe(pool, pool->count - 1, spawned);
    pool->count--;
    pool->used = pool->count > 0 ? pool->used - spawned->in_size : 0;
    return true;
}

bool nv_pool_oldest(const struct nv_pool *pool, struct nv_spawned *spawned)
{
    if (pool->count == 0)
        return false;
    describe(pool, 0, spawned);
    return true;
}

bool nv_pool_shift(struct nv_pool *pool, struct nv_spawned *spawned)
{
    if (!nv_pool_oldest(pool, spawned))
        return false;
    pool->first = (pool->first + 1) & (pool->room - 1);
    pool->count--;
    if (pool->count == 0)
        pool->used = 0;
    return true;
}
