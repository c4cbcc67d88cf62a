/* future - the tasks of one call: where inputs come from, where results go, how far it is.
 *
 * Invariant: a task is waiting, with an engine, or finished; a future is complete once, when all
 * its tasks are finished and no transfer uses the caller's memory; then the scheduler has forgotten
 * it.
 */
#ifndef NV_FUTURE_H
#define NV_FUTURE_H

#include "digest.h"
#include "fold.h"
#include "hub.h"
#include "kept.h"
#include "ledger.h"
#include "view.h"

enum { NV_SMALL_RESULT = 64 /* bytes that a future of one task holds itself */ };

enum nv_input_kind {
    NV_IN_ARRAY,  /* the caller's: task i at base + i*size */
    NV_IN_SHARED, /* one for all */
    NV_IN_PARTS,  /* the caller's n elements of `size` bytes, dealt out in blocks */
    NV_IN_SOURCE, /* a function gives them one by one */
    NV_IN_STREAM  /* see stream.h */
};

struct nv_stream;

struct nv_input {
    enum nv_input_kind kind;
    const char *base;
    size_t size;
    size_t n;
    nave_source *next;
    void *arg;
    struct nv_stream *stream;
    void *owned; /* to be freed with the future */
};

enum nv_output_kind {
    NV_OUT_KEEP,  /* in the future */
    NV_OUT_ARRAY, /* the caller's: task i at base + i*size */
    NV_OUT_PARTS  /* the caller's n elements of `size` bytes, gathered in blocks */
};

/* Bytes that several calls may hold together. */
struct nv_budget {
    uint64_t used, most;
};

struct nv_output {
    enum nv_output_kind kind;
    struct nv_budget *budget; /* for what kept results have beyond `size` bytes; NULL: no limit */
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
    const struct nv_fold *fold; /* of a reduction; borrowed until the future is freed */
    nave_future *parent;        /* these are tasks that its tasks have spawned, */
    uint64_t root;              /*   from this one */
};

struct nave_future {
    struct nv_hub *hub;
    nave_future *prev, *next; /* among the hub's futures */
    uint64_t number;          /* by which people and clients know it */
    nave_view *view;
    struct nv_input input;
    struct nv_output output;
    uint64_t job;
    uint32_t kernel, flags;
    void *extra;
    size_t extra_size;
    uint64_t count;         /* tasks; of a source: drawn so far */
    bool open;              /* the source may have more */
    int source_code;        /* what it ended with, when negative */
    uint64_t limit;         /* tasks that may be drawn so far */
    uint32_t retries;       /* see nave_policy */
    struct nv_kept kept;    /* with retries: what a source gave, for tasks that are not finished */
    uint64_t call;          /* its number in the journal; 0: it is not there */
    struct nv_digest base;  /* of what its tasks have in common */
    struct nv_kept digests; /* of a source's inputs, for tasks that are not finished */
    bool recalling;         /* what is settled now comes from the journal */
    struct nv_kept outputs; /* what tasks wrote */
    uint64_t read_last;     /* by nave_next(): one more than its number; 0: none */
    size_t receiving;       /* transfers of results under way */
    size_t sending;         /* transfers of inputs under way */
    uint64_t beyond;        /* bytes that it has taken from its budget */
    bool cancelled, complete, orphan, blocking;
    bool barred;  /* nobody is left to run its tasks */
    bool drained; /* some of its tasks were not begun, see nave_drain() */
    double submitted;
    struct nv_set *used; /* of a fold: the engines that ran tasks */
    const struct nv_fold *fold;
    struct nv_partial *partials; /* of a fold: what the hub adds up for engines beside loops */
    struct nv_receiving *parts;  /* for them, the oldest first */
    struct nv_partial *blocks;   /* of a fold by blocks: those that have come home */
    uint32_t *order, *place;     /* with cost hints: the task at a place, the place of a task */
    double *costs;               /*   in that order */
    nave_future *parent;         /* whose tasks have spawned these, from task `root` */
    uint64_t root;               /* also: a single task's number in its stream */
    size_t children;             /* futures that are not complete */
    uint64_t grown;              /* spawned tasks that were run */
    bool single;                 /* one task of a stream */
    bool named; /* its tasks are for the engines that they are for, and no others */
    int engine; /* of a single task: where it went */
    struct nv_ledger ledger;
    struct nv_one_page one; /* of a single task: the only page of its ledger; a small result */
    _Alignas(16) unsigned char small[NV_SMALL_RESULT];
};

/* Starts a future.  On failure the spec's owned memory is freed. */
int nv_future_start(const struct nv_future_spec *spec, nave_future **future);

/* The hub's loop: send these tasks; take this answer. */
int nv_future_send(nave_future *future, const struct nv_send *send);
int nv_future_take(nave_future *future, int engine, const struct nv_item *item);

/* The hub's loop: an engine is gone that had these tasks (`begun`), by their places in the scheduler,
 * or that they waited for; or nobody is left who may run them. */
int nv_future_lost(nave_future *future, int engine, uint64_t first, uint64_t count, bool begun);

/* Of a source: results that were read, or not kept, make room for more tasks. */
void nv_future_allow(nave_future *future);

/* What has not been sent is not to be run any more.  Whether futures of single tasks may have been freed
 * by that. */
bool nv_future_drain(nave_future *future);

/* Waits; as nave_wait(). */
int nv_future_wait(nave_future *future, double seconds);

/* Frees it as it is.  Only for futures that are complete, or when the farm is gone. */
void nv_future_discard(nave_future *future);

/* ------------------------------------------------- between future.c, supply.c, harvest.c, stream.c */

/* Part j of m of n elements: where it begins. */
static inline size_t nv_future_part(size_t n, uint64_t j, size_t m)
{
    return (size_t)(n / m * j + n % m * j / m);
}

/* Whether anybody can ask for a task after it is finished. */
static inline bool nv_future_keeps(const nave_future *future)
{
    return !future->blocking &&
           !(future->input.kind == NV_IN_SOURCE && future->view->policy.discard);
}

/* Whether the engine is a thread beside a loop: the hub's or a sub-hub's. */
static inline bool nv_future_beside(const nave *ctx, int engine)
{
    if (engine == 0)
        return ctx->beside != NULL;
    return ctx->leaders != NULL && engine < ctx->size && ctx->leaders[engine] == engine;
}

/* Whether tasks may be run a second time, so that their inputs have to be kept. */
static inline bool nv_future_may_repeat(const nave_future *future)
{
    return future->retries > 0 || future->hub->ctx->recovers;
}

/* An engine beside a loop makes no MPI calls, not even MPI_Reduce_local: unless integers or the
 * kernel itself are added up, its results come to the hub one by one. */
static inline bool nv_future_adds_up(const nave_future *future, int engine)
{
    const nave *ctx = future->hub->ctx;
    return future->fold != NULL && !future->fold->exact &&
           !(ctx->kernels.flags[future->kernel] & NAVE_ACCUMULATES) &&
           nv_future_beside(ctx, engine);
}

enum {
    NV_CHUNK_BYTES_LARGE = 4 << 20, /* of inputs in a transfer, about */
    NV_SOURCE_CHUNK = 256           /* tasks that are drawn at a time, at most */
};

/* Starts a future, of a kernel by number, without a turn of the loop. */
int nv_future_begin(const struct nv_future_spec *spec, nave_future **future);
int nv_future_begin_with(const struct nv_future_spec *spec, uint32_t kernel,
                         const struct nv_set *engines, nave_future **future);

/* In and out of the list of the hub's futures, and the users of the view. */
void nv_future_link(nave_future *future);
void nv_future_unlink(nave_future *future);

/* Whether it is a call of a user's kernel. */
bool nv_future_counts(const nave_future *future);

/* Complete, if it is. */
void nv_future_check(nave_future *future);

/* No more tasks will come. */
void nv_future_close(nave_future *future);

/* Sends neighbouring tasks whose inputs, small ones, are at `data`. */
int nv_future_send_data(nave_future *future, int engine, uint64_t first, uint64_t count,
                        const void *data);

/* The scheduler hears of an answer.  NAVE_EWIRE: these tasks were not asked for. */
int nv_future_answered(nave_future *future, int source, const struct nv_item *item);

/* Of a future of one task: what came of it. */
int nv_future_good(nave_future *future, int engine, double started, double ended, const void *data,
                   size_t size);
int nv_future_single(nave_future *future, int source, const struct nv_item *item);

/* Neighbouring tasks will not be run. */
void nv_future_drop(nave_future *future, uint64_t first, uint64_t count);

/* A task was finished in an earlier run, and is now; so many tasks, which are a block of a reduction,
 * and their sum (from malloc, taken over).  False: out of memory, and nothing has changed. */
struct nv_journal_task;
bool nv_future_known(nave_future *future, uint64_t index, const struct nv_journal_task *task);
bool nv_future_known_block(nave_future *future, uint64_t first, uint64_t count, void *sum);

/* The engine that ran a task, or that it waited for, is gone.  Whether the task waits again; otherwise
 * it is finished. */
bool nv_future_orphaned(nave_future *future, uint64_t index, int engine, bool begun);

/* Whether the task that has failed so will be run again; then it waits. */
bool nv_future_retry(nave_future *future, int source, const struct nv_result *result);

/* Spawned tasks that an engine gives away. */
int nv_future_surplus(nave_future *future, const struct nv_item *item);

#endif
