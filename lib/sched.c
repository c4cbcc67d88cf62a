/* sched - see sched.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "sched.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#define NV_CHUNK_SECONDS 1e-3  /* what a chunk lasts at most, unless one task lasts longer */
#define NV_AHEAD_SECONDS 10e-3 /* tasks longer than this never wait behind another */
#define NV_CHUNK_LIMIT ((uint64_t)1 << 30)
#define NV_CHUNKS_AHEAD 256
#define NV_BYTES_AHEAD ((uint64_t)16 << 20)

struct job;

/* A row of tasks [first, end) that has not been sent, and its place in a queue. */
struct lot {
    struct job *job;
    uint64_t first, end;
    struct queue *queue;
    bool linked;
    uint64_t turn; /* when it joined the queue */
    struct lot *prev, *next;
};

struct queue {
    const struct nv_set *engines; /* NULL: an engine's own */
    struct lot *first, *last;
    size_t users; /* jobs, of a shared queue */
};

struct job {
    uint64_t id;
    uint64_t running; /* tasks that are with engines */
    struct nv_job_spec spec;
    size_t lot_count;
    struct lot lots[];
};

/* A row of tasks that is with an engine. */
struct chunk {
    uint64_t job, first, left;
    double each;    /* seconds that a task was thought to take */
    uint64_t bytes; /* of inputs */
};

struct ring {
    struct engine *first, *last;
};

struct engine {
    bool present;
    struct ring *ring; /* NULL: it has no room */
    struct engine *prev, *next;
    struct queue own;
    struct chunk *chunks; /* oldest first */
    size_t count, room;
    uint64_t tasks;
    double ahead;   /* seconds of work that it is thought to have */
    uint64_t bytes; /* of inputs that it has */
};

struct nv_sched {
    int engine_count;
    struct engine *engines;
    struct ring ready;     /* with room; those with lots of their own in front */
    struct ring unfit;     /* with room, but no lot is in a queue that they may take from */
    struct queue **queues; /* shared ones */
    size_t queue_count, queue_room;
    size_t shared; /* lots in shared queues */
    uint64_t turn;
    struct job **jobs; /* by slot; NULL: free */
    uint32_t *generations;
    size_t job_room, job_hint;
    double *times; /* by kernel; negative: not known */
    size_t time_room;
};

/* ----------------------------------------------------------------------------- rings and queues */

static void ring_take(struct engine *engine)
{
    struct ring *ring = engine->ring;
    *(engine->prev != NULL ? &engine->prev->next : &ring->first) = engine->next;
    *(engine->next != NULL ? &engine->next->prev : &ring->last) = engine->prev;
    engine->ring = NULL;
}

static void ring_put(struct ring *ring, struct engine *engine, bool front)
{
    engine->prev = front ? NULL : ring->last;
    engine->next = front ? ring->first : NULL;
    *(engine->prev != NULL ? &engine->prev->next : &ring->first) = engine;
    *(engine->next != NULL ? &engine->next->prev : &ring->last) = engine;
    engine->ring = ring;
}

/* The engine has room.  In front when it has lots of its own, at the end otherwise. */
static void make_ready(struct nv_sched *sched, struct engine *engine)
{
    if (engine->ring != NULL)
        ring_take(engine);
    ring_put(&sched->ready, engine, engine->own.first != NULL);
}

static void make_unfit(struct nv_sched *sched, struct engine *engine)
{
    ring_take(engine);
    ring_put(&sched->unfit, engine, false);
}

/* There is something new to take. */
static void unfit_again(struct nv_sched *sched)
{
    while (sched->unfit.first != NULL)
        make_ready(sched, sched->unfit.first);
}

static void lot_link(struct nv_sched *sched, struct lot *lot)
{
    struct queue *queue = lot->queue;
    lot->prev = queue->last;
    lot->next = NULL;
    *(queue->last != NULL ? &queue->last->next : &queue->first) = lot;
    queue->last = lot;
    lot->turn = sched->turn++;
    lot->linked = true;
    if (queue->engines != NULL)
        sched->shared++;
}

static void lot_unlink(struct nv_sched *sched, struct lot *lot)
{
    struct queue *queue = lot->queue;
    *(lot->prev != NULL ? &lot->prev->next : &queue->first) = lot->next;
    *(lot->next != NULL ? &lot->next->prev : &queue->last) = lot->prev;
    lot->linked = false;
    if (queue->engines != NULL)
        sched->shared--;
}

/* After the lot changed: in its queue while it has tasks, at the end of it. */
static void lot_requeue(struct nv_sched *sched, struct lot *lot)
{
    if (lot->linked)
        lot_unlink(sched, lot);
    else if (lot->queue->engines != NULL)
        unfit_again(sched);
    if (lot->first < lot->end)
        lot_link(sched, lot);
}

static struct queue *shared_queue(struct nv_sched *sched, const struct nv_set *engines)
{
    struct queue *queue;
    for (size_t i = 0; i < sched->queue_count; i++)
        if (sched->queues[i]->engines == engines)
            return sched->queues[i];
    if (sched->queue_count == sched->queue_room) {
        size_t room = sched->queue_room == 0 ? 4 : 2 * sched->queue_room;
        struct queue **queues = realloc(sched->queues, room * sizeof *queues);
        if (queues == NULL)
            return NULL;
        sched->queues = queues;
        sched->queue_room = room;
    }
    queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    queue->engines = engines;
    sched->queues[sched->queue_count++] = queue;
    return queue;
}

static void shared_queue_leave(struct nv_sched *sched, struct queue *queue)
{
    if (--queue->users > 0)
        return;
    for (size_t i = 0; i < sched->queue_count; i++)
        if (sched->queues[i] == queue)
            sched->queues[i] = sched->queues[--sched->queue_count];
    free(queue);
}

/* ------------------------------------------------------------------------------- set up and end */

struct nv_sched *nv_sched_new(int engines)
{
    struct nv_sched *sched = calloc(1, sizeof *sched);
    if (sched == NULL)
        return NULL;
    sched->engine_count = engines;
    sched->engines = calloc((size_t)engines, sizeof *sched->engines);
    if (sched->engines == NULL) {
        free(sched);
        return NULL;
    }
    return sched;
}

void nv_sched_free(struct nv_sched *sched)
{
    if (sched == NULL)
        return;
    for (int i = 0; i < sched->engine_count; i++)
        free(sched->engines[i].chunks);
    for (size_t i = 0; i < sched->job_room; i++)
        free(sched->jobs[i]);
    for (size_t i = 0; i < sched->queue_count; i++)
        free(sched->queues[i]);
    free(sched->engines);
    free(sched->queues);
    free(sched->jobs);
    free(sched->generations);
    free(sched->times);
    free(sched);
}

void nv_sched_engine_add(struct nv_sched *sched, int engine)
{
    struct engine *e = &sched->engines[engine];
    assert(engine >= 0 && engine < sched->engine_count && !e->present);
    e->present = true;
    make_ready(sched, e);
}

/* ----------------------------------------------------------------------------------------- jobs */

static struct job *job_find(const struct nv_sched *sched, uint64_t id)
{
    size_t slot = (size_t)(id & UINT32_MAX);
    struct job *job = slot < sched->job_room ? sched->jobs[slot] : NULL;
    return job != NULL && job->id == id ? job : NULL;
}

static bool slots_grow(struct nv_sched *sched)
{
    size_t room = sched->job_room == 0 ? 16 : 2 * sched->job_room;
    struct job **jobs = realloc(sched->jobs, room * sizeof *jobs);
    uint32_t *generations;
    if (jobs == NULL)
        return false;
    sched->jobs = jobs;
    generations = realloc(sched->generations, room * sizeof *generations);
    if (generations == NULL)
        return false;
    sched->generations = generations;
    for (size_t i = sched->job_room; i < room; i++) {
        jobs[i] = NULL;
        generations[i] = 0;
    }
    sched->job_hint = sched->job_room;
    sched->job_room = room;
    return true;
}

/* Looks on from where the last slot was found, so that a row of jobs costs one look each. */
static bool slot_find(struct nv_sched *sched, size_t *slot)
{
    for (size_t i = 0; i < sched->job_room; i++) {
        size_t at = (sched->job_hint + i) % sched->job_room;
        if (sched->jobs[at] == NULL) {
            sched->job_hint = at + 1;
            *slot = at;
            return true;
        }
    }
    if (!slots_grow(sched))
        return false;
    *slot = sched->job_hint++;
    return true;
}

static bool times_grow(struct nv_sched *sched, uint32_t kernel)
{
    size_t room = (size_t)kernel + 1;
    double *times;
    if (kernel < sched->time_room)
        return true;
    times = realloc(sched->times, room * sizeof *times);
    if (times == NULL)
        return false;
    for (size_t i = sched->time_room; i < room; i++)
        times[i] = -1;
    sched->times = times;
    sched->time_room = room;
    return true;
}

/* Part j of m of the tasks, cut at blocks: where it begins. */
static uint64_t part_begin(const struct nv_job_spec *spec, uint64_t block, uint64_t j, uint64_t m)
{
    uint64_t blocks = spec->count / block + (spec->count % block != 0);
    uint64_t whole = blocks / m * j + blocks % m * j / m;
    return whole >= blocks ? spec->count : whole * block;
}

static void lots_of_direct(struct nv_sched *sched, struct job *job)
{
    uint64_t block = job->spec.block == 0 ? 1 : job->spec.block;
    for (size_t j = 0; j < job->lot_count; j++) {
        struct engine *engine = &sched->engines[job->spec.named[j]];
        struct lot *lot = &job->lots[j];
        lot->first = part_begin(&job->spec, block, j, job->lot_count);
        lot->end = part_begin(&job->spec, block, j + 1, job->lot_count);
        lot->queue = &engine->own;
        lot_requeue(sched, lot);
        if (engine->ring != NULL && lot->linked)
            make_ready(sched, engine);
    }
}

static bool lot_of_balanced(struct nv_sched *sched, struct job *job)
{
    struct lot *lot = &job->lots[0];
    lot->queue = shared_queue(sched, job->spec.engines);
    if (lot->queue == NULL)
        return false;
    lot->queue->users++;
    lot->end = job->spec.count;
    lot_requeue(sched, lot);
    return true;
}

uint64_t nv_sched_add(struct nv_sched *sched, const struct nv_job_spec *spec)
{
    size_t lots = spec->engines != NULL ? 1 : spec->named_count;
    struct job *job = calloc(1, sizeof *job + lots * sizeof job->lots[0]);
    size_t slot;
    assert(spec->max_chunk > 0 && (spec->engines != NULL || !spec->open));
    if (job == NULL || !times_grow(sched, spec->kernel) || !slot_find(sched, &slot)) {
        free(job);
        return 0;
    }
    job->spec = *spec;
    job->lot_count = lots;
    for (size_t j = 0; j < lots; j++)
        job->lots[j].job = job;
    if (spec->engines == NULL) {
        lots_of_direct(sched, job);
    } else if (!lot_of_balanced(sched, job)) {
        free(job);
        return 0;
    }
    job->spec.named = NULL; /* the caller's; the lots have it now */
    job->id = (uint64_t)++sched->generations[slot] << 32 | slot;
    sched->jobs[slot] = job;
    return job->id;
}

void nv_sched_extend(struct nv_sched *sched, uint64_t id, uint64_t count)
{
    struct job *job = job_find(sched, id);
    struct lot *lot;
    if (job == NULL || !job->spec.open)
        return;
    lot = &job->lots[0];
    if (count > lot->end)
        lot->end = count;
    if (!lot->linked)
        lot_requeue(sched, lot);
}

/* An engine whose own queue got empty leaves the front of the ring. */
static void lot_drop(struct nv_sched *sched, struct lot *lot)
{
    struct queue *queue = lot->queue;
    lot->end = lot->first;
    if (!lot->linked)
        return;
    lot_unlink(sched, lot);
    if (queue->engines == NULL && queue->first == NULL) {
        struct engine *engine =
            (struct engine *)(void *)((char *)queue - offsetof(struct engine, own));
        if (engine->ring != NULL)
            make_ready(sched, engine);
    }
}

void nv_sched_cancel(struct nv_sched *sched, uint64_t id,
                     void (*dropped)(void *arg, uint64_t first, uint64_t count), void *arg)
{
    struct job *job = job_find(sched, id);
    bool open;
    if (job == NULL)
        return;
    open = job->spec.open;
    job->spec.open = false;
    for (size_t j = 0; j < job->lot_count; j++) {
        uint64_t first = job->lots[j].first, end = job->lots[j].end;
        lot_drop(sched, &job->lots[j]);
        if (first < end && !open && dropped != NULL)
            dropped(arg, first, end - first);
    }
}

void nv_sched_remove(struct nv_sched *sched, uint64_t id)
{
    struct job *job = job_find(sched, id);
    if (job == NULL)
        return;
    for (size_t j = 0; j < job->lot_count; j++)
        lot_drop(sched, &job->lots[j]);
    if (job->spec.engines != NULL)
        shared_queue_leave(sched, job->lots[0].queue);
    sched->jobs[id & UINT32_MAX] = NULL;
    free(job);
}

void *nv_sched_owner(const struct nv_sched *sched, uint64_t id)
{
    struct job *job = job_find(sched, id);
    return job != NULL ? job->spec.owner : NULL;
}

/* -------------------------------------------------------------------------------------- placing */

/* Whether `engine` should get another chunk, of this lot. */
static bool has_room(const struct nv_sched *sched, const struct engine *engine,
                     const struct lot *lot)
{
    const struct nv_job_spec *spec = &lot->job->spec;
    double each = sched->times[spec->kernel];
    double share = DBL_MAX; /* tasks of the lot that are this engine's part */
    if (engine->count == 0)
        return true;
    if (spec->window > 0)
        return engine->count < spec->window;
    if (each < 0 || engine->count >= NV_CHUNKS_AHEAD ||
        (engine->count >= 2 && engine->bytes >= NV_BYTES_AHEAD))
        return false;
    if (spec->engines != NULL && !spec->open)
        share = (double)(lot->end - lot->first) / (double)spec->engines->count;
    if (engine->ahead + each < NV_CHUNK_SECONDS && engine->ahead + each <= share * each)
        return true;
    return engine->count < 2 && each < NV_AHEAD_SECONDS && share >= 2;
}

static uint64_t tuned_chunk(const struct nv_sched *sched, const struct lot *lot)
{
    const struct nv_job_spec *spec = &lot->job->spec;
    double each = sched->times[spec->kernel];
    uint64_t left = lot->end - lot->first;
    uint64_t chunk;
    if (each < 0)
        return 1;
    chunk = each * (double)NV_CHUNK_LIMIT < NV_CHUNK_SECONDS ? NV_CHUNK_LIMIT
                                                             : (uint64_t)(NV_CHUNK_SECONDS / each);
    if (spec->engines != NULL && !spec->open) {
        uint64_t twice = 2 * spec->engines->count;
        uint64_t share = left / twice + (left % twice != 0);
        chunk = chunk < share ? chunk : share;
    }
    return chunk > 0 ? chunk : 1;
}

static uint64_t chunk_size(const struct nv_sched *sched, const struct lot *lot)
{
    const struct nv_job_spec *spec = &lot->job->spec;
    uint64_t left = lot->end - lot->first;
    uint64_t chunk = spec->chunk > 0 ? spec->chunk : tuned_chunk(sched, lot);
    if (chunk > NV_CHUNK_LIMIT)
        chunk = NV_CHUNK_LIMIT;
    if (chunk > spec->max_chunk)
        chunk = spec->max_chunk;
    if (spec->block > 1) { /* blocks stay whole */
        uint64_t blocks = chunk / spec->block;
        chunk = (blocks > 0 ? blocks : 1) * spec->block;
    }
    return chunk < left ? chunk : left;
}

/* The lot that has waited longest among those in queues that `engine` may take from. */
static struct lot *shared_lot(const struct nv_sched *sched, const struct engine *engine)
{
    size_t number = (size_t)(engine - sched->engines);
    struct lot *best = NULL;
    for (size_t i = 0; i < sched->queue_count; i++) {
        struct lot *lot = sched->queues[i]->first;
        if (lot != NULL && (best == NULL || lot->turn < best->turn) &&
            nv_set_has(sched->queues[i]->engines, number))
            best = lot;
    }
    return best;
}

static bool chunk_push(struct engine *engine, const struct chunk *chunk)
{
    if (engine->count == engine->room) {
        size_t room = engine->room == 0 ? 4 : 2 * engine->room;
        struct chunk *chunks = realloc(engine->chunks, room * sizeof *chunks);
        if (chunks == NULL)
            return false;
        engine->chunks = chunks;
        engine->room = room;
    }
    engine->chunks[engine->count++] = *chunk;
    engine->tasks += chunk->left;
    engine->ahead += (double)chunk->left * chunk->each;
    return true;
}

static bool send_from(struct nv_sched *sched, struct engine *engine, struct lot *lot,
                      struct nv_send *send)
{
    double each = sched->times[lot->job->spec.kernel];
    struct chunk chunk = {lot->job->id, lot->first, chunk_size(sched, lot), each < 0 ? 0 : each, 0};
    if (!chunk_push(engine, &chunk))
        return false;
    *send = (struct nv_send){chunk.job, chunk.first, chunk.left, (int)(engine - sched->engines)};
    lot->first += chunk.left;
    lot->job->running += chunk.left;
    lot_requeue(sched, lot);
    make_ready(sched, engine);
    return true;
}

bool nv_sched_next(struct nv_sched *sched, struct nv_send *send)
{
    struct engine *engine = sched->ready.first;
    while (engine != NULL) {
        struct engine *next = engine->next;
        struct lot *lot = engine->own.first;
        if (lot == NULL && sched->shared == 0)
            return false; /* nor has any engine further on a lot of its own */
        if (lot == NULL)
            lot = shared_lot(sched, engine);
        if (lot == NULL)
            make_unfit(sched, engine);
        else if (!has_room(sched, engine, lot))
            ring_take(engine); /* until it answers something */
        else
            return send_from(sched, engine, lot, send);
        engine = next;
    }
    return false;
}

/* -------------------------------------------------------------------------------------- answers */

static void chunk_answered(struct engine *engine, size_t i, struct job *job, uint64_t count)
{
    struct chunk *chunk = &engine->chunks[i];
    job->running -= count;
    chunk->first += count;
    chunk->left -= count;
    engine->tasks -= count;
    engine->ahead -= (double)count * chunk->each;
    if (chunk->left == 0) {
        engine->bytes -= chunk->bytes;
        memmove(chunk, chunk + 1, (engine->count - i - 1) * sizeof *chunk);
        engine->count--;
    }
    if (engine->count == 0)
        engine->ahead = 0; /* no rounding stays behind */
}

static struct chunk *last_chunk(struct engine *engine, const struct nv_send *send)
{
    assert(engine->count > 0 && engine->chunks[engine->count - 1].job == send->job);
    return &engine->chunks[engine->count - 1];
}

void nv_sched_return(struct nv_sched *sched, const struct nv_send *send, uint64_t got, bool end)
{
    struct engine *engine = &sched->engines[send->engine];
    struct job *job = job_find(sched, send->job);
    struct chunk *last = last_chunk(engine, send);
    struct lot *lot = &job->lots[0];
    uint64_t missing = send->count - got;
    assert(job->spec.open && last->left >= missing && lot->first == send->first + send->count);
    /* Take the missing ones off the end of the chunk: as if they were answered from its front. */
    last->first -= missing;
    chunk_answered(engine, engine->count - 1, job, missing);
    lot->first -= missing;
    if (end) {
        job->spec.open = false;
        lot_drop(sched, lot);
    } else if (!lot->linked) {
        lot_requeue(sched, lot);
    }
    make_ready(sched, engine);
}

void nv_sched_weigh(struct nv_sched *sched, const struct nv_send *send, uint64_t bytes)
{
    struct engine *engine = &sched->engines[send->engine];
    if (engine->count == 0 || bytes == 0)
        return;
    last_chunk(engine, send)->bytes += bytes;
    engine->bytes += bytes;
}

static void learn(double *time, uint64_t count, double seconds)
{
    double mean = seconds / (double)count;
    double weight = (double)count / ((double)count + 7);
    *time = *time < 0 ? mean : *time + weight * (mean - *time);
}

/* Which chunk begins with task `first` of the job by now; engine->count when none does. */
static size_t chunk_at(const struct engine *engine, uint64_t job, uint64_t first)
{
    size_t i = 0;
    while (i < engine->count && (engine->chunks[i].job != job || engine->chunks[i].first != first))
        i++;
    return i;
}

/* Whether the engine has these tasks, in neighbouring chunks perhaps. */
static bool has_tasks(const struct engine *engine, uint64_t job, uint64_t first, uint64_t count)
{
    while (count > 0) {
        size_t i = chunk_at(engine, job, first);
        if (i == engine->count)
            return false;
        if (count <= engine->chunks[i].left)
            return true;
        first += engine->chunks[i].left;
        count -= engine->chunks[i].left;
    }
    return false;
}

bool nv_sched_done(struct nv_sched *sched, int number, uint64_t id, uint64_t first, uint64_t count,
                   double seconds)
{
    struct engine *engine;
    struct job *job = job_find(sched, id);
    if (job == NULL || number < 0 || number >= sched->engine_count)
        return false;
    engine = &sched->engines[number];
    if (!has_tasks(engine, id, first, count))
        return false;
    if (seconds >= 0)
        learn(&sched->times[job->spec.kernel], count, seconds);
    while (count > 0) {
        size_t i = chunk_at(engine, id, first);
        uint64_t here = count < engine->chunks[i].left ? count : engine->chunks[i].left;
        chunk_answered(engine, i, job, here);
        first += here;
        count -= here;
    }
    if (engine->ring == NULL)
        make_ready(sched, engine);
    return true;
}

uint64_t nv_sched_running(const struct nv_sched *sched, uint64_t id)
{
    struct job *job = job_find(sched, id);
    return job != NULL ? job->running : 0;
}

uint64_t nv_sched_load(const struct nv_sched *sched, int engine)
{
    return sched->engines[engine].tasks;
}
