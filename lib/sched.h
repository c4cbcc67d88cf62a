/* sched - which tasks go to which engine, and when.  Pure: no MPI, no clock, no I/O.
 *
 * The hub tells events (job added, tasks answered, job cancelled) and asks for actions: "send tasks
 * first..first+count-1 of this job to that engine", until there is none; then "ask that engine to
 * give these tasks back", until there is none.  The same code runs at a sub-hub, in the simulator,
 * and in unit tests against a plain model.
 *
 * Invariants.  Every task of a job is sent exactly once unless the job is cancelled first, an engine
 * gives it back unstarted, or it is to be run again.  What is with an engine is a row of chunks; the engine answers
 * each task once.  No engine sits without work while a task waits that it may run, unless it is
 * held.  Nothing is allocated by nv_sched_next() except, at times, to grow an engine's row of
 * chunks.
 *
 * Design notes.  An engine may stand for several behind it (a sub-hub); that number is its
 * capacity, and wherever engines are counted below, capacities are.  A job's tasks lie in lots: one
 * lot for a balanced job, in the queue of all engines that may run it; one lot for each engine of a
 * direct or static job, in that engine's own queue; one more for each row that waits again: one
 * that an engine gave back goes to the front, one that is to be run again to the end.  A lot that has
 * given a chunk goes to the end of its queue, so jobs of one priority take turns.  Engines with room are kept in a ring; those with work of their
 * own stand in front, those that are to be last in a ring behind.  Those that found nothing they may
 * take stand in another ring until there is a new lot: a look at them for each chunk would cost
 * much where many engines serve few kernels.
 *
 * The rest is in files that share plan.h: job.c (how tasks are laid out), lot.c (what waits, and who
 * has room), portion.c (how much at a time, and what was learnt of times), recall.c (what to ask
 * back), sched.c (sends and answers).
 */
#ifndef NV_SCHED_H
#define NV_SCHED_H

#include "set.h"

struct nv_sched;

/* How tasks are dealt out.  R: tasks that wait; P: engines.  Where not said otherwise the caller's
 * `chunk` and `window` replace what the policy would choose. */
enum nv_placing {
    NV_TUNED = 0,     /* chunks of a millisecond by the times learnt, R/2P at most */
    NV_FIFO,          /* one task at a time, in order, none waits at an engine */
    NV_GUIDED,        /* R/P; `chunk` is the least */
    NV_FACTORING,     /* rounds of P chunks of R/2P; `chunk` is the least */
    NV_STATIC_BLOCK,  /* a part for each engine, at once */
    NV_STATIC_CYCLIC, /* chunk c for engine c mod P, at once; chunks of one task */
    NV_LOCALITY       /* tuned; engines that are not near take what those near have no room for */
};

struct nv_job_spec {
    void *owner;        /* given back by nv_sched_owner() */
    uint32_t kernel;    /* times are kept for each kernel; small numbers */
    uint64_t count;     /* tasks; of an open job: those that may be sent so far */
    bool open;          /* the end is not known, see nv_sched_extend() and nv_sched_return() */
    uint64_t max_chunk; /* as many tasks fit into a frame; at least 1 */
    uint64_t chunk;     /* the caller's wish; 0: tuned */
    uint64_t window;    /* likewise: chunks with an engine */
    uint64_t block;     /* chunks are whole blocks, one at least; 0: anything */
    const struct nv_set *engines; /* balanced: any of these; borrowed until nv_sched_remove() */
    const int *named; /* direct: block by block over these, in place of `engines`; copied */
    size_t named_count;
    enum nv_placing placing; /* direct jobs know NV_FIFO and NV_STATIC_BLOCK only, open ones NV_FIFO
                                  and NV_LOCALITY: they are tuned otherwise */
    const struct nv_set *near; /* NV_LOCALITY: these first; borrowed as `engines` is */
    int priority;              /* higher ones go first; own tasks of an engine before all shared */
    bool urgent;               /* goes on while the scheduler is paused; direct jobs only */
    const double *costs;       /* of each task, in any unit, falling; of balanced jobs that are not
                                  open; borrowed as `engines` is; NULL: all alike */
};

struct nv_send {
    uint64_t job;
    uint64_t first, count;
    int engine;
};

/* A scheduler for engines numbered below `engines`, all absent at first.  NULL: out of memory. */
struct nv_sched *nv_sched_new(int engines);
void nv_sched_free(struct nv_sched *sched);

/* An engine is there from now on.  One with a `capacity` of more than 1 stands for so many, runs as
 * many tasks at a time, and may answer its tasks in any order. */
void nv_sched_engine_add(struct nv_sched *sched, int engine, uint32_t capacity);

/* From now on the engine is offered tasks only after all others had theirs. */
void nv_sched_engine_last(struct nv_sched *sched, int engine);

/* The engine is behind another one as well, which stands for it (a sub-hub): those that ask the hub
 * and stand idle are counted without it.  Its own tasks come as to any other. */
void nv_sched_engine_behind(struct nv_sched *sched, int engine);

/* While it is paused only urgent jobs are given to engines. */
void nv_sched_pause(struct nv_sched *sched, bool pause);

/* Tasks that an engine has run so far, without urgent ones, and the seconds that they took; and it has run
 * some that were not sent to it. */
void nv_sched_worked(const struct nv_sched *sched, int engine, uint64_t *tasks, double *seconds);
void nv_sched_grew(struct nv_sched *sched, int engine, uint64_t tasks);

/* While it is held an engine is given nothing.  Returns whether that is new. */
bool nv_sched_engine_hold(struct nv_sched *sched, int engine, bool hold);

/* What time it is, in seconds of any clock that never goes back: for nv_sched_recall(), which tells
 * by it who has been silent for long.  To be told once before each round of events. */
void nv_sched_time(struct nv_sched *sched, double now);

/* The policy of that name: "auto", "fifo", "guided", "factoring", "static-block", "static-cyclic",
 * "locality".  False when there is none. */
bool nv_sched_placing(const char *name, enum nv_placing *placing);

/* Adds a job and gives its id, never 0; 0 when out of memory.  A job of no tasks is fine. */
uint64_t nv_sched_add(struct nv_sched *sched, const struct nv_job_spec *spec);

/* Takes away the tasks at the end of a row of a balanced job, as many as still wait: they are the
 * caller's.  Returns how many. */
uint64_t nv_sched_withdraw(struct nv_sched *sched, uint64_t job, uint64_t first, uint64_t count);

/* A balanced job without costs has tasks up to `count` in all from now on; an open one may send as
 * many. */
void nv_sched_extend(struct nv_sched *sched, uint64_t job, uint64_t count);

/* Of the last send of an open job only the first `got` tasks went: the others wait again, or (end)
 * there are no others. */
void nv_sched_return(struct nv_sched *sched, const struct nv_send *send, uint64_t got, bool end);

/* Some tasks of a send that was just made are not to be run: they are done with.  False: out of
 * memory. */
bool nv_sched_skip(struct nv_sched *sched, const struct nv_send *send, uint64_t first,
                   uint64_t count);

/* How many bytes of input went with the last send: an engine that has NV_BYTES_AHEAD gets no third
 * chunk. */
void nv_sched_weigh(struct nv_sched *sched, const struct nv_send *send, uint64_t bytes);

/* Drops what has not been sent; `dropped` (may be NULL) is told each row. */
void nv_sched_cancel(struct nv_sched *sched, uint64_t job,
                     void (*dropped)(void *arg, uint64_t first, uint64_t count), void *arg);

/* An engine has answered these tasks, after `seconds` of work on them (negative: none was done).
 * False when it did not have them. */
bool nv_sched_done(struct nv_sched *sched, int engine, uint64_t job, uint64_t first, uint64_t count,
                   double seconds);

/* Tasks that an engine has answered are to be run again, as if they had not been: by another engine
 * if there is one that may, in a direct or static job by the same, unless that is gone; one of a
 * static job goes to another then.  They wait behind all others of their priority.  `alone`: each of
 * them (each block) is the only one with its engine while it runs, and an engine that is to be last
 * has it only if no other may.  False when out of memory, when there is no such job, or no engine for
 * it. */
bool nv_sched_again(struct nv_sched *sched, int engine, uint64_t job, uint64_t first,
                    uint64_t count, bool alone);

/* The engine is there no more.  `orphan` is told each row of tasks that it had (`begun`), or that
 * waited for it alone: they are with nobody then and wait nowhere; it may call nv_sched_again(), and
 * nv_sched_remove() when that is all of a job.  To be called again after a direct job was added that
 * names it.  Engines of capacity 1 only. */
typedef void nv_sched_orphan(void *arg, uint64_t job, uint64_t first, uint64_t count, bool begun);
void nv_sched_engine_gone(struct nv_sched *sched, int engine, nv_sched_orphan *orphan, void *arg);

/* Whether any engine is there that may run tasks of the job. */
bool nv_sched_can_run(const struct nv_sched *sched, uint64_t job);

/* Forgets a job of which all tasks were answered or dropped. */
void nv_sched_remove(struct nv_sched *sched, uint64_t job);

/* The owner of a job; NULL when there is no such job. */
void *nv_sched_owner(const struct nv_sched *sched, uint64_t job);

/* The next thing to send: true, or false when nothing can be sent now. */
bool nv_sched_next(struct nv_sched *sched, struct nv_send *send);

/* The next row to ask back: the last tasks of a chunk that an engine has, while others stand idle;
 * false when there is none.  To be asked when nothing can be sent.  Never tasks of direct or open
 * jobs, of jobs in blocks or with costs, or of static policies.  An engine is asked again only
 * after its answer, which is the event below, also when it gives nothing back or the job has gone meanwhile.
 */
bool nv_sched_recall(struct nv_sched *sched, struct nv_send *recall);

/* Whether, as time goes by, there may be something to ask back though nothing else happens. */
bool nv_sched_recall_possible(const struct nv_sched *sched);

/* An engine that was asked for a row gives the last `count` tasks of it back, which it has not
 * started: they wait again, in front of others; those of a cancelled job are dropped.  The tasks
 * before them it has answered or will answer.  False when it was not asked so, or did not have
 * them. */
bool nv_sched_returned(struct nv_sched *sched, int engine, uint64_t job, uint64_t first,
                       uint64_t count, uint64_t asked_first, uint64_t asked_count);

/* The engine that has a task of a job, by its place; -1: none has. */
int nv_sched_whose(const struct nv_sched *sched, uint64_t job, uint64_t task);

/* Whether that task is the one that the engine runs, as far as its answers tell, and since when.  False of an engine
 * that stands for several. */
bool nv_sched_turn(const struct nv_sched *sched, int engine, uint64_t job, uint64_t task,
                   double *since);

/* The capacity of an engine that has no tasks; of one behind another, or that is not there, 0. */
uint64_t nv_sched_spare(const struct nv_sched *sched, int engine);

/* Whether an engine has capacity without a task, and is not held. */
bool nv_sched_idle(const struct nv_sched *sched);

/* Seconds that a task of the kernel may take, by those that were answered; 0: nothing is known. */
double nv_sched_longest(const struct nv_sched *sched, uint32_t kernel);

/* Tasks of a job that are with engines; tasks that are with an engine. */
uint64_t nv_sched_running(const struct nv_sched *sched, uint64_t job);
uint64_t nv_sched_load(const struct nv_sched *sched, int engine);

#endif
