/* snapshot - see snapshot.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

struct nv_snapshot {
    struct nv_snapshot *next;
    uint64_t number;
    size_t size;
    _Alignas(16) unsigned char data[];
};

static bool has_room(const nave_array *array)
{
    for (int d = 0; d < array->dims; d++)
        if (array->room[d] > 0)
            return true;
    return false;
}

bool nv_array_ok(const nave_array *array, size_t *size)
{
    size_t bytes = nv_type_size(array->type), memory = bytes;
    bool room = array->dims >= 0 && array->dims <= NAVE_DIMS && has_room(array);
    if (bytes == 0 || array->dims < 0 || array->dims > NAVE_DIMS)
        return false;
    for (int d = 0; d < array->dims; d++) {
        size_t count = array->count[d], extent = room ? array->room[d] : count;
        size_t skip = room ? array->skip[d] : 0;
        if (array->start[d] > array->shape[d] || count > array->shape[d] - array->start[d] ||
            skip > extent || count > extent - skip)
            return false;
        if (extent > 0 && memory > SIZE_MAX / 2 / extent)
            return false;
        bytes *= count;
        memory *= extent;
    }
    *size = bytes;
    return bytes == 0 || array->data != NULL;
}

/* Copies a block row by row; returns what follows in `to`. */
static unsigned char *copy_block(const nave_array *array, int d, const unsigned char *from,
                                 const size_t *stride, unsigned char *to)
{
    bool room = has_room(array);
    size_t skip = room ? array->skip[d] : 0, item = nv_type_size(array->type);
    from += skip * stride[d];
    if (d == array->dims - 1) {
        memcpy(to, from, array->count[d] * item);
        return to + array->count[d] * item;
    }
    for (size_t i = 0; i < array->count[d]; i++)
        to = copy_block(array, d + 1, from + i * stride[d], stride, to);
    return to;
}

static void copy(const nave_array *array, size_t size, unsigned char *to)
{
    size_t stride[NAVE_DIMS + 1], item = nv_type_size(array->type);
    bool room = has_room(array);
    if (size == 0)
        return;
    if (array->dims == 0) {
        memcpy(to, array->data, size);
        return;
    }
    stride[array->dims - 1] = item;
    for (int d = array->dims - 1; d > 0; d--)
        stride[d - 1] = stride[d] * (room ? array->room[d] : array->count[d]);
    copy_block(array, 0, array->data, stride, to);
}

int nv_snapshots_add(struct nv_snapshots *snapshots, uint64_t number, const nave_array *array)
{
    struct nv_snapshot *snapshot;
    size_t size;
    if (!nv_array_ok(array, &size))
        return NAVE_EINVAL;
    snapshot = malloc(sizeof *snapshot + size);
    if (snapshot == NULL)
        return NAVE_ENOMEM;
    *snapshot = (struct nv_snapshot){.next = snapshots->first, .number = number, .size = size};
    copy(array, size, snapshot->data);
    snapshots->first = snapshot;
    return NAVE_OK;
}

const void *nv_snapshots_find(const struct nv_snapshots *snapshots, uint64_t number, size_t *size)
{
    const struct nv_snapshot *snapshot = snapshots != NULL ? snapshots->first : NULL;
    while (snapshot != NULL && snapshot->number != number)
        snapshot = snapshot->next;
    if (snapshot == NULL)
        return NULL;
    *size = snapshot->size;
    return snapshot->data;
}

void nv_snapshots_drop(struct nv_snapshots *snapshots, uint64_t number)
{
    struct nv_snapshot **link = &snapshots->first, *snapshot;
    while (*link != NULL && (*link)->number != number)
        link = &(*link)->next;
    snapshot = *link;
    if (snapshot == NULL)
        return;
    *link = snapshot->next;
    free(snapshot);
}

void nv_snapshots_release(struct nv_snapshots *snapshots)
{
    while (snapshots->first != NULL)
        nv_snapshots_drop(snapshots, snapshots->first->number);
}
