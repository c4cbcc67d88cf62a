/* The scheduler at random against the model of sched_model.h, on a simulated clock; and at scale.
 */
#include "sched_asked.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

/* -- a farm on a simulated clock -- */

enum { RUNS = 10000, RUN_JOBS = 24 };

struct farm {
    struct model model;
    double now;
    double speed[MODEL_ENGINES]; /* how much faster than others */
    double ready[MODEL_ENGINES]; /* when it answers next */
    bool busy[MODEL_ENGINES];
    double each[MODEL_KERNELS]; /* seconds */
    int jobs_left;
    uint32_t capacity; /* of engines, at most */
};

/* Falling ones, and such as say little: ends in nothing, all nothing, not even a number. */
static double costs[4][MODEL_TASKS];

static int make_costs(void **state)
{
    (void)state;
    for (size_t t = 0; t < MODEL_TASKS; t++) {
        costs[0][t] = 1000 / (1.0 + (double)t);
        costs[1][t] = t < 20 ? 20 - (double)t : 0;
        costs[3][t] = NAN;
    }
    return 0;
}

static uint64_t pick(struct farm *farm, uint64_t limit)
{
    return model_random(&farm->model, limit);
}

/* Between low and high, each power of ten alike. */
static double spread(struct farm *farm, double low, double high)
{
    double at = (double)pick(farm, 1 << 20) / (1 << 20);
    return low * pow(high / low, at);
}

/* Different engines, in any order. */
static size_t pick_named(struct farm *farm, int *named)
{
    size_t count = 0, wanted = 1 + (size_t)pick(farm, (uint64_t)farm->model.engine_count);
    while (count < wanted) {
        int engine = (int)pick(farm, (uint64_t)farm->model.engine_count);
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known |= named[i] == engine;
        if (!known)
            named[count++] = engine;
    }
    return count;
}

/* A policy, and what belongs to it; none for every other job. */
static void choose_policy(struct farm *farm, struct nv_job_spec *spec)
{
    spec->priority = (int)pick(farm, 3) - 1;
    if (pick(farm, 4) == 0)
        spec->costs = costs[pick(farm, 4)];
    if (pick(farm, 2) == 0)
        return;
    spec->placing = (enum nv_placing)pick(farm, NV_LOCALITY + 1);
    if (spec->placing == NV_LOCALITY)
        spec->near = farm->model.sets[pick(farm, MODEL_SETS)];
}

static void add_job(struct farm *farm)
{
    int named[MODEL_ENGINES] = {0};
    uint64_t total = pick(farm, 4) == 0 ? pick(farm, MODEL_TASKS) : pick(farm, 40);
    struct nv_job_spec spec = {
        .kernel = (uint32_t)pick(farm, MODEL_KERNELS),
        .count = total,
        .max_chunk = pick(farm, 2) == 0 ? 1 + pick(farm, 8) : 1 + pick(farm, 200),
        .chunk = pick(farm, 3) == 0 ? 1 + pick(farm, 50) : 0,
        .window = pick(farm, 3) == 0 ? 1 + pick(farm, 4) : 0,
    };
    if (pick(farm, 3) == 0) {
        spec.named_count = pick_named(farm, named);
        spec.named = named;
    } else {
        spec.engines = farm->model.sets[pick(farm, MODEL_SETS)];
        spec.open = pick(farm, 3) == 0;
    }
    if (spec.open)
        spec.count = pick(farm, 30);
    else if (pick(farm, 3) == 0)
        spec.block = 1 + pick(farm, 20);
    choose_policy(farm, &spec);
    if (model_add(&farm->model, &spec, total) >= 0)
        farm->jobs_left--;
}

/* Open jobs are allowed some more than was answered, as a future's backlog does. */
static void extend_jobs(struct farm *farm)
{
    for (int number = 0; number < MODEL_JOBS; number++) {
        const struct model_job *job = &farm->model.jobs[number];
        if (job->live && job->spec.open && !job->ended)
            model_extend(&farm->model, number, job->answered + 1 + pick(farm, 30));
    }
}

/* Engines that got work begin it: when they answer depends on how much they answer at once. */
static void start_engines(struct farm *farm)
{
    for (int e = 0; e < farm->model.engine_count; e++) {
        const struct model_engine *engine = &farm->model.engines[e];
        if (farm->busy[e] || engine->count == 0)
            continue;
        uint32_t kernel = farm->model.jobs[engine->chunks[0].job].spec.kernel;
        farm->busy[e] = true;
        farm->ready[e] = farm->now + (double)engine->chunks[0].left * farm->each[kernel] *
                                         spread(farm, 0.5, 2) / farm->speed[e];
    }
}

/* An engine answers a part of a chunk, a chunk, or a row of them; a sub-hub, anything within. */
static void answer(struct farm *farm, int number)
{
    const struct model_engine *engine = &farm->model.engines[number];
    size_t c = engine->capacity > 1 ? (size_t)pick(farm, engine->count) : 0;
    const struct model_job *job = &farm->model.jobs[engine->chunks[c].job];
    uint64_t skip = engine->capacity > 1 ? pick(farm, engine->chunks[c].left) : 0;
    uint64_t row = pick(farm, 2) == 0 ? engine->chunks[c].left : model_row(engine, c);
    uint64_t count = pick(farm, 4) == 0 ? 1 + pick(farm, row - skip) : row - skip;
    bool dropped = job->ended && !job->spec.open && pick(farm, 2) == 0;
    double seconds = (double)count * farm->each[job->spec.kernel] / farm->speed[number];
    model_answer_within(&farm->model, number, c, skip, count, dropped ? -1 : seconds);
}

/* The engine that is ready first answers. */
static bool answer_next(struct farm *farm)
{
    int first = -1;
    for (int e = 0; e < farm->model.engine_count; e++)
        if (farm->busy[e] && (first < 0 || farm->ready[e] < farm->ready[first]))
            first = e;
    if (first < 0)
        return false;
    farm->now = farm->ready[first];
    farm->busy[first] = false;
    if (farm->model.engines[first].count > 0) /* it may have given all back that was not running */
        answer(farm, first);
    return true;
}

/* Engines that were asked for a row give some of it back, or nothing, sooner or later. */
static void answer_recalls(struct farm *farm)
{
    for (int e = 0; e < farm->model.engine_count; e++) {
        if (!farm->model.engines[e].asked || pick(farm, 3) > 0)
            continue;
        uint64_t most = model_can_return(&farm->model, e);
        model_return(&farm->model, e, pick(farm, 4) == 0 ? pick(farm, most + 1) : most);
    }
}

/* Engines come, are held, and are not. */
static void change_engines(struct farm *farm)
{
    int number = (int)pick(farm, (uint64_t)farm->model.engine_count);
    if (pick(farm, 16) == 0)
        model_engine_add(&farm->model, number, 1 + (uint32_t)pick(farm, farm->capacity));
    if (pick(farm, 16) == 0)
        model_engine_hold(&farm->model, number, !farm->model.engines[number].held);
}

static void turn(struct farm *farm, bool *more)
{
    bool answered = answer_next(farm);
    if (farm->jobs_left > 0 && (!answered || pick(farm, 8) == 0))
        add_job(farm);
    if (pick(farm, 64) == 0)
        model_cancel(&farm->model, (int)pick(farm, MODEL_JOBS));
    change_engines(farm);
    answer_recalls(farm);
    extend_jobs(farm);
    for (int number = 0; number < MODEL_JOBS; number++)
        model_reap(&farm->model, &farm->model.jobs[number]);
    model_drain(&farm->model);
    model_recall(&farm->model, farm->now);
    start_engines(farm);
    *more = farm->jobs_left > 0;
    for (int number = 0; number < MODEL_JOBS; number++)
        *more |= farm->model.jobs[number].live;
    for (int e = 0; e < farm->model.engine_count; e++)
        *more |= farm->model.engines[e].asked;
}

static bool engines_are_missing(const struct farm *farm)
{
    for (int e = 0; e < farm->model.engine_count; e++)
        if (!farm->model.engines[e].present)
            return true;
    return false;
}

static void run_farm(struct farm *farm, uint64_t seed)
{
    bool more = true;
    model_init(&farm->model, 1 + (int)(seed % MODEL_ENGINES), seed);
    farm->now = 0;
    farm->capacity = seed % 5 == 0 ? MODEL_CAPACITY : 1;
    farm->jobs_left = 1 + (int)pick(farm, RUN_JOBS);
    for (int k = 0; k < MODEL_KERNELS; k++)
        farm->each[k] = spread(farm, 1e-7, 0.1);
    for (int e = 0; e < farm->model.engine_count; e++) {
        farm->speed[e] = spread(farm, 0.1, 10);
        farm->busy[e] = false;
        if (seed % 4 != 0) /* in some runs they come one by one */
            model_engine_add(&farm->model, e, 1 + (uint32_t)pick(farm, farm->capacity));
    }
    if (seed % 3 == 0)
        model_engine_last(&farm->model, (int)pick(farm, (uint64_t)farm->model.engine_count));
    while (farm->model.broken == NULL && (more || engines_are_missing(farm)))
        turn(farm, &more);
    for (int number = 0; number < MODEL_JOBS; number++)
        HOLDS(&farm->model, !farm->model.jobs[number].live);
    for (int e = 0; e < farm->model.engine_count; e++)
        HOLDS(&farm->model, nv_sched_load(farm->model.sched, e) == 0);
    model_release(&farm->model);
}

static void random_farms_keep_every_promise(void **state)
{
    static struct farm farm;
    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        run_farm(&farm, seed);
        if (farm.model.broken != NULL)
            fail_msg("seed %d, sched_model.h:%d: %s", (int)seed, farm.model.line,
                     farm.model.broken);
    }
}

/* -- scale -- */

enum { MANY_ENGINES = 10000, MANY_TASKS = 1000000 };

/* What is with engines, in the order of the answers: all engines are alike. */
struct line {
    struct nv_send *sends;
    size_t first, count, room;
};

static void line_put(struct line *line, const struct nv_send *send)
{
    assert_true(line->count < line->room);
    line->sends[(line->first + line->count++) % line->room] = *send;
}

static struct nv_send line_take(struct line *line)
{
    struct nv_send send = line->sends[line->first];
    line->first = (line->first + 1) % line->room;
    line->count--;
    return send;
}

/* Runs until nothing is left; how many tasks were sent, of which each engine had `most` at most. */
static uint64_t run_line(struct nv_sched *sched, double each, uint64_t *most)
{
    struct line line = {calloc(MANY_TASKS, sizeof(struct nv_send)), 0, 0, MANY_TASKS};
    uint64_t *had = calloc(MANY_ENGINES, sizeof *had);
    struct nv_send send;
    uint64_t sent = 0;
    *most = 0;
    do {
        while (nv_sched_next(sched, &send)) {
            line_put(&line, &send);
            sent += send.count;
            had[send.engine] += send.count;
            *most = *most > had[send.engine] ? *most : had[send.engine];
        }
        if (line.count > 0) {
            send = line_take(&line);
            assert_true(nv_sched_done(sched, send.engine, send.job, send.first, send.count,
                                      each * (double)send.count));
        }
    } while (line.count > 0);
    free(line.sends);
    free(had);
    return sent;
}

static struct nv_sched *many(void)
{
    struct nv_sched *sched = nv_sched_new(MANY_ENGINES);
    assert_non_null(sched);
    for (int e = 0; e < MANY_ENGINES; e++)
        nv_sched_engine_add(sched, e, 1);
    return sched;
}

static void a_million_tasks_on_ten_thousand_engines(void **state)
{
    static const double times[] = {1e-6, 1e-4, 1e-2, 1};
    struct nv_set *all = nv_set_new(MANY_ENGINES);
    (void)state;
    for (size_t e = 0; e < MANY_ENGINES; e++)
        nv_set_add(all, e);
    for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
        struct nv_sched *sched = many();
        uint64_t most;
        nv_sched_add(sched,
                     &(struct nv_job_spec){.count = MANY_TASKS, .max_chunk = 4096, .engines = all});
        assert_int_equal(run_line(sched, times[t], &most), MANY_TASKS);
        assert_true(most <= 2 * MANY_TASKS / MANY_ENGINES);
        nv_sched_free(sched);
    }
    free(all);
}

static void a_million_direct_tasks(void **state)
{
    struct nv_sched *sched = many();
    static int named[MANY_ENGINES];
    uint64_t most;
    (void)state;
    for (int e = 0; e < MANY_ENGINES; e++)
        named[e] = MANY_ENGINES - 1 - e;
    nv_sched_add(sched, &(struct nv_job_spec){.count = MANY_TASKS,
                                              .max_chunk = 10,
                                              .named = named,
                                              .named_count = MANY_ENGINES});
    assert_int_equal(run_line(sched, 1e-5, &most), MANY_TASKS);
    assert_int_equal(most, MANY_TASKS / MANY_ENGINES);
    nv_sched_free(sched);
}

/* Half of the engines have nothing to do; that must not make the others slow. */
static void a_million_tasks_for_half_of_the_engines(void **state)
{
    struct nv_sched *sched = many();
    struct nv_set *half = nv_set_new(MANY_ENGINES);
    uint64_t most;
    (void)state;
    for (size_t e = MANY_ENGINES / 2; e < MANY_ENGINES; e++)
        nv_set_add(half, e);
    nv_sched_add(sched, &(struct nv_job_spec){
                            .count = MANY_TASKS, .max_chunk = 1, .chunk = 1, .engines = half});
    assert_int_equal(run_line(sched, 1e-3, &most), MANY_TASKS);
    assert_true(most <= 4 * MANY_TASKS / MANY_ENGINES);
    nv_sched_free(sched);
    free(half);
}

/* A hub of many asks for longer chunks, or it could not answer all; long tasks go alone still. */
static void many_engines_get_longer_chunks(void **state)
{
    static const struct {
        double each;
        uint64_t least, most;
    } cases[] = {{1e-5, 5000, 7000}, {5e-3, 10, 12}, {20e-3, 1, 1}};
    struct nv_set *all = nv_set_new(MANY_ENGINES);
    (void)state;
    for (size_t e = 0; e < MANY_ENGINES; e++)
        nv_set_add(all, e);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nv_sched *sched = many();
        struct nv_send send;
        nv_sched_add(sched, &(struct nv_job_spec){
                                .count = (uint64_t)1 << 40, .max_chunk = 1 << 20, .engines = all});
        assert_true(nv_sched_next(sched, &send));
        assert_int_equal(send.count, 1);
        assert_true(nv_sched_done(sched, send.engine, send.job, 0, 1, cases[i].each));
        assert_true(nv_sched_next(sched, &send));
        assert_in_range(send.count, cases[i].least, cases[i].most);
        nv_sched_free(sched);
    }
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_farms_keep_every_promise, make_costs),
        cmocka_unit_test(a_million_tasks_on_ten_thousand_engines),
        cmocka_unit_test(many_engines_get_longer_chunks),
        cmocka_unit_test(a_million_direct_tasks),
        cmocka_unit_test(a_million_tasks_for_half_of_the_engines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
