/* sched - which tasks go to which engine, and when.  Pure: no MPI, no clock, no I/O.
 *
 * The hub tells events (job added, tasks answered, job cancelled) and asks for actions: "send tasks
 * first..first+count-1 of this job to that engine", until there is none.  The same code runs in
 * unit tests against a plain model.
 *
 * Invariants.  Every task of a job is sent exactly once unless the job is cancelled first.  What is
 * with an engine is a row of chunks; the engine answers each task once.  No engine sits without
 * work while a task waits that it may run.  Nothing is allocated by nv_sched_next() except, at
 * times, to grow an engine's row of chunks.
 *
 * Design notes.  A job's tasks lie in lots: one lot for a balanced job, in the queue of all engines
 * that may run it; one lot for each engine of a direct job, in that engine's own queue.  A lot that
 * has given a chunk goes to the end of its queue, so jobs take turns.  Engines with room are kept
 * in a ring; those with work of their own stand in front.  Those that found nothing they may take
 * stand in a second ring until there is a new lot: a look at them for each chunk would cost much
 * where many engines serve few kernels.
 *
 * How much at a time: tasks of unknown length go singly.  Then a chunk lasts about NV_CHUNK_SECONDS
 * and, for balanced jobs, is at most 1/(2P) of what is left (factoring, see nave.h).  How far
 * ahead: short tasks are sent while an engine has less than NV_CHUNK_SECONDS of work and, for
 * balanced jobs, less than 1/P of what is left; one chunk waits behind the running one while tasks
 * are shorter than NV_AHEAD_SECONDS and plenty are left.
 */
#ifndef NV_SCHED_H
#define NV_SCHED_H

#include "set.h"

struct nv_sched;

struct nv_job_spec {
    void *owner;        /* given back by nv_sched_owner() */
    uint32_t kernel;    /* times are kept for each kernel; small numbers */
    uint64_t count;     /* tasks; of an open job: those that may be sent so far */
    bool open;          /* the end is not known, see nv_sched_extend() and nv_sched_end() */
    uint64_t max_chunk; /* as many tasks fit into a frame; at least 1 */
    uint64_t chunk;     /* the caller's wish; 0: tuned */
    uint64_t window;    /* likewise: chunks with an engine */
    uint64_t block;     /* chunks are whole blocks, one at least; 0: anything */
    const struct nv_set *engines; /* balanced: any of these; borrowed until nv_sched_remove() */
    const int *named; /* direct: block by block over these, in place of `engines`; copied */
    size_t named_count;
};

struct nv_send {
    uint64_t job;
    uint64_t first, count;
    int engine;
};

/* A scheduler for engines numbered below `engines`, all absent at first.  NULL: out of memory. */
struct nv_sched *nv_sched_new(int engines);
void nv_sched_free(struct nv_sched *sched);
void nv_sched_engine_add(struct nv_sched *sched, int engine);

/* Adds a job and gives its id, never 0; 0 when out of memory.  A job of no tasks is fine. */
uint64_t nv_sched_add(struct nv_sched *sched, const struct nv_job_spec *spec);

/* An open job may send its tasks up to `count` in all. */
void nv_sched_extend(struct nv_sched *sched, uint64_t job, uint64_t count);

/* Of the last send of an open job only the first `got` tasks went: the others wait again, or (end)
 * there are no others. */
void nv_sched_return(struct nv_sched *sched, const struct nv_send *send, uint64_t got, bool end);

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

/* Forgets a job of which all tasks were answered or dropped. */
void nv_sched_remove(struct nv_sched *sched, uint64_t job);

/* The owner of a job; NULL when there is no such job. */
void *nv_sched_owner(const struct nv_sched *sched, uint64_t job);

/* The next thing to send: true, or false when nothing can be sent now. */
bool nv_sched_next(struct nv_sched *sched, struct nv_send *send);

/* Tasks of a job that are with engines; tasks that are with an engine. */
uint64_t nv_sched_running(const struct nv_sched *sched, uint64_t job);
uint64_t nv_sched_load(const struct nv_sched *sched, int engine);

#endif
