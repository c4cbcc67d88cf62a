/* hub - see hub.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "hub.h"
#include "clock.h"
#include "door.h"
#include "drain.h"
#include "engine.h"
#include "future.h"
#include "journal.h"
#include "loss.h"
#include "place.h"
#include "view.h"
#include "vigil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_SECONDS 1e-3  /* of placing (a source may be slow) before a look at what has come */
#define RECALL_SECONDS 1e-3 /* between looks at who is late */
#define DRAIN_SECONDS 20e-3 /* between looks at what is not to begin any more */

/* A sub-hub stands for the engines of its group, whom the hub knows as well. */
static void add_subhubs(struct nv_hub *hub)
{
    const nave *ctx = hub->ctx;
    for (int leader = 1; ctx->leaders != NULL && leader < ctx->size; leader++) {
        uint32_t engines = 0;
        if (ctx->leaders[leader] != leader)
            continue;
        for (int r = 1; r < ctx->size; r++)
            engines += ctx->leaders[r] == leader;
        nv_sched_engine_add(hub->sched, ctx->size + leader, engines);
    }
}

int nv_hub_new(nave *ctx, struct nv_hub **out)
{
    struct nv_hub *hub = calloc(1, sizeof *hub);
    size_t ranks = (size_t)ctx->size, numbers = 2 * ranks;
    if (hub == NULL)
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the hub");
    *out = hub;
    hub->ctx = ctx;
    hub->numbers = ctx->leaders != NULL ? 2 * ctx->size : ctx->size;
    hub->sched = nv_sched_new(hub->numbers);
    hub->engines = nv_set_new(ranks);
    hub->last_results = calloc(numbers, sizeof *hub->last_results);
    hub->grouped = calloc(ctx->kernels.room + 1, sizeof(struct nv_set *));
    if (nv_outbox_init(&hub->outbox, ctx->comm, ctx->size, true, &ctx->error) != NAVE_OK ||
        hub->sched == NULL || hub->engines == NULL || hub->last_results == NULL ||
        hub->grouped == NULL || !nv_surplus_init(&hub->surplus, hub->numbers))
        return nv_error_set(&ctx->error, NAVE_ENOMEM, "no memory for the hub");
    for (size_t r = ctx->hub_works ? 0 : 1; r < ranks; r++) {
        nv_set_add(hub->engines, r);
        nv_sched_engine_add(hub->sched, (int)r, 1);
        if (ctx->leaders != NULL && ctx->leaders[r] > 0)
            nv_sched_engine_behind(hub->sched, (int)r);
    }
    add_subhubs(hub);
    if (ctx->hub_works && ctx->size > 1)
        nv_sched_engine_last(hub->sched, 0);
    return NAVE_OK;
}

void nv_hub_free(struct nv_hub *hub)
{
    if (hub == NULL)
        return;
    nv_journal_close(hub->journal, NAVE_ESTATE, &hub->ctx->error);
    while (hub->futures != NULL)
        nv_future_discard(hub->futures);
    while (hub->views != NULL)
        nv_view_discard(hub->views);
    while (hub->spare != NULL) {
        nave_future *future = hub->spare;
        hub->spare = future->next;
        free(future);
    }
    nv_sched_free(hub->sched);
    free(hub->engines);
    nv_outbox_release(&hub->outbox);
    for (size_t i = 0; hub->grouped != NULL && i < hub->ctx->kernels.room; i++)
        free(hub->grouped[i]);
    free(hub->grouped);
    free(hub->last_results);
    nv_surplus_release(&hub->surplus);
    nv_holders_release(&hub->holders);
    free(hub->lost);
    free(hub->silence);
    free(hub);
}

double nv_hub_time(const struct nv_hub *hub)
{
    return nv_clock() - hub->ctx->origin;
}

int nv_hub_check(nave *ctx)
{
    if (ctx->rank != 0)
        return nv_error_set(&ctx->error, NAVE_EROLE,
                            "rank %d is an engine; only the hub, rank 0, "
                            "may do this",
                            ctx->rank);
    if (!ctx->usable)
        return nv_error_set(&ctx->error, NAVE_ESTATE, "the context is not open");
    return NAVE_OK;
}

void nv_hub_heard(struct nv_hub *hub, double time)
{
    if (time <= hub->heard)
        return;
    hub->heard = time;
    nv_sched_time(hub->sched, time);
}

const char *nv_hub_host(const struct nv_hub *hub, int rank)
{
    return nv_places_list(hub->ctx->places)[rank].host;
}

const struct nv_set *nv_hub_holders(struct nv_hub *hub, const char *name)
{
    return nv_holders_of(&hub->holders, name, (size_t)hub->ctx->size);
}

/* -------------------------------------------------------------------------------------- sending */

int nv_hub_control(struct nv_hub *hub, int engine, enum nv_item_kind kind,
                   const struct nv_control *control, const int32_t *list)
{
    int rc = nv_outbox_control(&hub->outbox, engine, kind, control, list);
    return rc == NAVE_OK ? nv_outbox_flush(&hub->outbox) : rc;
}

/* ------------------------------------------------------------------------------------ receiving */

/* An engine gave tasks back; the job may have ended without them. */
static int take_returned(struct nv_hub *hub, int source, const struct nv_control *control)
{
    uint64_t asked = (uint64_t)control->value;
    nave_future *future = nv_sched_owner(hub->sched, control->job);
    if (!nv_sched_returned(hub->sched, source, control->job, control->first, control->count,
                           control->first + control->count - asked, asked))
        return nv_error_set(&hub->ctx->error, NAVE_EWIRE,
                            "rank %d gave back what it was not asked for", source % hub->ctx->size);
    if (future != NULL && (future->cancelled || future->drained) && control->count > 0) {
        nv_future_drop(future, control->first, control->count);
        nv_future_check(future);
    }
    return NAVE_OK;
}

/* A kernel made or dropped an object; the name is in the list. */
int nv_hub_holds(struct nv_hub *hub, int source, const struct nv_item *item)
{
    char name[NV_NAME_MAX + 5] = "";
    size_t size = item->control.list_size * sizeof(int32_t);
    if (size > sizeof name - 1 || source >= hub->ctx->size)
        return nv_error_set(&hub->ctx->error, NAVE_EWIRE, "a damaged name from rank %d", source);
    memcpy(name, item->extra, size);
    nv_holders_note(&hub->holders, name, (size_t)hub->ctx->size, (size_t)source,
                    item->control.value != 0);
    return NAVE_OK;
}

static int take_item(struct nv_hub *hub, int source, const struct nv_item *item)
{
    nave_future *future;
    uint64_t job = 0;
    switch (item->kind) {
    case NV_READY:
        hub->ready++;
        return NAVE_OK;
    case NV_RETURNED:
        return take_returned(hub, source, &item->control);
    case NV_RESULTS:
        job = item->results.job;
        break;
    case NV_RESULT:
        job = item->result.job;
        break;
    case NV_SURPLUS:
        job = item->run.job;
        break;
    case NV_HOLDS:
        return nv_hub_holds(hub, source, item);
    case NV_GREW:
        nv_surplus_heard(&hub->surplus, source, (uint64_t)item->control.value);
        if (nv_sched_owner(hub->sched, item->control.job) == NULL)
            return NAVE_OK;
        job = item->control.job;
        break;
    case NV_DROPPED:
        job = item->control.job;
        break;
    default:
        break;
    }
    future = nv_sched_owner(hub->sched, job);
    if (future == NULL)
        return nv_error_set(&hub->ctx->error, NAVE_EWIRE,
                            "rank %d answered what it was not asked (item %d)",
                            source % hub->ctx->size, (int)item->kind);
    return nv_future_take(future, source, item);
}

static int take_frame(struct nv_hub *hub, int source, const struct nv_frame *frame)
{
    struct nv_reader reader = {frame->data, frame->size, 0};
    struct nv_item item;
    bool late = nv_loss_heard(hub, source);
    int more;
    while ((more = nv_frame_next(&reader, &item)) == 1) {
        int rc;
        if (!nv_frame_complete_results(&item, &hub->last_results[source]))
            return nv_error_set(&hub->ctx->error, NAVE_EWIRE, "a damaged row from rank %d",
                                source % hub->ctx->size);
        if (item.kind == NV_RESULTS)
            hub->last_results[source] = item.results;
        rc = late ? nv_loss_late(hub, source, &item) : take_item(hub, source, &item);
        if (rc != NAVE_OK)
            return rc;
    }
    if (more < 0)
        return nv_error_set(&hub->ctx->error, NAVE_EWIRE, "a damaged frame from rank %d",
                            source % hub->ctx->size);
    return NAVE_OK;
}

/* The next frame of an engine or of a sub-hub, and its number. */
static int next_frame(struct nv_hub *hub, int *source, const struct nv_frame **frame)
{
    int rc = nv_comm_next(hub->ctx->comm, NV_TO_HUB, source, frame);
    if (rc != 0 || hub->ctx->leaders == NULL)
        return rc;
    rc = nv_comm_next(hub->ctx->comm, NV_FROM_SUBHUB, source, frame);
    *source += hub->ctx->size;
    return rc;
}

/* A bounded number of frames, so that placing does not starve; and none after the one that was
 * waited for. */
static int receive(struct nv_hub *hub, bool *worked)
{
    const struct nv_frame *frame;
    int source;
    for (int i = 0; i < 64; i++) {
        int rc = next_frame(hub, &source, &frame);
        if (rc <= 0)
            return rc;
        *worked = hub->placing = true;
        rc = take_frame(hub, source, frame);
        if (rc != NAVE_OK || (hub->awaited != NULL && hub->awaited(hub->awaited_arg)))
            return rc;
    }
    return NAVE_OK;
}

static int complete(struct nv_hub *hub, bool *worked)
{
    int rc = nv_comm_progress(hub->ctx->comm);
    *worked = *worked || rc > 0;
    return rc < 0 ? rc : NAVE_OK;
}

int nv_hub_receive(struct nv_hub *hub, bool *worked)
{
    int rc = receive(hub, worked);
    return rc == NAVE_OK ? complete(hub, worked) : rc;
}

/* Nothing more can be sent: are there engines without work while others have tasks waiting? */
static int ask_back(struct nv_hub *hub)
{
    struct nv_send row;
    int rc = NAVE_OK;
    while (rc == NAVE_OK && nv_sched_recall(hub->sched, &row)) {
        struct nv_control control = {.job = row.job, .first = row.first, .count = row.count};
        rc = nv_hub_control(hub, row.engine, NV_RECALL, &control, NULL);
    }
    return rc;
}

/* Engines have nothing to do while others have spawned tasks waiting: those that have most are asked
 * for some, as many of them as there are idle ones. */
static int want_spawned(struct nv_hub *hub)
{
    struct nv_control control = {0};
    uint64_t idle = 0;
    int rich, rc = NAVE_OK;
    for (int n = 0; n < hub->numbers; n++)
        idle += nv_sched_spare(hub->sched, n);
    while (rc == NAVE_OK && idle-- > 0 && (rich = nv_surplus_ask(&hub->surplus)) >= 0)
        rc = nv_hub_control(hub, rich, NV_WANT, &control, NULL);
    return rc;
}

/* ------------------------------------------------------------------------------------- draining */

bool nv_hub_may_begin(const struct nv_hub *hub, uint32_t kernel)
{
    if (kernel < NV_KERNEL_OWN)
        return true;
    if (hub->drained || hub->until == 0)
        return !hub->drained;
    return nv_hub_time(hub) + nv_sched_longest(hub->sched, kernel) < hub->until;
}

int nv_hub_drained(const struct nv_hub *hub)
{
    return nv_error_note(&hub->ctx->error, NAVE_EDRAINED, "no more tasks are begun: %s",
                         hub->drained ? hub->drained_by : "the job's time is over soon");
}

void nv_hub_drain(struct nv_hub *hub, const char *why)
{
    if (hub->drained)
        return;
    hub->drained = true;
    hub->drain_next = 0;
    snprintf(hub->drained_by, sizeof hub->drained_by, "%s", why);
}

int nave_drain(nave *ctx)
{
    bool worked;
    int rc = nv_hub_check(ctx);
    if (rc != NAVE_OK)
        return rc;
    nv_hub_drain(ctx->hub, "nave_drain() was called");
    return nv_hub_turn(ctx->hub, &worked);
}

/* Tasks that are not to begin any more leave the scheduler.  Not at each turn: there may be many
 * futures. */
static void drain(struct nv_hub *hub)
{
    int signal = hub->ctx->drains ? nv_drain_signal() : 0;
    double now;
    if (signal != 0)
        nv_hub_drain(hub, nv_drain_name(signal));
    if (!hub->drained && hub->until == 0)
        return;
    now = nv_hub_time(hub);
    if (now < hub->drain_next)
        return;
    hub->drain_next = now + DRAIN_SECONDS;
    for (nave_future *future = hub->futures; future != NULL;) {
        bool changed = !nv_hub_may_begin(hub, future->kernel) && nv_future_drain(future);
        future = changed ? hub->futures : future->next;
    }
}

/* -------------------------------------------------------------------------------------- placing */

/* Reads the clock now and then only: most turns place little. */
static int place(struct nv_hub *hub, bool *worked)
{
    struct nv_send send;
    double until = 0;
    int rc = NAVE_OK;
    for (unsigned i = 1; rc == NAVE_OK && hub->placing; i++) {
        if (!nv_sched_next(hub->sched, &send)) {
            hub->placing = false;
            break;
        }
        *worked = true;
        rc = nv_future_send(nv_sched_owner(hub->sched, send.job), &send);
        if (i % 8 != 0)
            continue;
        double now = nv_hub_time(hub);
        if (until == 0)
            until = now + PLACE_SECONDS;
        else if (now > until)
            break;
    }
    return rc;
}

/* A hub that is alone runs a slice of its own tasks. */
static int work(struct nv_hub *hub, bool *worked)
{
    bool some = false;
    int rc = NAVE_OK;
    if (hub->ctx->engine != NULL)
        rc = nv_engine_turn(hub->ctx->engine, &some);
    *worked = *worked || some;
    return rc;
}

/* Futures that were freed before they were complete. */
static void bury(struct nv_hub *hub)
{
    nave_future *next;
    hub->orphans = 0;
    for (nave_future *future = hub->futures; future != NULL; future = next) {
        next = future->next;
        if (future->orphan && future->complete)
            nv_future_discard(future);
    }
}

/* The engine beside this loop may have the loop's core: it gets tasks when the loop has found
 * nothing to do, not while others keep it busy. */
static void spare_core(struct nv_hub *hub, bool worked)
{
    if (hub->ctx->beside != NULL && nv_sched_engine_hold(hub->sched, 0, worked) && !worked)
        hub->placing = true;
}

int nv_hub_turn(struct nv_hub *hub, bool *worked)
{
    int rc;
    *worked = false;
    if (hub->given_up)
        return NAVE_ELOST;
    rc = nv_hub_receive(hub, worked);
    if (rc == NAVE_OK && hub->ctx->vigil != NULL)
        rc = nv_loss_look(hub);
    if (rc == NAVE_OK && hub->journal != NULL && !hub->heedless)
        rc = nv_journal_check(hub->journal, &hub->ctx->error);
    if (rc == NAVE_OK)
        drain(hub);
    if (rc == NAVE_OK && hub->placing)
        rc = place(hub, worked);
    if (rc == NAVE_OK)
        rc = nv_outbox_flush(&hub->outbox);
    if (rc == NAVE_OK && hub->surplus.rich > 0 && !hub->placing)
        rc = want_spawned(hub);
    if (rc == NAVE_OK)
        rc = work(hub, worked);
    if (rc == NAVE_OK)
        rc = nv_beside_check(hub->ctx->beside, &hub->ctx->error);
    if (rc == NAVE_OK && hub->ctx->door != NULL)
        nv_door_turn(hub->ctx->door);
    if (hub->orphans > 0)
        bury(hub);
    spare_core(hub, *worked);
    return rc;
}

int nv_hub_submitted(struct nv_hub *hub, unsigned each)
{
    bool worked = false;
    int rc;
    hub->placing = true;
    if (++hub->submitted >= each) {
        hub->submitted = 0;
        return nv_hub_turn(hub, &worked);
    }
    if (!nv_sched_idle(hub->sched))
        return NAVE_OK;
    rc = place(hub, &worked);
    return rc == NAVE_OK ? nv_outbox_flush(&hub->outbox) : rc;
}

/* Where tasks wait at engines while others have none, somebody may turn out to be late. */
static int look_for_late(struct nv_hub *hub)
{
    double now;
    hub->idle.until = 0;
    if (!nv_sched_recall_possible(hub->sched))
        return NAVE_OK;
    now = nv_hub_time(hub);
    nv_hub_heard(hub, now);
    hub->idle.until = now + hub->ctx->origin + RECALL_SECONDS;
    return ask_back(hub);
}

/* There is something to do at that time, if it is not 0. */
static void wake_by(struct nv_hub *hub, double due)
{
    if (due > 0 && (hub->idle.until == 0 || hub->idle.until > due))
        hub->idle.until = due;
}

int nv_hub_wait(struct nv_hub *hub, bool (*ready)(void *arg), void *arg, double seconds)
{
    double until = seconds >= 0 ? nv_clock() + seconds : 0;
    int rc = NAVE_OK;
    nv_idle_restart(&hub->idle);
    hub->placing = true;
    hub->awaited = ready;
    hub->awaited_arg = arg;
    nv_door_attend(hub->ctx->door, true);
    while (!ready(arg)) {
        double due;
        bool worked;
        rc = nv_hub_turn(hub, &worked);
        if (rc != NAVE_OK || ready(arg))
            break;
        rc = seconds >= 0 && nv_clock() >= until ? NAVE_ETIMEDOUT : NAVE_OK;
        if (rc == NAVE_OK && !worked)
            rc = look_for_late(hub);
        if (rc != NAVE_OK)
            break;
        hub->idle.moving = nv_comm_moving(hub->ctx->comm);
        hub->idle.posted = nv_comm_pending(hub->ctx->comm) > 0;
        hub->idle.crowded =
            hub->ctx->crowded || (hub->ctx->shares_core && nv_sched_load(hub->sched, 0) > 0);
        due = hub->ctx->engine != NULL ? nv_engine_due(hub->ctx->engine) : 0;
        wake_by(hub, due);
        if (seconds >= 0)
            wake_by(hub, until);
        due = nv_door_due(hub->ctx->door);
        wake_by(hub, due > 0 ? due + hub->ctx->origin : 0);
        if (hub->ctx->vigil != NULL)
            wake_by(hub, hub->look_next + hub->ctx->origin);
        nv_idle(&hub->idle, worked);
    }
    nv_idle_restart(&hub->idle);
    nv_door_attend(hub->ctx->door, false);
    hub->awaited = NULL;
    return rc;
}
