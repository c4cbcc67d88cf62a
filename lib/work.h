/* work - what the three files of an engine share: engine.c (what comes), work.c (what is run),
 * spawn.c (what is run on account of that).
 *
 * Invariant: lots are run in the order in which they came.  `open`: the first task of the first lot
 * was run, and of what it spawned something may wait in the pool; it is answered when the pool is
 * empty.  The pool is empty while nothing is open.
 */
#ifndef NV_WORK_H
#define NV_WORK_H

#include "answer.h"
#include "buffer.h"
#include "engine.h"
#include "guarded.h"
#include "object.h"
#include "pool.h"
#include "task.h"

enum { NV_LOT_ROOM = 1024 /* bytes of a small lot, which is used again */ };

/* A run of tasks that has come. */
struct lot {
    struct lot *next;
    struct nv_run run;
    int source;     /* whom to answer */
    uint64_t at;    /* tasks that were answered */
    bool cancelled; /* the job is */
    bool *skip;     /* by place: these tasks are cancelled; NULL: none */
    bool small;     /* of LOT_ROOM bytes */
    bool lost;      /* there was no memory for the input */
    bool arriving;  /* the input is under way */
    size_t large_size;
    void *large; /* the input's memory, when it is not behind this struct */
    const unsigned char *data;
    unsigned char *extra;
};

struct nv_engine {
    struct nv_engine_spec spec;
    struct nv_objects objects;
    struct nv_buffers buffers;
    struct lot *first, **end;
    struct lot *spare;  /* small ones */
    struct nv_run last; /* from the hub, for NV_MORE; count 0: none */
    struct nv_partial *partials;
    double now;      /* when the clock was read last */
    bool low;        /* few tasks are left: the hub should hear of those that are done */
    double sent;     /* when a frame went last */
    unsigned unread; /* tasks since the clock was read */
    unsigned stride; /* tasks between looks at it, where nobody asks */
    size_t bulk;     /* bytes of large results under way */
    bool holding;    /* an object is being sent: nothing may change it */
    bool inside;     /* a kernel runs */
    bool open;       /* the first task of the first lot was run, its descendants were not */
    struct nv_pool pool;
    uint64_t grown; /* spawned tasks that were run and not told of */
    double told;    /* when their number was told last */
    void *room[2];  /* for the input and the result of a spawned task */
    size_t room_size[2];
    uint64_t preparing; /* a job to be reduced: until then no task is started; or 0 */
    bool ready;         /* NV_READY was said */
    bool closed;
    int status;
    bool broken;                /* see nv_engine_broken() */
    struct nv_guarded *guarded; /* NULL: no task has asked for one */
    void *rng;                  /* of nave_rng(); NULL: nobody has asked yet */
    nave_task task, child;
    struct nv_answers answers;
};

/* The index of the lot's next task, or of the one that runs. */
static inline uint64_t nv_work_index(const struct lot *lot)
{
    return lot->run.first + lot->at;
}

/* Whether that task is not wanted any more. */
static inline bool nv_work_cancelled(const struct lot *lot)
{
    return lot->cancelled || (lot->skip != NULL && lot->skip[lot->at]);
}

/* ------------------------------------------------------------------------------------- work.c */

void nv_work_lot_free(struct nv_engine *engine, struct lot *lot);

/* Reads the clock; tasks that were run since it was read share the time. */
void nv_work_read_clock(struct nv_engine *engine);
void nv_work_settle(struct nv_engine *engine);

/* The input of the lot's next task. */
static inline const unsigned char *nv_work_input(const struct lot *lot)
{
    return lot->run.flags & NV_SHARED ? lot->data : lot->data + lot->at * lot->run.in_size;
}

/* The kernel of a lot; NULL: this engine cannot run its tasks, and this one has failed. */
nave_kernel_fn *nv_work_kernel(const struct nv_engine *engine, const struct lot *lot,
                               nave_task *task);

/* Sets a task up; calls the kernel, calls it until it succeeds or the run's retries are used up, or
 * does that and folds the result. */
void nv_work_begin(struct nv_engine *engine, struct lot *lot, nave_task *task);
void nv_work_call(struct nv_engine *engine, nave_task *task, nave_kernel_fn *run, const void *in,
                  size_t in_size);
void nv_work_insist(struct nv_engine *engine, struct lot *lot, nave_task *task, nave_kernel_fn *run,
                    const void *in, size_t in_size);
void nv_work_fold(struct nv_engine *engine, struct lot *lot, nave_task *task, nave_kernel_fn *run,
                  const void *in, size_t in_size);

/* What the engine holds of a job's fold; NULL: nothing.  The other makes it if need be; NULL: the
 * task has failed. */
struct nv_partial *nv_work_partial(const struct nv_engine *engine, uint64_t job);
struct nv_partial *nv_work_partial_of(struct nv_engine *engine, const struct lot *lot,
                                      nave_task *task);

/* By blocks: after the last task of one its sum goes home, before that task's answer. */
int nv_work_send_block(struct nv_engine *engine, const struct lot *lot, const nave_task *task);

/* Answers the first task of the lot, which has run elsewhere until `ended`, with what it wrote. */
int nv_work_finish(struct nv_engine *engine, struct lot *lot, double ended, const char *output,
                   size_t output_size);

/* A result that is alone in its item: failed, large, or not of the size asked for. */
int nv_work_answer(struct nv_engine *engine, nave_task *task, uint32_t flags, double started);

/* Runs tasks for a slice of time.  Results go when nothing is left to run, or after a while. */
int nv_work_slice(struct nv_engine *engine, bool *worked);

/* ------------------------------------------------------------------------------------ spawn.c */

/* Runs the newest spawned task. */
int nv_spawn_run(struct nv_engine *engine, struct lot *lot);

/* Says how many were run and how many wait. */
int nv_spawn_tell(struct nv_engine *engine, const struct lot *lot);

/* The same now and then, while many wait: others may want some. */
int nv_spawn_mention(struct nv_engine *engine);

/* Gives half of what waits to those that `source` knows to have nothing; gives all but one. */
int nv_spawn_share(struct nv_engine *engine, int source);
int nv_spawn_share_all(struct nv_engine *engine);

#endif
