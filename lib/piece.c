/* piece - see piece.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "piece.h"
#include "engine.h"
#include "snapshot.h"
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the piece is of; NULL: there is no such thing. */
static const unsigned char *find(nave_task *task, const struct nv_piece_asked *asked,
                                 struct nv_piece_found *found)
{
    const void *data;
    size_t size = 0;
    if (asked->snapshot != 0) {
        data = nv_snapshots_find(nv_engine_snapshots(task->engine), asked->snapshot, &size);
        found->serial = asked->snapshot;
    } else {
        data = nv_objects_find(task->objects, task->object, &size);
        found->serial = nv_objects_serial(task->objects, task->object);
    }
    found->size = size;
    return data;
}

int nv_task_piece(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct nv_piece_asked asked;
    struct nv_piece_found found;
    const unsigned char *data;
    unsigned char *result;
    uint64_t some;
    (void)out, (void)out_size;
    if (in_size != sizeof asked)
        return NAVE_EINVAL;
    memcpy(&asked, in, sizeof asked);
    data = find(task, &asked, &found);
    if (data == NULL) {
        nave_fail(task, asked.snapshot != 0 ? "that snapshot is gone" : "no object '%s'",
                  task->object);
        return NAVE_EOBJECT;
    }
    some = asked.offset < found.size ? found.size - asked.offset : 0;
    some = some < asked.limit ? some : asked.limit;
    result = nave_output(task, sizeof found + (size_t)some);
    if (result == NULL)
        return NAVE_ENOMEM;
    memcpy(result, &found, sizeof found);
    if (some > 0)
        memcpy(result + sizeof found, data + asked.offset, (size_t)some);
    return 0;
}

/* Room for the whole when its first piece comes. */
static unsigned char *room_for(nave_task *task, const char *name, const struct nv_piece_laid *laid)
{
    size_t size = 0;
    unsigned char *data;
    if (laid->offset == 0) {
        void *whole = laid->size > 0 ? malloc((size_t)laid->size) : NULL;
        if ((laid->size > 0 && whole == NULL) ||
            nv_objects_set(task->objects, name, whole, (size_t)laid->size) != NAVE_OK)
            return NULL;
    }
    data = nv_objects_find(task->objects, name, &size);
    return size == laid->size ? data : NULL;
}

/* All is there. */
static int finish(nave_task *task, const char *name)
{
    size_t size = 0;
    void *data = nv_objects_take(task->objects, name, &size);
    int rc = nv_objects_set(task->objects, task->object, data, size);
    return rc == NAVE_OK ? nv_engine_holds(task->engine, task->object, true) : rc;
}

int nv_task_lay(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct nv_piece_laid laid;
    size_t some = in_size - sizeof laid;
    unsigned char *data;
    char name[32];
    (void)out, (void)out_size;
    if (in_size < sizeof laid)
        return NAVE_EINVAL;
    memcpy(&laid, in, sizeof laid);
    snprintf(name, sizeof name, "\001%llx", (unsigned long long)laid.upload);
    if (laid.offset == NV_LAID_IN_VAIN) {
        nv_objects_drop(task->objects, name);
        return 0;
    }
    data = room_for(task, name, &laid);
    if (data == NULL || laid.offset > laid.size || some > laid.size - laid.offset) {
        nave_fail(task, "no memory for object '%s' of %llu bytes, or its beginning is missing",
                  task->object, (unsigned long long)laid.size);
        return NAVE_ENOMEM;
    }
    if (some > 0)
        memcpy(data + laid.offset, (const unsigned char *)in + sizeof laid, some);
    return laid.offset + some == laid.size ? finish(task, name) : 0;
}
