/* buffer - see buffer.h.  SPDX-License-Identifier: BSD-3-Clause */
#define _DEFAULT_SOURCE /* madvise */
#include "buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((size_t)2 << 20)  /* a large page, where there are such */
#define PIECE ((size_t)1 << 20) /* zeroed at a time */

static size_t whole(size_t size)
{
    size_t unit = size >= PAGE ? PAGE : 64;
    return (size + unit - 1) / unit * unit;
}

/* Fresh memory: the system has zeroed it only if it came straight from there, so nobody counts on
 * that. */
static void *fresh(size_t room)
{
    void *memory = aligned_alloc(room >= PAGE ? PAGE : 64, room);
#ifdef MADV_HUGEPAGE
    if (memory != NULL && room >= PAGE)
        madvise(memory, room, MADV_HUGEPAGE);
#endif
    return memory;
}

/* The smallest that fits without much waste; the cleanest of those. */
static struct nv_buffer *best_for(struct nv_buffers *buffers, size_t size)
{
    struct nv_buffer *best = NULL;
    for (size_t i = 0; i < buffers->count; i++) {
        struct nv_buffer *buffer = &buffers->kept[i];
        if (buffer->room < size || buffer->room / 2 > whole(size))
            continue;
        if (best == NULL || buffer->room < best->room ||
            (buffer->room == best->room && buffer->zeros > best->zeros))
            best = buffer;
    }
    return best;
}

void *nv_buffers_take(struct nv_buffers *buffers, size_t size, bool zero)
{
    struct nv_buffer *best;
    struct nv_buffer taken;
    if (size > SIZE_MAX / 2)
        return NULL;
    best = best_for(buffers, size);
    if (best == NULL) {
        void *memory = fresh(whole(size));
        if (memory != NULL && zero)
            memset(memory, 0, size);
        return memory;
    }
    taken = *best;
    *best = buffers->kept[--buffers->count];
    buffers->bytes -= taken.room;
    if (zero && taken.zeros < size)
        memset((char *)taken.memory + taken.zeros, 0, size - taken.zeros);
    return taken.memory;
}

void nv_buffers_give(struct nv_buffers *buffers, void *memory, size_t size)
{
    size_t room = whole(size);
    if (memory == NULL || buffers->count == NV_BUFFERS_KEPT || room > NV_BUFFERS_BYTES ||
        buffers->bytes > NV_BUFFERS_BYTES - room) {
        free(memory);
        return;
    }
    buffers->kept[buffers->count++] = (struct nv_buffer){memory, room, 0};
    buffers->bytes += room;
}

bool nv_buffers_clean(struct nv_buffers *buffers)
{
    for (size_t i = 0; i < buffers->count; i++) {
        struct nv_buffer *buffer = &buffers->kept[i];
        size_t left = buffer->room - buffer->zeros;
        if (left == 0)
            continue;
        left = left < PIECE ? left : PIECE;
        memset((char *)buffer->memory + buffer->zeros, 0, left);
        buffer->zeros += left;
        return true;
    }
    return false;
}

void nv_buffers_release(struct nv_buffers *buffers)
{
    while (buffers->count > 0)
        free(buffers->kept[--buffers->count].memory);
    buffers->bytes = 0;
}
