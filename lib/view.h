/* view - which engines, and how tasks are placed.
 *
 * Invariant: a view lives as long as its caller or one of its futures needs it.
 */
#ifndef NV_VIEW_H
#define NV_VIEW_H

#include "hub.h"

struct nave_view {
    struct nv_hub *hub;
    nave_view *prev, *next; /* among the hub's views */
    size_t users;           /* the caller, and each future */
    bool direct;
    int *engines; /* in the view's order */
    size_t count;
    bool all;     /* balanced: over every engine there is */
    bool outside; /* its calls come through the door: they are not the journal's */
    nave_policy policy;
    enum nv_placing placing;
    char *near; /* the name of an object, for NV_LOCALITY */
    struct nv_stream *streams;
    struct nv_set **sets;    /* by kernel: the view's engines that have it, made when needed */
    struct nv_set **grouped; /* likewise, see nv_view_grouped(); NULL: none yet */
};

/* A direct view as nave_direct(), whose tasks have the policy's priority, retries, guard and limits (and not
 * its engines). */
int nv_view_direct(nave *ctx, const int *engines, size_t n, const nave_policy *policy,
                   nave_view **view);

/* The id of a kernel that the view can run, and the engines for it (owned by the view). */
int nv_view_kernel(nave_view *view, const char *name, uint32_t *kernel,
                   const struct nv_set **engines);

/* The engines of the view that have a kernel, owned by the view; NULL: out of memory. */
const struct nv_set *nv_view_engines(nave_view *view, size_t kernel);

/* The same as numbers for the scheduler: sub-hubs stand for those groups of which all are in it. */
const struct nv_set *nv_view_grouped(nave_view *view, size_t kernel);

/* One user less; the last one frees it.  nv_view_discard() frees it whoever uses it. */
void nv_view_leave(nave_view *view);
void nv_view_discard(nave_view *view);

#endif
