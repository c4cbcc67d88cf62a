/* door_show - what clients see of the farm.  SPDX-License-Identifier: BSD-3-Clause */
#include "door_parts.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS_SHOWN = 1000, TASKS_MOST = 10000 };

static const char *const states[] = {"waiting", "running", "succeeded", "failed", "cancelled"};

enum { STATES = sizeof states / sizeof *states };

const char *nv_show_state(enum nave_task_state state)
{
    return states[state];
}

static void add_number(cJSON *object, const char *name, uint64_t n)
{
    cJSON_AddNumberToObject(object, name, (double)n);
}

static bool is_lost(const struct nv_hub *hub, int rank)
{
    return hub->lost != NULL && nv_set_has(hub->lost, (size_t)rank);
}

/* ------------------------------------------------------------------------------------------ status */

static uint64_t waiting(const nave_counts *counts)
{
    return counts->total - counts->running - counts->succeeded - counts->failed - counts->cancelled;
}

static void add_counts(cJSON *object, const nave_counts *counts)
{
    add_number(object, "waiting", waiting(counts));
    add_number(object, "running", counts->running);
    add_number(object, "succeeded", counts->succeeded);
    add_number(object, "failed", counts->failed);
    add_number(object, "cancelled", counts->cancelled);
}

uint64_t nv_show_counts(const struct nv_hub *hub, nave_counts *all)
{
    uint64_t open = 0;
    *all = (nave_counts){.succeeded = (size_t)hub->past.succeeded,
                         .failed = (size_t)hub->past.failed,
                         .cancelled = (size_t)hub->past.cancelled};
    all->total = all->succeeded + all->failed + all->cancelled;
    for (const nave_future *future = hub->futures; future != NULL; future = future->next) {
        nave_counts counts;
        if (!nv_future_counts(future))
            continue;
        nave_count(future, &counts);
        all->total += counts.total;
        all->running += counts.running;
        all->succeeded += counts.succeeded;
        all->failed += counts.failed;
        all->cancelled += counts.cancelled;
        open += !counts.complete;
    }
    return open;
}

/* How many tasks each rank has, from calloc().  Of a group it is the sub-hub that has them; they are taken to
 * be dealt out evenly. */
static uint64_t *loads_of(const struct nv_hub *hub)
{
    const nave *ctx = hub->ctx;
    uint64_t *loads = calloc((size_t)ctx->size * 3, sizeof *loads);
    uint64_t *members, *left; /* by sub-hub */
    if (loads == NULL)
        return NULL;
    members = loads + ctx->size;
    left = members + ctx->size;
    for (int r = 0; ctx->leaders != NULL && r < ctx->size; r++)
        members[ctx->leaders[r]]++;
    for (int r = 1; ctx->leaders != NULL && r < ctx->size; r++)
        if (ctx->leaders[r] == r)
            left[r] = nv_sched_load(hub->sched, ctx->size + r);
    for (int r = 0; r < ctx->size; r++) {
        int leader = ctx->leaders != NULL ? ctx->leaders[r] : 0;
        loads[r] = nv_sched_load(hub->sched, r);
        if (leader > 0) {
            uint64_t share = (left[leader] + members[leader] - 1) / members[leader];
            loads[r] += share;
            left[leader] -= share;
            members[leader]--;
        }
    }
    return loads;
}

static void add_engines(const struct nv_hub *hub, cJSON *object)
{
    cJSON *engines = cJSON_AddObjectToObject(object, "engines");
    uint64_t *loads = loads_of(hub), busy = 0;
    for (size_t r = 0; loads != NULL && r < hub->engines->limit; r++)
        busy += nv_set_has(hub->engines, r) && loads[r] > 0;
    free(loads);
    add_number(engines, "total", hub->engines->count);
    add_number(engines, "busy", busy);
    add_number(engines, "idle", hub->engines->count - busy);
    add_number(engines, "lost", hub->lost != NULL ? hub->lost->count : 0);
}

static const char *state_of(const struct nv_door *door)
{
    return door->stopping || door->hub->drained ? "stopping" : door->paused ? "paused" : "running";
}

int nv_serve_status(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    struct nv_hub *hub = door->hub;
    nave_counts all;
    uint64_t open = nv_show_counts(hub, &all);
    (void)letter;
    cJSON_AddNumberToObject(answer->object, "time", nv_hub_time(hub));
    cJSON_AddStringToObject(answer->object, "state", state_of(door));
    add_engines(hub, answer->object);
    add_counts(cJSON_AddObjectToObject(answer->object, "tasks"), &all);
    add_number(answer->object, "calls", open);
    add_number(answer->object, "clients", (uint64_t)nv_porter_clients(door->porter));
    nv_steer_describe(hub->ctx->steer, answer->object);
    return NAVE_OK;
}

/* ----------------------------------------------------------------------------------------- engines */

static cJSON *show_engine(const struct nv_hub *hub, int rank, uint64_t load)
{
    const nave_place *place = &nv_places_list(hub->ctx->places)[rank];
    cJSON *object = cJSON_CreateObject();
    uint64_t done;
    double seconds;
    nv_sched_worked(hub->sched, rank, &done, &seconds);
    if (hub->ctx->leaders != NULL && hub->ctx->leaders[rank] == rank) {
        uint64_t group;
        double group_seconds;
        nv_sched_worked(hub->sched, hub->ctx->size + rank, &group, &group_seconds);
        done += group;
        seconds += group_seconds;
    }
    add_number(object, "rank", (uint64_t)rank);
    cJSON_AddStringToObject(object, "host", place->host);
    add_number(object, "node", (uint64_t)place->node);
    cJSON_AddStringToObject(object, "cpus", place->cpus);
    add_number(object, "cores", (uint64_t)place->cores);
    add_number(object, "pid", (uint64_t)place->pid);
    cJSON_AddStringToObject(object, "state",
                            is_lost(hub, rank) ? "lost"
                            : load > 0         ? "busy"
                                               : "idle");
    add_number(object, "tasks", load);
    add_number(object, "done", done);
    cJSON_AddNumberToObject(object, "seconds", seconds);
    return object;
}

int nv_serve_engines(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    const struct nv_hub *hub = door->hub;
    cJSON *list = cJSON_AddArrayToObject(answer->object, "engines");
    uint64_t *loads = loads_of(hub);
    (void)letter;
    if (loads == NULL)
        return nv_why(door->why, NAVE_ENOMEM, "no memory for a list");
    for (int rank = !hub->ctx->hub_works; rank < hub->ctx->size; rank++)
        cJSON_AddItemToArray(list, show_engine(hub, rank, loads[rank]));
    free(loads);
    return NAVE_OK;
}

/* ------------------------------------------------------------------------------- kernels, objects */

int nv_serve_kernels(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    const struct nv_kernels *kernels = &door->hub->ctx->kernels;
    cJSON *list = cJSON_AddArrayToObject(answer->object, "kernels");
    (void)letter;
    for (size_t i = NV_KERNEL_OWN; i < kernels->count; i++) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "name", kernels->names[i]);
        if (kernels->signatures[i] != NULL)
            cJSON_AddStringToObject(object, "signature", kernels->signatures[i]);
        else
            cJSON_AddNullToObject(object, "signature");
        add_number(object, "engines", kernels->engines[i]->count);
        cJSON_AddItemToArray(list, object);
    }
    return NAVE_OK;
}

static void show_object(void *arg, const char *name, const struct nv_set *engines)
{
    cJSON *list = arg, *object, *ranks;
    if (engines->count == 0 || name[0] == '\001')
        return;
    object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", name);
    ranks = cJSON_AddArrayToObject(object, "engines");
    for (size_t r = 0; r < engines->limit; r++)
        if (nv_set_has(engines, r))
            cJSON_AddItemToArray(ranks, cJSON_CreateNumber((double)r));
    cJSON_AddItemToArray(list, object);
}

int nv_serve_objects(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    (void)letter;
    nv_holders_each(&door->hub->holders, show_object,
                    cJSON_AddArrayToObject(answer->object, "objects"));
    return NAVE_OK;
}

/* ------------------------------------------------------------------------------------------- calls */

void nv_show_call(const struct nv_door *door, const nave_future *future, cJSON *object)
{
    nave_counts counts;
    nave_count(future, &counts);
    add_number(object, "call", future->number);
    cJSON_AddStringToObject(object, "kernel", door->hub->ctx->kernels.names[future->kernel]);
    cJSON_AddStringToObject(object, "from", nv_door_has(door, future) ? "client" : "program");
    cJSON_AddStringToObject(object, "view", future->view->direct ? "direct" : "balanced");
    cJSON_AddNumberToObject(object, "priority", future->view->policy.priority);
    cJSON_AddStringToObject(object, "state", counts.complete ? "complete" : "open");
    add_number(object, "total", counts.total);
    add_counts(object, &counts);
    cJSON_AddNumberToObject(object, "submitted", future->submitted);
    cJSON_AddStringToObject(object, "digest", nave_digest((nave_future *)(uintptr_t)future));
}

/* The latest first; of a flood of single tasks as many as anybody will read. */
int nv_serve_calls(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    cJSON *list = cJSON_AddArrayToObject(answer->object, "calls");
    uint64_t limit = TASKS_SHOWN, n = 0;
    int rc = nv_request_natural(&letter->request, "limit", TASKS_MOST, &limit, door->why);
    if (rc != NAVE_OK)
        return rc;
    for (nave_future *future = door->hub->futures; future != NULL && n < limit;
         future = future->next) {
        cJSON *object;
        if (!nv_future_counts(future))
            continue;
        object = cJSON_CreateObject();
        nv_show_call(door, future, object);
        cJSON_AddItemToArray(list, object);
        n++;
    }
    return NAVE_OK;
}

/* ------------------------------------------------------------------------------------------- tasks */

/* What is wanted of a list of tasks. */
struct wanted {
    bool states[STATES];
    uint64_t call; /* 0: all */
    uint64_t limit;
    uint64_t from_call, from; /* the first task; from_call 0: of the latest call */
};

static int read_states(const struct nv_request *request, struct wanted *wanted, struct nv_why why)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(request->body, "states"), *item;
    if (list == NULL) {
        memset(wanted->states, true, sizeof wanted->states);
        return NAVE_OK;
    }
    if (!cJSON_IsArray(list))
        return nv_why(why, NAVE_EINVAL, "\"states\" has to be a list of states");
    cJSON_ArrayForEach (item, list) {
        int s = 0;
        while (s < STATES && (!cJSON_IsString(item) || strcmp(item->valuestring, states[s]) != 0))
            s++;
        if (s == STATES)
            return nv_why(why, NAVE_EINVAL,
                          "states are waiting, running, succeeded, failed, cancelled");
        wanted->states[s] = true;
    }
    return NAVE_OK;
}

static int read_wanted(const struct nv_request *request, struct wanted *wanted, struct nv_why why)
{
    int rc;
    *wanted = (struct wanted){.limit = TASKS_SHOWN};
    rc = read_states(request, wanted, why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "call", UINT64_MAX, &wanted->call, why);
    if (rc == NAVE_OK && wanted->call != 0)
        rc = nv_request_natural(request, "from", UINT64_MAX, &wanted->from, why);
    else if (rc == NAVE_OK)
        rc = nv_request_place(request, "from", &wanted->from_call, &wanted->from, why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "limit", TASKS_MOST, &wanted->limit, why);
    return rc;
}

/* The number of the engine that has a task; -1: none. */
static int whose(const nave_future *future, uint64_t index)
{
    if (future->single)
        return future->engine;
    return nv_sched_whose(future->hub->sched, future->job,
                          future->place != NULL ? future->place[index] : index);
}

/* What its engine's answers tell of a task that runs: where it is, and since when it runs; `started` is 0 where
 * others are before it there. */
static void find_running(const nave_future *future, nave_record *record)
{
    const struct nv_hub *hub = future->hub;
    uint64_t place = future->place != NULL ? future->place[record->index] : record->index;
    int engine = whose(future, record->index);
    if (engine < 0)
        return;
    record->engine = engine % hub->ctx->size;
    if (future->single)
        record->started = nv_sched_load(hub->sched, engine) == 1 ? future->submitted : 0;
    else
        nv_sched_turn(hub->sched, engine, future->job, place, &record->started);
}

/* The task's record; of a call whose tasks keep none, what is known of the call. */
static void record_of(const nave_future *future, uint64_t index, nave_record *record)
{
    nv_ledger_record(&future->ledger, index, record);
    if (record->submitted == 0)
        record->submitted = future->submitted;
    if (record->state == NAVE_RUNNING)
        find_running(future, record);
    if (record->engine >= 0)
        record->host = nv_hub_host(future->hub, record->engine);
}

enum { TASK_NAME = 48 };

static const char *name_task(char name[TASK_NAME], const nave_future *future, uint64_t index)
{
    snprintf(name, TASK_NAME, "%llu.%llu", (unsigned long long)future->number,
             (unsigned long long)index);
    return name;
}

static void show_record(const nave_future *future, const nave_record *record, cJSON *object)
{
    char name[TASK_NAME];
    cJSON_AddStringToObject(object, "task", name_task(name, future, record->index));
    cJSON_AddStringToObject(object, "kernel", future->hub->ctx->kernels.names[future->kernel]);
    cJSON_AddStringToObject(object, "state", states[record->state]);
    cJSON_AddNumberToObject(object, "submitted", record->submitted);
    add_number(object, "attempts", (uint64_t)record->attempts);
    if (record->engine >= 0) {
        cJSON_AddNumberToObject(object, "engine", record->engine);
        cJSON_AddStringToObject(object, "host", record->host);
    }
    if (record->engine >= 0 && record->started > 0)
        cJSON_AddNumberToObject(object, "started", record->started);
    if (record->engine >= 0 && record->state != NAVE_RUNNING)
        cJSON_AddNumberToObject(object, "ended", record->ended);
    if (record->state == NAVE_SUCCEEDED)
        add_number(object, "size", record->size);
    if (record->state == NAVE_FAILED) {
        cJSON_AddNumberToObject(object, "code", record->code);
        cJSON_AddStringToObject(object, "message", record->message);
    }
}

/* Adds tasks from `index` on, as many as are wanted; returns where it stopped. */
static uint64_t show_tasks(const nave_future *future, struct wanted *wanted, uint64_t index,
                           cJSON *list)
{
    for (; index < future->count && wanted->limit > 0; index++) {
        nave_record record;
        cJSON *object;
        record_of(future, index, &record);
        if (!wanted->states[record.state])
            continue;
        object = cJSON_CreateObject();
        show_record(future, &record, object);
        cJSON_AddItemToArray(list, object);
        wanted->limit--;
    }
    return index;
}

/* Of one call; `next` is the index of a task then. */
static int show_one(struct nv_door *door, struct wanted *wanted, cJSON *list, cJSON *answer)
{
    nave_future *future = nv_door_call(door, wanted->call);
    uint64_t end;
    if (future == NULL)
        return NAVE_EINVAL;
    end = show_tasks(future, wanted, wanted->from, list);
    if (end < future->count)
        add_number(answer, "next", end);
    return NAVE_OK;
}

/* Of all calls, the latest first; `next` is the name of a task.  Calls that are new by then go before it, and its
 * own may be gone. */
static void show_all(struct nv_door *door, struct wanted *wanted, cJSON *list, cJSON *answer)
{
    char name[TASK_NAME];
    for (nave_future *future = door->hub->futures; future != NULL; future = future->next) {
        uint64_t end, from = future->number == wanted->from_call ? wanted->from : 0;
        if (!nv_future_counts(future) ||
            (wanted->from_call > 0 && future->number > wanted->from_call))
            continue;
        end = show_tasks(future, wanted, from, list);
        if (end < future->count) {
            cJSON_AddStringToObject(answer, "next", name_task(name, future, end));
            return;
        }
    }
}

int nv_serve_tasks(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    struct wanted wanted;
    cJSON *list = cJSON_AddArrayToObject(answer->object, "tasks");
    int rc = read_wanted(&letter->request, &wanted, door->why);
    if (rc != NAVE_OK)
        return rc;
    cJSON_AddNumberToObject(answer->object, "time", nv_hub_time(door->hub));
    if (wanted.call != 0)
        return show_one(door, &wanted, list, answer->object);
    show_all(door, &wanted, list, answer->object);
    return NAVE_OK;
}

/* ----------------------------------------------------------------------------------------- explain */

/* Tasks of other calls that go before it. */
static uint64_t in_front(const nave_future *future)
{
    uint64_t n = 0;
    for (const nave_future *other = future->hub->futures; other != NULL; other = other->next) {
        nave_counts counts;
        if (other == future || !nv_future_counts(other) ||
            other->view->policy.priority <= future->view->policy.priority)
            continue;
        nave_count(other, &counts);
        n += waiting(&counts);
    }
    return n;
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* Why tasks of the call wait; `it` is one, or those of them that do. */
static void explain_waiting(struct nv_door *door, nave_future *future, bool one, struct nv_why why)
{
    struct nv_hub *hub = door->hub;
    const struct nv_set *engines = nv_view_engines(future->view, future->kernel);
    const char *kernel = hub->ctx->kernels.names[future->kernel];
    const char *wait = one ? "it waits" : "they wait";
    size_t busy = 0, there = engines != NULL ? engines->count : 0;
    uint64_t first = in_front(future);
    for (size_t r = 0; engines != NULL && r < engines->limit; r++)
        busy += nv_set_has(engines, r) && nv_sched_load(hub->sched, (int)r) > 0;
    if (door->paused)
        nv_why(why, 0, "%s: the job is paused (nave resume)", wait);
    else if (!nv_hub_may_begin(hub, future->kernel))
        nv_why(why, 0, "%s will not begin: %s", one ? "it" : "they",
               hub->drained ? hub->drained_by : "the job's time is over soon");
    else if (there == 0)
        nv_why(why, 0, "%s: no engine that is left has the kernel '%s'", wait, kernel);
    else
        nv_why(why, 0,
               "%s for an engine: of %zu that may run '%s' %zu %s busy; %llu task%s of higher "
               "priority go%s first",
               wait, there, kernel, busy, busy == 1 ? "is" : "are", (unsigned long long)first,
               plural(first), first == 1 ? "es" : "");
}

static void explain_running(const nave_future *future, uint64_t index, struct nv_why why)
{
    const struct nv_hub *hub = future->hub;
    int engine = whose(future, index);
    uint64_t others = engine < 0 ? 0 : nv_sched_load(hub->sched, engine);
    others -= others > 0;
    if (engine < 0)
        nv_why(why, 0, "an engine has it");
    else if (others == 0)
        nv_why(why, 0, "engine %d (%s) has it", engine % hub->ctx->size,
               nv_hub_host(hub, engine % hub->ctx->size));
    else
        nv_why(why, 0, "engine %d (%s) has it, with %llu other%s", engine % hub->ctx->size,
               nv_hub_host(hub, engine % hub->ctx->size), (unsigned long long)others,
               plural(others));
}

static void explain_ended(const nave_record *record, struct nv_why why)
{
    if (record->state == NAVE_SUCCEEDED)
        nv_why(why, 0, "it succeeded on engine %d (%s) after %.3g s; its result has %zu byte%s",
               record->engine, record->host, record->ended - record->started, record->size,
               plural(record->size));
    else if (record->state == NAVE_FAILED)
        nv_why(why, 0, "it failed on engine %d (%s) in attempt %d: %s (code %d)", record->engine,
               record->host, record->attempts, record->message, record->code);
    else
        nv_why(why, 0, "it was cancelled");
}

static void explain_task(struct nv_door *door, nave_future *future, uint64_t index, cJSON *object,
                         struct nv_why why)
{
    nave_record record;
    record_of(future, index, &record);
    show_record(future, &record, object);
    if (record.state == NAVE_WAITING)
        explain_waiting(door, future, true, why);
    else if (record.state == NAVE_RUNNING)
        explain_running(future, index, why);
    else
        explain_ended(&record, why);
}

/* A call of several tasks: how many are in which state, and why those wait that do. */
static void explain_call(struct nv_door *door, nave_future *future, cJSON *object,
                         struct nv_why why)
{
    char waits[1024] = "";
    nave_counts counts;
    nave_count(future, &counts);
    nv_show_call(door, future, object);
    if (waiting(&counts) > 0)
        explain_waiting(door, future, waiting(&counts) == 1, (struct nv_why){waits, sizeof waits});
    nv_why(why, 0,
           "of %zu tasks %llu wait, %zu run, %zu succeeded, %zu failed, %zu were cancelled%s%s",
           counts.total, (unsigned long long)waiting(&counts), counts.running, counts.succeeded,
           counts.failed, counts.cancelled, waits[0] != '\0' ? "; " : "", waits);
}

/* Whether a single task is meant: of a call with one that is the same. */
static bool names_task(const struct nv_letter *letter, const nave_future *future)
{
    const cJSON *task = cJSON_GetObjectItemCaseSensitive(letter->request.body, "task");
    return future->count == 1 || (cJSON_IsString(task) && strchr(task->valuestring, '.') != NULL);
}

int nv_serve_explain(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    char text[2048];
    struct nv_why why = {text, sizeof text};
    uint64_t call, index;
    nave_future *future;
    int rc = nv_request_task(&letter->request, &call, &index, door->why);
    if (rc != NAVE_OK)
        return rc;
    future = nv_door_call(door, call);
    if (future == NULL)
        return NAVE_EINVAL;
    if (index >= future->count && names_task(letter, future))
        return nv_why(door->why, NAVE_EINVAL, "call %llu has %llu task%s", (unsigned long long)call,
                      (unsigned long long)future->count, plural(future->count));
    if (names_task(letter, future))
        explain_task(door, future, index, answer->object, why);
    else
        explain_call(door, future, answer->object, why);
    cJSON_AddStringToObject(answer->object, "text", text);
    return NAVE_OK;
}

/* ------------------------------------------------------------------------------------------ events */

static void show_events(const struct nv_door *door, uint64_t after, cJSON *list)
{
    uint64_t first = door->event_count > NV_EVENTS ? door->event_count - NV_EVENTS : 0;
    for (uint64_t n = after > first ? after : first; n < door->event_count; n++) {
        const struct nv_event *event = &door->events[n % NV_EVENTS];
        cJSON *object = cJSON_CreateObject();
        add_number(object, "number", event->number);
        cJSON_AddNumberToObject(object, "time", event->time);
        cJSON_AddStringToObject(object, "what", event->what);
        cJSON_AddStringToObject(object, "text", event->text);
        cJSON_AddItemToArray(list, object);
    }
}

static int look_for_events(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    if (door->event_count <= later->index && !nv_later_over(door, later))
        return NV_LATER;
    show_events(door, later->index, cJSON_AddArrayToObject(answer->object, "events"));
    return NAVE_OK;
}

int nv_serve_events(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    uint64_t after = 0;
    double seconds = 0;
    struct nv_later *later;
    int rc = nv_request_natural(&letter->request, "after", UINT64_MAX, &after, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_real(&letter->request, "seconds", 0, &seconds, door->why);
    if (rc != NAVE_OK)
        return rc;
    if (door->event_count > after || seconds == 0) {
        show_events(door, after, cJSON_AddArrayToObject(answer->object, "events"));
        return NAVE_OK;
    }
    later = nv_door_later(door, letter, seconds, look_for_events);
    if (later == NULL)
        return NAVE_ENOMEM;
    later->index = after;
    return NV_LATER;
}
