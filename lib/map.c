/* map - apply, map, and map from a source: calls turned into futures.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

static int check_array(nave *ctx, const char *what, const void *base, size_t size, size_t n)
{
    if (size > 0 && n > SIZE_MAX / 2 / size)
        return nv_error_set(&ctx->error, NAVE_ESIZE, "%zu %s of %zu bytes are more than memory", n,
                            what, size);
    if (size > 0 && n > 0 && base == NULL)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "the array of %s is NULL", what);
    return NAVE_OK;
}

int nave_apply(nave_view *view, const char *kernel, const void *in, size_t in_size, size_t out_size,
               nave_future **future)
{
    struct nv_future_spec spec = {.view = view,
                                  .kernel = kernel,
                                  .input = {.kind = NV_IN_SHARED, .size = in_size},
                                  .output = {.kind = NV_OUT_KEEP, .size = out_size},
                                  .count = view->direct ? view->count : 1};
    int rc = check_array(view->hub->ctx, "inputs", in, in_size, 1);
    if (rc != NAVE_OK)
        return rc;
    if (nv_stream_takes(view, in_size, out_size))
        return nv_stream_apply(view, kernel, in, in_size, out_size, future);
    spec.input.owned = malloc(in_size + 1);
    if (spec.input.owned == NULL)
        return nv_error_set(&view->hub->ctx->error, NAVE_ENOMEM,
                            "no memory for an input of %zu bytes", in_size);
    if (in_size > 0)
        memcpy(spec.input.owned, in, in_size);
    spec.input.base = spec.input.owned;
    return nv_future_start(&spec, future);
}

static int start_map(nave_view *view, const char *kernel, const void *in, size_t in_size, void *out,
                     size_t out_size, size_t n, bool blocking, nave_future **future)
{
    struct nv_future_spec spec = {
        .view = view,
        .kernel = kernel,
        .input = {.kind = NV_IN_ARRAY, .base = in, .size = in_size},
        .output = {.kind = out != NULL ? NV_OUT_ARRAY : NV_OUT_KEEP, .base = out, .size = out_size},
        .count = n,
        .blocking = blocking};
    int rc = check_array(view->hub->ctx, "inputs", in, in_size, n);
    if (rc == NAVE_OK && (out != NULL || blocking))
        rc = check_array(view->hub->ctx, "results", out, out_size, n);
    return rc == NAVE_OK ? nv_future_start(&spec, future) : rc;
}

int nave_map_start(nave_view *view, const char *kernel, const void *in, size_t in_size, void *out,
                   size_t out_size, size_t n, nave_future **future)
{
    return start_map(view, kernel, in, in_size, out, out_size, n, false, future);
}

int nave_map(nave_view *view, const char *kernel, const void *in, size_t in_size, void *out,
             size_t out_size, size_t n)
{
    nave_future *future;
    int rc = start_map(view, kernel, in, in_size, out, out_size, n, true, &future);
    if (rc != NAVE_OK)
        return rc;
    rc = nave_wait(future, -1);
    nave_future_free(future);
    return rc;
}

int nave_map_from(nave_view *view, const char *kernel, nave_source *next, void *arg,
                  size_t out_size, nave_future **future)
{
    struct nv_future_spec spec = {.view = view,
                                  .kernel = kernel,
                                  .input = {.kind = NV_IN_SOURCE, .next = next, .arg = arg},
                                  .output = {.kind = NV_OUT_KEEP, .size = out_size}};
    if (next == NULL)
        return nv_error_set(&view->hub->ctx->error, NAVE_EINVAL, "the source is NULL");
    return nv_future_start(&spec, future);
}
