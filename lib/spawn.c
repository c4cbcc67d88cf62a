/* spawn - tasks that make tasks, see nave_spawn() and work.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "work.h"

#include <stdlib.h>
#include <string.h>

#define TELL_SECONDS 500e-6 /* between words about spawned tasks that wait */
enum { GIVE_TASKS = 4096 /* given away at once */ };

/* Memory that is kept from one spawned task to the next. */
static void *keep_room(struct nv_engine *engine, int which, size_t size)
{
    size_t whole = size < 64 ? 64 : (size + 63) / 64 * 64;
    if (whole > engine->room_size[which]) {
        free(engine->room[which]);
        engine->room[which] = aligned_alloc(64, whole);
        engine->room_size[which] = engine->room[which] != NULL ? whole : 0;
    }
    return engine->room[which];
}

int nv_spawn_tell(struct nv_engine *engine, const struct lot *lot)
{
    struct nv_control control = {.job = lot->run.job,
                                 .first = nv_work_index(lot),
                                 .count = engine->grown,
                                 .value = (int64_t)engine->pool.count,
                                 .engine = engine->spec.rank};
    engine->grown = 0;
    engine->told = engine->now;
    return nv_answers_control(&engine->answers, NV_GREW, &control);
}

static void call_child(struct nv_engine *engine, struct lot *lot, nave_task *task,
                       const struct nv_spawned *spawned, void *in)
{
    nave_kernel_fn *run = engine->spec.kernels->local[spawned->kernel];
    if (lot->run.flags & NV_FOLD) {
        nv_work_fold(engine, lot, task, run, in, spawned->in_size);
        return;
    }
    task->out_size = (size_t)lot->run.out_size;
    task->out = keep_room(engine, 1, task->out_size);
    if (task->out != NULL) {
        memset(task->out, 0, task->out_size);
        nv_work_insist(engine, lot, task, run, in, spawned->in_size);
        return;
    }
    nave_fail(task, "no memory for a result of %zu bytes", task->out_size);
    task->code = NAVE_ENOMEM;
}

/* Runs the newest spawned task.  It has no answer; that it failed is said at once. */
int nv_spawn_run(struct nv_engine *engine, struct lot *lot)
{
    nave_task *task = &engine->child;
    struct nv_spawned spawned;
    double started = engine->now;
    int rc = NAVE_OK;
    void *in;
    nv_pool_pop(&engine->pool, &spawned);
    in = keep_room(engine, 0, spawned.in_size);
    if (in == NULL)
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory for a spawned task");
    if (spawned.in_size > 0)
        memcpy(in, spawned.in, spawned.in_size);
    nv_work_begin(engine, lot, task);
    call_child(engine, lot, task, &spawned, in);
    engine->grown++;
    if (++engine->unread >= engine->stride || task->code != 0)
        nv_work_settle(engine);
    if (task->code != 0)
        rc = nv_work_answer(engine, task, NV_STRAY, started);
    free(task->output);
    return rc;
}

static bool may_spawn(const struct nv_engine *engine, const struct lot *lot)
{
    const struct nv_partial *partial;
    if (lot->run.flags & NV_CHILDLESS)
        return false;
    partial = lot->run.flags & NV_FOLD ? nv_work_partial(engine, lot->run.parent) : NULL;
    return partial == NULL || partial->fold.block == 0;
}

int nv_engine_spawn(struct nv_engine *engine, const char *kernel, const void *in, size_t in_size)
{
    const struct nv_kernels *kernels = engine->spec.kernels;
    int id = kernel != NULL ? nv_kernels_find(kernels, kernel) : -1;
    if (id < NV_KERNEL_OWN || kernels->local[id] == NULL)
        return NAVE_EKERNEL;
    if (in_size > NV_INLINE_MAX)
        return NAVE_ESIZE;
    if (in == NULL && in_size > 0)
        return NAVE_EINVAL;
    if (!may_spawn(engine, engine->first))
        return NAVE_ETYPE;
    return nv_pool_push(&engine->pool, (uint32_t)id, in, (uint32_t)in_size) ? NAVE_OK : NAVE_ENOMEM;
}

/* The oldest spawned tasks, as long as they are of one kernel and size. */
static uint64_t gather(struct nv_engine *engine, uint64_t most, struct nv_spawned *like,
                       unsigned char *data)
{
    struct nv_spawned spawned;
    uint64_t count = 0;
    size_t used = 0;
    nv_pool_oldest(&engine->pool, like);
    if (most > GIVE_TASKS)
        most = GIVE_TASKS;
    while (count < most && nv_pool_oldest(&engine->pool, &spawned) &&
           spawned.kernel == like->kernel && spawned.in_size == like->in_size &&
           used + spawned.in_size <= NV_RUN_INLINE_MAX) {
        if (spawned.in_size > 0)
            memcpy(data + used, spawned.in, spawned.in_size);
        used += spawned.in_size;
        nv_pool_shift(&engine->pool, &spawned);
        count++;
    }
    return count;
}

static int have_none(struct nv_engine *engine)
{
    int rc = nv_answers_control(&engine->answers, NV_GREW,
                                &(struct nv_control){.engine = engine->spec.rank});
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

/* Gives spawned tasks back to whoever gave this engine their ancestor, to be given to others. */
static int give_away(struct nv_engine *engine, uint64_t most)
{
    static const unsigned char nothing[1];
    unsigned char data[NV_RUN_INLINE_MAX];
    const struct lot *lot = engine->first;
    struct nv_run run = lot->run;
    struct nv_spawned like;
    run.first = 0;
    run.root = lot->run.flags & NV_CHILD ? lot->run.root : nv_work_index(lot);
    run.flags = NV_CHILD;
    run.extra_size = 0;
    run.count = (uint32_t)gather(engine, most, &like, data);
    run.kernel = like.kernel;
    run.in_size = like.in_size;
    return nv_answers_surplus(&engine->answers, &run, nothing, data);
}

/* Somebody has nothing to do: half of what waits. */
int nv_spawn_share(struct nv_engine *engine, int source)
{
    const struct lot *lot = engine->first;
    int rc = nv_answers_to(&engine->answers, source);
    if (rc == NAVE_OK && (lot == NULL || !engine->open || lot->source != source ||
                          (engine->inside && lot->run.retries > 0))) /* it may yet fail */
        return have_none(engine);
    if (rc == NAVE_OK && engine->pool.count >= 2)
        rc = give_away(engine, engine->pool.count / 2);
    if (rc == NAVE_OK)
        rc = nv_spawn_tell(engine, lot);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

/* Where tasks last so long, nobody should have to ask: all but one go. */
int nv_spawn_share_all(struct nv_engine *engine)
{
    int rc = NAVE_OK;
    if (!engine->open || engine->pool.count < 2)
        return NAVE_OK;
    while (rc == NAVE_OK && engine->pool.count > 1)
        rc = give_away(engine, engine->pool.count - 1);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

/* Spawned tasks wait: others may want some. */
int nv_spawn_mention(struct nv_engine *engine)
{
    if (!engine->open || engine->pool.count < 2 || engine->now - engine->told < TELL_SECONDS)
        return NAVE_OK;
    int rc = nv_spawn_tell(engine, engine->first);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}
