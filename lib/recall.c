/* recall - what to ask back from whom, when engines stand idle: see sched.h.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  Chunks are short by what is known when they are sent.  This is for when that was
 * wrong: tasks that last a thousand times longer than those before, an engine that another program
 * slows down.  An engine looks for messages between two tasks, so the task that runs and the one
 * after it are not worth asking for.  Of n tasks behind, with k others idle, nk/(k+1) are asked for:
 * all have the same number then.  An engine that has been silent for much longer than its task
 * should last is thought to be at the first of many such tasks.
 *
 * A round counts who is idle and how much the engine has that is furthest behind, then asks, one a
 * call, those that have half as much or more, until there is something for everyone.  A pause
 * between rounds bounds what all of this costs where there are many engines.
 */
#include "plan.h"

#define KEPT_SECONDS 200e-6 /* an engine that is done sooner keeps what it has */
#define ASKED_SECONDS 50e-6 /* a row that lasts less is not worth two messages */
#define SILENT_SECONDS 1e-3 /* engines answer at times, not after each task */
#define PAUSE_SECONDS 50e-6 /* between rounds, and for each engine: */
#define PAUSE_EACH 100e-9

struct tail {
    const struct chunk *chunk;
    const struct job *job;
    uint64_t count;
    double seconds; /* that it will last */
};

static double each_now(const struct nv_sched *sched, const struct engine *engine,
                       const struct job *job, const struct chunk *chunk)
{
    double each = nv_portion_seconds(sched, engine, job, chunk->first, 1);
    return each > 0 ? each : 0;
}

/* How long the engine has been silent beyond what was to be expected; 0: it has not. */
static double silence(const struct nv_sched *sched, const struct engine *engine)
{
    const struct job *job = nv_job_find(sched, engine->chunks[0].job);
    double silent = sched->now - engine->since;
    double each = job != NULL ? each_now(sched, engine, job, &engine->chunks[0]) : 0;
    return silent > 2 * each + SILENT_SECONDS ? silent : 0;
}

/* Seconds that a task of chunk c will take, by all that is known now. */
static double each_likely(const struct nv_sched *sched, const struct engine *engine, size_t c,
                          double silent)
{
    const struct job *first = nv_job_find(sched, engine->chunks[0].job);
    const struct job *job = nv_job_find(sched, engine->chunks[c].job);
    double each = job != NULL ? each_now(sched, engine, job, &engine->chunks[c]) : 0;
    bool alike = job != NULL && first != NULL && job->spec.kernel == first->spec.kernel;
    return alike && silent > each ? silent : each;
}

/* The last chunk with tasks that somebody idle may run. */
static bool last_movable(const struct nv_sched *sched, const struct engine *engine, size_t *at)
{
    for (size_t c = engine->count; c-- > 0;) {
        const struct job *job = nv_job_find(sched, engine->chunks[c].job);
        if (job != NULL && !job->stays && !job->ended && job->queue->idle > 0) {
            *at = c;
            return true;
        }
    }
    return false;
}

/* Tasks at the end of chunk c to ask for.  Those that run are thought to be the first ones. */
static uint64_t tasks_to_ask(const struct engine *engine, size_t c, const struct job *job)
{
    const struct chunk *chunk = &engine->chunks[c];
    uint64_t capacity = engine->capacity, idle = job->queue->idle, before = 0, started, count;
    for (size_t i = 0; i < c; i++)
        before += engine->chunks[i].left;
    started = before < capacity ? capacity - before : 0;
    if (engine->tasks <= capacity || chunk->left <= started)
        return 0;
    count = (engine->tasks - capacity) * idle / (idle + capacity);
    return count < chunk->left - started ? count : chunk->left - started;
}

static bool find_tail(const struct nv_sched *sched, const struct engine *engine, struct tail *tail)
{
    double silent, seconds = 0;
    size_t at;
    if (engine->asked || engine->tasks <= engine->capacity || !last_movable(sched, engine, &at))
        return false;
    tail->chunk = &engine->chunks[at];
    tail->job = nv_job_find(sched, tail->chunk->job);
    tail->count = tasks_to_ask(engine, at, tail->job);
    silent = silence(sched, engine);
    for (size_t c = 0; c < engine->count; c++)
        seconds += (double)engine->chunks[c].left * each_likely(sched, engine, c, silent);
    tail->seconds = (double)tail->count * each_likely(sched, engine, at, silent);
    if (silent == 0) /* it has got on since it answered */
        seconds -= sched->now - engine->since;
    return tail->count > 0 && tail->seconds >= ASKED_SECONDS * engine->capacity &&
           seconds - tail->seconds >= KEPT_SECONDS * engine->capacity;
}

/* Whether nothing waits that the idle engine may run. */
static bool found_nothing(const struct nv_sched *sched, const struct engine *engine)
{
    return engine->idle && engine->own_lots == 0 &&
           (sched->shared == 0 || engine->ring == &sched->unfit);
}

static void count_idle(struct nv_sched *sched, const struct engine *engine)
{
    size_t number = (size_t)(engine - sched->engines);
    for (size_t i = 0; i < sched->queue_count; i++)
        if (nv_set_has(sched->queues[i]->engines, number))
            sched->queues[i]->idle += engine->capacity - engine->tasks;
}

static void begin_round(struct nv_sched *sched)
{
    sched->asking = true;
    sched->next_asked = 0;
    sched->most_behind = 0;
    for (size_t i = 0; i < sched->queue_count; i++)
        sched->queues[i]->idle = 0;
    for (int e = 0; e < sched->engine_count; e++)
        if (found_nothing(sched, &sched->engines[e]))
            count_idle(sched, &sched->engines[e]);
    for (int e = 0; e < sched->engine_count; e++) {
        struct tail tail;
        if (find_tail(sched, &sched->engines[e], &tail) && tail.seconds > sched->most_behind)
            sched->most_behind = tail.seconds;
    }
}

static bool ask(struct nv_sched *sched, struct engine *engine, struct nv_send *recall)
{
    struct tail tail;
    uint64_t idle;
    if (!find_tail(sched, engine, &tail) || tail.seconds < sched->most_behind / 2)
        return false;
    if (engine->spare == NULL)
        engine->spare = nv_lot_new(sched);
    if (engine->spare == NULL)
        return false;
    *recall = (struct nv_send){tail.chunk->job, tail.chunk->first + tail.chunk->left - tail.count,
                               tail.count, (int)(engine - sched->engines)};
    engine->asked = true;
    engine->asked_job = recall->job;
    engine->asked_first = recall->first;
    engine->asked_count = recall->count;
    idle = tail.job->queue->idle;
    tail.job->queue->idle = idle > tail.count ? idle - tail.count : 0;
    return true;
}

bool nv_sched_recall(struct nv_sched *sched, struct nv_send *recall)
{
    if (sched->idle == 0 || sched->movable == 0) {
        sched->asking = false;
        return false;
    }
    if (!sched->asking) {
        if (sched->now < sched->look_again)
            return false;
        begin_round(sched);
    }
    while (sched->most_behind > 0 && sched->next_asked < sched->engine_count)
        if (ask(sched, &sched->engines[sched->next_asked++], recall))
            return true;
    sched->asking = false;
    sched->look_again = sched->now + PAUSE_SECONDS + PAUSE_EACH * sched->engine_count;
    return false;
}

bool nv_sched_recall_possible(const struct nv_sched *sched)
{
    return sched->idle > 0 && sched->movable > 0;
}
