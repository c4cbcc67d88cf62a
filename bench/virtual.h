/* virtual - a farm on a simulated clock: the library's scheduler, with hubs and engines that only
 * take time.
 *
 * Invariants.  Time never goes back; the same farm gives the same figures, whatever runs beside it.
 * Each task is run once: virtual_run() counts them.
 *
 * Design notes.  A hub is a server: it takes what has come, tells its scheduler, sends what that
 * says, and each of it costs time in which other messages wait.  An engine runs its rows task by
 * task, and answers after the time that engines let pass between answers, or when it has nothing
 * left.  With two levels a sub-hub is an engine of the top hub, with the capacity of its group, and
 * a hub to its own engines: a row from the top is a job of its scheduler, of even chunks, since the
 * top has already reckoned how many tasks fill a group for a while.
 *
 * Messages need no events of their own: a message has the time when it arrives, and stands in a
 * line that its receiver looks at when it has time.  Events are the ends of what somebody does.
 */
#ifndef BENCH_VIRTUAL_H
#define BENCH_VIRTUAL_H

#include "virtual_engine.h"

/* ---------------------------------------------------------------------- a sub-hub towards the top */

static inline void virtual_row_add(struct virtual_hub *hub, uint64_t top_job, uint64_t base,
                                   uint64_t count)
{
    struct virtual_row *row = hub->spare_rows;
    uint64_t parts = 4 * (uint64_t)hub->children;
    struct nv_job_spec spec = {.count = count,
                               .max_chunk = (uint64_t)1 << 30,
                               .chunk = (count + parts - 1) / parts,
                               .engines = hub->all};
    if (row != NULL)
        hub->spare_rows = row->next;
    else
        row = virtual_memory(malloc(sizeof *row));
    *row = (struct virtual_row){base, count, count, 0, top_job, hub->rows};
    spec.owner = row;
    row->job = nv_sched_add(hub->sched, &spec);
    hub->rows = row;
    if (row->job == 0)
        abort();
}

static inline void virtual_row_less(struct virtual_hub *hub, struct virtual_row *row,
                                    uint64_t count)
{
    struct virtual_row **place = &hub->rows;
    row->left -= count;
    if (row->left > 0)
        return;
    while (*place != row)
        place = &(*place)->next;
    *place = row->next;
    nv_sched_remove(hub->sched, row->job);
    row->next = hub->spare_rows;
    hub->spare_rows = row;
}

static inline void virtual_done_later(struct virtual_hub *hub, const struct virtual_row *row,
                                      const struct virtual_message *answer)
{
    if (hub->done_count == hub->done_room) {
        hub->done_room = hub->done_room == 0 ? 64 : 2 * hub->done_room;
        hub->done =
            virtual_memory(realloc(hub->done, hub->done_room * sizeof(struct virtual_message)));
    }
    hub->done[hub->done_count] = *answer;
    hub->done[hub->done_count].job = row->top_job;
    hub->done[hub->done_count].first += row->base;
    hub->done[hub->done_count++].base = 0;
}

static inline int virtual_by_task(const void *a, const void *b)
{
    uint64_t x = ((const struct virtual_message *)a)->first;
    uint64_t y = ((const struct virtual_message *)b)->first;
    return (x > y) - (x < y);
}

/* Answers go up as few rows as they make, in one frame.  Returns what that costs. */
static inline double virtual_go_up(struct virtual_farm *farm, int number, double at)
{
    struct virtual_hub *hub = &farm->hubs[number];
    double cost = farm->spec.costs.frame;
    size_t rows = 0;
    if (hub->done_count == 0)
        return 0;
    qsort(hub->done, hub->done_count, sizeof(struct virtual_message), virtual_by_task);
    for (size_t i = 1; i < hub->done_count; i++) {
        struct virtual_message *row = &hub->done[rows];
        if (row->first + row->count == hub->done[i].first) {
            row->count += hub->done[i].count;
            row->seconds += hub->done[i].seconds;
        } else {
            hub->done[++rows] = hub->done[i];
        }
    }
    for (size_t i = 0; i <= rows; i++) {
        struct virtual_message *row = &hub->done[i];
        row->kind = VIRTUAL_DONE;
        row->opens = i == 0;
        row->engine = number - 1;
        row->at = at + cost + hub->latency;
        virtual_to_hub(farm, 0, row);
    }
    hub->done_count = 0;
    hub->went_up = at;
    return cost;
}

struct virtual_unsent {
    struct virtual_row *row;
    uint64_t from, count; /* what goes back: the end of the row */
    uint64_t cut;         /* where the part of the row begins that no engine has */
    struct virtual_line kept;
};

static inline void virtual_unsent(void *arg, uint64_t first, uint64_t count)
{
    struct virtual_unsent *unsent = arg;
    struct virtual_message kept = {.first = first, .count = count};
    if (first + count == unsent->row->count && unsent->from < first + count) {
        unsent->cut = first;
        unsent->count = first + count - (first > unsent->from ? first : unsent->from);
        kept.count -= unsent->count;
    }
    if (kept.count > 0)
        virtual_put(&unsent->kept, &kept);
}

/* Takes back what its engines do not have; what the top did not ask for waits anew. */
static inline void virtual_cut_row(struct virtual_hub *hub, struct virtual_unsent *unsent)
{
    struct virtual_row *row = unsent->row;
    const struct virtual_message *kept;
    uint64_t gone = 0;
    unsent->cut = row->count;
    nv_sched_cancel(hub->sched, row->job, virtual_unsent, unsent);
    row->count = unsent->cut;
    hub->load -= unsent->count;
    while ((kept = virtual_first(&unsent->kept)) != NULL) {
        virtual_row_add(hub, row->top_job, row->base + kept->first, kept->count);
        gone += kept->count;
        virtual_drop(&unsent->kept);
    }
    free(unsent->kept.messages);
    virtual_row_less(hub, row, gone + unsent->count);
}

/* The top asks for the end of a row: what no engine has yet goes back. */
static inline double virtual_sub_gives_back(struct virtual_farm *farm, int number,
                                            const struct virtual_message *asked, double at)
{
    struct virtual_hub *hub = &farm->hubs[number];
    uint64_t end = asked->first + asked->count;
    struct virtual_unsent unsent = {.row = hub->rows};
    struct virtual_message message = *asked;
    double cost = virtual_go_up(farm, number, at); /* answers do not come after it */
    while (unsent.row != NULL && unsent.row->base + unsent.row->count != end)
        unsent.row = unsent.row->next;
    if (unsent.row != NULL) {
        uint64_t base = unsent.row->base;
        unsent.from = asked->first > base ? asked->first - base : 0;
        virtual_cut_row(hub, &unsent);
    }
    message.kind = VIRTUAL_RETURNED;
    message.opens = true;
    message.engine = number - 1;
    message.asked_first = asked->first;
    message.asked_count = asked->count;
    message.first = end - unsent.count;
    message.count = unsent.count;
    message.at = at + cost + farm->spec.costs.frame + hub->latency;
    farm->figures.returned += unsent.count;
    virtual_to_hub(farm, 0, &message);
    return cost + farm->spec.costs.frame;
}

/* ----------------------------------------------------------------------------------------- hubs */

static inline double virtual_task_cost(const struct virtual_farm *farm,
                                       const struct virtual_hub *hub)
{
    bool whole = hub == farm->hubs && farm->hub_count == 1;
    return (whole ? farm->spec.costs.task : farm->spec.costs.row) / 2;
}

static inline void virtual_take_done(struct virtual_farm *farm, struct virtual_hub *hub,
                                     const struct virtual_message *message)
{
    if (!nv_sched_done(hub->sched, message->engine, message->job, message->first, message->count,
                       message->seconds))
        abort();
    if (hub == farm->hubs) {
        farm->left -= message->count;
        return;
    }
    struct virtual_row *row = nv_sched_owner(hub->sched, message->job);
    virtual_done_later(hub, row, message);
    hub->load -= message->count;
    virtual_row_less(hub, row, message->count);
}

/* Returns what the message costs the hub. */
static inline double virtual_take(struct virtual_farm *farm, int number,
                                  const struct virtual_message *message, double at)
{
    struct virtual_hub *hub = &farm->hubs[number];
    double cost = farm->spec.costs.action + (message->opens ? farm->spec.costs.frame : 0);
    if (hub == farm->hubs)
        farm->figures.frames += message->opens;
    switch (message->kind) {
    case VIRTUAL_RUN:
        virtual_row_add(hub, message->job, message->first, message->count);
        hub->load += message->count;
        break;
    case VIRTUAL_DONE:
        cost += virtual_task_cost(farm, hub) * (double)message->count;
        virtual_take_done(farm, hub, message);
        break;
    case VIRTUAL_RECALL:
        cost += virtual_sub_gives_back(farm, number, message, at + cost);
        break;
    case VIRTUAL_RETURNED:
        if (!nv_sched_returned(hub->sched, message->engine, message->job, message->first,
                               message->count, message->asked_first, message->asked_count))
            abort();
    }
    return cost;
}

static inline double virtual_send(struct virtual_farm *farm, struct virtual_hub *hub,
                                  const struct nv_send *send, enum virtual_kind kind, double at)
{
    const struct virtual_row *row = nv_sched_owner(hub->sched, send->job);
    struct virtual_message message = {.kind = kind,
                                      .opens = hub->turn_of[send->engine] != hub->turn,
                                      .job = send->job,
                                      .first = send->first,
                                      .count = send->count,
                                      .base = row != NULL ? row->base : 0};
    double cost = farm->spec.costs.action + (message.opens ? farm->spec.costs.frame : 0);
    if (kind == VIRTUAL_RUN)
        cost += virtual_task_cost(farm, hub) * (double)send->count;
    if (hub == farm->hubs)
        farm->figures.frames += message.opens;
    hub->turn_of[send->engine] = hub->turn;
    virtual_to_child(farm, hub, send->engine, &message, at + cost);
    return cost;
}

static inline double virtual_place(struct virtual_farm *farm, struct virtual_hub *hub, double at)
{
    struct nv_send send;
    double cost = 0;
    while (nv_sched_next(hub->sched, &send))
        cost += virtual_send(farm, hub, &send, VIRTUAL_RUN, at + cost);
    while (nv_sched_recall(hub->sched, &send))
        cost += virtual_send(farm, hub, &send, VIRTUAL_RECALL, at + cost);
    return cost;
}

static inline double virtual_receive(struct virtual_farm *farm, int number)
{
    struct virtual_hub *hub = &farm->hubs[number];
    double cost = 0;
    for (int i = 0; i < VIRTUAL_TURN; i++) {
        const struct virtual_message *message = virtual_first(&hub->line);
        struct virtual_message taken;
        if (message == NULL || message->at > farm->now)
            break;
        taken = *message;
        virtual_drop(&hub->line);
        cost += virtual_take(farm, number, &taken, farm->now + cost);
    }
    return cost;
}

/* One turn of the loop: what has come, what goes, and when the next turn is. */
static inline void virtual_hub_wakes(struct virtual_farm *farm, int number)
{
    struct virtual_hub *hub = &farm->hubs[number];
    double cost, up = hub->went_up + farm->hubs[0].answer;
    if (farm->now < hub->wakes || farm->now > hub->wakes)
        return; /* it has woken before that */
    hub->turn++;
    nv_sched_time(hub->sched, farm->now);
    cost = virtual_receive(farm, number);
    cost += virtual_place(farm, hub, farm->now + cost);
    if (hub->done_count > 0 && (hub->load == 0 || farm->now >= up))
        cost += virtual_go_up(farm, number, farm->now + cost);
    hub->busy_seconds += cost;
    hub->free = farm->now + cost;
    hub->wakes = VIRTUAL_NEVER;
    if (hub->line.count > 0)
        virtual_wake_hub(farm, number, virtual_first(&hub->line)->at);
    if (hub->done_count > 0)
        virtual_wake_hub(farm, number, up);
}

/* ---------------------------------------------------------------------------------- set up and end */

static inline void virtual_hub_init(struct virtual_farm *farm, struct virtual_hub *hub,
                                    int first_child, int children)
{
    bool top = hub == farm->hubs && farm->spec.levels > 1;
    /* Less often where many answer, so that a hub has time to read it all; a sub-hub's answer has a
     * row or two of each of its engines. */
    double answer = (top ? 20e-6 : 1.5e-6) * children;
    double least = (top ? 5 : 1) * farm->spec.costs.answer;
    hub->sched = virtual_memory(nv_sched_new(children));
    hub->all = virtual_memory(nv_set_new((size_t)children));
    hub->turn_of = virtual_memory(calloc((size_t)children, sizeof *hub->turn_of));
    hub->first_child = first_child;
    hub->children = children;
    hub->wakes = VIRTUAL_NEVER;
    hub->answer = answer > least ? answer : least;
    hub->latency =
        hub == farm->hubs || hub == farm->hubs + 1 ? farm->spec.costs.near : farm->spec.costs.far;
    for (int child = 0; child < children; child++)
        nv_set_add(hub->all, (size_t)child);
}

static inline int virtual_group(const struct virtual_farm *farm, int group)
{
    int first = group * farm->spec.group, rest = farm->spec.engines - first;
    return rest < farm->spec.group ? rest : farm->spec.group;
}

static inline void virtual_init_hubs(struct virtual_farm *farm)
{
    int groups = (farm->spec.engines + farm->spec.group - 1) / farm->spec.group;
    farm->hub_count = farm->spec.levels == 1 ? 1 : 1 + groups;
    farm->hubs = virtual_memory(calloc((size_t)farm->hub_count, sizeof(struct virtual_hub)));
    if (farm->hub_count == 1) {
        virtual_hub_init(farm, farm->hubs, 0, farm->spec.engines);
    } else {
        virtual_hub_init(farm, farm->hubs, 1, groups);
        for (int g = 0; g < groups; g++)
            virtual_hub_init(farm, &farm->hubs[1 + g], g * farm->spec.group,
                             virtual_group(farm, g));
    }
    for (int h = 0; h < farm->hub_count; h++)
        for (int child = 0; child < farm->hubs[h].children; child++)
            nv_sched_engine_add(farm->hubs[h].sched, child,
                                h == 0 && farm->hub_count > 1 ? (uint32_t)virtual_group(farm, child)
                                                              : 1);
}

static inline void virtual_init_engines(struct virtual_farm *farm)
{
    farm->engines =
        virtual_memory(calloc((size_t)farm->spec.engines, sizeof(struct virtual_engine)));
    for (int e = 0; e < farm->spec.engines; e++) {
        struct virtual_engine *engine = &farm->engines[e];
        int group = e / farm->spec.group;
        engine->hub = farm->hub_count == 1 ? 0 : 1 + group;
        engine->number = e - farm->hubs[engine->hub].first_child;
        engine->latency =
            group > 0 && engine->hub == 0 ? farm->spec.costs.far : farm->spec.costs.near;
    }
}

static inline void virtual_release(struct virtual_farm *farm)
{
    for (int h = 0; h < farm->hub_count; h++) {
        struct virtual_hub *hub = &farm->hubs[h];
        nv_sched_free(hub->sched);
        free(hub->all);
        free(hub->turn_of);
        free(hub->line.messages);
        free(hub->done);
        while (hub->spare_rows != NULL) {
            struct virtual_row *row = hub->spare_rows;
            hub->spare_rows = row->next;
            free(row);
        }
    }
    for (int e = 0; e < farm->spec.engines; e++)
        free(farm->engines[e].rows.messages);
    free(farm->hubs);
    free(farm->engines);
    free(farm->clock.heap);
}

static inline void virtual_figure(struct virtual_farm *farm)
{
    struct virtual_figures *figures = &farm->figures;
    figures->makespan = farm->now;
    figures->top_busy = farm->hubs[0].busy_seconds / farm->now;
    for (int h = 1; h < farm->hub_count; h++)
        if (farm->hubs[h].busy_seconds / farm->now > figures->sub_busy)
            figures->sub_busy = farm->hubs[h].busy_seconds / farm->now;
}

/* One job of all tasks, from the first send to the last answer at the top hub. */
static inline struct virtual_figures virtual_run(const struct virtual_spec *spec)
{
    struct virtual_farm farm = {.spec = *spec, .left = spec->tasks};
    struct nv_job_spec job = {.count = spec->tasks, .max_chunk = (uint64_t)1 << 30};
    virtual_init_hubs(&farm);
    virtual_init_engines(&farm);
    job.engines = farm.hubs[0].all;
    if (nv_sched_add(farm.hubs[0].sched, &job) == 0)
        abort();
    virtual_wake_hub(&farm, 0, 0);
    while (farm.left > 0 && farm.clock.events > 0) {
        struct virtual_event event = virtual_take_event(&farm.clock);
        farm.now = event.at;
        if (event.kind == HUB_WAKES)
            virtual_hub_wakes(&farm, event.who);
        else
            virtual_engine_wakes(&farm, event.who);
    }
    if (farm.left > 0)
        abort();
    virtual_figure(&farm);
    virtual_release(&farm);
    return farm.figures;
}

#endif
