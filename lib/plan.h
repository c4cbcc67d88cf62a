/* plan - what the files of the scheduler share: jobs, lots, queues, engines.  See sched.h.
 *
 * Invariants.  A lot is in its queue while it has tasks, and only then.  An engine that is present
 * and not held is in one ring, or it had no room when it was last looked at and has not answered
 * since.  An engine with lots of its own stands in front of the ready ring when it is in a ring at
 * all.  `waiting` of a job is the sum over its lots, `tasks` of an engine the sum over its chunks.
 */
#ifndef NV_PLAN_H
#define NV_PLAN_H

#include "sched.h"

#define NV_CHUNK_SECONDS 1e-3  /* what a chunk lasts at most, unless one task lasts longer */
#define NV_AHEAD_SECONDS 10e-3 /* tasks longer than this never wait behind another */
#define NV_CHUNK_LIMIT ((uint64_t)1 << 30)
#define NV_CHUNKS_AHEAD 256
#define NV_BYTES_AHEAD ((uint64_t)16 << 20)

/* Rows of `width` tasks, a row every `step` tasks, up to `end`; step 0: one row, [first, end). */
struct lot {
    struct job *job;
    struct queue *queue;
    uint64_t first, end;
    uint64_t step, width;
    uint64_t row; /* tasks left of the row that `first` is in, where there are steps */
    bool linked;
    uint32_t avoid; /* one more than the engine that is not to have it if another can; 0: none */
    bool alone;     /* an engine runs a task, or a block, of it and has nothing else meanwhile */
    uint64_t turn;  /* when it joined the queue; 0: before all others */
    struct lot *prev, *next;
    struct lot *sibling; /* of the rows that wait again; also of spare lots */
};

struct queue {
    struct engine *owner;         /* of an engine's own queue; NULL: a shared one, of */
    const struct nv_set *engines; /* these, */
    const struct nv_set *near;    /* among which these first, when there are any */
    int priority;
    struct lot *first, *last;
    uint64_t users;     /* jobs, of a shared queue */
    uint64_t extra;     /* capacity of its engines beyond 1 each */
    uint64_t idle;      /* capacity that stands idle, while recall.c makes its round */
    size_t keeper;      /* where an engine that is near had room last */
    struct queue *next; /* an engine's own of a lower priority, or a spare one */
};

struct job {
    uint64_t id; /* 0: free */
    struct nv_job_spec spec;
    uint64_t waiting, running;
    bool ended;  /* nothing more will be sent: cancelled, or an open job at its end */
    bool stays;  /* tasks that were sent are never asked back */
    double cost; /* of the tasks that wait */
    double rate; /* seconds for a unit of cost; negative: not known */
    uint64_t round, round_left; /* factoring: tasks of a chunk, chunks that are left */
    struct queue *queue;        /* of a balanced job; NULL: its lots are the engines' own */
    struct lot *lots;           /* allocated, or `one` */
    size_t lot_count;
    struct lot one;
    struct lot *back; /* rows that wait again */
    size_t slot;
    uint32_t generation;
    struct job *next_free;
};

/* Tasks that are with an engine: a chunk, or what is left of one on both sides of an answer. */
struct chunk {
    uint64_t job, first, left;
    uint64_t serial; /* the same for all pieces of one chunk */
    double each;     /* seconds that a task was thought to take */
    uint64_t bytes;  /* of inputs */
};

struct ring {
    struct engine *first, *last;
};

struct engine {
    bool present, held, last;
    bool behind; /* another one stands for it */
    bool idle;   /* some of its capacity has no task, and it is not held */
    bool asked;  /* for a row, and has not answered */
    bool alone;  /* it has a task that runs alone */
    uint32_t capacity;
    struct ring *ring; /* NULL: it has no room */
    struct engine *prev, *next;
    struct queue *own; /* one for each priority it has seen, highest first */
    uint64_t own_lots;
    struct chunk *chunks; /* oldest first */
    size_t count, room;
    uint64_t sends; /* chunks of which something is left */
    uint64_t tasks;
    double ahead;    /* seconds of work that it is thought to have */
    uint64_t bytes;  /* of inputs that it has */
    double pace;     /* how much longer than usual its tasks take */
    double since;    /* when it answered last, or began */
    double turn;     /* since when, as far as is known here, it runs the first of its tasks */
    uint64_t worked; /* tasks that it has run, */
    double seconds;  /*   and how long */
    uint64_t asked_job, asked_first, asked_count;
    struct lot *spare; /* for what it was asked for */
};

/* What is known of a kernel's tasks. */
struct times {
    double mean; /* seconds; negative: nothing is known */
    double variance;
    double longest; /* of the means of rows */
    uint64_t rows;  /* that were answered */
};

struct nv_sched {
    int engine_count;
    bool paused;
    uint32_t present; /* engines */
    struct engine *engines;
    struct ring ready;     /* with room; those with lots of their own in front */
    struct ring behind;    /* with room, but offered work after those */
    struct ring unfit;     /* with room, but no lot is in a queue that they may take from */
    struct queue **queues; /* shared ones */
    size_t queue_count, queue_room;
    struct queue *spare_queues;
    struct lot *spare_lots;
    uint64_t shared; /* lots in shared queues */
    uint64_t turn, serial;
    uint64_t extra;    /* capacity of all engines beyond 1 each */
    struct job **jobs; /* by slot */
    size_t job_count, job_room;
    struct job *free_jobs;
    struct times *times; /* by kernel */
    size_t time_room;
    double now, look_again; /* look_again: recall.c rests until then */
    uint64_t movable;       /* tasks with engines that could be asked back */
    uint64_t idle;          /* engines */
    bool asking;            /* recall.c is amid a round */
    int next_asked;
    double most_behind;
};

/* ----------------------------------------------------------------------------------- lot.c */

/* The engine has room: in front when it has lots of its own, at the end otherwise. */
void nv_engine_ready(struct nv_sched *sched, struct engine *engine);
void nv_engine_unfit(struct nv_sched *sched, struct engine *engine);
/* It has none until it answers something. */
void nv_engine_full(struct nv_sched *sched, struct engine *engine);
/* After its tasks or its being held changed. */
void nv_engine_count_idle(struct nv_sched *sched, struct engine *engine);
/* There is something new to take. */
void nv_engine_all_fit(struct nv_sched *sched);

/* After the lot changed: in its queue while it has tasks, at the end of it. */
void nv_lot_requeue(struct nv_sched *sched, struct lot *lot);
/* A lot that came back, with tasks: in front of its queue. */
void nv_lot_first(struct nv_sched *sched, struct lot *lot);
/* The lot has no tasks any more. */
void nv_lot_drop(struct nv_sched *sched, struct lot *lot);
/* Tasks of it that can go in one chunk; takes so many away. */
uint64_t nv_lot_row(const struct lot *lot);
void nv_lot_advance(struct lot *lot, uint64_t count);
/* The lot that the engine takes from next; NULL: none that it may. */
struct lot *nv_lot_for(struct nv_sched *sched, struct engine *engine);
/* From and to the spare ones; NULL: out of memory. */
struct lot *nv_lot_new(struct nv_sched *sched);
void nv_lot_spare(struct nv_sched *sched, struct lot *lot);
void nv_lot_free(struct lot *siblings);

/* The queue that is shared by these engines, joined; NULL: out of memory. */
struct queue *nv_queue_join(struct nv_sched *sched, const struct nv_job_spec *spec);
void nv_queue_leave(struct nv_sched *sched, struct queue *queue);
/* An engine's own queue of a priority; NULL: out of memory. */
struct queue *nv_queue_own(struct engine *engine, int priority);

static inline struct job *nv_job_find(const struct nv_sched *sched, uint64_t id)
{
    size_t slot = (size_t)(id & UINT32_MAX);
    struct job *job = slot < sched->job_count ? sched->jobs[slot] : NULL;
    return job != NULL && job->id == id && id != 0 ? job : NULL;
}

/* Engines that a balanced job has. */
static inline uint64_t nv_queue_capacity(const struct queue *queue)
{
    return queue->engines->count + queue->extra;
}

/* ----------------------------------------------------------------------------------- job.c */

void nv_job_free(struct job *job);

/* ------------------------------------------------------------------------------- portion.c */

/* Whether the engine should get another chunk, of this lot. */
bool nv_portion_room(const struct nv_sched *sched, const struct engine *engine,
                     const struct lot *lot);
/* How many tasks of the lot it gets; of factoring, one chunk less is left of the round then. */
uint64_t nv_portion_cut(const struct nv_sched *sched, const struct engine *engine,
                        const struct lot *lot);
/* Seconds that the engine is thought to need for these tasks; negative: not known. */
double nv_portion_seconds(const struct nv_sched *sched, const struct engine *engine,
                          const struct job *job, uint64_t first, uint64_t count);
/* It needed so many seconds. */
void nv_portion_learn(struct nv_sched *sched, struct engine *engine, struct job *job,
                      uint64_t first, uint64_t count, double seconds);
/* What the tasks cost together, where the job knows. */
double nv_portion_cost(const struct job *job, uint64_t first, uint64_t count);
/* The tasks in a chunk of the static cyclic policy. */
uint64_t nv_portion_cycle(const struct nv_job_spec *spec);

static inline bool nv_placing_static(const struct nv_job_spec *spec)
{
    return spec->placing == NV_STATIC_BLOCK || spec->placing == NV_STATIC_CYCLIC;
}

/* Of a balanced job whose tasks wait for any of its engines, and whose end is known. */
static inline bool nv_job_has_shares(const struct job *job)
{
    return job->queue != NULL && !job->spec.open;
}

#endif
