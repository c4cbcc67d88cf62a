/* job - jobs come, change and go, and how their tasks are laid out: see plan.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <assert.h>
#include <stdlib.h>

/* ---------------------------------------------------------------------------------------- lots */

/* Part [from, to) of `parts` of the tasks, cut at blocks: where it begins and ends. */
static uint64_t part_begin(const struct nv_job_spec *spec, uint64_t from, uint64_t parts)
{
    uint64_t block = spec->block == 0 ? 1 : spec->block;
    uint64_t blocks = spec->count / block + (spec->count % block != 0);
    uint64_t whole = blocks / parts * from + blocks % parts * from / parts;
    return whole >= blocks ? spec->count : whole * block;
}

static void lot_of_part(struct lot *lot, uint64_t from, uint64_t to, uint64_t parts)
{
    const struct nv_job_spec *spec = &lot->job->spec;
    if (spec->placing == NV_STATIC_CYCLIC) {
        uint64_t chunk = nv_portion_cycle(spec);
        lot->first = from * chunk < spec->count ? from * chunk : spec->count;
        lot->end = spec->count;
        lot->step = parts * chunk;
        lot->width = lot->row = (to - from) * chunk;
    } else {
        lot->first = part_begin(spec, from, parts);
        lot->end = part_begin(spec, to, parts);
    }
}

static bool own_lot(struct job *job, struct lot *lot, struct engine *engine)
{
    lot->job = job;
    lot->queue = nv_queue_own(engine, job->spec.priority);
    return lot->queue != NULL;
}

/* A direct job has equal parts; parts of a static one are as large as engines are. */
static bool lots_of_direct(struct nv_sched *sched, struct job *job)
{
    for (size_t j = 0; j < job->lot_count; j++) {
        if (!own_lot(job, &job->lots[j], &sched->engines[job->spec.named[j]]))
            return false;
        lot_of_part(&job->lots[j], j, j + 1, job->lot_count);
    }
    return true;
}

static bool lots_of_static(struct nv_sched *sched, struct job *job)
{
    const struct nv_set *engines = job->spec.engines;
    uint64_t parts = 0, from = 0;
    size_t j = 0;
    for (size_t e = 0; e < engines->limit; e++)
        parts += nv_set_has(engines, e) ? sched->engines[e].capacity : 0;
    for (size_t e = 0; e < engines->limit; e++) {
        struct engine *engine = &sched->engines[e];
        if (!nv_set_has(engines, e))
            continue;
        if (!own_lot(job, &job->lots[j], engine))
            return false;
        lot_of_part(&job->lots[j++], from, from + engine->capacity, parts);
        from += engine->capacity;
    }
    return true;
}

static bool lot_of_balanced(struct nv_sched *sched, struct job *job)
{
    job->queue = nv_queue_join(sched, &job->spec);
    job->lots[0].job = job;
    job->lots[0].queue = job->queue;
    job->lots[0].end = job->spec.count;
    return job->queue != NULL;
}

static bool lay_out(struct nv_sched *sched, struct job *job)
{
    const struct nv_job_spec *spec = &job->spec;
    if (spec->engines == NULL)
        job->lot_count = spec->named_count;
    else
        job->lot_count = nv_placing_static(spec) ? spec->engines->count : 1;
    job->lots = &job->one;
    if (job->lot_count > 1)
        job->lots = calloc(job->lot_count, sizeof *job->lots);
    if (job->lots == NULL)
        return false;
    if (spec->engines == NULL)
        return lots_of_direct(sched, job);
    return nv_placing_static(spec) ? lots_of_static(sched, job) : lot_of_balanced(sched, job);
}

static void link_lots(struct nv_sched *sched, struct job *job)
{
    for (size_t j = 0; j < job->lot_count; j++) {
        struct lot *lot = &job->lots[j];
        nv_lot_requeue(sched, lot);
        if (lot->queue->owner != NULL && lot->linked && lot->queue->owner->ring != NULL)
            nv_engine_ready(sched, lot->queue->owner);
    }
}

/* ----------------------------------------------------------------------------------------- jobs */

void nv_job_free(struct job *job)
{
    if (job->lots != &job->one)
        free(job->lots);
    nv_lot_free(job->back);
    free(job);
}

static bool jobs_grow(struct nv_sched *sched)
{
    size_t room = sched->job_room == 0 ? 16 : 2 * sched->job_room;
    struct job **jobs;
    if (sched->job_count < sched->job_room)
        return true;
    jobs = realloc(sched->jobs, room * sizeof(struct job *));
    if (jobs == NULL)
        return false;
    sched->jobs = jobs;
    sched->job_room = room;
    return true;
}

/* One that was used before, as a rule: short jobs come by the million. */
static struct job *job_take(struct nv_sched *sched)
{
    struct job *job = sched->free_jobs;
    if (job != NULL) {
        sched->free_jobs = job->next_free;
        return job;
    }
    job = jobs_grow(sched) ? calloc(1, sizeof *job) : NULL;
    if (job != NULL) {
        job->slot = sched->job_count;
        sched->jobs[sched->job_count++] = job;
    }
    return job;
}

static void job_give(struct nv_sched *sched, struct job *job)
{
    if (job->lots != &job->one)
        free(job->lots);
    job->lots = NULL;
    job->id = 0;
    job->next_free = sched->free_jobs;
    sched->free_jobs = job;
}

static bool times_grow(struct nv_sched *sched, uint32_t kernel)
{
    size_t room = (size_t)kernel + 1;
    struct times *times;
    if (kernel < sched->time_room)
        return true;
    times = realloc(sched->times, room * sizeof *times);
    if (times == NULL)
        return false;
    for (size_t i = sched->time_room; i < room; i++)
        times[i] = (struct times){.mean = -1};
    sched->times = times;
    sched->time_room = room;
    return true;
}

/* What the policy cannot do for this kind of job is left out. */
static enum nv_placing placing_of(const struct nv_job_spec *spec)
{
    enum nv_placing placing = spec->placing;
    if (spec->engines == NULL)
        return placing == NV_FIFO || placing == NV_STATIC_BLOCK ? placing : NV_TUNED;
    if (spec->open)
        return placing == NV_FIFO || placing == NV_LOCALITY ? placing : NV_TUNED;
    return placing;
}

/* Field by field: clearing all of it first takes as long as the rest of nv_sched_add(). */
static void job_init(struct job *job, const struct nv_job_spec *spec)
{
    job->spec = *spec;
    job->waiting = spec->count;
    job->running = 0;
    job->ended = false;
    job->cost = 0;
    job->rate = -1;
    job->round_left = 0;
    job->queue = NULL;
    job->back = NULL;
    job->one = (struct lot){.job = job};
    job->spec.placing = placing_of(spec);
    job->stays = spec->engines == NULL || spec->costs != NULL || spec->open || spec->block > 1 ||
                 nv_placing_static(&job->spec);
    if (spec->engines == NULL || spec->open || nv_placing_static(&job->spec))
        job->spec.costs = NULL;
    if (job->spec.costs != NULL)
        job->cost = nv_portion_cost(job, 0, spec->count);
    if (!(job->cost > 0)) /* they say nothing */
        job->spec.costs = NULL;
}

uint64_t nv_sched_add(struct nv_sched *sched, const struct nv_job_spec *spec)
{
    struct job *job;
    assert(spec->max_chunk > 0 && (spec->engines != NULL || !spec->open));
    job = times_grow(sched, spec->kernel) ? job_take(sched) : NULL;
    if (job == NULL)
        return 0;
    job_init(job, spec);
    if (!lay_out(sched, job)) {
        job_give(sched, job);
        return 0;
    }
    link_lots(sched, job);
    job->spec.named = NULL; /* the caller's; the lots have it now */
    job->generation = job->generation == UINT32_MAX ? 1 : job->generation + 1;
    job->id = (uint64_t)job->generation << 32 | job->slot;
    return job->id;
}

void nv_sched_extend(struct nv_sched *sched, uint64_t id, uint64_t count)
{
    struct job *job = nv_job_find(sched, id);
    struct lot *lot;
    if (job == NULL || job->queue == NULL || job->spec.costs != NULL || job->ended)
        return;
    lot = &job->lots[0];
    if (count <= lot->end)
        return;
    job->waiting += count - lot->end;
    lot->end = count;
    if (!lot->linked)
        nv_lot_requeue(sched, lot);
}

static void drop_lot(struct nv_sched *sched, struct lot *lot,
                     void (*dropped)(void *arg, uint64_t first, uint64_t count), void *arg)
{
    while (dropped != NULL && lot->first < lot->end) {
        uint64_t first = lot->first, count = nv_lot_row(lot);
        nv_lot_advance(lot, count);
        dropped(arg, first, count);
    }
    nv_lot_drop(sched, lot);
}

/* Of an open job what waits for the first time is no task yet. */
static void drop_all(struct nv_sched *sched, struct job *job,
                     void (*dropped)(void *arg, uint64_t first, uint64_t count), void *arg)
{
    job->waiting = 0;
    job->cost = 0;
    for (size_t j = 0; j < job->lot_count; j++)
        drop_lot(sched, &job->lots[j], job->spec.open ? NULL : dropped, arg);
    while (job->back != NULL) {
        struct lot *lot = job->back;
        job->back = lot->sibling;
        drop_lot(sched, lot, dropped, arg);
        nv_lot_spare(sched, lot);
    }
}

void nv_sched_cancel(struct nv_sched *sched, uint64_t id,
                     void (*dropped)(void *arg, uint64_t first, uint64_t count), void *arg)
{
    struct job *job = nv_job_find(sched, id);
    if (job == NULL)
        return;
    job->ended = true;
    drop_all(sched, job, dropped, arg);
    job->spec.open = false;
}

void nv_sched_remove(struct nv_sched *sched, uint64_t id)
{
    struct job *job = nv_job_find(sched, id);
    if (job == NULL)
        return;
    drop_all(sched, job, NULL, NULL);
    if (!job->stays)
        sched->movable -= job->running;
    if (job->queue != NULL)
        nv_queue_leave(sched, job->queue);
    job_give(sched, job);
}

void *nv_sched_owner(const struct nv_sched *sched, uint64_t id)
{
    struct job *job = nv_job_find(sched, id);
    return job != NULL ? job->spec.owner : NULL;
}
