/* future - the tasks of one call: where inputs come from, where results go, how far it is.
 *
 * Invariant: a task is waiting, with an engine, or finished; a future is complete once, when all
 * its tasks are finished and no transfer uses the caller's memory; then the scheduler has forgotten
 * it.
 */
#ifndef NV_FUTURE_H
#define NV_FUTURE_H

#include "hub.h"
#include "ledger.h"
#include "view.h"

enum nv_input_kind {
    NV_IN_ARRAY,  /* the caller's: task i at base + i*size */
    NV_IN_SHARED, /* one for all */
    NV_IN_PARTS,  /* the caller's n elements of `size` bytes, dealt out in blocks */
    NV_IN_SOURCE  /* a function gives them one by one */
};

struct nv_input {
    enum nv_input_kind kind;
    const char *base;
    size_t size;
    size_t n;
    nave_source *next;
    void *arg;
    void *owned; /* to be freed with the future */
};

enum nv_output_kind {
    NV_OUT_KEEP,  /* in the future */
    NV_OUT_ARRAY, /* the caller's: task i at base + i*size */
    NV_OUT_PARTS  /* the caller's n elements of `size` bytes, gathered in blocks */
};

struct nv_output {
    enum nv_output_kind kind;
    char *base;
    size_t size; /* of each result, as asked for; NV_OUT_PARTS: of each element */
    size_t n;
};

struct nv_future_spec {
    nave_view *view;
    const char *kernel;
    struct nv_input input;
    struct nv_output output;
    uint64_t count;    /* tasks; of a source, none yet */
    uint64_t block;    /* see sched.h */
    bool each;         /* one task for each engine of the view, of either kind */
    uint32_t flags;    /* NV_FOLD */
    bool blocking;     /* the caller never sees the future, so nobody asks for a task of it */
    const void *extra; /* copied */
    size_t extra_size;
};

struct nave_future {
    struct nv_hub *hub;
    nave_future *prev, *next; /* among the hub's futures */
    nave_view *view;
    struct nv_input input;
    struct nv_output output;
    uint64_t job;
    uint32_t kernel, flags;
    void *extra;
    size_t extra_size;
    uint64_t count;   /* tasks; of a source: drawn so far */
    bool open;        /* the source may have more */
    int source_code;  /* what it ended with, when negative */
    uint64_t limit;   /* tasks that may be drawn so far */
    size_t receiving; /* transfers of results under way */
    size_t sending;   /* transfers of inputs under way */
    bool cancelled, complete, orphan, blocking;
    double submitted;
    struct nv_set *used; /* of a fold: the engines that got tasks */
    struct nv_ledger ledger;
};

/* Starts a future.  On failure the spec's owned memory is freed. */
int nv_future_start(const struct nv_future_spec *spec, nave_future **future);

/* The hub's loop: send these tasks; take this answer. */
int nv_future_send(nave_future *future, const struct nv_send *send);
int nv_future_take(nave_future *future, int engine, const struct nv_item *item);

/* Of a source: results that were read, or not kept, make room for more tasks. */
void nv_future_allow(nave_future *future);

/* Waits; as nave_wait(). */
int nv_future_wait(nave_future *future, double seconds);

/* Frees it as it is.  Only for futures that are complete, or when the farm is gone. */
void nv_future_discard(nave_future *future);

#endif
