/* sched_model - a plain model of what sched.h promises, which is told all that the scheduler is
 * told, and looks at all that it sends.
 *
 * Invariant: `broken` is the first promise that was not kept, with its line; 0 while all are.
 */
#ifndef SCHED_MODEL_H
#define SCHED_MODEL_H

#include "sched.h"

#include <stdlib.h>
#include <string.h>

enum {
    MODEL_ENGINES = 16,
    MODEL_SETS = 6,
    MODEL_JOBS = 12,
    MODEL_TASKS = 1024,                  /* of a job, at most */
    MODEL_CAPACITY = 3,                  /* of an engine, at most */
    MODEL_CHUNKS = 300 * MODEL_CAPACITY, /* with an engine, at most */
    MODEL_KERNELS = 4
};

enum model_task { UNSENT, SENT, ANSWERED, DROPPED };

/* Or a piece of one, where tasks in its middle were answered. */
struct model_chunk {
    int job;
    uint64_t first, left;
    uint64_t serial;
};

struct model_engine {
    bool present, held, last;
    uint32_t capacity;
    struct model_chunk chunks[MODEL_CHUNKS];
    size_t count;
    bool asked; /* for: */
    struct nv_send row;
};

struct model_job {
    bool live, ended; /* ended: nothing more is to be sent */
    uint64_t id;
    struct nv_job_spec spec; /* count: that may be sent so far */
    int named[MODEL_ENGINES];
    uint64_t total;    /* tasks that there are; of an open job: found out when sending */
    uint64_t answered; /* or dropped */
    uint64_t waiting, waiting_for[MODEL_ENGINES];
    unsigned char tasks[MODEL_TASKS];
    bool placed; /* direct or static: each task has its engine: */
    signed char place[MODEL_TASKS];
};

struct model {
    struct nv_sched *sched;
    int engine_count;
    struct model_engine engines[MODEL_ENGINES];
    struct nv_set *sets[MODEL_SETS];
    struct model_job jobs[MODEL_JOBS];
    bool timed[MODEL_KERNELS]; /* something is known of the kernel */
    uint64_t seed, serial;
    const char *broken;
    int line;
};

#define HOLDS(model, promise) model_holds(model, promise, #promise, __LINE__)

static inline bool model_holds(struct model *model, bool holds, const char *promise, int line)
{
    if (!holds && model->broken == NULL) {
        model->broken = promise;
        model->line = line;
    }
    return holds;
}

/* Numbers below `limit` (Steele, Lea, Flood: Fast splittable pseudorandom number generators). */
static inline uint64_t model_random(struct model *model, uint64_t limit)
{
    uint64_t z = model->seed += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % limit;
}

/* All engines are absent at first.  The first set has all, the others some. */
static inline void model_init(struct model *model, int engines, uint64_t seed)
{
    memset(model, 0, sizeof *model);
    model->seed = seed;
    model->engine_count = engines;
    model->sched = nv_sched_new(engines);
    for (int s = 0; s < MODEL_SETS; s++) {
        size_t one = (size_t)model_random(model, (uint64_t)engines);
        model->sets[s] = nv_set_new((size_t)engines);
        for (size_t e = 0; e < (size_t)engines; e++)
            if (s == 0 || e == one || model_random(model, 2) == 0)
                nv_set_add(model->sets[s], e);
    }
}

static inline void model_release(struct model *model)
{
    nv_sched_free(model->sched);
    for (int s = 0; s < MODEL_SETS; s++)
        free(model->sets[s]);
}

static inline void model_engine_add(struct model *model, int number, uint32_t capacity)
{
    struct model_engine *engine = &model->engines[number];
    if (engine->present)
        return;
    nv_sched_engine_add(model->sched, number, capacity);
    engine->present = true;
    engine->capacity = capacity;
}

static inline void model_engine_last(struct model *model, int number)
{
    nv_sched_engine_last(model->sched, number);
    model->engines[number].last = true;
}

static inline void model_engine_hold(struct model *model, int number, bool hold)
{
    nv_sched_engine_hold(model->sched, number, hold);
    model->engines[number].held = hold;
}

static inline uint64_t model_load(const struct model_engine *engine)
{
    uint64_t load = 0;
    for (size_t c = 0; c < engine->count; c++)
        load += engine->chunks[c].left;
    return load;
}

/* Chunks of which something is with the engine; pieces of one are neighbours. */
static inline uint64_t model_sends(const struct model_engine *engine)
{
    uint64_t sends = 0;
    for (size_t c = 0; c < engine->count; c++)
        sends += c == 0 || engine->chunks[c].serial != engine->chunks[c - 1].serial;
    return sends;
}

static inline bool model_idle(const struct model_engine *engine)
{
    return engine->present && !engine->held && model_load(engine) < engine->capacity;
}

/* -- jobs -- */

/* Where the tasks must go, of a job for the engines places[0..m-1]: place j gets the blocks from
 * j*n/m to (j+1)*n/m, or (cyclic) each m-th chunk from the j-th on. */
static inline void model_place(struct model_job *job, const int *places, uint64_t m)
{
    uint64_t block = job->spec.block > 0 ? job->spec.block : 1;
    uint64_t blocks = (job->total + block - 1) / block;
    uint64_t chunk = job->spec.chunk > 0 ? job->spec.chunk : 1;
    bool cyclic = job->spec.engines != NULL && job->spec.placing == NV_STATIC_CYCLIC;
    if (chunk > job->spec.max_chunk)
        chunk = job->spec.max_chunk;
    chunk = chunk / block * block > 0 ? chunk / block * block : block;
    job->placed = true;
    for (uint64_t t = 0; t < job->total; t++)
        for (uint64_t j = 0; j < m; j++)
            if (cyclic ? t / chunk % m == j
                       : t / block >= j * blocks / m && t / block < (j + 1) * blocks / m) {
                job->place[t] = (signed char)places[j];
                job->waiting_for[places[j]]++;
            }
}

/* An engine has as many places as it has engines behind it. */
static inline void model_place_static(struct model *model, struct model_job *job)
{
    int places[MODEL_ENGINES * MODEL_CAPACITY];
    uint64_t m = 0;
    for (int e = 0; e < model->engine_count; e++) {
        uint32_t capacity = model->engines[e].present ? model->engines[e].capacity : 1;
        for (uint32_t i = 0; i < capacity && nv_set_has(job->spec.engines, (size_t)e); i++)
            places[m++] = e;
    }
    model_place(job, places, m);
}

static inline bool model_static(const struct nv_job_spec *spec)
{
    return spec->engines != NULL && !spec->open &&
           (spec->placing == NV_STATIC_BLOCK || spec->placing == NV_STATIC_CYCLIC);
}

/* Adds a job of `total` tasks (at most MODEL_TASKS).  Its number, or -1 when there is no place. */
static inline int model_add(struct model *model, const struct nv_job_spec *spec, uint64_t total)
{
    int number = 0;
    struct model_job *job;
    while (number < MODEL_JOBS && model->jobs[number].live)
        number++;
    if (number == MODEL_JOBS)
        return -1;
    job = &model->jobs[number];
    memset(job, 0, sizeof *job);
    job->live = true;
    job->spec = *spec;
    job->spec.owner = job;
    job->total = total;
    job->waiting = spec->open ? 0 : total;
    if (spec->engines == NULL) {
        for (size_t j = 0; j < spec->named_count; j++)
            job->named[j] = spec->named[j];
        model_place(job, job->named, spec->named_count);
    } else if (model_static(spec)) {
        model_place_static(model, job);
    }
    job->id = nv_sched_add(model->sched, &job->spec);
    HOLDS(model, job->id != 0);
    HOLDS(model, nv_sched_owner(model->sched, job->id) == job);
    return number;
}

static inline void model_extend(struct model *model, int number, uint64_t count)
{
    struct model_job *job = &model->jobs[number];
    nv_sched_extend(model->sched, job->id, count);
    if (job->spec.open && !job->ended && count > job->spec.count)
        job->spec.count = count;
}

struct model_cancel {
    struct model *model;
    struct model_job *job;
};

static inline void model_dropped(void *arg, uint64_t first, uint64_t count)
{
    struct model_cancel *cancel = arg;
    struct model_job *job = cancel->job;
    if (!HOLDS(cancel->model, count > 0 && first < job->total && count <= job->total - first))
        return;
    for (uint64_t t = first; t < first + count; t++) {
        HOLDS(cancel->model, job->tasks[t] == UNSENT);
        job->tasks[t] = DROPPED;
    }
    job->answered += count;
}

/* The tasks of an open job that were not sent are none. */
static inline void model_end(struct model_job *job)
{
    job->ended = true;
    job->waiting = 0;
    memset(job->waiting_for, 0, sizeof job->waiting_for);
    while (job->spec.open && job->total > 0 && job->tasks[job->total - 1] == UNSENT)
        job->total--;
}

static inline void model_cancel(struct model *model, int number)
{
    struct model_cancel cancel = {model, &model->jobs[number]};
    if (!cancel.job->live)
        return;
    nv_sched_cancel(model->sched, cancel.job->id, model_dropped, &cancel);
    model_end(cancel.job);
    for (uint64_t t = 0; t < cancel.job->total; t++)
        HOLDS(model, cancel.job->tasks[t] != UNSENT);
}

/* Removes a job that has ended. */
static inline void model_reap(struct model *model, struct model_job *job)
{
    bool more = job->spec.open && !job->ended;
    if (!job->live || more || job->answered < job->total)
        return;
    HOLDS(model, job->answered == job->total);
    HOLDS(model, nv_sched_running(model->sched, job->id) == 0);
    nv_sched_remove(model->sched, job->id);
    HOLDS(model, nv_sched_owner(model->sched, job->id) == NULL);
    job->live = false;
}

/* -- what is sent -- */

static inline int model_find(const struct model *model, uint64_t id)
{
    for (int number = 0; number < MODEL_JOBS; number++)
        if (model->jobs[number].live && model->jobs[number].id == id)
            return number;
    return -1;
}

static inline bool model_eligible(const struct model_job *job, int engine, uint64_t task)
{
    return job->placed ? job->place[task] == engine : nv_set_has(job->spec.engines, (size_t)engine);
}

/* Tasks in a chunk, at most, by the caller's wishes. */
static inline uint64_t model_most(const struct nv_job_spec *spec)
{
    bool shares = spec->engines != NULL && !spec->open;
    bool least = shares && (spec->placing == NV_GUIDED || spec->placing == NV_FACTORING);
    uint64_t chunk = least ? 0 : spec->chunk;
    if (chunk == 0 && spec->placing == NV_FIFO)
        chunk = 1;
    if (chunk == 0 || chunk > spec->max_chunk)
        chunk = spec->max_chunk;
    return chunk > spec->block ? chunk : spec->block;
}

/* Chunks are within limits, and whole blocks, the last ones of a row excepted. */
static inline void model_check_size(struct model *model, const struct model_job *job,
                                    const struct nv_send *send)
{
    const struct nv_job_spec *spec = &job->spec;
    uint64_t end = send->first + send->count;
    HOLDS(model, send->count > 0 && send->count <= model_most(spec));
    if (spec->block > 0) {
        HOLDS(model, send->first % spec->block == 0);
        HOLDS(model, end % spec->block == 0 || end == job->total);
    }
}

static inline bool model_waits(const struct model_job *job, int engine)
{
    if (!job->live || job->ended)
        return false;
    if (job->placed)
        return job->waiting_for[engine] > 0;
    if (!nv_set_has(job->spec.engines, (size_t)engine))
        return false;
    if (!job->spec.open)
        return job->waiting > 0;
    if (job->spec.count > MODEL_TASKS)
        return true; /* there are not so many; it will turn out */
    return job->spec.count > 0 && job->tasks[job->spec.count - 1] == UNSENT;
}

/* The policies and wishes that bound what waits at an engine. */
static inline void model_check_room(struct model *model, const struct model_job *job,
                                    const struct model_engine *engine)
{
    const struct nv_job_spec *spec = &job->spec;
    uint64_t window = spec->window;
    if (model_load(engine) < engine->capacity)
        return;
    if (window == 0 && spec->placing == NV_FIFO)
        window = 1;
    if (window > 0)
        HOLDS(model, model_sends(engine) < window * engine->capacity);
    else if (!job->placed || spec->engines == NULL) /* static ones ask nobody */
        HOLDS(model, model->timed[spec->kernel] ||
                         (spec->engines == NULL && spec->placing == NV_STATIC_BLOCK));
    HOLDS(model, window > 0 || model_sends(engine) < 256 * (uint64_t)engine->capacity);
}

/* Own tasks go before shared ones, and of each those of a higher priority. */
static inline void model_check_order(struct model *model, const struct model_job *job, int engine)
{
    for (int number = 0; number < MODEL_JOBS; number++) {
        const struct model_job *other = &model->jobs[number];
        const struct nv_set *near =
            other->spec.placing == NV_LOCALITY && !other->placed ? other->spec.near : NULL;
        if (!model_waits(other, engine) || other->placed < job->placed)
            continue;
        HOLDS(model, other->placed == job->placed);
        HOLDS(model, other->spec.priority <= job->spec.priority ||
                         (near != NULL && !nv_set_has(near, (size_t)engine)));
    }
}

/* What can be done near is not done elsewhere. */
static inline void model_check_near(struct model *model, const struct model_job *job, int engine)
{
    const struct nv_set *near = job->spec.near;
    if (job->placed || job->spec.placing != NV_LOCALITY || near == NULL ||
        nv_set_has(near, (size_t)engine))
        return;
    for (int e = 0; e < model->engine_count; e++)
        HOLDS(model, !model_idle(&model->engines[e]) || !nv_set_has(near, (size_t)e) ||
                         !nv_set_has(job->spec.engines, (size_t)e));
}

/* One that is to be last is given nothing that another could begin now. */
static inline void model_check_last(struct model *model, const struct model_job *job, int engine)
{
    if (!model->engines[engine].last || job->placed || job->spec.placing == NV_LOCALITY)
        return;
    for (int e = 0; e < model->engine_count; e++)
        HOLDS(model, model->engines[e].last || !model_idle(&model->engines[e]) ||
                         !nv_set_has(job->spec.engines, (size_t)e));
}

static inline void model_check_engine(struct model *model, const struct model_job *job,
                                      const struct nv_send *send)
{
    const struct model_engine *engine = &model->engines[send->engine];
    HOLDS(model, engine->present && !engine->held);
    model_check_room(model, job, engine);
    model_check_order(model, job, send->engine);
    model_check_near(model, job, send->engine);
    model_check_last(model, job, send->engine);
}

static inline void model_send(struct model *model, const struct nv_send *send)
{
    int number = model_find(model, send->job);
    struct model_job *job = &model->jobs[number < 0 ? 0 : number];
    struct model_engine *engine = &model->engines[send->engine];
    uint64_t limit = job->spec.open ? job->spec.count : job->total;
    uint64_t got = send->count;
    bool ends = false;
    if (!HOLDS(model, number >= 0 && !job->ended) ||
        !HOLDS(model, send->first < limit && send->count <= limit - send->first) ||
        !HOLDS(model, engine->count < MODEL_CHUNKS))
        return;
    model_check_size(model, job, send);
    model_check_engine(model, job, send);
    if (send->first + got > job->total) { /* an open job turns out to end here */
        got = send->first < job->total ? job->total - send->first : 0;
        ends = true;
    } else if (job->spec.open && got > 1 && send->first % 3 == 1) {
        got /= 2; /* the others wait again */
    }
    for (uint64_t t = send->first; t < send->first + got; t++) {
        HOLDS(model, job->tasks[t] == UNSENT);
        HOLDS(model, model_eligible(job, send->engine, t));
        job->tasks[t] = SENT;
    }
    if (job->placed)
        job->waiting_for[send->engine] -= got;
    if (!job->spec.open)
        job->waiting -= got;
    if (got > 0)
        engine->chunks[engine->count++] =
            (struct model_chunk){number, send->first, got, ++model->serial};
    if (got < send->count) {
        nv_sched_return(model->sched, send, got, ends);
        if (ends) {
            model_end(job);
            model_reap(model, job);
        }
    }
}

/* Takes all that can be sent.  Then no engine sits idle while a task waits that it may run. */
static inline void model_drain(struct model *model)
{
    struct nv_send send;
    while (model->broken == NULL && nv_sched_next(model->sched, &send))
        model_send(model, &send);
    for (int e = 0; e < model->engine_count; e++) {
        const struct model_engine *engine = &model->engines[e];
        HOLDS(model, model_load(engine) == nv_sched_load(model->sched, e));
        for (int number = 0; number < MODEL_JOBS && model_idle(engine); number++)
            HOLDS(model, !model_waits(&model->jobs[number], e));
    }
}

/* -- answers -- */

/* Tasks from the front of chunk c on that can be answered in one row. */
static inline uint64_t model_row(const struct model_engine *engine, size_t c)
{
    uint64_t row = engine->chunks[c].left;
    for (; c + 1 < engine->count; c++) {
        const struct model_chunk *chunk = &engine->chunks[c];
        if (chunk[1].job != chunk->job || chunk[1].first != chunk->first + chunk->left)
            break;
        row += chunk[1].left;
    }
    return row;
}

/* Takes tasks out of chunk c: `skip` of it stay in front. */
static inline void model_take(struct model_engine *engine, size_t c, uint64_t skip, uint64_t count)
{
    struct model_chunk *chunk = &engine->chunks[c];
    struct model_chunk after = *chunk;
    after.first += skip + count;
    after.left -= skip + count;
    chunk->left = skip;
    if (skip > 0 && after.left > 0) {
        memmove(chunk + 2, chunk + 1, (engine->count++ - c - 1) * sizeof *chunk);
        chunk[1] = after;
    } else if (skip == 0 && after.left > 0) {
        *chunk = after;
    } else if (skip == 0) {
        memmove(chunk, chunk + 1, (--engine->count - c) * sizeof *chunk);
    }
}

/* The engine answers a row of `count` tasks that begins with chunk c, or within it. */
static inline void model_answer_within(struct model *model, int number, size_t c, uint64_t skip,
                                       uint64_t count, double seconds)
{
    struct model_engine *engine = &model->engines[number];
    struct model_job *job = &model->jobs[engine->chunks[c].job];
    uint64_t first = engine->chunks[c].first + skip;
    HOLDS(model, !nv_sched_done(model->sched, number, job->id, first, count + job->total, 0));
    HOLDS(model, nv_sched_done(model->sched, number, job->id, first, count, seconds));
    HOLDS(model, !nv_sched_done(model->sched, number, job->id, first, count, seconds));
    if (seconds >= 0)
        model->timed[job->spec.kernel] = true;
    for (uint64_t t = first; t < first + count; t++) {
        HOLDS(model, job->tasks[t] == SENT);
        job->tasks[t] = ANSWERED;
    }
    job->answered += count;
    while (count > 0) {
        uint64_t left = engine->chunks[c].left - skip;
        uint64_t here = count < left ? count : left;
        model_take(engine, c, skip, here);
        count -= here;
        c += skip > 0;
        skip = 0;
    }
    model_reap(model, job);
}

static inline void model_answer(struct model *model, int number, size_t c, uint64_t count,
                                double seconds)
{
    model_answer_within(model, number, c, 0, count, seconds);
}

#endif
