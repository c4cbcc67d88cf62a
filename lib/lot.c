/* lot - what waits, and who has room for it: see plan.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

#include <stdlib.h>

/* -------------------------------------------------------------------------------------- rings */

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

void nv_engine_ready(struct nv_sched *sched, struct engine *engine)
{
    bool own = engine->own_lots > 0;
    if (engine->ring != NULL)
        ring_take(engine);
    if (engine->present && !engine->held)
        ring_put(engine->last && !own ? &sched->behind : &sched->ready, engine, own);
}

void nv_engine_unfit(struct nv_sched *sched, struct engine *engine)
{
    ring_take(engine);
    ring_put(&sched->unfit, engine, false);
}

void nv_engine_all_fit(struct nv_sched *sched)
{
    while (sched->unfit.first != NULL)
        nv_engine_ready(sched, sched->unfit.first);
}

/* Others may take now what was kept for this engine because it was near. */
void nv_engine_full(struct nv_sched *sched, struct engine *engine)
{
    size_t number = (size_t)(engine - sched->engines);
    bool near = false;
    if (engine->ring != NULL)
        ring_take(engine);
    for (size_t i = 0; i < sched->queue_count; i++) {
        const struct queue *queue = sched->queues[i];
        near |= queue->near != NULL && queue->first != NULL && nv_set_has(queue->near, number);
    }
    if (near)
        nv_engine_all_fit(sched);
}

void nv_engine_count_idle(struct nv_sched *sched, struct engine *engine)
{
    bool idle = engine->present && !engine->held && engine->tasks < engine->capacity;
    if (idle == engine->idle)
        return;
    engine->idle = idle;
    if (!engine->behind)
        sched->idle = idle ? sched->idle + 1 : sched->idle - 1;
}

/* --------------------------------------------------------------------------------------- lots */

static void lot_link(struct nv_sched *sched, struct lot *lot, bool front)
{
    struct queue *queue = lot->queue;
    lot->prev = front ? NULL : queue->last;
    lot->next = front ? queue->first : NULL;
    *(lot->prev != NULL ? &lot->prev->next : &queue->first) = lot;
    *(lot->next != NULL ? &lot->next->prev : &queue->last) = lot;
    lot->turn = front ? 0 : ++sched->turn;
    lot->linked = true;
    if (queue->owner == NULL)
        sched->shared++;
    else
        queue->owner->own_lots++;
}

static void lot_unlink(struct nv_sched *sched, struct lot *lot)
{
    struct queue *queue = lot->queue;
    *(lot->prev != NULL ? &lot->prev->next : &queue->first) = lot->next;
    *(lot->next != NULL ? &lot->next->prev : &queue->last) = lot->prev;
    lot->linked = false;
    if (queue->owner == NULL)
        sched->shared--;
    else
        queue->owner->own_lots--;
}

void nv_lot_requeue(struct nv_sched *sched, struct lot *lot)
{
    if (lot->linked)
        lot_unlink(sched, lot);
    else if (lot->queue->owner == NULL)
        nv_engine_all_fit(sched);
    if (lot->first < lot->end)
        lot_link(sched, lot, false);
}

void nv_lot_first(struct nv_sched *sched, struct lot *lot)
{
    nv_engine_all_fit(sched);
    lot_link(sched, lot, true);
}

/* An engine whose own queues got empty leaves the front of the ring. */
void nv_lot_drop(struct nv_sched *sched, struct lot *lot)
{
    struct engine *owner = lot->queue->owner;
    lot->end = lot->first;
    if (!lot->linked)
        return;
    lot_unlink(sched, lot);
    if (owner != NULL && owner->own_lots == 0 && owner->ring != NULL)
        nv_engine_ready(sched, owner);
}

uint64_t nv_lot_row(const struct lot *lot)
{
    uint64_t left = lot->end - lot->first;
    return lot->step > 0 && lot->row < left ? lot->row : left;
}

void nv_lot_advance(struct lot *lot, uint64_t count)
{
    lot->first += count;
    if (lot->step == 0)
        return;
    lot->row -= count;
    if (lot->row > 0)
        return;
    lot->row = lot->width;
    if (lot->end - lot->first > lot->step - lot->width)
        lot->first += lot->step - lot->width;
    else
        lot->first = lot->end;
}

struct lot *nv_lot_new(struct nv_sched *sched)
{
    struct lot *lot = sched->spare_lots;
    if (lot == NULL)
        return malloc(sizeof *lot);
    sched->spare_lots = lot->sibling;
    return lot;
}

void nv_lot_spare(struct nv_sched *sched, struct lot *lot)
{
    lot->sibling = sched->spare_lots;
    sched->spare_lots = lot;
}

void nv_lot_free(struct lot *lot)
{
    while (lot != NULL) {
        struct lot *sibling = lot->sibling;
        free(lot);
        lot = sibling;
    }
}

/* ------------------------------------------------------------------------------------- queues */

static struct queue *queue_new(struct nv_sched *sched)
{
    struct queue *queue = sched->spare_queues;
    if (sched->queue_count == sched->queue_room) {
        size_t room = sched->queue_room == 0 ? 4 : 2 * sched->queue_room;
        struct queue **queues = realloc(sched->queues, room * sizeof(struct queue *));
        if (queues == NULL)
            return NULL;
        sched->queues = queues;
        sched->queue_room = room;
    }
    if (queue != NULL)
        sched->spare_queues = queue->next;
    else
        queue = malloc(sizeof *queue);
    if (queue != NULL)
        sched->queues[sched->queue_count++] = queue;
    return queue;
}

static uint64_t extra_capacity(const struct nv_sched *sched, const struct nv_set *engines)
{
    uint64_t extra = 0;
    for (size_t e = 0; sched->extra > 0 && e < engines->limit; e++)
        if (nv_set_has(engines, e) && sched->engines[e].present)
            extra += sched->engines[e].capacity - 1;
    return extra;
}

struct queue *nv_queue_join(struct nv_sched *sched, const struct nv_job_spec *spec)
{
    const struct nv_set *near = spec->placing == NV_LOCALITY ? spec->near : NULL;
    struct queue *queue;
    for (size_t i = 0; i < sched->queue_count; i++) {
        queue = sched->queues[i];
        if (queue->engines == spec->engines && queue->near == near &&
            queue->priority == spec->priority) {
            queue->users++;
            return queue;
        }
    }
    queue = queue_new(sched);
    if (queue != NULL)
        *queue = (struct queue){.engines = spec->engines,
                                .near = near,
                                .priority = spec->priority,
                                .users = 1,
                                .extra = extra_capacity(sched, spec->engines)};
    return queue;
}

void nv_queue_leave(struct nv_sched *sched, struct queue *queue)
{
    if (--queue->users > 0)
        return;
    for (size_t i = 0; i < sched->queue_count; i++)
        if (sched->queues[i] == queue)
            sched->queues[i] = sched->queues[--sched->queue_count];
    queue->next = sched->spare_queues;
    sched->spare_queues = queue;
}

struct queue *nv_queue_own(struct engine *engine, int priority)
{
    struct queue **place = &engine->own, *queue;
    while (*place != NULL && (*place)->priority > priority)
        place = &(*place)->next;
    if (*place != NULL && (*place)->priority == priority)
        return *place;
    queue = malloc(sizeof *queue);
    if (queue != NULL) {
        *queue = (struct queue){.owner = engine, .priority = priority, .next = *place};
        *place = queue;
    }
    return queue;
}

/* ------------------------------------------------------------------------------ who takes what */

static bool near_has_room(const struct nv_sched *sched, const struct queue *queue, size_t number)
{
    const struct engine *engine = &sched->engines[number];
    return engine->ring != NULL && nv_set_has(queue->near, number) &&
           nv_set_has(queue->engines, number) && nv_portion_room(sched, engine, queue->first);
}

/* Whether the first lot of the queue is kept for engines that are near. */
static bool kept_from(const struct nv_sched *sched, struct queue *queue, size_t number)
{
    const struct nv_set *near = queue->near;
    if (near == NULL || nv_set_has(near, number))
        return false;
    if (near_has_room(sched, queue, queue->keeper))
        return true;
    for (size_t e = 0; e < near->limit; e++) {
        if (e % 64 == 0 && near->bits[e / 64] == 0)
            e += 63;
        else if (near_has_room(sched, queue, e)) {
            queue->keeper = e;
            return true;
        }
    }
    return false;
}

static bool goes_before(const struct lot *lot, const struct lot *best)
{
    int priority = lot->queue->priority, known = best->queue->priority;
    return priority > known || (priority == known && lot->turn < best->turn);
}

/* Whether the lot's tasks failed on this engine, or may be its end, and there is another that may run
 * them. */
static bool avoids(const struct nv_sched *sched, const struct lot *lot, size_t number)
{
    const struct nv_set *engines = lot->queue->engines;
    if (lot->avoid != number + 1 && !(lot->alone && sched->engines[number].last))
        return false;
    for (size_t e = 0; e < engines->limit; e++)
        if (e != number && nv_set_has(engines, e) && sched->engines[e].present)
            return true;
    return false;
}

/* The first of the queue that the engine may have; NULL: none. */
static struct lot *first_lot(const struct nv_sched *sched, const struct queue *queue, size_t number)
{
    struct lot *lot = queue->first;
    while (lot != NULL && lot->avoid != 0 && avoids(sched, lot, number))
        lot = lot->next;
    return lot;
}

/* Of those in queues that the engine may take from: by priority, then who has waited longest. */
static struct lot *shared_lot(struct nv_sched *sched, const struct engine *engine)
{
    size_t number = (size_t)(engine - sched->engines);
    struct lot *best = NULL;
    for (size_t i = 0; i < sched->queue_count; i++) {
        struct queue *queue = sched->queues[i];
        struct lot *lot = queue->first;
        if (lot == NULL || !nv_set_has(queue->engines, number))
            continue;
        if (lot->avoid != 0)
            lot = first_lot(sched, queue, number);
        if (lot != NULL && (best == NULL || goes_before(lot, best)) &&
            !kept_from(sched, queue, number))
            best = lot;
    }
    return best;
}

/* What goes on while all else is paused. */
static struct lot *urgent_lot(const struct engine *engine)
{
    for (struct queue *queue = engine->own; queue != NULL; queue = queue->next)
        for (struct lot *lot = queue->first; lot != NULL; lot = lot->next)
            if (lot->job->spec.urgent)
                return lot;
    return NULL;
}

struct lot *nv_lot_for(struct nv_sched *sched, struct engine *engine)
{
    if (sched->paused)
        return urgent_lot(engine);
    if (engine->own_lots == 0)
        return shared_lot(sched, engine);
    for (struct queue *queue = engine->own; queue != NULL; queue = queue->next)
        if (queue->first != NULL)
            return queue->first;
    return NULL;
}
