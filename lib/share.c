/* share - push, pull, scatter, gather: each is a call of one of the library's own kernels on every
 * engine of the view, with the object's name as the run's extra part.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "future.h"

#include <string.h>

static const char push[] = "nave.push", pull[] = "nave.pull", drop[] = "nave.drop";

/* Starts the call and waits.  A failure on the engines becomes its own code: NAVE_EOBJECT, say. */
static int on_each(nave_view *view, const char *kernel, const char *name, struct nv_input input,
                   struct nv_output output, nave_future **future)
{
    struct nv_future_spec spec = {.view = view,
                                  .kernel = kernel,
                                  .input = input,
                                  .output = output,
                                  .count = view->count,
                                  .each = true,
                                  .extra = name};
    int rc = nv_hub_check(view->hub->ctx);
    if (rc == NAVE_OK && !nv_name_ok(name))
        rc = nv_error_set(&view->hub->ctx->error, NAVE_EINVAL,
                          "the object's name is empty, or over 127 bytes");
    if (rc == NAVE_OK) {
        spec.extra_size = strlen(name);
        rc = nv_future_start(&spec, future);
    }
    if (rc != NAVE_OK)
        return rc;
    rc = nv_future_wait(*future, -1);
    if (rc == NAVE_ETASK && (*future)->ledger.failure_count > 0)
        rc = (*future)->ledger.failures[0].code;
    if (rc != NAVE_OK || kernel != pull || output.kind != NV_OUT_KEEP)
        nave_future_free(*future);
    return rc;
}

static int check_elements(nave_view *view, const void *base, size_t n, size_t size)
{
    struct nv_error *error = &view->hub->ctx->error;
    if (size > 0 && n > SIZE_MAX / 2 / size)
        return nv_error_set(error, NAVE_ESIZE, "%zu elements of %zu bytes are more than memory", n,
                            size);
    if (n > 0 && size > 0 && base == NULL)
        return nv_error_set(error, NAVE_EINVAL, "the buffer is NULL");
    return NAVE_OK;
}

/* Where no input is needed, or no result has bytes of its own place. */
static const struct nv_input no_input = {.kind = NV_IN_SHARED};
static const struct nv_output kept = {.kind = NV_OUT_KEEP};

int nave_push(nave_view *view, const char *name, const void *data, size_t size)
{
    struct nv_input input = {.kind = NV_IN_SHARED, .base = data, .size = size};
    nave_future *future;
    int rc = check_elements(view, data, 1, size);
    return rc == NAVE_OK ? on_each(view, push, name, input, kept, &future) : rc;
}

int nave_pull(nave_view *view, const char *name, nave_future **out)
{
    nave_future *future;
    int rc = on_each(view, pull, name, no_input, kept, &future);
    if (rc == NAVE_OK)
        *out = future;
    return rc;
}

int nave_scatter(nave_view *view, const char *name, const void *base, size_t n, size_t size)
{
    struct nv_input input = {.kind = NV_IN_PARTS, .base = base, .n = n, .size = size};
    nave_future *future;
    int rc = check_elements(view, base, n, size);
    return rc == NAVE_OK ? on_each(view, push, name, input, kept, &future) : rc;
}

int nave_gather(nave_view *view, const char *name, void *base, size_t n, size_t size)
{
    struct nv_output output = {.kind = NV_OUT_PARTS, .base = base, .n = n, .size = size};
    nave_future *future;
    int rc = check_elements(view, base, n, size);
    return rc == NAVE_OK ? on_each(view, pull, name, no_input, output, &future) : rc;
}

int nave_drop(nave_view *view, const char *name)
{
    nave_future *future;
    return on_each(view, drop, name, no_input, kept, &future);
}
