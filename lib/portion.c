/* portion - how many tasks at a time, and how far ahead: see plan.h.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  Tasks of unknown length go singly (to a sub-hub: one for each engine behind it).
 * Then a chunk is as long as will probably last NV_CHUNK_SECONDS, a standard deviation included, so
 * that kernels with a few long tasks among many short ones get short chunks; and for balanced jobs
 * it is at most R/2P (factoring, see nave.h).  Where the caller gave costs, seconds for a unit of
 * cost are learnt in place of seconds for a task, and R is a cost.
 *
 * A hub of many engines makes chunks longer than NV_CHUNK_SECONDS, in proportion to their number, so
 * that it is not asked more often than it can answer.
 *
 * How far ahead: short tasks are sent while an engine has less work than a chunk's and,
 * for balanced jobs, less than R/P; one chunk waits behind the running one while tasks are shorter
 * than NV_AHEAD_SECONDS and plenty are left.
 *
 * All times are for an engine of usual speed.  One that is slower by more than twice gets less;
 * smaller differences are noise, or even out by themselves, and a fast engine is only asked more
 * often.
 */
#include "plan.h"

#include <float.h>
#include <math.h>

#define HUB_SECONDS 6e-6 /* a chunk and its answers take the hub about half of that */
#define GROUP_CHUNKS 4   /* of its engines' in a chunk for a sub-hub */
#define PACE_LIMIT 2.0   /* engines that are slower by this factor at most are like others */
#define PACE_MOST 8.0    /* what one answer can say: the first times of a kernel are far off */
#define LONGEST_SIGMAS 3 /* longer than the mean than hardly any task is */
#define LEAST_EACH (NV_CHUNK_SECONDS / (double)NV_CHUNK_LIMIT)

/* -------------------------------------------------------------------------------- what is known */

static double pace_of(const struct engine *engine)
{
    return engine->pace > PACE_LIMIT ? engine->pace : 1;
}

static double cost_at(const struct job *job, uint64_t task)
{
    double cost = job->spec.costs[task];
    return cost > 0 ? cost : 0;
}

double nv_portion_cost(const struct job *job, uint64_t first, uint64_t count)
{
    double cost = 0;
    for (uint64_t t = first; t < first + count; t++)
        cost += cost_at(job, t);
    return cost;
}

double nv_portion_seconds(const struct nv_sched *sched, const struct engine *engine,
                          const struct job *job, uint64_t first, uint64_t count)
{
    double each = sched->times[job->spec.kernel].mean;
    if (job->spec.costs != NULL)
        return job->rate < 0 ? -1
                             : job->rate * nv_portion_cost(job, first, count) * pace_of(engine);
    return each < 0 ? -1 : each * (double)count * pace_of(engine);
}

static void learn_pace(struct engine *engine, double ratio, double count)
{
    double weight = count / (count + 15);
    ratio = ratio > PACE_MOST ? PACE_MOST : ratio < 1 / PACE_MOST ? 1 / PACE_MOST : ratio;
    engine->pace += (weight < 0.25 ? weight : 0.25) * (ratio - engine->pace);
}

/* The mean follows at once what is new, yet one engine's row does not make it alone.  Long tasks
 * among many short ones are remembered for longer.  A row's mean is off by sigma / sqrt(count). */
static void learn_times(struct times *times, double mean, double count)
{
    double weight = count / (count + 7), off = mean - times->mean;
    if (times->rows++ == 0) {
        *times = (struct times){.mean = mean, .longest = mean, .rows = 1};
        return;
    }
    if (mean > times->longest)
        times->longest = mean;
    if (times->rows > 4 && weight > 0.25)
        weight = 0.25;
    times->mean += weight * off;
    times->variance += count / (count + 63) * (count * off * off - times->variance);
}

static void learn_rate(struct job *job, double cost, double count, double seconds)
{
    double weight = count / (count + 7);
    if (cost > 0)
        job->rate =
            job->rate < 0 ? seconds / cost : job->rate + weight * (seconds / cost - job->rate);
}

void nv_portion_learn(struct nv_sched *sched, struct engine *engine, struct job *job,
                      uint64_t first, uint64_t count, double seconds)
{
    double pace = pace_of(engine);
    double expected = nv_portion_seconds(sched, engine, job, first, count) / pace;
    if (expected > 0)
        learn_pace(engine, seconds / expected, (double)count);
    if (job->spec.costs != NULL)
        learn_rate(job, nv_portion_cost(job, first, count), (double)count, seconds);
    learn_times(&sched->times[job->spec.kernel], seconds / (double)count, (double)count);
}

double nv_sched_longest(const struct nv_sched *sched, uint32_t kernel)
{
    const struct times *times = kernel < sched->time_room ? &sched->times[kernel] : NULL;
    if (times == NULL || times->rows == 0)
        return 0;
    return fmin(times->longest, times->mean + LONGEST_SIGMAS * sqrt(times->variance));
}

/* The work in a chunk: more where so many engines ask the hub that it could not keep up.  A sub-hub
 * answers for all of its engines at a time, and can always give some back. */
static double chunk_seconds(const struct nv_sched *sched, const struct engine *engine)
{
    double seconds = HUB_SECONDS * (double)sched->present;
    if (seconds < NV_CHUNK_SECONDS)
        seconds = NV_CHUNK_SECONDS;
    return engine->capacity == 1 ? seconds : GROUP_CHUNKS * seconds * engine->capacity;
}

/* ------------------------------------------------------------------------------------- how much */

/* Of R tasks in `rounds` rounds, the part of this engine, rounded up.  A slow one has less. */
static uint64_t share(const struct engine *engine, const struct job *job, uint64_t rounds)
{
    uint64_t parts = rounds * nv_queue_capacity(job->queue), waiting = job->waiting;
    uint64_t rest = waiting % parts * engine->capacity;
    uint64_t share = waiting / parts * engine->capacity + rest / parts + (rest % parts != 0);
    return engine->pace > PACE_LIMIT ? (uint64_t)((double)share / engine->pace) : share;
}

/* n tasks last n * mean + sqrt(n) * sigma. */
static uint64_t tasks_in(const struct times *times, double pace, double seconds)
{
    double mean = times->mean * pace, sigma = sqrt(times->variance) * pace, root;
    if (mean < LEAST_EACH)
        return NV_CHUNK_LIMIT;
    if (!(sigma > 0))
        return (uint64_t)(seconds / mean);
    root = 2 * seconds / (sigma + sqrt(sigma * sigma + 4 * mean * seconds));
    return (uint64_t)(root * root);
}

static uint64_t tasks_of_cost(const struct engine *engine, const struct lot *lot, double seconds)
{
    const struct job *job = lot->job;
    double each = job->rate * pace_of(engine), cost = 0;
    double most = job->cost * engine->capacity / (2 * (double)nv_queue_capacity(job->queue));
    uint64_t count = 0, left = nv_lot_row(lot);
    if (left > job->spec.max_chunk)
        left = job->spec.max_chunk;
    while (count < left) {
        cost += cost_at(job, lot->first + count);
        if (cost * each > seconds || cost > most)
            break;
        count++;
    }
    return count;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* As much as lasts for a while, but as many at least as can start at once. */
static uint64_t tuned(const struct nv_sched *sched, const struct engine *engine,
                      const struct lot *lot)
{
    const struct job *job = lot->job;
    const struct times *times = &sched->times[job->spec.kernel];
    double seconds = chunk_seconds(sched, engine);
    uint64_t start = engine->tasks < engine->capacity ? engine->capacity - engine->tasks : 0;
    double each = nv_portion_seconds(sched, engine, job, lot->first, 1);
    uint64_t chunk = 0;
    if (each >= 0 && each < NV_AHEAD_SECONDS && job->spec.costs != NULL)
        chunk = tasks_of_cost(engine, lot, seconds);
    else if (each >= 0 && each < NV_AHEAD_SECONDS)
        chunk = tasks_in(times, pace_of(engine), seconds);
    if (nv_job_has_shares(job)) {
        chunk = least(chunk, share(engine, job, 2));
        start = least(start, share(engine, job, 1));
    }
    return most(chunk, start);
}

/* Rounds of as many chunks as there are engines, all of one size. */
static uint64_t factoring(const struct engine *engine, struct job *job)
{
    uint64_t parts = nv_queue_capacity(job->queue), chunks;
    if (job->round_left == 0) {
        job->round = most((job->waiting + 2 * parts - 1) / (2 * parts), job->spec.chunk);
        job->round_left = parts;
    }
    chunks = least(job->round_left, engine->capacity);
    job->round_left -= chunks;
    return job->round * chunks;
}

uint64_t nv_portion_cycle(const struct nv_job_spec *spec)
{
    uint64_t chunk = least(most(spec->chunk, 1), spec->max_chunk);
    return spec->block > 1 ? most(chunk / spec->block, 1) * spec->block : chunk;
}

static uint64_t by_policy(const struct nv_sched *sched, const struct engine *engine,
                          const struct lot *lot)
{
    struct job *job = lot->job;
    uint64_t chunk = job->spec.chunk;
    if (nv_job_has_shares(job) && job->spec.placing == NV_GUIDED)
        return most(share(engine, job, 1), chunk);
    if (nv_job_has_shares(job) && job->spec.placing == NV_FACTORING)
        return factoring(engine, job);
    if (chunk > 0)
        return chunk;
    switch (job->spec.placing) {
    case NV_FIFO:
    case NV_STATIC_CYCLIC:
        return 1;
    case NV_STATIC_BLOCK:
        return NV_CHUNK_LIMIT;
    default:
        return tuned(sched, engine, lot);
    }
}

uint64_t nv_portion_cut(const struct nv_sched *sched, const struct engine *engine,
                        const struct lot *lot)
{
    const struct nv_job_spec *spec = &lot->job->spec;
    uint64_t chunk;
    if (nv_lot_row(lot) == 1)
        return 1;
    if (lot->alone)
        return least(most(spec->block, 1), nv_lot_row(lot));
    chunk = least(by_policy(sched, engine, lot), NV_CHUNK_LIMIT);
    chunk = most(least(chunk, spec->max_chunk), 1);
    if (spec->block > 1) /* blocks stay whole */
        chunk = most(chunk / spec->block, 1) * spec->block;
    return least(chunk, nv_lot_row(lot));
}

/* ------------------------------------------------------------------------------------- how far */

/* Seconds of what waits that are the engine's part. */
static double part_seconds(const struct engine *engine, const struct job *job, double each)
{
    double part;
    if (!nv_job_has_shares(job))
        return DBL_MAX;
    part = engine->capacity / (double)nv_queue_capacity(job->queue);
    if (job->spec.costs != NULL)
        return job->cost * job->rate * part;
    return (double)job->waiting * each * part;
}

static bool tuned_room(const struct nv_sched *sched, const struct engine *engine,
                       const struct job *job, double each)
{
    double part = part_seconds(engine, job, each), capacity = engine->capacity;
    double ahead = engine->ahead + each;
    if (each >= NV_AHEAD_SECONDS)
        return false;
    if (ahead < chunk_seconds(sched, engine) && ahead <= part)
        return true;
    return (engine->sends < 2 || engine->tasks < 2 * (uint64_t)engine->capacity) &&
           part >= 2 * capacity * each;
}

bool nv_portion_room(const struct nv_sched *sched, const struct engine *engine,
                     const struct lot *lot)
{
    const struct job *job = lot->job;
    uint64_t window = job->spec.window;
    double each;
    if (engine->tasks < engine->capacity)
        return true;
    if (engine->alone || lot->alone)
        return false;
    if (window == 0 && job->spec.placing == NV_FIFO)
        window = 1;
    if (window > 0)
        return engine->sends < window * engine->capacity;
    if (engine->sends >= NV_CHUNKS_AHEAD * (uint64_t)engine->capacity ||
        (engine->sends >= 2 && engine->bytes >= NV_BYTES_AHEAD * engine->capacity))
        return false;
    if (nv_placing_static(&job->spec))
        return true;
    each = nv_portion_seconds(sched, engine, job, lot->first, 1);
    if (each < 0)
        return false;
    if (job->spec.placing == NV_GUIDED || job->spec.placing == NV_FACTORING)
        return engine->sends < 2 && engine->ahead < chunk_seconds(sched, engine);
    return tuned_room(sched, engine, job, each);
}
