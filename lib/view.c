/* view - see view.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "view.h"
#include "ledger.h"
#include "stream.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static bool is_lost(const struct nv_hub *hub, int engine)
{
    return hub->lost != NULL && nv_set_has(hub->lost, (size_t)engine);
}

static int check_engines(struct nv_hub *hub, const int *engines, size_t n)
{
    struct nv_set *seen;
    int rc = NAVE_OK;
    if ((n > 0) != (engines != NULL))
        return nv_error_set(&hub->ctx->error, NAVE_EINVAL, "a list of %zu engines at %s", n,
                            engines != NULL ? "an address: for all, give NULL and 0" : "NULL");
    seen = nv_set_new((size_t)hub->ctx->size);
    if (seen == NULL)
        return nv_error_set(&hub->ctx->error, NAVE_ENOMEM, "no memory for a view");
    for (size_t i = 0; i < n && rc == NAVE_OK; i++) {
        if (engines[i] >= 0 && is_lost(hub, engines[i]))
            rc = nv_error_set(&hub->ctx->error, NAVE_ELOST, "engine %d is lost", engines[i]);
        else if (engines[i] < 0 || !nv_set_has(hub->engines, (size_t)engines[i]))
            rc = nv_error_set(&hub->ctx->error, NAVE_EENGINE,
                              "rank %d is no engine; engines are ranks %d to %d", engines[i],
                              !hub->ctx->hub_works, hub->ctx->size - 1);
        else if (nv_set_has(seen, (size_t)engines[i]))
            rc =
                nv_error_set(&hub->ctx->error, NAVE_EINVAL, "engine %d is named twice", engines[i]);
        else
            nv_set_add(seen, (size_t)engines[i]);
    }
    free(seen);
    return rc;
}

/* A list of engines as the view keeps it; none named means all. */
static bool copy_engines(nave_view *view, const int *engines, size_t n)
{
    struct nv_hub *hub = view->hub;
    view->count = n > 0 ? n : hub->engines->count;
    view->engines = malloc(view->count * sizeof *view->engines);
    if (view->engines == NULL)
        return false;
    if (n > 0 && engines != NULL) {
        memcpy(view->engines, engines, n * sizeof *engines);
        return true;
    }
    for (size_t r = 0, at = 0; r < hub->engines->limit; r++)
        if (nv_set_has(hub->engines, r))
            view->engines[at++] = (int)r;
    return true;
}

static int check_policy(nave *ctx, const nave_policy *policy, enum nv_placing *placing)
{
    if (policy == NULL)
        return NAVE_OK;
    if (policy->policy != NULL && !nv_sched_placing(policy->policy, placing))
        return nv_error_set(&ctx->error, NAVE_EINVAL,
                            "there is no policy '%.100s'; there are auto, fifo, guided, factoring, "
                            "static-block, static-cyclic and locality",
                            policy->policy);
    if (*placing == NV_LOCALITY && !nv_name_ok(policy->near))
        return nv_error_set(&ctx->error, NAVE_EINVAL,
                            "the policy 'locality' needs the name of an object in `near`");
    if (policy->retries < 0 || policy->retries > NV_RETRIES_MAX)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "%d retries; there may be 0 to %d",
                            policy->retries, NV_RETRIES_MAX);
    if (policy->crash_limit < 0 || policy->crash_limit > NV_CRASHES_MAX)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "a crash limit of %d; it may be 0 to %d",
                            policy->crash_limit, NV_CRASHES_MAX);
    if (!(policy->time_limit >= 0 && policy->time_limit <= DBL_MAX))
        return nv_error_set(&ctx->error, NAVE_EINVAL, "a time limit of %g s", policy->time_limit);
    if ((policy->costs != NULL) != (policy->cost_count > 0))
        return nv_error_set(&ctx->error, NAVE_EINVAL, "%zu cost hints at %s", policy->cost_count,
                            policy->costs != NULL ? "an address" : "NULL");
    return NAVE_OK;
}

static int view_new(nave *ctx, const int *engines, size_t n, bool direct, const nave_policy *policy,
                    nave_view **out)
{
    nave_view *view;
    enum nv_placing placing = NV_TUNED;
    int rc = nv_hub_check(ctx);
    if (rc == NAVE_OK)
        rc = check_policy(ctx, policy, &placing);
    if (rc == NAVE_OK)
        rc = check_engines(ctx->hub, engines, n);
    if (rc != NAVE_OK)
        return rc;
    view = calloc(1, sizeof *view);
    if (view == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for a view");
    *view = (nave_view){.hub = ctx->hub, .users = 1, .direct = direct, .all = n == 0};
    if (policy != NULL)
        view->policy = *policy;
    view->policy.guard = view->policy.guard || view->policy.time_limit > 0 ||
                         view->policy.memory_limit > 0 || view->policy.capture ||
                         view->policy.crash_limit > 0;
    view->policy.engines = NULL; /* the caller's list; the view has its own */
    view->policy.policy = view->policy.near = NULL;
    view->placing = placing;
    view->near = placing == NV_LOCALITY ? strdup(policy->near) : NULL;
    view->sets = calloc(ctx->kernels.room, sizeof(struct nv_set *));
    if (view->sets == NULL || !copy_engines(view, engines, n) ||
        (placing == NV_LOCALITY && view->near == NULL)) {
        free(view->sets);
        free(view->near);
        free(view);
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for a view");
    }
    view->next = ctx->hub->views;
    if (view->next != NULL)
        view->next->prev = view;
    ctx->hub->views = view;
    *out = view;
    return NAVE_OK;
}

int nv_view_direct(nave *ctx, const int *engines, size_t n, const nave_policy *policy,
                   nave_view **view)
{
    return view_new(ctx, engines, n, true, policy, view);
}

int nave_direct(nave *ctx, const int *engines, size_t n, nave_view **view)
{
    return view_new(ctx, engines, n, true, NULL, view);
}

int nave_balanced(nave *ctx, const nave_policy *policy, nave_view **view)
{
    if (policy == NULL)
        return view_new(ctx, NULL, 0, false, NULL, view);
    return view_new(ctx, policy->engines, policy->engine_count, false, policy, view);
}

void nv_view_discard(nave_view *view)
{
    struct nv_hub *hub = view->hub;
    *(view->prev != NULL ? &view->prev->next : &hub->views) = view->next;
    if (view->next != NULL)
        view->next->prev = view->prev;
    for (size_t i = 0; i < hub->ctx->kernels.room; i++)
        free(view->sets[i]);
    for (size_t i = 0; view->grouped != NULL && i < hub->ctx->kernels.room; i++)
        free(view->grouped[i]);
    free(view->sets);
    free(view->grouped);
    free(view->near);
    free(view->engines);
    free(view);
}

void nv_view_leave(nave_view *view)
{
    if (--view->users == 0)
        nv_view_discard(view);
}

void nave_view_free(nave_view *view)
{
    if (view == NULL)
        return;
    nv_streams_end(view);
    nv_view_leave(view);
}

/* ---------------------------------------------------------------------------- kernels of a view */

static int unknown_kernel(nave_view *view, const char *name)
{
    nave *ctx = view->hub->ctx;
    const char *near = nv_kernels_near(&ctx->kernels, name);
    if (near != NULL)
        return nv_error_set(&ctx->error, NAVE_EKERNEL,
                            "no rank has a kernel '%s'; did you mean '%s'?", name, near);
    if (ctx->kernels.count == NV_KERNEL_OWN)
        return nv_error_set(&ctx->error, NAVE_EKERNEL, "no rank has any kernel, nor '%s'", name);
    return nv_error_set(&ctx->error, NAVE_EKERNEL, "no rank has a kernel '%s', but %zu other%s",
                        name, ctx->kernels.count - NV_KERNEL_OWN,
                        ctx->kernels.count - NV_KERNEL_OWN == 1 ? "" : "s");
}

/* The engines of the view that have the kernel. */
const struct nv_set *nv_view_engines(nave_view *view, size_t kernel)
{
    const struct nv_set *all = view->hub->ctx->kernels.engines[kernel];
    struct nv_set *set = view->sets[kernel];
    if (view->all)
        return all;
    if (set != NULL)
        return set;
    set = view->sets[kernel] = nv_set_new(all->limit);
    for (size_t i = 0; set != NULL && i < view->count; i++)
        if (nv_set_has(all, (size_t)view->engines[i]))
            nv_set_add(set, (size_t)view->engines[i]);
    return set;
}

/* Members of the set by their sub-hub, at its rank; NULL: out of memory. */
static int *count_members(const nave *ctx, const struct nv_set *set)
{
    int *counts = calloc((size_t)ctx->size, sizeof *counts);
    for (size_t r = 0; counts != NULL && r < set->limit; r++)
        if (nv_set_has(set, r))
            counts[ctx->leaders[r]]++;
    return counts;
}

static struct nv_set *group_engines(const struct nv_hub *hub, const struct nv_set *set)
{
    const nave *ctx = hub->ctx;
    struct nv_set *grouped = nv_set_new((size_t)hub->numbers);
    int *some = count_members(ctx, set), *all = count_members(ctx, hub->engines);
    for (size_t r = 0; grouped != NULL && some != NULL && all != NULL && r < set->limit; r++) {
        int leader = ctx->leaders[r];
        bool whole = leader > 0 && some[leader] == all[leader];
        if (nv_set_has(set, r))
            nv_set_add(grouped, whole ? (size_t)(ctx->size + leader) : r);
    }
    if (some == NULL || all == NULL) {
        free(grouped);
        grouped = NULL;
    }
    free(some);
    free(all);
    return grouped;
}

const struct nv_set *nv_view_grouped(nave_view *view, size_t kernel)
{
    struct nv_hub *hub = view->hub;
    const struct nv_set *set = nv_view_engines(view, kernel);
    struct nv_set **place;
    if (!view->all && view->grouped == NULL)
        view->grouped = calloc(hub->ctx->kernels.room, sizeof(struct nv_set *));
    if (set == NULL || (!view->all && view->grouped == NULL))
        return NULL;
    place = view->all ? &hub->grouped[kernel] : &view->grouped[kernel];
    if (*place == NULL)
        *place = group_engines(hub, set);
    return *place;
}

/* A direct view is of no use any more when one of its engines is lost, a balanced one when all are. */
static int check_lost(const nave_view *view)
{
    struct nv_hub *hub = view->hub;
    size_t lost = 0;
    for (size_t i = 0; hub->lost != NULL && i < view->count; i++)
        if (is_lost(hub, view->engines[i]) && (++lost == view->count || view->direct))
            return nv_error_set(&hub->ctx->error, NAVE_ELOST, "engine %d is lost",
                                view->engines[i]);
    return NAVE_OK;
}

int nv_view_kernel(nave_view *view, const char *name, uint32_t *kernel,
                   const struct nv_set **engines)
{
    nave *ctx = view->hub->ctx;
    int id = name != NULL ? nv_kernels_find(&ctx->kernels, name) : -1;
    const struct nv_set *set;
    int rc = check_lost(view);
    if (rc != NAVE_OK)
        return rc;
    if (name == NULL)
        return nv_error_set(&ctx->error, NAVE_EINVAL, "the kernel's name is NULL");
    if (id < NV_KERNEL_OWN) /* the library's own expect what only the library sends */
        return unknown_kernel(view, name);
    set = nv_view_engines(view, (size_t)id);
    if (set == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for a view");
    for (size_t i = 0; view->direct && i < view->count; i++)
        if (!nv_set_has(set, (size_t)view->engines[i]))
            return nv_error_set(&ctx->error, NAVE_EKERNEL, "engine %d does not have kernel '%s'",
                                view->engines[i], name);
    if (set->count == 0)
        return nv_error_set(&ctx->error, NAVE_EKERNEL, "no engine of the view has kernel '%s'",
                            name);
    *kernel = (uint32_t)id;
    *engines = set;
    return NAVE_OK;
}
