/* sched, what is asked back: one promise after the other, then whole farms on a simulated clock
 * where the times that the scheduler learnt are wrong. */
#include "sched_farm.h"

#include <math.h>

/* -- one promise after the other -- */

static bool recalled(struct nv_send *row)
{
    return nv_sched_recall(sched, row);
}

/* Two engines: one has 100 tasks, thought to last 10 us each; the other has none. */
static uint64_t one_is_behind(const struct nv_set *both, struct nv_send *first,
                              struct nv_send *second)
{
    uint64_t job;
    teach(0, 10e-6);
    job = ADD(.count = 150, .chunk = 50, .window = 2, .engines = both);
    *first = next();
    *second = next();
    if (next().engine == first->engine) {
        struct nv_send other = *first;
        *first = *second;
        *second = other;
    }
    assert_nothing_next();
    answer(first, 10e-6);
    return job;
}

static void the_end_of_a_chunk_is_asked_for(void **state)
{
    struct nv_set *both = SET(0, 1);
    struct nv_send first, second, row;
    uint64_t job = one_is_behind(both, &first, &second);
    (void)state;
    assert_int_equal(nv_sched_load(sched, second.engine), 100);
    assert_true(recalled(&row));
    assert_send(&row, job, second.engine, 101, 49); /* half of those that do not run */
    assert_false(recalled(&row));
    nv_sched_time(sched, 1); /* once, whatever time it is */
    assert_false(recalled(&row));
    assert_true(nv_sched_returned(sched, second.engine, job, 101, 49, 101, 49));
    assert_int_equal(nv_sched_load(sched, second.engine), 51);
    assert_int_equal(nv_sched_running(sched, job), 51);
    row = next();
    assert_send(&row, job, first.engine, 101, 49);
    assert_true(nv_sched_done(sched, second.engine, job, second.first, 50, 0));
    assert_true(nv_sched_done(sched, second.engine, job, 100, 1, 0));
    answer(&row, 0);
    nv_sched_remove(sched, job);
    free(both);
}

static void a_part_of_it_may_come_back(void **state)
{
    struct nv_set *both = SET(0, 1);
    struct nv_send first, second, row;
    uint64_t job = one_is_behind(both, &first, &second);
    (void)state;
    assert_true(recalled(&row));
    assert_false(nv_sched_returned(sched, first.engine, job, 140, 10, 101, 49));
    assert_false(nv_sched_returned(sched, -1, job, 140, 10, 101, 49));
    assert_false(nv_sched_returned(sched, ENGINES, job, 140, 10, 101, 49));
    assert_false(nv_sched_returned(sched, second.engine, job + 1, 140, 10, 101, 49));
    assert_false(nv_sched_returned(sched, second.engine, job, 140, 9, 101, 49)); /* not the end */
    assert_false(nv_sched_returned(sched, second.engine, job, 100, 50, 101, 49));
    assert_false(nv_sched_returned(sched, second.engine, job, 140, 10, 101, 48));
    assert_int_equal(nv_sched_load(sched, second.engine), 100);
    assert_true(nv_sched_returned(sched, second.engine, job, 140, 10, 101, 49));
    assert_false(nv_sched_returned(sched, second.engine, job, 140, 10, 101, 49));
    row = next();
    assert_send(&row, job, first.engine, 140, 10);
    assert_true(nv_sched_done(sched, second.engine, job, second.first, 50, 0));
    assert_false(nv_sched_done(sched, second.engine, job, 100, 50, 0));
    assert_true(nv_sched_done(sched, second.engine, job, 100, 40, 0));
    nv_sched_remove(sched, job);
    free(both);
}

/* It had begun or answered all of them before it was asked, and the job may be gone. */
static void nothing_may_come_back(void **state)
{
    struct nv_set *both = SET(0, 1);
    struct nv_send first, second, row;
    uint64_t job = one_is_behind(both, &first, &second);
    (void)state;
    assert_true(recalled(&row));
    answer(&second, 0);
    assert_true(nv_sched_done(sched, second.engine, job, 100, 50, 0));
    nv_sched_remove(sched, job);
    assert_false(nv_sched_returned(sched, second.engine, job, 140, 10, 101, 49));
    assert_true(nv_sched_returned(sched, second.engine, job, 150, 0, 101, 49));
    assert_nothing_next();
    free(both);
}

static void cancelled_tasks_do_not_wait_again(void **state)
{
    struct nv_set *both = SET(0, 1);
    struct nv_send first, second, row;
    uint64_t job = one_is_behind(both, &first, &second);
    (void)state;
    assert_true(recalled(&row));
    nv_sched_cancel(sched, job, NULL, NULL);
    assert_true(nv_sched_returned(sched, second.engine, job, 101, 49, 101, 49));
    assert_int_equal(nv_sched_running(sched, job), 51);
    assert_nothing_next();
    nv_sched_remove(sched, job);
    free(both);
}

static void cancel_drops_what_came_back(void **state)
{
    struct nv_set *both = SET(0, 1);
    struct nv_send first, second, row;
    struct drops drops = {.n = 0};
    uint64_t job = one_is_behind(both, &first, &second);
    (void)state;
    assert_true(recalled(&row));
    assert_true(nv_sched_returned(sched, second.engine, job, 101, 49, 101, 49));
    nv_sched_cancel(sched, job, dropped, &drops);
    assert_int_equal(drops.n, 1);
    assert_int_equal(drops.first[0], 101);
    assert_int_equal(drops.count[0], 49);
    assert_nothing_next();
    nv_sched_remove(sched, job);
    free(both);
}

/* What came back goes before what waits. */
static void rows_that_came_back_go_first(void **state)
{
    struct nv_set *both = SET(0, 1);
    struct nv_send first, second, row;
    uint64_t job = one_is_behind(both, &first, &second), other;
    (void)state;
    assert_true(recalled(&row));
    other = ADD(.count = 1, .engines = both);
    assert_true(nv_sched_returned(sched, second.engine, job, 101, 49, 101, 49));
    row = next();
    assert_send(&row, job, first.engine, 101, 49);
    answer(&row, 10e-6);
    assert_int_equal(next().job, other);
    free(both);
}

/* How many rows are asked for of a job where engine 0 has all that is left, long as it is. */
static int rows_of(struct nv_job_spec spec, const struct nv_set *both, double each)
{
    struct nv_send send, row;
    uint64_t job;
    int rows = 0;
    teach(spec.kernel, each);
    spec.owner = &someone;
    spec.count = 400;
    spec.max_chunk = 100;
    spec.chunk = spec.window = 2;
    spec.engines = spec.named == NULL ? both : NULL;
    job = add(&spec);
    nv_sched_engine_hold(sched, 1, true);
    while (nv_sched_next(sched, &send)) {
    }
    nv_sched_engine_hold(sched, 1, false);
    nv_sched_cancel(sched, spec.open ? 0 : job + 1, NULL, NULL); /* none such: nothing happens */
    while (nv_sched_next(sched, &send))
        answer(&send, each);
    while (recalled(&row))
        rows++;
    nv_sched_remove(sched, job);
    return rows;
}

static void some_jobs_stay_where_they_are(void **state)
{
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        struct nv_set *both = SET(0, 1);
        struct nv_job_spec spec = {.kernel = 1};
        spec.open = kind == 1;
        spec.block = kind == 2 ? 2 : 0;
        spec.placing = kind == 3 ? NV_STATIC_BLOCK : kind == 4 ? NV_STATIC_CYCLIC : NV_TUNED;
        spec.named = kind == 5 ? (const int[]){0, 1} : NULL;
        spec.named_count = kind == 5 ? 2 : 0;
        assert_int_equal(rows_of(spec, both, 1e-3), kind == 0 ? 1 : 0);
        close_farm(state);
        open_farm(state);
        free(both);
    }
}

static void short_rests_are_not_asked_for(void **state)
{
    struct nv_set *both = SET(0, 1);
    (void)state;
    assert_int_equal(rows_of((struct nv_job_spec){.kernel = 1}, both, 10e-6), 0);
    free(both);
}

static void only_others_of_the_set_count(void **state)
{
    struct nv_set *one = SET(0), *other = SET(1);
    struct nv_send send, row;
    uint64_t job;
    (void)state;
    teach(0, 1e-3);
    job = ADD(.count = 10, .chunk = 10, .engines = one);
    send = next();
    nv_sched_time(sched, 1e-3);
    assert_false(recalled(&row)); /* the others may not run them */
    answer(&send, 1e-3);
    nv_sched_remove(sched, job);
    ADD(.count = 10, .chunk = 10, .engines = other);
    next();
    ADD(.count = 4, .chunk = 4, .engines = all);
    send = next();
    nv_sched_time(sched, 2e-3);
    assert_true(recalled(&row));
    assert_int_equal(row.engine, send.engine);
    free(one);
    free(other);
}

/* 1000 tasks that are thought to last a microsecond each: is the engine at the first still? */
static void silence_tells_of_long_tasks(void **state)
{
    struct nv_set *both = SET(0, 1);
    struct nv_send send, row;
    (void)state;
    teach(0, 0.2e-6);
    ADD(.count = 1000, .chunk = 1000, .engines = both);
    send = next();
    nv_sched_time(sched, 0.5e-3);
    assert_false(recalled(&row));
    nv_sched_time(sched, 5e-3);
    assert_true(recalled(&row));
    assert_send(&row, send.job, send.engine, 501, 499);
    free(both);
}

/* -- farms on a simulated clock -- */

enum { FARM = 16, ROWS = 256 };

#define LATENCY 20e-6
#define ANSWER_SECONDS 200e-6
#define NEVER 1e99

struct row {
    uint64_t first, count;
    double at; /* when it arrives */
};

/* An engine runs its rows task by task, and looks for messages in between. */
struct runner {
    struct row rows[ROWS]; /* oldest first */
    size_t count;
    bool running;
    double ends, began, answers; /* the task; when it answered last */
    uint64_t done_first, done;
    double worked;
    struct row asked;
    bool is_asked;
};

struct simulation {
    double now;
    double (*seconds)(uint64_t task, int engine);
    struct runner runners[FARM];
    uint64_t job, left;
    unsigned char *seen;
    uint64_t came_back;
    double work;
};

static void tell_done(struct simulation *farm, int e)
{
    struct runner *runner = &farm->runners[e];
    if (runner->done == 0)
        return;
    assert_true(
        nv_sched_done(sched, e, farm->job, runner->done_first, runner->done, runner->worked));
    farm->left -= runner->done;
    runner->done_first += runner->done; /* the task that runs */
    runner->done = 0;
    runner->worked = 0;
    runner->answers = farm->now;
}

static void give_back(struct simulation *farm, int e)
{
    struct runner *runner = &farm->runners[e];
    uint64_t end = runner->asked.first + runner->asked.count, count = 0;
    tell_done(farm, e);
    for (size_t i = 0; i < runner->count; i++) {
        struct row *row = &runner->rows[i];
        if (row->first + row->count != end)
            continue;
        count = row->count < runner->asked.count ? row->count : runner->asked.count;
        row->count -= count;
        if (row->count == 0)
            memmove(row, row + 1, (--runner->count - i) * sizeof *row);
        break;
    }
    runner->is_asked = false;
    farm->came_back += count;
    for (uint64_t t = end - count; t < end; t++)
        farm->seen[t]--;
    assert_true(nv_sched_returned(sched, e, farm->job, end - count, count, runner->asked.first,
                                  runner->asked.count));
}

static void end_task(struct simulation *farm, int e)
{
    struct runner *runner = &farm->runners[e];
    runner->running = false;
    runner->done++;
    runner->worked += farm->now - runner->began;
    if (runner->is_asked && runner->asked.at <= farm->now)
        give_back(farm, e);
}

static void start_task(struct simulation *farm, int e)
{
    struct runner *runner = &farm->runners[e];
    struct row *row = runner->rows;
    uint64_t task;
    if (runner->count == 0 || row->at > farm->now)
        return;
    task = row->first++;
    if (runner->done > 0 && task != runner->done_first + runner->done)
        tell_done(farm, e);
    if (runner->done == 0)
        runner->done_first = task;
    if (--row->count == 0)
        memmove(row, row + 1, --runner->count * sizeof *row);
    runner->running = true;
    runner->began = farm->now;
    runner->ends = farm->now + farm->seconds(task, e);
    farm->work += farm->seconds(task, e);
}

static void turn_engine(struct simulation *farm, int e)
{
    struct runner *runner = &farm->runners[e];
    if (runner->running && runner->ends <= farm->now)
        end_task(farm, e);
    if (!runner->running && runner->is_asked && runner->asked.at <= farm->now)
        give_back(farm, e);
    if (!runner->running)
        start_task(farm, e);
    if (!runner->running || farm->now >= runner->answers + ANSWER_SECONDS)
        if (!runner->running || runner->done > 0)
            tell_done(farm, e);
}

static void turn_hub(struct simulation *farm)
{
    struct nv_send send;
    nv_sched_time(sched, farm->now);
    while (nv_sched_next(sched, &send)) {
        struct runner *runner = &farm->runners[send.engine];
        assert_true(runner->count < ROWS);
        runner->rows[runner->count++] =
            (struct row){send.first, send.count, farm->now + 2 * LATENCY};
        for (uint64_t t = 0; t < send.count; t++)
            farm->seen[send.first + t]++;
    }
    while (nv_sched_recall(sched, &send)) {
        struct runner *runner = &farm->runners[send.engine];
        assert_false(runner->is_asked);
        runner->asked = (struct row){send.first, send.count, farm->now + 2 * LATENCY};
        runner->is_asked = true;
    }
}

static double next_event(const struct simulation *farm)
{
    double next = NEVER;
    for (int e = 0; e < FARM; e++) {
        const struct runner *runner = &farm->runners[e];
        double at = NEVER;
        if (runner->running)
            at = runner->ends;
        else if (runner->count > 0)
            at = runner->rows[0].at;
        if (!runner->running && runner->is_asked && runner->asked.at < at)
            at = runner->asked.at;
        next = at < next ? at : next;
    }
    return next;
}

/* How much longer than all engines at work all the time the job takes; each task is run once. */
static double stretch(struct simulation *farm, uint64_t count, uint64_t chunk,
                      double (*seconds)(uint64_t task, int engine))
{
    struct nv_set *sixteen = nv_set_new(FARM);
    nv_sched_free(sched);
    sched = nv_sched_new(FARM);
    *farm = (struct simulation){.seconds = seconds, .left = count};
    farm->seen = calloc((size_t)count, 1);
    for (int e = 0; e < FARM; e++) {
        nv_sched_engine_add(sched, e, 1);
        nv_set_add(sixteen, (size_t)e);
    }
    farm->job = ADD(.count = count, .chunk = chunk, .engines = sixteen);
    while (farm->left > 0) {
        turn_hub(farm);
        farm->now = next_event(farm);
        assert_true(farm->now < NEVER);
        for (int e = 0; e < FARM; e++)
            turn_engine(farm, e);
    }
    for (uint64_t t = 0; t < count; t++)
        assert_int_equal(farm->seen[t], 1);
    nv_sched_remove(sched, farm->job);
    free(farm->seen);
    free(sixteen);
    return farm->now * FARM / farm->work;
}

static double constant(uint64_t task, int engine)
{
    (void)task;
    (void)engine;
    return 20e-6;
}

/* A thousand tasks in the middle last a thousand times longer. */
static double thousandfold(uint64_t task, int engine)
{
    (void)engine;
    return task >= 30000 && task < 31000 ? 1e-3 : 1e-6;
}

/* As many long ones, strewn about. */
static double strewn(uint64_t task, int engine)
{
    (void)engine;
    return (task * 2654435761U >> 7) % 100 == 0 ? 2e-3 : 2e-6;
}

static double grows(uint64_t task, int engine)
{
    (void)engine;
    return 1e-7 * pow(1e4, (double)task / 20000);
}

/* Another program has taken the core of engine 3 nearly for itself. */
static double slow_engine(uint64_t task, int engine)
{
    return engine == 3 && task > 1000 ? 2e-3 : 100e-6;
}

static void steady_tasks_stay_where_they_are(void **state)
{
    struct simulation farm;
    (void)state;
    assert_true(stretch(&farm, 100000, 0, constant) < 1.02);
    assert_true(farm.came_back < 1000);
}

static void wrong_estimates_leave_nobody_idle(void **state)
{
    static const struct {
        double (*seconds)(uint64_t task, int engine);
        uint64_t count, chunk;
        double most;
    } cases[] = {{thousandfold, 60000, 0, 1.2}, {thousandfold, 60000, 1000, 1.2},
                 {strewn, 40000, 0, 1.1},       {strewn, 40000, 2500, 1.2},
                 {grows, 20000, 0, 1.1},        {grows, 20000, 1250, 1.1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct simulation farm;
        double much = stretch(&farm, cases[i].count, cases[i].chunk, cases[i].seconds);
        if (much > cases[i].most)
            fail_msg("case %d: %.3f times as long as need be, %d tasks came back", (int)i, much,
                     (int)farm.came_back);
    }
}

static void slow_engines_hold_nobody_up(void **state)
{
    struct simulation farm;
    (void)state;
    stretch(&farm, 20000, 0, slow_engine);
    assert_true(farm.now < 1.05 * 20000 * 100e-6 / (FARM - 1));
    stretch(&farm, 20000, 600, slow_engine);
    assert_true(farm.now < 1.15 * 20000 * 100e-6 / (FARM - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_end_of_a_chunk_is_asked_for),
        TEST(a_part_of_it_may_come_back),
        TEST(nothing_may_come_back),
        TEST(cancelled_tasks_do_not_wait_again),
        TEST(cancel_drops_what_came_back),
        TEST(rows_that_came_back_go_first),
        TEST(some_jobs_stay_where_they_are),
        TEST(short_rests_are_not_asked_for),
        TEST(only_others_of_the_set_count),
        TEST(silence_tells_of_long_tasks),
        TEST(steady_tasks_stay_where_they_are),
        TEST(wrong_estimates_leave_nobody_idle),
        TEST(slow_engines_hold_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
