/* policy - rules by name, priorities, cost hints, objects to be near; and what is refused.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include <math.h>

enum { N = 1000 };

static int twice(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint32_t x;
    (void)in_size, (void)out_size;
    memcpy(&x, in, sizeof x);
    x = 2 * x + 1;
    memcpy(out, &x, sizeof x);
    return nave_task_index(task) != x / 2;
}

static int nap(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    ranks_sleep(300e-6);
    return 0;
}

static int one(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out_size;
    *(int *)out += 1;
    return 0;
}

static int take_object(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_object_set(task, "made", "12345", 5);
}

static int drop_object(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_object_drop(task, "made");
}

static const nave_kernel kernels[] = {NAVE_KERNEL(twice), NAVE_KERNEL(nap), NAVE_KERNEL(one),
                                      NAVE_KERNEL(take_object), NAVE_KERNEL(drop_object)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 5};

static const char *const names[] = {"auto",         "fifo",          "guided",  "factoring",
                                    "static-block", "static-cyclic", "locality"};
enum { NAMES = 7 };

static uint32_t numbers[N];

/* -------------------------------------------------------------------------------- rules by name */

static void check_map(nave_view *view, size_t n)
{
    static uint32_t out[N + 1];
    memset(out, 0xee, sizeof out);
    NEED_OK(nave_map(view, "twice", numbers, sizeof *numbers, out, sizeof *out, n));
    for (uint32_t i = 0; i < n; i++)
        NEED(out[i] == 2 * i + 1);
    NEED(out[n] == 0xeeeeeeee);
}

static void check_reduce(nave_view *view)
{
    int sum = 0;
    NEED_OK(nave_map_reduce(view, "one", NULL, 0, N, &sum, 1, MPI_INT, MPI_SUM));
    CHECK(sum == N);
}

static int next_number(void *arg, size_t index, const void **in, size_t *in_size)
{
    (void)arg;
    if (index == N)
        return 0;
    *in = &numbers[index];
    *in_size = sizeof *numbers;
    return 1;
}

static void check_source(nave_view *view)
{
    nave_future *future;
    nave_record record;
    size_t read = 0;
    NEED_OK(nave_map_from(view, "twice", next_number, NULL, sizeof(uint32_t), &future));
    while (nave_next(future, -1, &record) == NAVE_OK && CHECK(record.state == NAVE_SUCCEEDED))
        read += *(const uint32_t *)record.data == 2 * record.index + 1;
    CHECK(read == N);
    nave_future_free(future);
}

static void check_applies(nave_view *view)
{
    nave_future *futures[50];
    for (int i = 0; i < 50; i++)
        NEED_OK(nave_apply(view, "twice", numbers, sizeof *numbers, sizeof(uint32_t), &futures[i]));
    for (int i = 50; i-- > 0;) {
        const void *data;
        NEED_OK(nave_result(futures[i], 0, &data, NULL));
        CHECK(*(const uint32_t *)data == 1);
        nave_future_free(futures[i]);
    }
}

static void all_rules(nave *ctx)
{
    const size_t counts[] = {0, 1, (size_t)ranks.size - 1, (size_t)ranks.size + 1, 100, N};
    static const size_t sizes[][2] = {{0, 0}, {1, 1}, {3, 0}, {0, 3}, {7, 2}, {5000, 1}};
    int last[] = {ranks.size - 1};
    for (int p = 0; p < NAMES; p++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            nave_policy policy = {
                .policy = names[p], .near = "nothing", .chunk = sizes[s][0], .window = sizes[s][1]};
            nave_view *view;
            if (s == 1) {
                policy.engines = last;
                policy.engine_count = 1;
            }
            NEED_OK(nave_balanced(ctx, &policy, &view));
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
                check_map(view, counts[c]);
            check_reduce(view);
            check_source(view);
            check_applies(view);
            nave_view_free(view);
        }
}

/* Where the tasks of a static rule go. */
static void check_places(nave *ctx, const char *name, size_t chunk, size_t n, const int *engines,
                         size_t p)
{
    nave_view *view;
    nave_future *future;
    NEED(p > 0);
    NEED_OK(nave_balanced(
        ctx, &(nave_policy){.policy = name, .chunk = chunk, .engines = engines, .engine_count = p},
        &view));
    NEED_OK(nave_map_start(view, "twice", numbers, sizeof *numbers, NULL, 4, n, &future));
    GIVES(NAVE_OK, nave_wait(future, -1));
    for (size_t i = 0; i < n; i++) {
        nave_record record;
        size_t j = chunk > 0 ? i / chunk % p : 0;
        while (chunk == 0 && i >= (j + 1) * n / p)
            j++;
        NEED_OK(nave_task_record(future, i, &record));
        ranks_check(record.engine == engines[j], __FILE__, __LINE__,
                    "%s, chunk %zu: task %zu of %zu went to %d, not to %d", name, chunk, i, n,
                    record.engine, engines[j]);
    }
    nave_future_free(future);
    nave_view_free(view);
}

static void static_rules(nave *ctx)
{
    int all[16], some[16];
    size_t count = 0;
    for (int r = 0; r < ranks.size; r++) {
        all[r] = r;
        if (r % 3 != 1 || ranks.size == 1)
            some[count++] = r;
    }
    for (size_t n = 1; n <= N; n = 3 * n + 1) {
        check_places(ctx, "static-block", 0, n, all, (size_t)ranks.size);
        check_places(ctx, "static-block", 0, n, some, count);
        for (size_t chunk = 1; chunk < 20; chunk += 6) {
            check_places(ctx, "static-cyclic", chunk, n, all, (size_t)ranks.size);
            check_places(ctx, "static-cyclic", chunk, n, some, count);
        }
    }
}

/* --------------------------------------------------------------------------------- who goes first */

static nave_view *view_of_last(nave *ctx, nave_policy policy)
{
    const int last[] = {ranks.size - 1};
    nave_view *view = NULL;
    policy.engines = last;
    policy.engine_count = 1;
    GIVES(NAVE_OK, nave_balanced(ctx, &policy, &view));
    return view;
}

static double started(nave_future *future, size_t i)
{
    nave_record record = {.started = -1};
    GIVES(NAVE_OK, nave_task_record(future, i, &record));
    return record.started;
}

/* How many of the first future's n tasks began between two of the other's. */
static size_t between(nave_future *future, size_t n, nave_future *other, size_t from, size_t to)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += started(future, i) > started(other, from) && started(future, i) < started(other, to);
    return sum;
}

/* On one engine, one task at a time: what waits at the engine may still come first. */
static void check_priority(nave *ctx, int low, int high)
{
    enum { LOW = 60, HIGH = 15 };
    nave_policy policy = {.chunk = 1, .window = 1, .priority = low};
    nave_view *views[2] = {view_of_last(ctx, policy)};
    nave_future *futures[2];
    policy.priority = high;
    views[1] = view_of_last(ctx, policy);
    NEED(views[0] != NULL && views[1] != NULL);
    NEED_OK(nave_map_start(views[0], "nap", NULL, 0, NULL, 0, LOW, &futures[0]));
    NEED_OK(nave_map_start(views[1], "nap", NULL, 0, NULL, 0, HIGH, &futures[1]));
    GIVES(NAVE_OK, nave_wait(futures[0], -1));
    GIVES(NAVE_OK, nave_wait(futures[1], -1));
    if (low < high) {
        CHECK(between(futures[0], LOW, futures[1], 0, HIGH - 1) <= 1);
        CHECK(started(futures[0], LOW - 1) > started(futures[1], HIGH - 1));
    } else if (low == high) {
        for (size_t i = 0; i + 1 < HIGH; i++)
            CHECK(between(futures[0], LOW, futures[1], i, i + 1) <= 2);
    } else {
        CHECK(started(futures[1], 0) > started(futures[0], LOW - 1));
    }
    for (int i = 0; i < 2; i++) {
        nave_future_free(futures[i]);
        nave_view_free(views[i]);
    }
}

static void priorities(nave *ctx)
{
    check_priority(ctx, 0, 5);
    check_priority(ctx, -7, 0);
    check_priority(ctx, 3, 3);
    check_priority(ctx, 100, -100);
}

/* ------------------------------------------------------------------------------------- cost hints */

static double costs[N];

/* Random ones, many of them equal. */
static void make_costs(void)
{
    uint64_t random = 99;
    for (size_t i = 0; i < N; i++)
        costs[i] = (double)(ranks_random(&random) % 50) * 1e-3;
}

/* Whether i must go before j. */
static bool first_of(size_t i, size_t j)
{
    return costs[i] > costs[j] || (i < j && costs[i] == costs[j]);
}

static void longest_first(nave *ctx)
{
    enum { FEW = 60 };
    nave_view *view;
    nave_future *future;
    make_costs();
    view =
        view_of_last(ctx, (nave_policy){.chunk = 1, .window = 1, .costs = costs, .cost_count = N});
    NEED(view != NULL);
    NEED_OK(nave_map_start(view, "nap", NULL, 0, NULL, 0, FEW, &future));
    GIVES(NAVE_OK, nave_wait(future, -1));
    for (size_t i = 0; i < FEW; i++)
        for (size_t j = 0; j < FEW; j++)
            CHECK(!first_of(i, j) || started(future, i) <= started(future, j));
    nave_future_free(future);
    nave_view_free(view);
}

/* Hints say nothing about what comes out, however wrong they are. */
static void hints_and_results(nave *ctx)
{
    for (int kind = 0; kind < 4; kind++)
        for (int p = 0; p < NAMES; p++) {
            nave_policy policy = {.policy = names[p],
                                  .near = "nothing",
                                  .costs = costs,
                                  .cost_count = N,
                                  .chunk = kind == 3 ? 10 : 0};
            nave_view *view;
            make_costs();
            for (size_t i = 0; i < N && kind > 0; i++)
                costs[i] = kind == 1 ? 0 : kind == 2 ? 1e300 : (double)i;
            NEED_OK(nave_balanced(ctx, &policy, &view));
            check_map(view, N);
            check_map(view, 17);
            check_reduce(view);
            check_source(view);
            check_applies(view);
            nave_view_free(view);
        }
}

static void bad_hints(nave *ctx)
{
    const double bad[] = {-1, -1e-300, NAN, HUGE_VAL, -HUGE_VAL};
    nave_view *view;
    nave_future *future = (nave_future *)&view;
    uint32_t out[20];
    memset(costs, 0, sizeof costs);
    NEED_OK(nave_balanced(ctx, &(nave_policy){.costs = costs, .cost_count = 20}, &view));
    for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
        costs[19] = bad[b];
        GIVES(NAVE_EINVAL, nave_map(view, "twice", numbers, 4, out, 4, 20));
        GIVES(NAVE_EINVAL, nave_map_start(view, "twice", numbers, 4, NULL, 4, 20, &future));
        GIVES(NAVE_OK, nave_map(view, "twice", numbers, 4, out, 4, 19));
    }
    costs[19] = 0;
    GIVES(NAVE_EINVAL, nave_map_start(view, "twice", numbers, 4, NULL, 4, 21, &future));
    CHECK(strstr(nave_error(ctx), "20") != NULL && strstr(nave_error(ctx), "21") != NULL);
    CHECK(future == (nave_future *)&view);
    GIVES(NAVE_OK, nave_map(view, "twice", numbers, 4, out, 4, 20));
    nave_view_free(view);
}

/* ------------------------------------------------------------------------------------ bad policies */

static void bad_policies(nave *ctx)
{
    char name[200];
    int nobody[] = {ranks.size}, doubled[] = {0, 0};
    const struct {
        nave_policy policy;
        int code;
    } bad[] = {{{.policy = "fastest"}, NAVE_EINVAL},
               {{.policy = ""}, NAVE_EINVAL},
               {{.policy = "auto "}, NAVE_EINVAL},
               {{.policy = "FIFO"}, NAVE_EINVAL},
               {{.policy = name}, NAVE_EINVAL},
               {{.policy = "locality"}, NAVE_EINVAL},
               {{.policy = "locality", .near = ""}, NAVE_EINVAL},
               {{.policy = "locality", .near = name}, NAVE_EINVAL},
               {{.cost_count = 3}, NAVE_EINVAL},
               {{.costs = costs}, NAVE_EINVAL},
               {{.engines = doubled}, NAVE_EINVAL},
               {{.engine_count = 1}, NAVE_EINVAL},
               {{.engines = doubled, .engine_count = 2}, NAVE_EINVAL},
               {{.engines = nobody, .engine_count = 1}, NAVE_EENGINE}};
    nave_view *untouched = (nave_view *)name, *view = untouched;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int rc = nave_balanced(ctx, &bad[i].policy, &view);
        ranks_check(rc == bad[i].code && view == untouched && nave_error(ctx)[0] != '\0', __FILE__,
                    __LINE__, "policy %zu gave %s", i, nave_error_name(rc));
    }
    GIVES(NAVE_EINVAL, nave_balanced(ctx, &bad[0].policy, &view));
    CHECK(strstr(nave_error(ctx), "fastest") != NULL);
}

/* The caller's strings and lists may go. */
static void policies_are_copied(nave *ctx)
{
    char name[] = "static-cyclic", near[] = "object";
    int engines[] = {ranks.size - 1};
    nave_policy policy = {
        .policy = name, .near = near, .chunk = 1, .engines = engines, .engine_count = 1};
    nave_view *view;
    NEED_OK(nave_balanced(ctx, &policy, &view));
    memset(name, 'x', sizeof name - 1);
    memset(near, 'x', sizeof near - 1);
    engines[0] = -5;
    memset(&policy, 0xff, sizeof policy);
    check_map(view, N);
    nave_view_free(view);
}

/* --------------------------------------------------------------------------------------- locality */

/* One after the other, all engines idle: where do the tasks go? */
static void expect_engine(nave_view *view, int engine)
{
    for (int i = 0; i < 10; i++) {
        nave_future *future;
        nave_record record;
        NEED_OK(nave_apply(view, "twice", numbers, sizeof *numbers, 4, &future));
        NEED_OK(nave_wait(future, -1));
        NEED_OK(nave_task_record(future, 0, &record));
        ranks_check(record.engine == engine, __FILE__, __LINE__, "%d ran it, not %d", record.engine,
                    engine);
        nave_future_free(future);
    }
}

static void on(nave *ctx, int engine, const char *kernel)
{
    nave_view *view;
    uint32_t out;
    NEED_OK(nave_direct(ctx, &engine, 1, &view));
    NEED_OK(nave_map(view, kernel, NULL, 0, &out, sizeof out, 1));
    nave_view_free(view);
}

static void near_pushed_objects(nave *ctx)
{
    int holder[] = {ranks.size - 1};
    nave_view *near, *direct;
    NEED_OK(nave_balanced(ctx, &(nave_policy){.policy = "locality", .near = "table"}, &near));
    for (int round = 0; round < 2; round++) {
        check_map(near, N); /* nobody has it */
        NEED_OK(nave_direct(ctx, holder, 1, &direct));
        NEED_OK(nave_push(direct, "table", numbers, round == 0 ? 100 : sizeof numbers));
        expect_engine(near, holder[0]);
        check_map(near, N);
        NEED_OK(nave_drop(direct, "table"));
        nave_view_free(direct);
        holder[0] = ranks.size / 2;
    }
    nave_view_free(near);
}

static void near_objects_of_kernels(nave *ctx)
{
    nave_view *near;
    int first = ranks.size > 1, last = ranks.size - 1;
    on(ctx, last, "take_object");
    NEED_OK(nave_balanced(ctx, &(nave_policy){.policy = "locality", .near = "made"}, &near));
    expect_engine(near, last);
    if (last > first) {
        on(ctx, last, "drop_object");
        on(ctx, first, "take_object");
        expect_engine(near, first);
        on(ctx, last, "take_object");
        on(ctx, first, "drop_object");
        expect_engine(near, last);
    }
    check_map(near, N);
    nave_view_free(near);
}

/* The others take what those near have no room for. */
static void far_ones_help(nave *ctx)
{
    int holder[] = {0};
    bool others = false;
    nave_view *near, *direct;
    nave_future *future;
    nave_record record;
    NEED_OK(nave_direct(ctx, holder, 1, &direct));
    NEED_OK(nave_push(direct, "table", numbers, 10));
    nave_view_free(direct);
    NEED_OK(nave_balanced(ctx, &(nave_policy){.policy = "locality", .near = "table"}, &near));
    NEED_OK(nave_map_start(near, "nap", NULL, 0, NULL, 0, 200, &future));
    while (nave_next(future, -1, &record) == NAVE_OK)
        others = others || record.engine != 0;
    CHECK(others || ranks.size == 1);
    nave_future_free(future);
    nave_view_free(near);
}

/* ------------------------------------------------------------------------------------------ main */

#define FARM(hub)                                                                                  \
    static void test_##hub(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        ranks_farm(&opt, hub);                                                                     \
    }

FARM(all_rules)
FARM(static_rules)
FARM(priorities)
FARM(longest_first)
FARM(hints_and_results)
FARM(bad_hints)
FARM(bad_policies)
FARM(policies_are_copied)
FARM(near_pushed_objects)
FARM(near_objects_of_kernels)
FARM(far_ones_help)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_rules),           cmocka_unit_test(test_static_rules),
        cmocka_unit_test(test_priorities),          cmocka_unit_test(test_longest_first),
        cmocka_unit_test(test_hints_and_results),   cmocka_unit_test(test_bad_hints),
        cmocka_unit_test(test_bad_policies),        cmocka_unit_test(test_policies_are_copied),
        cmocka_unit_test(test_near_pushed_objects), cmocka_unit_test(test_near_objects_of_kernels),
        cmocka_unit_test(test_far_ones_help),
    };
    int failed;
    for (uint32_t i = 0; i < N; i++)
        numbers[i] = i;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
