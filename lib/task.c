/* task - see task.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "task.h"
#include "engine.h"

#include <stdlib.h>
#include <string.h>

void nv_task_run(nave_task *task, nave_kernel_fn *run, const void *in, size_t in_size)
{
    int code;
    task->data = task->out;
    task->size = task->out_size;
    code = run(task, in, in_size, task->out, task->out_size);
    if (code != 0 && (task->code == 0 || code != NAVE_ETASK))
        task->code = code;
    if (task->code != 0) {
        task->data = NULL;
        task->size = 0;
    }
}

int nave_fail(nave_task *task, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    nv_error_line(task->message, sizeof task->message, format, args);
    va_end(args);
    task->message_size = strlen(task->message);
    task->code = NAVE_ETASK;
    return NAVE_ETASK;
}

void *nave_output(nave_task *task, size_t size)
{
    void *output = calloc(1, size > 0 ? size : 1);
    if (output == NULL) {
        nave_fail(task, "no memory for a result of %zu bytes", size);
        task->code = NAVE_ENOMEM;
        return NULL;
    }
    free(task->output);
    task->output = output;
    task->data = output;
    task->size = size;
    return output;
}

size_t nave_task_index(const nave_task *task)
{
    return (size_t)task->number;
}

int nave_task_engine(const nave_task *task)
{
    return task->rank;
}

void *nave_task_user(const nave_task *task)
{
    return task->user;
}

int nave_spawn(nave_task *task, const char *kernel, const void *in, size_t in_size)
{
    if (task->guarded)
        return NAVE_ESTATE;
    return nv_engine_spawn(task->engine, kernel, in, in_size);
}

int nave_cancelled(nave_task *task)
{
    return task->guarded ? 0 : nv_engine_cancelled(task->engine);
}

void *nave_object(nave_task *task, const char *name, size_t *size)
{
    if (!task->guarded)
        task->objects->version++; /* the kernel may change it */
    return nv_objects_find(task->objects, name, size);
}

/* The hub hears of an object that was made. */
static int made(nave_task *task, const char *name, int rc)
{
    return rc == NAVE_OK ? nv_engine_holds(task->engine, name, true) : rc;
}

/* The object takes over `data`. */
static int set_object(nave_task *task, const char *name, void *data, size_t size)
{
    return made(task, name, nv_objects_set(task->objects, name, data, size));
}

int nave_object_set(nave_task *task, const char *name, const void *data, size_t size)
{
    void *copy = size > 0 && !task->guarded ? malloc(size) : NULL;
    if (task->guarded)
        return NAVE_ESTATE;
    if (size > 0 && copy == NULL)
        return NAVE_ENOMEM;
    if (size > 0)
        memcpy(copy, data, size);
    return set_object(task, name, copy, size);
}

int nave_object_drop(nave_task *task, const char *name)
{
    int rc = task->guarded ? NAVE_ESTATE : nv_objects_drop(task->objects, name);
    return rc == NAVE_OK ? nv_engine_holds(task->engine, name, false) : rc;
}

/* ------------------------------------------------------------------------ the library's kernels */

/* A large input has memory of its own, which becomes the object's: no second copy. */
int nv_task_push(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int rc;
    (void)out;
    (void)out_size;
    if (*task->input != NULL) {
        void *taken = *task->input;
        *task->input = NULL;
        rc = set_object(task, task->object, taken, in_size);
    } else {
        rc = nave_object_set(task, task->object, in, in_size);
    }
    if (rc == NAVE_ENOMEM)
        nave_fail(task, "no memory for object '%s' of %zu bytes", task->object, in_size);
    return rc;
}

int nv_task_pull(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size;
    const void *data = nv_objects_find(task->objects, task->object, &size);
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_size;
    if (data == NULL) {
        nave_fail(task, "no object '%s'", task->object);
        return NAVE_EOBJECT;
    }
    task->data = data;
    task->size = size;
    task->borrowed = true;
    return 0;
}

int nv_task_drop(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_size;
    if (nave_object_drop(task, task->object) == NAVE_OK)
        return 0;
    nave_fail(task, "no object '%s'", task->object);
    return NAVE_EOBJECT;
}

/* Where there is no segment to be had, or no room for it, the engine has the object all the same. */
int nv_task_share(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct nv_segment segment;
    void *data;
    if (out_size != sizeof segment)
        return NAVE_EINVAL;
    if (nv_segment_make(in, in_size, &segment) != 0)
        return nv_task_push(task, in, in_size, NULL, 0);
    if (nv_segment_map(&segment, &data) != 0) {
        nv_segment_unlink(&segment);
        return nv_task_push(task, in, in_size, NULL, 0);
    }
    free(*task->input); /* not to be kept for others, as inputs are: the bytes are there once */
    *task->input = NULL;
    memcpy(out, &segment, sizeof segment);
    return made(task, task->object,
                nv_objects_set_mapped(task->objects, task->object, data, &segment, true));
}

/* The hub sends the bytes to those that cannot. */
int nv_task_join(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct nv_segment segment;
    void *data;
    int code;
    if (in_size != sizeof segment || out_size != sizeof code)
        return NAVE_EINVAL;
    memcpy(&segment, in, sizeof segment);
    code = nv_segment_map(&segment, &data);
    if (code == 0)
        code = made(task, task->object,
                    nv_objects_set_mapped(task->objects, task->object, data, &segment, false));
    memcpy(out, &code, sizeof code);
    return 0;
}

int nv_task_unname(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in;
    (void)in_size;
    (void)out;
    (void)out_size;
    nv_objects_unname(task->objects, task->object);
    return 0;
}
