/* sched_asked - the model of sched_model.h, and what is asked back from engines.
 *
 * Invariant: an engine that is `asked` has got a row to give back from, and has not answered.
 */
#ifndef SCHED_ASKED_H
#define SCHED_ASKED_H

#include "sched_model.h"

/* The chunk whose last task is `end` - 1; the number of chunks when there is none. */
static inline size_t model_chunk_ending(const struct model_engine *engine, int job, uint64_t end)
{
    size_t c = 0;
    while (c < engine->count && (engine->chunks[c].job != job ||
                                 engine->chunks[c].first + engine->chunks[c].left != end))
        c++;
    return c;
}

static inline void model_check_recall(struct model *model, const struct nv_send *row)
{
    int number = model_find(model, row->job);
    const struct model_job *job = &model->jobs[number < 0 ? 0 : number];
    const struct model_engine *engine = &model->engines[row->engine];
    size_t c = model_chunk_ending(engine, number, row->first + row->count);
    bool wanted = false;
    if (!HOLDS(model, number >= 0 && c < engine->count && !engine->asked))
        return;
    HOLDS(model, row->count > 0 && row->count <= engine->chunks[c].left);
    HOLDS(model, model_load(engine) - row->count >= engine->capacity + (engine->capacity == 1));
    HOLDS(model, !job->placed && !job->spec.open && !job->ended);
    HOLDS(model, job->spec.block <= 1);
    for (int e = 0; e < model->engine_count; e++)
        wanted |= model_idle(&model->engines[e]) && nv_set_has(job->spec.engines, (size_t)e);
    HOLDS(model, wanted);
}

/* All that the scheduler asks back now. */
static inline void model_recall(struct model *model, double now)
{
    struct nv_send row;
    nv_sched_time(model->sched, now);
    while (model->broken == NULL && nv_sched_recall(model->sched, &row)) {
        model_check_recall(model, &row);
        model->engines[row.engine].asked = true;
        model->engines[row.engine].row = row;
    }
}

/* Tasks at the end of the row that the engine was asked for which it still has, and which are not
 * the first ones that it has. */
static inline uint64_t model_can_return(const struct model *model, int number)
{
    const struct model_engine *engine = &model->engines[number];
    uint64_t end = engine->row.first + engine->row.count, count;
    int job = model_find(model, engine->row.job);
    size_t c = job < 0 ? engine->count : model_chunk_ending(engine, job, end);
    if (c == engine->count)
        return 0;
    count = engine->chunks[c].left < engine->row.count ? engine->chunks[c].left : engine->row.count;
    return c == 0 && count == engine->chunks[c].left ? count - 1 : count;
}

/* The engine gives so many of them back.  They wait again, unless their job was cancelled. */
static inline void model_return(struct model *model, int number, uint64_t count)
{
    struct model_engine *engine = &model->engines[number];
    struct nv_send row = engine->row;
    uint64_t end = row.first + row.count, first = end - count;
    HOLDS(model, !nv_sched_returned(model->sched, number, row.job, first, count, row.first,
                                    row.count + 1));
    HOLDS(model, !nv_sched_returned(model->sched, number, row.job, first, row.count + 1, row.first,
                                    row.count));
    HOLDS(model,
          nv_sched_returned(model->sched, number, row.job, first, count, row.first, row.count));
    HOLDS(model,
          !nv_sched_returned(model->sched, number, row.job, first, count, row.first, row.count));
    engine->asked = false;
    if (count == 0)
        return;
    int job_number = model_find(model, row.job);
    struct model_job *job = &model->jobs[job_number];
    size_t c = model_chunk_ending(engine, job_number, end);
    HOLDS(model, !nv_sched_done(model->sched, number, row.job, first, count, 0));
    for (uint64_t t = first; t < end; t++) {
        HOLDS(model, job->tasks[t] == SENT);
        job->tasks[t] = job->ended ? DROPPED : UNSENT;
    }
    job->answered += job->ended ? count : 0;
    job->waiting += job->ended ? 0 : count;
    model_take(engine, c, engine->chunks[c].left - count, count);
    model_reap(model, job);
}

#endif
