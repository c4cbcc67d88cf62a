/* poll - nave_poll(), see steer.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "poll.h"
#include "clock.h"
#include "door.h"
#include "engine.h"
#include "error_mpi.h"
#include "hub.h"
#include "idle.h"
#include "serve.h"
#include "vigil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SECONDS 10e-3

enum {
    WINDOW_MAX = 256, /* polls: should they take much longer all of a sudden, it is not for long */
    GROWTH = 4,       /* of a window over the one before it, at most */
    BUSY_FIRST = 64,  /* polls of the first windows in which each poll has something to do */
    BUSY_HEADS = 3,   /* until their time is known */
    FLAG_STOP = 1,
    FLAG_BUSY = 2,
    FLAG_HOLD = 4
};

/* ----------------------------------------------------------------------------------------- waiting */

/* One turn of what this rank has to do for others.  Rank 0 may have closed the farm already, after the last
 * window: that comes by another way than what it said of the window, and perhaps earlier. */
static int turn(nave *ctx, struct nv_idle *idle, bool *worked)
{
    int rc;
    *worked = false;
    if (ctx->rank == 0)
        return nv_hub_turn(ctx->hub, worked);
    if (!ctx->usable)
        return NAVE_OK;
    rc = nv_serve_turn(ctx, idle, worked);
    if (rc != NAVE_END)
        return rc;
    ctx->usable = false;
    ctx->broken = ctx->broken || (ctx->engine != NULL && nv_engine_broken(ctx->engine));
    return NAVE_OK;
}

/* Whether what is waited for may still come. */
static int look_for_others(struct nv_steer *steer, struct nv_idle *idle, double *next)
{
    nave *ctx = steer->ctx;
    int rc = nv_leave_check(steer);
    if (rc == NAVE_OK && ctx->broken)
        rc = nv_error_set(&ctx->error, NAVE_ELOST, "ranks are lost, and the farm is closed");
    return rc == NAVE_OK && ctx->rank != 0 ? nv_serve_look(ctx, idle, next) : rc;
}

/* Until `here` says so (1; 0: not yet; or an error), or nobody is there who could send it. */
static int await(struct nv_steer *steer, int (*here)(struct nv_steer *steer))
{
    nave *ctx = steer->ctx;
    struct nv_idle idle;
    double next = 0;
    int rc;
    nv_serve_idle(ctx, &idle);
    while ((rc = here(steer)) == 0) {
        bool worked;
        rc = turn(ctx, &idle, &worked);
        if (rc == NAVE_OK)
            rc = look_for_others(steer, &idle, &next);
        if (rc != NAVE_OK)
            break;
        idle.all_ring = false; /* what is waited for does not ring */
        nv_idle(&idle, worked);
    }
    nv_idle_restart(&idle);
    return rc < 0 ? rc : NAVE_OK;
}

/* --------------------------------------------------------------------------- carrying out an order */

/* Rank 0 takes the next part, if it is here.  Of one sender they come in order. */
static int has_part(struct nv_steer *steer)
{
    struct nv_part *part = &steer->parts[steer->source];
    int here = 0;
    int rc = MPI_Iprobe(steer->source, NV_TAG_PART, steer->mpi, &here, MPI_STATUS_IGNORE);
    if (rc == MPI_SUCCESS && here)
        rc = MPI_Recv(part, sizeof *part, MPI_BYTE, steer->source, NV_TAG_PART, steer->mpi,
                      MPI_STATUS_IGNORE);
    rc = nv_error_mpi(&steer->ctx->error, rc, "gathering the parts of a snapshot");
    return rc == NAVE_OK ? here : rc;
}

static int has_sent_part(struct nv_steer *steer)
{
    int sent = 0;
    int rc =
        nv_error_mpi(&steer->ctx->error, MPI_Test(&steer->part_request, &sent, MPI_STATUS_IGNORE),
                     "sending a part of a snapshot");
    return rc == NAVE_OK ? sent : rc;
}

/* All ranks tell rank 0 what they have of a snapshot. */
static int gather(struct nv_steer *steer, struct nv_part *parts)
{
    nave *ctx = steer->ctx;
    int rc = NAVE_OK;
    if (ctx->rank != 0) {
        rc = nv_error_mpi(&ctx->error,
                          MPI_Isend(&steer->part, sizeof steer->part, MPI_BYTE, 0, NV_TAG_PART,
                                    steer->mpi, &steer->part_request),
                          "sending a part of a snapshot");
        return rc == NAVE_OK ? await(steer, has_sent_part) : rc;
    }
    parts[0] = steer->part;
    steer->parts = parts;
    for (steer->source = 1; rc == NAVE_OK && steer->source < ctx->size; steer->source++)
        rc = await(steer, has_part);
    return rc;
}

/* Copies the array on this rank. */
static struct nv_part take_part(struct nv_steer *steer, const char *name, uint64_t number)
{
    const struct nv_named *named = nv_named_find(steer->arrays, name);
    struct nv_part part = {.rc = NAVE_EOBJECT};
    size_t size = 0;
    if (named == NULL || !named->published || !nv_array_ok(&named->array, &size))
        return part;
    part.rc = nv_snapshots_add(&steer->snapshots, number, &named->array);
    part.size = size;
    for (int d = 0; d < named->array.dims; d++) {
        part.start[d] = named->array.start[d];
        part.count[d] = named->array.count[d];
    }
    return part;
}

/* What went wrong between the ranks is the end of polling. */
static int take_snapshot(struct nv_steer *steer, const char *name, uint64_t number,
                         struct nv_part *parts)
{
    steer->part = take_part(steer, name, number);
    if (steer->polls > 0) {
        steer->state = gather(steer, parts);
        return steer->state;
    }
    *parts = steer->part;
    return (int)parts->rc;
}

/* `order` is rank 0's own, NULL on other ranks. */
static int carry_out(struct nv_steer *steer, enum nv_order_kind kind, const char *name,
                     const char *text, uint64_t snapshot, struct nv_order *order)
{
    char why[256];
    const struct nv_named *named;
    switch (kind) {
    case NV_ORDER_SET:
        named = nv_named_find(steer->values, name);
        return named != NULL ? nv_named_set(named, text, true, (struct nv_why){why, sizeof why})
                             : NAVE_EOBJECT;
    case NV_ORDER_COMMAND:
        named = nv_named_find(steer->commands, name);
        if (named == NULL)
            return NAVE_EOBJECT;
        if (order != NULL)
            order->code = named->run(steer->ctx, text, named->arg);
        else
            named->run(steer->ctx, text, named->arg);
        return NAVE_OK;
    case NV_ORDER_SNAPSHOT:
        return take_snapshot(steer, name, snapshot, order != NULL ? order->parts : NULL);
    case NV_ORDER_RELEASE:
        nv_snapshots_drop(&steer->snapshots, snapshot);
        return NAVE_OK;
    }
    return NAVE_EINVAL;
}

/* Rank 0: an order is carried out, and in no list any more.  If it was given up before, nobody knows of its
 * snapshot. */
static void finish(struct nv_steer *steer, struct nv_order *order, int rc, int ranks)
{
    const struct nv_named *named = nv_named_find(steer->arrays, order->name);
    order->listed = false;
    order->ranks = ranks;
    if (order->done && order->kind == NV_ORDER_SNAPSHOT)
        nv_order_unwanted(nv_steer_order(steer, NV_ORDER_RELEASE, "", "", order->snapshot));
    if (!order->done) {
        order->rc = rc;
        order->step = steer->polls;
        if (order->kind == NV_ORDER_SNAPSHOT && named != NULL)
            order->array = named->array;
        order->done = true;
    }
    if (order->unwanted)
        nv_order_unwanted(order);
}

/* The first of the list. */
static void settle(struct nv_steer *steer, int rc)
{
    struct nv_order *order = steer->orders;
    steer->orders = order->next;
    if (steer->orders == NULL)
        steer->orders_end = &steer->orders;
    order->next = NULL;
    steer->told--;
    finish(steer, order, rc, steer->ctx->size);
}

void nv_poll_alone(struct nv_steer *steer, struct nv_order *order)
{
    struct nv_named *value = nv_named_find(steer->values, order->name);
    int rc = carry_out(steer, order->kind, order->name, order->text, order->snapshot, order);
    if (order->kind == NV_ORDER_SET && value != NULL)
        value->set_alone = true;
    finish(steer, order, rc, 1);
}

/* ---------------------------------------------------------------------------------- orders as text */

static cJSON *order_object(const struct nv_order *order)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "kind", order->kind);
    cJSON_AddStringToObject(object, "name", order->name);
    cJSON_AddStringToObject(object, "text", order->text);
    cJSON_AddNumberToObject(object, "snapshot", (double)order->snapshot);
    return object;
}

/* All orders that wait, for the end of the window that begins. */
static void write_orders(struct nv_steer *steer)
{
    cJSON *list = cJSON_CreateArray();
    for (const struct nv_order *order = steer->orders; order != NULL; order = order->next) {
        cJSON_AddItemToArray(list, order_object(order));
        steer->told++;
    }
    steer->text = steer->orders != NULL ? cJSON_PrintUnformatted(list) : NULL;
    if (steer->text == NULL)
        steer->told = 0;
    cJSON_Delete(list);
}

static int carry_out_item(struct nv_steer *steer, const cJSON *item, struct nv_order *order)
{
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(item, "kind");
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(item, "snapshot");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "text"));
    if (kind == NULL || number == NULL || name == NULL || text == NULL)
        return NAVE_EWIRE;
    return carry_out(steer, (enum nv_order_kind)kind->valueint, name, text,
                     (uint64_t)number->valuedouble, order);
}

/* The same text on all ranks, hence the same orders. */
static int carry_out_all(struct nv_steer *steer)
{
    bool root = steer->ctx->rank == 0;
    cJSON *list = cJSON_Parse(steer->text), *item;
    free(steer->text);
    steer->text = NULL;
    if (list == NULL)
        return nv_error_set(&steer->ctx->error, NAVE_ENOMEM, "no memory for orders");
    cJSON_ArrayForEach (item, list) {
        int rc = carry_out_item(steer, item, root ? steer->orders : NULL);
        if (root)
            settle(steer, rc);
        if (steer->state != NAVE_OK)
            break;
    }
    cJSON_Delete(list);
    return steer->state;
}

/* -------------------------------------------------------------------------------------- broadcasts */

static int begin_head(struct nv_steer *steer)
{
    steer->stage = NV_HEAD;
    steer->heads++;
    return nv_error_mpi(&steer->ctx->error,
                        MPI_Ibcast(&steer->head, 3, MPI_INT64_T, 0, steer->mpi, &steer->request),
                        "a broadcast from rank 0");
}

static int begin_text(struct nv_steer *steer)
{
    int size = (int)steer->head.bytes;
    if (steer->ctx->rank != 0) {
        free(steer->text);
        steer->text = calloc(1, (size_t)size + 1);
    }
    if (steer->text == NULL)
        return nv_error_set(&steer->ctx->error, NAVE_ENOMEM, "no memory for orders");
    steer->stage = NV_TEXT;
    return nv_error_mpi(&steer->ctx->error,
                        MPI_Ibcast(steer->text, size, MPI_CHAR, 0, steer->mpi, &steer->request),
                        "spreading orders");
}

/* Whether a window's head is here, which mostly it is, and its orders. */
static int has_window(struct nv_steer *steer)
{
    int here = 0, rc;
    if (steer->stage == NV_BETWEEN)
        return 1;
    if (steer->stage == NV_TEXT_DUE)
        return begin_text(steer);
    rc = nv_error_mpi(&steer->ctx->error, MPI_Test(&steer->request, &here, MPI_STATUS_IGNORE),
                      "waiting for rank 0");
    if (rc != NAVE_OK || !here)
        return rc;
    steer->stage = steer->stage == NV_HEAD && steer->head.bytes > 0 ? NV_TEXT_DUE : NV_BETWEEN;
    return steer->stage == NV_BETWEEN;
}

/* Behind the last head there only is the word that says why. */
static int has_nothing(struct nv_steer *steer)
{
    (void)steer;
    return 0;
}

/* Takes part in all broadcasts that there are, without a look at what they say.  1: that is done. */
static int follow(struct nv_steer *steer)
{
    int64_t last = steer->ctx->rank == 0 ? steer->last_head : steer->least.heads;
    int rc = has_window(steer);
    nv_leave_hear(steer);
    if (rc <= 0 || !nv_leave_settled(steer))
        return rc < 0 ? rc : 0;
    if ((int64_t)steer->heads >= last)
        return 1;
    if (steer->ctx->rank == 0)
        steer->head = (struct nv_head){0};
    return begin_head(steer);
}

void nv_steer_part(nave *ctx)
{
    struct nv_steer *steer = ctx->steer;
    struct nv_idle idle = {0};
    if (steer == NULL || !steer->open || !ctx->opened)
        return;
    nv_leave_say(steer, steer->polls, NAVE_OK);
    while (!ctx->broken && follow(steer) == 0 && nv_comm_progress(ctx->comm) >= 0) {
        const char *how;
        ctx->broken = ctx->vigil != NULL && nv_vigil_look(ctx->vigil, &how) >= 0;
        nv_idle(&idle, false);
    }
}

void nv_steer_leave(nave *ctx)
{
    if (ctx->steer != NULL && ctx->steer->open)
        nv_leave_say(ctx->steer, ctx->steer->polls, NAVE_OK);
}

/* ----------------------------------------------------------------------------------------- windows */

/* Polls in a window that takes as long as it should, by the one that has ended. */
static int64_t next_window(struct nv_steer *steer, bool held)
{
    double now = nv_clock(), seconds = now - steer->since, polls;
    uint64_t most = steer->window > 0 ? steer->window * GROWTH : 1;
    steer->since = now;
    if (steer->window == 0 || held)
        return steer->window > 0 ? (int64_t)steer->window : 1;
    polls = seconds > 0 ? (double)steer->window * WINDOW_SECONDS / seconds : (double)most;
    if (most > WINDOW_MAX)
        most = WINDOW_MAX;
    return polls < 1 ? 1 : polls > (double)most ? (int64_t)most : (int64_t)polls;
}

static bool may_go_on(void *arg)
{
    struct nv_steer *steer = arg;
    nave *ctx = steer->ctx;
    nv_leave_hear(steer);
    return !nv_door_paused(ctx->door) || ctx->hub->drained || steer->orders != NULL ||
           (int64_t)steer->polls > steer->least.polls || nave_lost(ctx) > 0;
}

/* Rank 0 holds all ranks, until there is something to decide. */
static int hold(struct nv_steer *steer)
{
    struct nv_hub *hub = steer->ctx->hub;
    bool all_ring = hub->idle.all_ring;
    int rc;
    if (may_go_on(steer))
        return NAVE_OK;
    hub->idle.all_ring = false; /* a rank that leaves does not */
    rc = nv_hub_wait(hub, may_go_on, steer, -1);
    hub->idle.all_ring = all_ring;
    return rc;
}

/* What was set before anybody polled is set everywhere now. */
static void set_all(struct nv_steer *steer)
{
    for (struct nv_named *v = steer->values; steer->heads == 0 && v != NULL; v = v->next) {
        char text[64];
        if (!v->set_alone)
            continue;
        v->set_alone = false;
        if (v->type == NV_STEER_DOUBLE)
            snprintf(text, sizeof text, "%.17g", *(const double *)v->value);
        else if (v->type == NV_STEER_INT64)
            snprintf(text, sizeof text, "%lld", (long long)*(const int64_t *)v->value);
        else if (v->type == NV_STEER_FLAG)
            snprintf(text, sizeof text, "%d", *(const int *)v->value != 0);
        nv_order_unwanted(nv_steer_order(steer, NV_ORDER_SET, v->name,
                                         v->type == NV_STEER_TEXT ? v->value : text, 0));
    }
}

/* Rank 0 serves the door and decides.  While all ranks are held it waits for something to decide. */
static int decide(struct nv_steer *steer, bool held)
{
    nave *ctx = steer->ctx;
    bool worked, busy;
    int rc = nv_hub_turn(ctx->hub, &worked);
    nv_door_attend(ctx->door, false);
    if (rc == NAVE_OK && held)
        rc = hold(steer);
    if (rc == NAVE_OK)
        rc = nv_leave_check(steer);
    if (rc != NAVE_OK)
        return rc;
    set_all(steer);
    write_orders(steer);
    busy = nv_door_busy(ctx->door);
    steer->head = (struct nv_head){
        .window = next_window(steer, held),
        .bytes = steer->text != NULL ? (int64_t)strlen(steer->text) : 0,
        .flags = (nv_door_stopping(ctx->door) || ctx->hub->drained ? FLAG_STOP : 0) |
                 (nv_door_paused(ctx->door) ? FLAG_HOLD : 0) | (busy ? FLAG_BUSY : 0)};
    /* How long polls take that do something is not known from those that did nothing: such a window has to
     * have ended first. */
    steer->busy_heads = busy ? steer->busy_heads + (steer->busy_heads < BUSY_HEADS) : 0;
    if (busy && steer->busy_heads < BUSY_HEADS && steer->head.window > BUSY_FIRST)
        steer->head.window = BUSY_FIRST;
    return NAVE_OK;
}

/* What was said of the window that ends now.  Stores the polls of the next one, and whether it has none,
 * since the job is paused. */
static int end_window(struct nv_steer *steer, uint64_t *polls, bool *held)
{
    int rc = await(steer, has_window);
    if (rc == NAVE_OK && steer->head.window == 0)
        rc = await(steer, has_nothing);
    if (rc == NAVE_OK && steer->head.bytes > 0)
        rc = carry_out_all(steer);
    if (rc == NAVE_OK && steer->head.flags & FLAG_STOP)
        return NAVE_EDRAINED;
    *polls = (uint64_t)steer->head.window;
    *held = (steer->head.flags & FLAG_HOLD) != 0;
    steer->busy = (steer->head.flags & FLAG_BUSY) != 0;
    return rc;
}

static int begin_window(struct nv_steer *steer, bool held)
{
    struct nv_idle idle;
    bool worked;
    int rc = steer->ctx->rank == 0 ? decide(steer, held) : turn(steer->ctx, &idle, &worked);
    return rc == NAVE_OK ? begin_head(steer) : rc;
}

/* One window ends, the next begins; the first ends where it begins.  While the job is paused they have no
 * polls: all ranks are held here, at the same one, and serve. */
static int turn_window(struct nv_steer *steer)
{
    uint64_t polls = 1;
    bool held = false;
    int rc = steer->heads == 0 ? begin_window(steer, false) : NAVE_OK;
    do {
        if (rc == NAVE_OK)
            rc = end_window(steer, &polls, &held);
        if (rc == NAVE_OK)
            rc = begin_window(steer, held);
    } while (rc == NAVE_OK && held);
    steer->window = polls;
    steer->due = steer->polls + polls;
    return rc;
}

int nave_poll(nave *ctx)
{
    struct nv_steer *steer = ctx->steer;
    struct nv_idle idle;
    bool worked;
    if (steer == NULL || !steer->open)
        return NAVE_OK;
    if (steer->state != NAVE_OK)
        return steer->state;
    steer->polls++;
    if (steer->polls >= steer->due)
        steer->state = turn_window(steer);
    else if (steer->busy)
        steer->state = turn(ctx, &idle, &worked);
    if (steer->state != NAVE_OK && steer->state != NAVE_EDRAINED)
        nv_leave_say(steer, steer->polls - 1, steer->state);
    return steer->state;
}

bool nv_poll_over(const struct nv_steer *steer)
{
    return steer->state != NAVE_OK || steer->least.polls < INT64_MAX;
}

bool nv_poll_end(struct nv_steer *steer)
{
    const nave *ctx = steer->ctx;
    if (!steer->open || !ctx->opened)
        return true;
    return !ctx->broken && nv_leave_end(steer) && steer->stage == NV_BETWEEN;
}
