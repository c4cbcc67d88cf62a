/* virtual_engine - what bench/virtual.h is made of: its farm, who sends to whom, and engines.
 *
 * Invariants.  An engine that is `busy` has one event ahead, and only then; a hub wakes when it said
 * last.  What an engine runs between two answers is settled when it begins.
 */
#ifndef BENCH_VIRTUAL_ENGINE_H
#define BENCH_VIRTUAL_ENGINE_H

#include "virtual_events.h"
#include "sched.h"

enum { VIRTUAL_TURN = 64 }; /* messages that a hub takes before it sends */

#define VIRTUAL_NEVER 1e300

/* Seconds. */
struct virtual_costs {
    double frame;  /* of a frame, for who sends it and for who receives it */
    double task;   /* of a task, at a hub that has the caller's arrays, there and back */
    double row;    /* of a task that passes a hub in a row for or from a sub-hub, there and back */
    double action; /* of the scheduler: a send, or an answer */
    double near;   /* latency within a node, */
    double far;    /* and between nodes */
    double answer; /* engines answer after this, at least */
};

struct virtual_spec {
    int engines, group, levels; /* group: engines of a node, and of a sub-hub */
    uint64_t tasks;
    const double *seconds; /* of tasks, drawn in turn by number */
    size_t draws;          /* tasks begin anew after so many */
    struct virtual_costs costs;
};

struct virtual_figures {
    double makespan, work;
    double top_busy, sub_busy; /* parts of the makespan; sub_busy: of the sub-hub with most to do */
    uint64_t frames;           /* sent and received by the top hub */
    uint64_t returned;         /* tasks that came back unstarted */
};

struct virtual_engine {
    int hub, number; /* its number there */
    bool busy;
    struct virtual_line rows; /* to run, and at most one recall */
    struct virtual_message done;
    bool asked;
    struct virtual_message recall;
    double answered;
    double latency;
};

/* Tasks of the caller's that are a job of a sub-hub. */
struct virtual_row {
    uint64_t base, count, left;
    uint64_t job, top_job;
    struct virtual_row *next;
};

struct virtual_hub {
    struct nv_sched *sched;
    struct nv_set *all;
    int children, first_child; /* hubs or engines */
    double free, wakes; /* when its turn ends; when the next begins, VIRTUAL_NEVER: not known */
    double busy_seconds;
    struct virtual_line line;
    int *turn_of; /* child: the turn of its last frame */
    int turn;
    double answer;  /* engines let this pass between answers */
    double latency; /* to the top */
    struct virtual_row *rows, *spare_rows;
    struct virtual_message *done; /* of a sub-hub: answers that wait to go up */
    size_t done_count, done_room;
    double went_up;
    uint64_t load; /* tasks that it has */
};

struct virtual_farm {
    struct virtual_spec spec;
    struct virtual_hub *hubs; /* the top is the first */
    int hub_count;
    struct virtual_engine *engines;
    struct virtual_clock clock;
    double now;
    uint64_t left;
    struct virtual_figures figures;
};

/* ------------------------------------------------------------------------------ who sends to whom */

/* At `at`, or when its turn ends; what was said before holds unless this is sooner. */
static inline void virtual_wake_hub(struct virtual_farm *farm, int number, double at)
{
    struct virtual_hub *hub = &farm->hubs[number];
    if (at < hub->free)
        at = hub->free;
    if (at >= hub->wakes)
        return;
    hub->wakes = at;
    virtual_add_event(&farm->clock, at, HUB_WAKES, number);
}

static inline void virtual_to_hub(struct virtual_farm *farm, int number,
                                  const struct virtual_message *message)
{
    virtual_put(&farm->hubs[number].line, message);
    virtual_wake_hub(farm, number, message->at);
}

static inline void virtual_to_engine(struct virtual_farm *farm, int number,
                                     const struct virtual_message *message)
{
    struct virtual_engine *engine = &farm->engines[number];
    if (message->kind == VIRTUAL_RECALL) {
        engine->asked = true;
        engine->recall = *message;
    } else {
        virtual_put(&engine->rows, message);
    }
    if (!engine->busy) {
        engine->busy = true;
        virtual_add_event(&farm->clock, message->at, ENGINE_WAKES, number);
    }
}

static inline bool virtual_has_groups(const struct virtual_farm *farm,
                                      const struct virtual_hub *hub)
{
    return hub == farm->hubs && farm->hub_count > 1;
}

/* A message for a child of the hub leaves at `at`. */
static inline void virtual_to_child(struct virtual_farm *farm, struct virtual_hub *hub, int child,
                                    struct virtual_message *message, double at)
{
    int number = hub->first_child + child;
    if (virtual_has_groups(farm, hub)) {
        message->engine = -1;
        message->at = at + farm->hubs[number].latency;
        virtual_to_hub(farm, number, message);
    } else {
        message->at = at + farm->engines[number].latency;
        virtual_to_engine(farm, number, message);
    }
}

/* -------------------------------------------------------------------------------------- engines */

static inline double virtual_seconds(const struct virtual_farm *farm, uint64_t task)
{
    return farm->spec.seconds[task % farm->spec.draws];
}

/* What the engine has done goes to its hub, and costs it a frame. */
static inline double virtual_answer(struct virtual_farm *farm, struct virtual_engine *engine,
                                    double at)
{
    struct virtual_message message = engine->done;
    if (message.count == 0)
        return at;
    message.kind = VIRTUAL_DONE;
    message.opens = true;
    message.engine = engine->number;
    message.at = at + farm->spec.costs.frame + engine->latency;
    engine->done.count = 0;
    engine->answered = at;
    virtual_to_hub(farm, engine->hub, &message);
    return at + farm->spec.costs.frame;
}

static inline void virtual_give_back(struct virtual_farm *farm, struct virtual_engine *engine)
{
    struct virtual_message message = engine->recall;
    uint64_t end = message.first + message.count, count = 0;
    struct virtual_line *rows = &engine->rows;
    for (size_t i = 0; i < rows->count && count == 0; i++) {
        struct virtual_message *row = &rows->messages[(rows->first + i) & (rows->room - 1)];
        if (row->job != message.job || row->first + row->count != end)
            continue;
        count = row->count < message.count ? row->count : message.count;
        row->count -= count; /* an empty row is passed over */
    }
    message.kind = VIRTUAL_RETURNED;
    message.opens = true;
    message.engine = engine->number;
    message.asked_first = message.first;
    message.asked_count = message.count;
    message.first = end - count;
    message.count = count;
    message.at = farm->now + engine->latency;
    farm->figures.returned += count;
    engine->asked = false;
    virtual_to_hub(farm, engine->hub, &message);
}

/* Runs tasks of the first row from `at` on, until it is time to answer; when that is. */
static inline double virtual_run_row(struct virtual_farm *farm, struct virtual_engine *engine,
                                     struct virtual_message *row, double at)
{
    double until = engine->answered + farm->hubs[engine->hub].answer;
    do {
        double seconds = virtual_seconds(farm, row->base + row->first);
        row->first++;
        row->count--;
        engine->done.count++;
        engine->done.seconds += seconds;
        farm->figures.work += seconds;
        at += seconds;
    } while (row->count > 0 && at < until);
    return at;
}

/* The row that it runs next, once it has begun; NULL: none is there yet. */
static inline struct virtual_message *virtual_next_row(struct virtual_engine *engine, double at)
{
    struct virtual_message *row;
    while ((row = virtual_first(&engine->rows)) != NULL && row->count == 0)
        virtual_drop(&engine->rows);
    return row != NULL && row->at <= at ? row : NULL;
}

/* Sleeps until the next row comes, or a recall. */
static inline void virtual_engine_sleeps(struct virtual_farm *farm, int number)
{
    struct virtual_engine *engine = &farm->engines[number];
    const struct virtual_message *row = virtual_first(&engine->rows);
    double at = row != NULL ? row->at : VIRTUAL_NEVER;
    if (engine->asked && engine->recall.at < at)
        at = engine->recall.at;
    engine->busy = at < VIRTUAL_NEVER;
    if (engine->busy)
        virtual_add_event(&farm->clock, at > farm->now ? at : farm->now, ENGINE_WAKES, number);
}

/* Whether what is done must go before the row begins. */
static inline bool virtual_must_answer(const struct virtual_farm *farm,
                                       const struct virtual_engine *engine,
                                       const struct virtual_message *row, double at)
{
    const struct virtual_message *done = &engine->done;
    return row == NULL || at >= engine->answered + farm->hubs[engine->hub].answer ||
           done->job != row->job || done->first + done->count != row->first;
}

/* Runs the tasks until the next answer, at once: nothing that comes meanwhile changes them. */
static inline void virtual_engine_wakes(struct virtual_farm *farm, int number)
{
    struct virtual_engine *engine = &farm->engines[number];
    struct virtual_message *row, *done = &engine->done;
    double at = farm->now;
    if (engine->asked && engine->recall.at <= at) {
        at = virtual_answer(farm, engine, at);
        virtual_give_back(farm, engine);
    }
    row = virtual_next_row(engine, at);
    if (virtual_must_answer(farm, engine, row, at))
        at = virtual_answer(farm, engine, at);
    if (row == NULL) {
        virtual_engine_sleeps(farm, number);
        return;
    }
    at += row->opens ? farm->spec.costs.frame : 0;
    row->opens = false;
    if (done->count == 0) {
        *done = *row;
        done->count = 0;
        done->seconds = 0;
        if (engine->answered + farm->hubs[engine->hub].answer < at)
            engine->answered = at;
    }
    virtual_add_event(&farm->clock, virtual_run_row(farm, engine, row, at), ENGINE_WAKES, number);
}

#endif
