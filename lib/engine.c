/* engine - see engine.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"
#include "clock.h"
#include "rng.h"
#include "work.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int nv_engine_new(const struct nv_engine_spec *spec, struct nv_engine **out)
{
    struct nv_engine *engine = aligned_alloc(64, (sizeof *engine + 63) / 64 * 64);
    if (engine == NULL)
        return nv_error_set(spec->error, NAVE_ENOMEM, "no memory for the engine");
    memset(engine, 0, sizeof *engine);
    engine->spec = *spec;
    engine->end = &engine->first;
    engine->stride = 1;
    nv_answers_init(&engine->answers, spec->comm, spec->rank, spec->error);
    *out = engine;
    return NAVE_OK;
}

static void lots_free(struct nv_engine *engine)
{
    while (engine->first != NULL) {
        struct lot *lot = engine->first;
        engine->first = lot->next;
        nv_work_lot_free(engine, lot);
    }
    while (engine->spare != NULL) {
        struct lot *lot = engine->spare;
        engine->spare = lot->next;
        free(lot);
    }
}

void nv_engine_free(struct nv_engine *engine)
{
    if (engine == NULL)
        return;
    lots_free(engine);
    while (engine->partials != NULL)
        nv_partial_free(nv_engine_take_partial(engine, engine->partials->job));
    nv_answers_release(&engine->answers);
    nv_objects_release(&engine->objects);
    nv_pool_release(&engine->pool);
    nv_buffers_release(&engine->buffers);
    nv_guarded_free(engine->guarded);
    nv_rng_free(engine->rng);
    free(engine->room[0]);
    free(engine->room[1]);
    free(engine);
}

void **nv_engine_rng(struct nv_engine *engine)
{
    return &engine->rng;
}

const struct nv_snapshots *nv_engine_snapshots(const struct nv_engine *engine)
{
    return engine->spec.snapshots;
}

int nv_engine_adopt(struct nv_engine *engine, const nave_kernel *kernels, const uint64_t *ids,
                    size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!nv_kernels_adopt(engine->spec.kernels, &kernels[i], ids[i]))
            return NAVE_ENOMEM;
    return NAVE_OK;
}

bool nv_engine_broken(const struct nv_engine *engine)
{
    return engine->broken;
}

int nv_engine_status(const struct nv_engine *engine)
{
    return engine->status;
}

/* ------------------------------------------------------------------------------------ receiving */

static void lot_arrived(void *arg, bool whole)
{
    (void)whole; /* an engine without its hub ends */
    ((struct lot *)arg)->arriving = false;
}

/* A large input gets memory of its own and comes in a transfer. */
static int receive_large(struct nv_engine *engine, struct lot *lot, size_t size)
{
    lot->large_size = size;
    lot->large = nv_buffers_take(&engine->buffers, size, false);
    lot->lost = lot->large == NULL;
    lot->data = lot->large;
    lot->arriving = true;
    return nv_comm_receive(engine->spec.comm, lot->source, NV_TO_ENGINE, lot->large, size,
                           lot_arrived, lot);
}

static struct lot *lot_new(struct nv_engine *engine, size_t size)
{
    struct lot *lot = engine->spare;
    if (size > NV_LOT_ROOM) {
        lot = aligned_alloc(64, (size + 63) / 64 * 64);
    } else if (lot != NULL) {
        engine->spare = lot->next;
    } else {
        lot = aligned_alloc(64, NV_LOT_ROOM);
    }
    if (lot == NULL)
        return NULL;
    memset(lot, 0, sizeof *lot);
    lot->small = size <= NV_LOT_ROOM;
    return lot;
}

static int receive_run(struct nv_engine *engine, int source, const struct nv_item *item)
{
    bool bulk = (item->run.flags & NV_BULK) != 0;
    size_t head = (sizeof(struct lot) + item->run.extra_size + 1 + 63) / 64 * 64;
    struct lot *lot = lot_new(engine, head + (bulk ? 0 : item->data_size));
    if (lot == NULL)
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory for tasks");
    lot->run = item->run;
    lot->source = source;
    lot->extra = (unsigned char *)(lot + 1);
    memcpy(lot->extra, item->extra, item->run.extra_size);
    lot->extra[item->run.extra_size] = '\0';
    lot->data = (unsigned char *)lot + head;
    if (!bulk && item->data_size > 0)
        memcpy((unsigned char *)lot + head, item->data, item->data_size);
    *engine->end = lot;
    engine->end = &lot->next;
    return bulk ? receive_large(engine, lot, item->data_size) : NAVE_OK;
}

/* Those of the row that are in this lot. */
static int cancel_in(struct nv_engine *engine, struct lot *lot, const struct nv_control *row)
{
    uint64_t first = lot->run.first, end = first + lot->run.count;
    uint64_t from = row->first > first ? row->first : first;
    uint64_t to = row->first + row->count < end ? row->first + row->count : end;
    if (from >= to)
        return NAVE_OK;
    if (lot->skip == NULL)
        lot->skip = calloc(lot->run.count, sizeof *lot->skip);
    if (lot->skip == NULL)
        return nv_error_set(engine->spec.error, NAVE_ENOMEM, "no memory to cancel tasks");
    for (uint64_t i = from; i < to; i++)
        lot->skip[i - first] = true;
    return NAVE_OK;
}

/* The tasks of a job, or (count) a row of them. */
static int cancel(struct nv_engine *engine, int source, const struct nv_control *control)
{
    int rc = NAVE_OK;
    for (struct lot *lot = engine->first; lot != NULL && rc == NAVE_OK; lot = lot->next) {
        if (lot->run.job != control->job || lot->source != source)
            continue;
        if (control->count == 0)
            lot->cancelled = true;
        else
            rc = cancel_in(engine, lot, control);
    }
    return rc;
}

/* Where the part of a lot begins that can still be given back. */
static uint64_t not_started(const struct nv_engine *engine, const struct lot *lot)
{
    bool begun = lot == engine->first && (engine->inside || engine->open);
    return nv_work_index(lot) + begun + (lot == engine->first ? nv_guarded_begun(engine) : 0);
}

/* The link to the lot of which the row is the end. */
static struct lot **lot_with(struct nv_engine *engine, int source, const struct nv_control *row)
{
    struct lot **link = &engine->first;
    while (*link != NULL && ((*link)->run.job != row->job || (*link)->source != source ||
                             (*link)->run.first + (*link)->run.count != row->first + row->count ||
                             (*link)->arriving))
        link = &(*link)->next;
    return link;
}

/* Gives back the end of a row, as much of it as has not started. */
static int recall(struct nv_engine *engine, int source, const struct nv_control *row)
{
    uint64_t end = row->first + row->count, from = end;
    struct nv_control control = *row;
    struct lot **link = lot_with(engine, source, row);
    struct lot *lot = *link;
    int rc = nv_answers_to(&engine->answers, source);
    if (lot != NULL) {
        from = not_started(engine, lot);
        from = from > row->first ? from : row->first;
        lot->run.count = (uint32_t)(from - lot->run.first);
        if (rc == NAVE_OK && lot == engine->first && engine->grown > 0)
            rc = nv_spawn_tell(engine, lot);
        if (lot->run.count == lot->at) {
            *link = lot->next;
            if (*link == NULL)
                engine->end = link;
            nv_work_lot_free(engine, lot);
        }
    }
    control.first = from;
    control.count = end - from;
    control.value = (int64_t)row->count;
    control.engine = engine->spec.rank;
    if (rc == NAVE_OK)
        rc = nv_answers_control(&engine->answers, NV_RETURNED, &control);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

struct nv_partial *nv_engine_take_partial(struct nv_engine *engine, uint64_t job)
{
    struct nv_partial **link = &engine->partials;
    struct nv_partial *partial;
    while (*link != NULL && (*link)->job != job)
        link = &(*link)->next;
    partial = *link;
    if (partial != NULL)
        *link = partial->next;
    return partial;
}

/* Everybody who takes part is in here at about the same time: the hub has asked (NV_PREPARE). */
static int reduce(struct nv_engine *engine, const struct nv_item *item)
{
    struct nv_partial *partial = nv_engine_take_partial(engine, item->control.job);
    int rc;
    engine->preparing = 0;
    if (partial == NULL)
        return nv_error_set(engine->spec.error, NAVE_EWIRE, "a reduction of nothing");
    rc = nv_fold_enter(engine->spec.mpi, item->extra, (int)item->control.list_size, &partial->fold,
                       partial, NULL, engine->spec.error);
    nv_partial_free(partial);
    return rc;
}

static int receive_item(struct nv_engine *engine, int source, const struct nv_item *item)
{
    switch (item->kind) {
    case NV_RUN:
        if (source == 0)
            engine->last = item->run;
        return receive_run(engine, source, item);
    case NV_CANCEL:
        return cancel(engine, source, &item->control);
    case NV_RECALL:
        return recall(engine, source, &item->control);
    case NV_WANT:
        return nv_spawn_share(engine, source);
    case NV_PREPARE:
        engine->preparing = item->control.job;
        engine->ready = false;
        return NAVE_OK;
    case NV_REDUCE:
        return reduce(engine, item);
    case NV_DROP:
        if (engine->preparing == item->control.job)
            engine->preparing = 0;
        nv_partial_free(nv_engine_take_partial(engine, item->control.job));
        return NAVE_OK;
    case NV_CLOSE:
        engine->closed = true;
        engine->status = (int)item->control.value;
        engine->broken = item->control.count > 0;
        return NAVE_OK;
    default:
        return nv_error_set(engine->spec.error, NAVE_EWIRE, "an item of kind %d for an engine",
                            (int)item->kind);
    }
}

static int take_frame(struct nv_engine *engine, int source, const struct nv_frame *frame)
{
    struct nv_reader reader = {frame->data, frame->size, 0};
    struct nv_item item;
    int more;
    while ((more = nv_frame_next(&reader, &item)) == 1) {
        int rc;
        if (source == 0 && !nv_frame_complete_run(&item, &engine->last))
            return nv_error_set(engine->spec.error, NAVE_EWIRE, "a damaged run from the hub");
        rc = receive_item(engine, source, &item);
        if (rc != NAVE_OK)
            return rc;
    }
    if (more < 0)
        return nv_error_set(engine->spec.error, NAVE_EWIRE, "a damaged frame from rank %d", source);
    return NAVE_OK;
}

/* All that has come; an engine that had nothing to do starts on the first there is. */
static int receive(struct nv_engine *engine, bool *worked)
{
    const struct nv_frame *frame;
    bool idle = engine->first == NULL;
    int source;
    int rc = nv_comm_next(engine->spec.comm, NV_TO_ENGINE, &source, &frame);
    while (rc == 1) {
        *worked = true;
        rc = take_frame(engine, source, frame);
        if (rc != NAVE_OK || (idle && engine->first != NULL && !engine->inside))
            return rc;
        rc = nv_comm_next(engine->spec.comm, NV_TO_ENGINE, &source, &frame);
    }
    return rc;
}

/* The kernel that asks may run for long: what was finished before it does not wait for it.  (Its
 * own place in the row stays where it is.) */
static int send_finished(struct nv_engine *engine)
{
    double now = nv_clock() - engine->spec.origin;
    if (now - engine->sent <= engine->spec.patience)
        return NAVE_OK;
    engine->sent = now;
    return nv_answers_post(&engine->answers);
}

int nv_engine_cancelled(struct nv_engine *engine)
{
    bool worked;
    if (send_finished(engine) != NAVE_OK || receive(engine, &worked) != NAVE_OK)
        return 1;
    return nv_work_cancelled(engine->first);
}

/* When all that this engine had to send is gone it may enter the reduction.  What waits for company
 * goes now: the hub does not receive what it has not been told of. */
static int say_ready(struct nv_engine *engine)
{
    struct nv_control control = {.job = engine->preparing, .engine = engine->spec.rank};
    int rc;
    if (engine->preparing == 0 || engine->ready || engine->open || nv_guarded_begun(engine) > 0)
        return NAVE_OK;
    rc = nv_answers_post(&engine->answers);
    if (rc != NAVE_OK || nv_comm_pending(engine->spec.comm) > 0)
        return rc;
    engine->ready = true;
    rc = nv_answers_to(&engine->answers, 0);
    if (rc == NAVE_OK)
        rc = nv_answers_control(&engine->answers, NV_READY, &control);
    return rc == NAVE_OK ? nv_answers_post(&engine->answers) : rc;
}

/* The hub hears of objects that come and go, since it places tasks near them. */
int nv_engine_holds(struct nv_engine *engine, const char *name, bool holds)
{
    int32_t list[NV_NAME_MAX / 4 + 2] = {0};
    struct nv_control control = {.value = holds, .engine = engine->spec.rank};
    int to = engine->answers.to;
    int rc = nv_answers_to(&engine->answers, 0);
    strcpy((char *)list, name);
    control.list_size = (uint32_t)(strlen(name) / 4 + 1);
    if (rc == NAVE_OK)
        rc = nv_answers_list(&engine->answers, NV_HOLDS, &control, list);
    return rc == NAVE_OK ? nv_answers_to(&engine->answers, to) : rc;
}

double nv_engine_due(const struct nv_engine *engine)
{
    return nv_guarded_due(engine);
}

bool nv_engine_waits_for_sends(const struct nv_engine *engine)
{
    return nv_comm_moving(engine->spec.comm) || (engine->preparing != 0 && !engine->ready);
}

int nv_engine_turn(struct nv_engine *engine, bool *worked)
{
    int rc;
    *worked = false;
    rc = receive(engine, worked);
    if (rc == NAVE_OK)
        rc = nv_comm_progress(engine->spec.comm);
    if (rc < 0)
        return rc;
    *worked = *worked || rc > 0;
    rc = nv_work_slice(engine, worked);
    if (rc == NAVE_OK)
        rc = say_ready(engine);
    if (rc != NAVE_OK)
        return rc;
    return engine->closed ? NAVE_END : NAVE_OK;
}
