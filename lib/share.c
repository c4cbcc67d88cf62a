/* share - push, pull, scatter, gather: each is a call of one of the library's own kernels on every
 * engine of the view, with the object's name as the run's extra part.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  A large push goes to each node once.  On its own node the hub puts the bytes into a
 * segment of shared memory, and the engines map it.  On another one the first engine gets the bytes
 * and makes the segment, then the others map that.  The names go as soon as all have looked, so that
 * nothing is left behind by whatever happens later.  Each step may fail: no room in the node's
 * shared memory, or two containers with one host name.  An engine that could not map gets the bytes.
 */
#include "future.h"
#include "recollect.h"
#include "segment.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHARED_LEAST = 256 * 1024, /* bytes that are worth a segment */
    SHARED_BY_TWO = 32 << 20   /*   on the hub's node, where two copies are made faster than that */
};

/* Waits.  A failure on the engines becomes its own code: NAVE_EOBJECT, say. */
static int wait_for(nave_future *future)
{
    int rc = nv_future_wait(future, -1);
    if (rc == NAVE_ETASK && future->ledger.failure_count > 0)
        rc = future->ledger.failures[0].code;
    return rc;
}

static int check_name(nave_view *view, const char *name)
{
    int rc = nv_hub_check(view->hub->ctx);
    if (rc == NAVE_OK && !nv_name_ok(name))
        rc = nv_error_set(&view->hub->ctx->error, NAVE_EINVAL,
                          "the object's name is empty, or over 127 bytes");
    return rc;
}

/* Starts a call of one of our own kernels, which every engine has. */
static int begin(const struct nv_future_spec *spec, enum nv_own_kernel kernel, nave_future **future)
{
    const struct nv_set *engines = nv_view_engines(spec->view, kernel);
    if (engines != NULL)
        return nv_future_begin_with(spec, kernel, engines, future);
    nv_error_set(&spec->view->hub->ctx->error, NAVE_ENOMEM, "no memory for a view");
    return NAVE_ENOMEM;
}

/* Starts the call and waits. */
static int on_each(nave_view *view, enum nv_own_kernel kernel, const char *name,
                   struct nv_input input, struct nv_output output, nave_future **future)
{
    struct nv_future_spec spec = {.view = view,
                                  .input = input,
                                  .output = output,
                                  .count = view->count,
                                  .each = true,
                                  .extra = name};
    int rc = check_name(view, name);
    if (rc == NAVE_OK) {
        spec.extra_size = strlen(name);
        rc = begin(&spec, kernel, future);
    }
    if (rc != NAVE_OK)
        return rc;
    rc = wait_for(*future);
    if (rc != NAVE_OK || kernel != NV_KERNEL_PULL || output.kind != NV_OUT_KEEP)
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

/* ------------------------------------------------------------------------- once to each node */

/* How an engine comes by the bytes. */
enum role {
    SERVED, /* it has them */
    ALONE,  /* they are sent */
    FIRST,  /* they are sent, and it makes the segment */
    JOINS   /* it maps the segment of its node */
};

struct member {
    int engine;
    enum role role;
    size_t node;
};

struct node {
    const char *host;
    size_t members;
    bool here;   /* it is the hub's */
    bool shares; /* there is to be a segment */
    bool begun;  /*   and somebody who makes it */
    struct nv_segment segment;
};

struct once {
    nave_view *view;
    const char *name;
    struct nv_input data;
    struct member *members; /* in the view's order */
    size_t count;
    struct node *nodes;
    size_t node_count;
    int *engines;                /* of one call, */
    struct nv_segment *segments; /*   what each gives or takes, */
    int *codes;                  /*   and how it went */
};

static void once_release(struct once *once)
{
    free(once->members);
    free(once->nodes);
    free(once->engines);
    free(once->segments);
    free(once->codes);
}

static bool once_init(struct once *once)
{
    size_t m = once->count = once->view->count;
    once->members = calloc(m, sizeof *once->members);
    once->nodes = calloc(m, sizeof *once->nodes);
    once->engines = calloc(m, sizeof *once->engines);
    once->segments = calloc(m, sizeof *once->segments);
    once->codes = calloc(m, sizeof *once->codes);
    return once->members != NULL && once->nodes != NULL && once->engines != NULL &&
           once->segments != NULL && once->codes != NULL;
}

/* The node of that host.  Neighbours in the view are mostly on the same, so begin with `near`. */
static size_t node_of(struct once *once, const char *host, size_t near)
{
    for (size_t i = 0; i < once->node_count; i++) {
        size_t node = (near + i) % once->node_count;
        if (strcmp(once->nodes[node].host, host) == 0)
            return node;
    }
    once->nodes[once->node_count].host = host;
    return once->node_count++;
}

/* Whether any two engines are on one node. */
static bool find_nodes(struct once *once)
{
    size_t node = 0;
    for (size_t j = 0; j < once->count; j++) {
        int engine = once->view->engines[j];
        node = node_of(once, nv_hub_host(once->view->hub, engine), node);
        once->members[j] = (struct member){.engine = engine, .node = node};
        once->nodes[node].members++;
    }
    return once->node_count < once->count;
}

static void look_at(struct once *once, struct node *node)
{
    size_t size = once->data.size;
    node->here = strcmp(node->host, nv_hub_host(once->view->hub, 0)) == 0;
    node->shares =
        node->members > 2 || (node->members == 2 && !(node->here && size < SHARED_BY_TWO));
    node->begun = node->here;
}

/* On the hub's node all engines join; on others all but the first, where there are several. */
static void deal_roles(struct once *once)
{
    for (size_t i = 0; i < once->node_count; i++)
        look_at(once, &once->nodes[i]);
    for (size_t j = 0; j < once->count; j++) {
        struct member *member = &once->members[j];
        struct node *node = &once->nodes[member->node];
        member->role = !node->shares ? ALONE : node->begun ? JOINS : FIRST;
        node->begun = true;
    }
}

/* Starts a call on the engines of that role; no future when there are none. */
static int begin_on(struct once *once, enum role role, enum nv_own_kernel kernel,
                    struct nv_input input, struct nv_output output, nave_future **future)
{
    struct nv_future_spec spec = {.input = input,
                                  .output = output,
                                  .each = true,
                                  .extra = once->name,
                                  .extra_size = strlen(once->name)};
    int rc;
    *future = NULL;
    for (size_t j = 0; j < once->count; j++)
        if (once->members[j].role == role)
            once->engines[spec.count++] = once->members[j].engine;
    if (spec.count == 0)
        return NAVE_OK;
    rc = nave_direct(once->view->hub->ctx, once->engines, (size_t)spec.count, &spec.view);
    if (rc != NAVE_OK)
        return rc;
    spec.view->policy.priority = once->view->policy.priority;
    rc = begin(&spec, kernel, future);
    nave_view_free(spec.view);
    return rc;
}

static int end(nave_future *future)
{
    int rc = future != NULL ? wait_for(future) : NAVE_OK;
    nave_future_free(future);
    return rc;
}

/* The first that went wrong. */
static int earlier(int rc, int next)
{
    return rc != NAVE_OK ? rc : next;
}

static void make_here(struct once *once)
{
    for (size_t i = 0; i < once->node_count; i++)
        if (once->nodes[i].here && once->nodes[i].shares)
            nv_segment_make(once->data.base, once->data.size, &once->nodes[i].segment);
}

static void unlink_here(struct once *once)
{
    for (size_t i = 0; i < once->node_count; i++)
        if (once->nodes[i].here)
            nv_segment_unlink(&once->nodes[i].segment);
}

/* The first of each node say what segment they have made of what they got. */
static int send_first(struct once *once)
{
    struct nv_output made = {
        .kind = NV_OUT_ARRAY, .base = (char *)once->segments, .size = sizeof *once->segments};
    nave_future *alone, *first;
    size_t n = 0;
    int rc = begin_on(once, ALONE, NV_KERNEL_PUSH, once->data, kept, &alone);
    rc = earlier(rc, begin_on(once, FIRST, NV_KERNEL_SHARE, once->data, made, &first));
    rc = earlier(rc, end(alone));
    rc = earlier(rc, end(first));
    for (size_t j = 0; j < once->count; j++) {
        struct member *member = &once->members[j];
        if (member->role == FIRST)
            once->nodes[member->node].segment = once->segments[n++];
        else if (member->role == ALONE)
            member->role = SERVED;
    }
    return rc;
}

/* Those that cannot join are alone. */
static int join(struct once *once)
{
    struct nv_input segments = {
        .kind = NV_IN_ARRAY, .base = (const char *)once->segments, .size = sizeof *once->segments};
    struct nv_output codes = {
        .kind = NV_OUT_ARRAY, .base = (char *)once->codes, .size = sizeof *once->codes};
    nave_future *future;
    size_t n = 0;
    int rc;
    for (size_t j = 0; j < once->count; j++) {
        struct member *member = &once->members[j];
        const struct nv_segment *segment = &once->nodes[member->node].segment;
        if (member->role == JOINS && segment->name[0] == '\0')
            member->role = ALONE;
        else if (member->role == JOINS)
            once->segments[n++] = *segment;
    }
    memset(once->codes, -1, n * sizeof *once->codes); /* of those that do not answer */
    rc = begin_on(once, JOINS, NV_KERNEL_JOIN, segments, codes, &future);
    rc = earlier(rc, end(future));
    n = 0;
    for (size_t j = 0; j < once->count; j++)
        if (once->members[j].role == JOINS)
            once->members[j].role = once->codes[n++] == 0 ? SERVED : ALONE;
    return rc;
}

/* The bytes for those that are left, and the names away. */
static int send_rest(struct once *once)
{
    nave_future *first, *alone;
    int rc = begin_on(once, FIRST, NV_KERNEL_UNNAME, no_input, kept, &first);
    rc = earlier(rc, begin_on(once, ALONE, NV_KERNEL_PUSH, once->data, kept, &alone));
    rc = earlier(rc, end(first));
    return earlier(rc, end(alone));
}

static int push_once(struct once *once)
{
    int rc;
    deal_roles(once);
    make_here(once);
    rc = send_first(once);
    rc = earlier(rc, join(once));
    unlink_here(once);
    return earlier(rc, send_rest(once));
}

int nave_push(nave_view *view, const char *name, const void *data, size_t size)
{
    struct nv_input input = {.kind = NV_IN_SHARED, .base = data, .size = size};
    struct once once = {.view = view, .name = name, .data = input};
    nave_future *future;
    int rc = check_elements(view, data, 1, size);
    if (rc == NAVE_OK)
        rc = check_name(view, name);
    if (rc != NAVE_OK)
        return rc;
    nv_recollect_object(view->hub, name, data, size);
    if (size >= SHARED_LEAST && view->count > 1 && once_init(&once) && find_nodes(&once))
        rc = push_once(&once);
    else
        rc = on_each(view, NV_KERNEL_PUSH, name, input, kept, &future);
    once_release(&once);
    return rc;
}

int nave_pull(nave_view *view, const char *name, nave_future **out)
{
    nave_future *future;
    int rc = on_each(view, NV_KERNEL_PULL, name, no_input, kept, &future);
    if (rc == NAVE_OK)
        *out = future;
    return rc;
}

int nave_scatter(nave_view *view, const char *name, const void *base, size_t n, size_t size)
{
    struct nv_input input = {.kind = NV_IN_PARTS, .base = base, .n = n, .size = size};
    nave_future *future;
    int rc = check_elements(view, base, n, size);
    if (rc == NAVE_OK)
        rc = check_name(view, name);
    if (rc != NAVE_OK)
        return rc;
    nv_recollect_object(view->hub, name, base, n * size);
    return on_each(view, NV_KERNEL_PUSH, name, input, kept, &future);
}

int nave_gather(nave_view *view, const char *name, void *base, size_t n, size_t size)
{
    struct nv_output output = {.kind = NV_OUT_PARTS, .base = base, .n = n, .size = size};
    nave_future *future;
    int rc = check_elements(view, base, n, size);
    return rc == NAVE_OK ? on_each(view, NV_KERNEL_PULL, name, no_input, output, &future) : rc;
}

int nave_drop(nave_view *view, const char *name)
{
    nave_future *future;
    return on_each(view, NV_KERNEL_DROP, name, no_input, kept, &future);
}
