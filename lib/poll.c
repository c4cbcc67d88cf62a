/* poll - nave_poll(), see steer.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "poll.h"
#include "clock.h"
#include "door.h"
#include "engine.h"
#include "error_mpi.h"
#include "hub.h"
#include "idle.h"
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_SECONDS 10e-3
#define END_SECONDS 5.0

enum {
    WINDOW_MAX = 256, /* polls: should they take much longer all of a sudden, it is not for long */
    GROWTH = 4,       /* of a window over the one before it, at most */
    BUSY_FIRST = 64,  /* polls of the first windows in which each poll has something to do */
    BUSY_HEADS = 3,   /* until their time is known */
    FLAG_STOP = 1,
    FLAG_BUSY = 2,
    FLAG_HOLD = 4
};

/* --------------------------------------------------------------------------- carrying out an order */

/* Copies the array on this rank; all ranks tell rank 0 what they have. */
static int take_snapshot(struct nv_steer *steer, const char *name, uint64_t number,
                         struct nv_part *parts)
{
    const struct nv_named *named = nv_named_find(steer->arrays, name);
    struct nv_part mine = {.rc = NAVE_EOBJECT};
    size_t size = 0;
    if (named != NULL && named->published && nv_array_ok(&named->array, &size)) {
        mine.rc = nv_snapshots_add(&steer->snapshots, number, &named->array);
        mine.size = size;
        for (int d = 0; d < named->array.dims; d++) {
            mine.start[d] = named->array.start[d];
            mine.count[d] = named->array.count[d];
        }
    }
    if (steer->polls == 0 && parts != NULL) {
        *parts = mine;
        return (int)mine.rc;
    }
    return nv_error_mpi(&steer->ctx->error,
                        MPI_Gather(&mine, (int)sizeof mine, MPI_BYTE, parts, (int)sizeof mine,
                                   MPI_BYTE, 0, steer->mpi),
                        "gathering the parts of a snapshot");
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

/* Rank 0: the first order is done, and leaves the list. */
static void settle(struct nv_steer *steer, int rc)
{
    struct nv_order *order = steer->orders;
    const struct nv_named *named = nv_named_find(steer->arrays, order->name);
    steer->orders = order->next;
    if (steer->orders == NULL)
        steer->orders_end = &steer->orders;
    order->next = NULL;
    order->rc = rc;
    order->step = steer->polls;
    if (order->kind == NV_ORDER_SNAPSHOT && named != NULL)
        order->array = named->array;
    order->done = true;
    if (order->unwanted)
        nv_order_unwanted(order);
}

void nv_poll_alone(struct nv_steer *steer)
{
    while (steer->orders != NULL) {
        struct nv_order *order = steer->orders;
        steer->set_alone = steer->set_alone || order->kind == NV_ORDER_SET;
        settle(steer,
               carry_out(steer, order->kind, order->name, order->text, order->snapshot, order));
    }
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
    for (const struct nv_order *order = steer->orders; order != NULL; order = order->next)
        cJSON_AddItemToArray(list, order_object(order));
    free(steer->said);
    steer->said = steer->orders != NULL ? cJSON_PrintUnformatted(list) : NULL;
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
static int carry_out_all(struct nv_steer *steer, const char *text)
{
    bool root = steer->ctx->rank == 0;
    cJSON *list = cJSON_Parse(text), *item;
    if (list == NULL)
        return nv_error_set(&steer->ctx->error, NAVE_ENOMEM, "no memory for orders");
    cJSON_ArrayForEach (item, list) {
        int rc = carry_out_item(steer, item, root ? steer->orders : NULL);
        if (root)
            settle(steer, rc);
    }
    cJSON_Delete(list);
    return NAVE_OK;
}

static int spread_orders(struct nv_steer *steer)
{
    struct nv_error *error = &steer->ctx->error;
    int size = (int)steer->head.bytes, rc;
    char *text = steer->ctx->rank == 0 ? steer->said : calloc(1, (size_t)size + 1);
    if (text == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for orders");
    rc = nv_error_mpi(error, MPI_Bcast(text, size, MPI_CHAR, 0, steer->mpi), "spreading orders");
    if (rc == NAVE_OK)
        rc = carry_out_all(steer, text);
    free(text);
    steer->said = NULL;
    return rc;
}

/* ----------------------------------------------------------------------------------------- windows */

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

/* Until this window's head is here, which mostly it is. */
static int await_head(struct nv_steer *steer)
{
    nave *ctx = steer->ctx;
    struct nv_idle idle;
    int here = 0, rc = NAVE_OK;
    nv_serve_idle(ctx, &idle);
    idle.all_ring = false; /* a broadcast does not ring */
    while (rc == NAVE_OK) {
        bool worked;
        rc = nv_error_mpi(&ctx->error, MPI_Test(&steer->request, &here, MPI_STATUS_IGNORE),
                          "waiting for rank 0");
        if (rc != NAVE_OK || here)
            break;
        rc = turn(ctx, &idle, &worked);
        idle.all_ring = false;
        nv_idle(&idle, worked);
    }
    nv_idle_restart(&idle);
    steer->begun = false;
    return rc;
}

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
    const struct nv_steer *steer = arg;
    return !nv_door_paused(steer->ctx->door) || steer->ctx->hub->drained || steer->orders != NULL;
}

/* What was set before anybody polled is set everywhere now. */
static void set_all(struct nv_steer *steer)
{
    for (const struct nv_named *v = steer->values; steer->set_alone && v != NULL; v = v->next) {
        char text[64];
        if (v->type == NV_STEER_DOUBLE)
            snprintf(text, sizeof text, "%.17g", *(const double *)v->value);
        else if (v->type == NV_STEER_INT64)
            snprintf(text, sizeof text, "%lld", (long long)*(const int64_t *)v->value);
        else if (v->type == NV_STEER_FLAG)
            snprintf(text, sizeof text, "%d", *(const int *)v->value != 0);
        nv_order_unwanted(nv_steer_order(steer, NV_ORDER_SET, v->name,
                                         v->type == NV_STEER_TEXT ? v->value : text, 0));
    }
    steer->set_alone = false;
}

/* Rank 0 serves the door and decides.  While all ranks are held it waits for something to decide. */
static int decide(struct nv_steer *steer, bool held)
{
    nave *ctx = steer->ctx;
    bool worked, busy;
    int rc = nv_hub_turn(ctx->hub, &worked);
    nv_door_attend(ctx->door, false);
    if (rc == NAVE_OK && held && !may_go_on(steer))
        rc = nv_hub_wait(ctx->hub, may_go_on, steer, -1);
    if (rc != NAVE_OK)
        return rc;
    set_all(steer);
    write_orders(steer);
    busy = nv_door_busy(ctx->door);
    steer->head = (struct nv_head){
        .window = next_window(steer, held),
        .bytes = steer->said != NULL ? (int64_t)strlen(steer->said) : 0,
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
    int rc = await_head(steer);
    if (rc == NAVE_OK && steer->head.bytes > 0)
        rc = spread_orders(steer);
    if (rc == NAVE_OK && steer->head.flags & FLAG_STOP)
        return NAVE_EDRAINED;
    *polls = (uint64_t)steer->head.window;
    *held = (steer->head.flags & FLAG_HOLD) != 0;
    steer->busy = (steer->head.flags & FLAG_BUSY) != 0;
    return rc;
}

static int begin_window(struct nv_steer *steer, bool held)
{
    nave *ctx = steer->ctx;
    struct nv_idle idle;
    bool worked;
    int rc = ctx->rank == 0 ? decide(steer, held) : turn(ctx, &idle, &worked);
    if (rc != NAVE_OK)
        return rc;
    steer->begun = true;
    return nv_error_mpi(&ctx->error,
                        MPI_Ibcast(&steer->head, 3, MPI_INT64_T, 0, steer->mpi, &steer->request),
                        "a broadcast from rank 0");
}

/* One window ends, the next begins.  While the job is paused they have no polls: all ranks are held
 * here, at the same one, and serve. */
static int turn_window(struct nv_steer *steer)
{
    uint64_t polls = 1;
    bool held = false;
    int rc;
    do {
        rc = steer->begun ? end_window(steer, &polls, &held) : NAVE_OK;
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
    steer->polls++;
    if (steer->state != NAVE_OK)
        return steer->state;
    if (steer->polls >= steer->due)
        steer->state = turn_window(steer);
    else if (steer->busy)
        steer->state = turn(ctx, &idle, &worked);
    return steer->state;
}

void nv_poll_end(struct nv_steer *steer)
{
    double until = nv_clock() + END_SECONDS;
    int here = 0;
    free(steer->said);
    steer->said = NULL;
    while (steer->begun && !here && !steer->ctx->broken && nv_clock() < until)
        if (MPI_Test(&steer->request, &here, MPI_STATUS_IGNORE) != MPI_SUCCESS)
            return;
}
