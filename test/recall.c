/* recall - tasks that last longer than those before them: nobody is left out, each is run once.
 * ranks: 1 2 4 16
 *
 * Each task has a number of its own; every rank counts how often it ran which.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

enum { N = 40000, BALLAST = 3000 };

/* What a task is to do. */
struct order {
    uint32_t number;
    uint32_t microseconds; /* to sleep, or (below 100) to be busy */
};

static unsigned char runs[N], all_runs[N]; /* by number: of this rank's kernels; of all */
static struct order orders[N];
static uint32_t given; /* numbers */

static uint32_t result_of(uint32_t number)
{
    return number * 2654435761u + 1;
}

static void be_busy(double seconds)
{
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((double)(now.tv_sec - from.tv_sec) + 1e-9 * (double)(now.tv_nsec - from.tv_nsec) <
           seconds);
}

static int obey(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct order order;
    uint32_t result;
    memcpy(&order, in, sizeof order);
    ((unsigned char *)nave_task_user(task))[order.number]++;
    if (order.microseconds >= 100)
        ranks_sleep(1e-6 * order.microseconds);
    else if (order.microseconds > 0)
        be_busy(1e-6 * order.microseconds);
    result = result_of(order.number);
    memcpy(out, &result, out_size < sizeof result ? out_size : sizeof result);
    return in_size < sizeof order;
}

/* The same, while it looks for news: rows are asked back from within a kernel. */
static int obey_awake(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct order order, piece;
    memcpy(&order, in, sizeof order);
    piece = (struct order){order.number, order.microseconds % 100};
    for (uint32_t done = 0; done + 100 <= order.microseconds; done += 100) {
        if (nave_cancelled(task))
            break;
        ranks_sleep(100e-6);
    }
    return obey(task, &piece, in_size < sizeof piece ? in_size : sizeof piece, out, out_size);
}

/* Slow on the last rank only. */
static int obey_lame(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct order order;
    memcpy(&order, in, sizeof order);
    if (nave_task_engine(task) == ranks.size - 1 && ranks.size > 1)
        order.microseconds = 5000;
    return obey(task, &order, in_size < sizeof order ? in_size : sizeof order, out, out_size);
}

/* Every fifth fails. */
static int obey_fail(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int rc = obey(task, in, in_size, out, out_size);
    return rc != 0 || nave_task_index(task) % 5 != 0 ? rc : 77;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(obey), NAVE_KERNEL(obey_awake),
                                      NAVE_KERNEL(obey_lame), NAVE_KERNEL(obey_fail)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 4, .user = runs};

/* A farm; then each number that was given must have been met once.  With `some` (tasks were
 * cancelled): once at most. */
static void counted_farm(void (*hub)(nave *ctx), bool some)
{
    struct ranks_hub call = {hub};
    ranks_crash_openly();
    memset(runs, 0, sizeof runs);
    given = 0;
    GIVES(NAVE_OK, nave_run(MPI_COMM_WORLD, &opt, ranks_hub, &call));
    MPI_Bcast(&given, 1, MPI_UINT32_T, 0, MPI_COMM_WORLD);
    MPI_Allreduce(runs, all_runs, N, MPI_UNSIGNED_CHAR, MPI_SUM, MPI_COMM_WORLD);
    for (uint32_t i = 0; i < N; i++)
        if (all_runs[i] > (i < given) || (!some && all_runs[i] < (i < given))) {
            ranks_check(false, __FILE__, __LINE__, "task %u of %u ran %d times", i, given,
                        all_runs[i]);
            break;
        }
    ranks_agree();
}

/* n orders: the first `quick` of them take no time, the others so long. */
static struct order *give(size_t n, size_t quick, uint32_t microseconds)
{
    struct order *first = orders + given;
    if (!CHECK(given + n <= N))
        return orders;
    for (size_t i = 0; i < n; i++, given++)
        orders[given] = (struct order){given, i < quick ? 0 : microseconds};
    return first;
}

/* The engines that ran tasks from `first` on; each task succeeded with its result. */
static uint32_t engines_of(nave_future *future, const struct order *of, size_t first, size_t n)
{
    uint32_t engines = 0;
    for (size_t i = 0; i < n; i++) {
        nave_record record;
        if (!GIVES(NAVE_OK, nave_task_record(future, i, &record)) ||
            !CHECK(record.state == NAVE_SUCCEEDED && record.size == sizeof(uint32_t)) ||
            !CHECK(*(const uint32_t *)record.data == result_of(of[i].number)))
            break;
        if (i >= first)
            engines |= 1u << record.engine;
    }
    return engines;
}

/* Over several calls, since a machine that is busy may keep a rank from running for a while. */
static void expect_everyone(uint32_t engines)
{
    ranks_check(engines == (1u << ranks.size) - 1, __FILE__, __LINE__,
                "engines %x ran the slow ones", engines);
}

/* One call; the engines that ran the slow ones. */
static uint32_t check_call(nave_view *farm, const char *kernel, const struct order *of,
                           size_t quick, size_t n)
{
    nave_future *future;
    uint32_t engines;
    if (!GIVES(NAVE_OK, nave_map_start(farm, kernel, of, sizeof *of, NULL, 4, n, &future)))
        return 0;
    GIVES(NAVE_OK, nave_wait(future, -1));
    engines = engines_of(future, of, quick, n);
    nave_future_free(future);
    return engines;
}

/* ------------------------------------------------------------------------------------- the farms */

/* Fast a thousand times, then slow: within a call, and from one call to the next. */
static void fast_then_slow(nave *ctx)
{
    size_t slow = 12 * (size_t)ranks.size;
    uint32_t engines = 0;
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    engines |= check_call(farm, "obey", give(1000 + slow, 1000, 3000), 1000, 1000 + slow);
    engines |= check_call(farm, "obey_awake", give(1000 + slow, 1000, 3000), 1000, 1000 + slow);
    for (int round = 0; round < 3; round++) {
        uint32_t *out = malloc(5000 * sizeof *out);
        NEED(out != NULL);
        GIVES(NAVE_OK, nave_map(farm, "obey", give(5000, 5000, 0), sizeof(struct order), out,
                                sizeof *out, 5000));
        free(out);
        engines |= check_call(farm, "obey", give(slow, 0, 3000), 0, slow);
    }
    expect_everyone(engines);
    nave_view_free(farm);
}

/* All tasks go to one engine at first: the others have only what they are given back. */
static void one_gets_all(nave *ctx)
{
    size_t n = 20 * (size_t)ranks.size;
    uint32_t engines = 0, awake = 0;
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, &(nave_policy){.chunk = N}, &farm));
    for (int round = 0; round < 3; round++) {
        engines |= check_call(farm, "obey", give(n, 0, 3000), 0, n);
        awake |= check_call(farm, "obey_awake", give(n, 0, 3000), 0, n);
    }
    expect_everyone(engines);
    expect_everyone(awake);
    nave_view_free(farm);
}

/* Fast, then slow, one by one. */
static void fast_then_slow_applies(nave *ctx)
{
    enum { QUICK = 1000, MOST = QUICK + 12 * 16 };
    static nave_future *futures[MOST];
    size_t n = QUICK + 12 * (size_t)ranks.size;
    struct order *of = give(n, QUICK, 3000);
    uint32_t engines = 0;
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (size_t i = 0; i < n; i++)
        NEED_OK(nave_apply(farm, "obey", &of[i], sizeof *of, sizeof(uint32_t), &futures[i]));
    for (size_t i = 0; i < n; i++)
        GIVES(NAVE_OK, nave_wait(futures[i], -1));
    for (size_t i = 0; i < n; i++) {
        uint32_t engine = engines_of(futures[i], &of[i], 0, 1);
        engines |= i >= QUICK ? engine : 0;
        nave_future_free(futures[i]);
    }
    expect_everyone(engines);
    nave_view_free(farm);
}

/* Large inputs are on their way when they are asked back; hints may be wrong; tasks may fail. */
static void fast_then_slow_of_any_kind(nave *ctx)
{
    enum { LARGE = 150, HINTED = 1500 };
    static double costs[HINTED];
    static unsigned char inputs[LARGE * BALLAST];
    uint32_t *out = malloc(HINTED * sizeof *out);
    struct order *of = give(LARGE, LARGE / 2, 2000);
    nave_view *farm, *hinted;
    nave_future *future;
    NEED(out != NULL);
    for (size_t i = 0; i < LARGE; i++)
        memcpy(inputs + i * BALLAST, &of[i], sizeof of[i]);
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    GIVES(NAVE_OK, nave_map(farm, "obey", inputs, BALLAST, out, sizeof *out, LARGE));
    for (size_t i = 0; i < LARGE; i++)
        CHECK(out[i] == result_of(of[i].number));
    for (size_t i = 0; i < HINTED; i++)
        costs[i] = i % 2 == 0 ? 1e-6 : 1;
    NEED_OK(nave_balanced(ctx, &(nave_policy){.costs = costs, .cost_count = HINTED}, &hinted));
    of = give(HINTED, HINTED - 40, 3000);
    GIVES(NAVE_OK, nave_map(hinted, "obey", of, sizeof *of, out, sizeof *out, HINTED));
    for (size_t i = 0; i < HINTED; i++)
        CHECK(out[i] == result_of(of[i].number));
    of = give(1000, 950, 3000);
    NEED_OK(nave_map_start(farm, "obey_fail", of, sizeof *of, out, sizeof *out, 1000, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    CHECK(nave_failed(future, NULL, 0) == 200);
    nave_future_free(future);
    nave_view_free(farm);
    nave_view_free(hinted);
    free(out);
}

/* One engine falls behind; what it has not begun goes to the others. */
static void one_is_lame(nave *ctx)
{
    nave_view *farm;
    nave_future *future;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int round = 0; round < 3; round++) {
        struct order *of = give(4000, 4000, 0);
        NEED_OK(nave_map_start(farm, "obey_lame", of, sizeof *of, NULL, 4, 4000, &future));
        GIVES(NAVE_OK, nave_wait(future, -1));
        CHECK(engines_of(future, of, 0, 4000) != 0);
        nave_future_free(future);
    }
    nave_view_free(farm);
}

/* Cancelled or freed while rows are being asked back. */
static void cancelled_meanwhile(nave *ctx)
{
    size_t slow = 6 * (size_t)ranks.size;
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int round = 0; round < 12; round++) {
        const char *kernel = round % 2 == 0 ? "obey_awake" : "obey";
        struct order *of = give(1000 + slow, 1000, 2000);
        nave_future *future;
        nave_counts counts;
        NEED_OK(nave_map_start(farm, kernel, of, sizeof *of, NULL, 4, 1000 + slow, &future));
        nave_wait(future, 0.0007 * round);
        if (round % 3 == 0) {
            nave_future_free(future);
            continue;
        }
        NEED_OK(nave_cancel(future));
        nave_wait(future, -1);
        nave_count(future, &counts);
        CHECK(counts.complete && counts.succeeded + counts.cancelled == 1000 + slow);
        nave_future_free(future);
    }
    nave_view_free(farm);
}

/* Times from a microsecond to a tenth of a second, in several calls at a time. */
static uint32_t any_time(uint64_t *random)
{
    uint64_t x = ranks_random(random);
    uint32_t microseconds = 1u << x % 10; /* up to half a millisecond */
    if (x % 97 == 0)
        microseconds = 4000;
    return x % 1009 == 0 ? 30000 : microseconds;
}

struct drawn {
    const struct order *of;
    size_t n;
};

static int draw(void *arg, size_t index, const void **in, size_t *in_size)
{
    const struct drawn *drawn = arg;
    *in = drawn->of + index;
    *in_size = sizeof(struct order);
    return index < drawn->n;
}

static void check_arrivals(nave_future *future, const struct order *of, size_t n)
{
    nave_record record;
    size_t read = 0;
    while (nave_next(future, -1, &record) == NAVE_OK) {
        NEED(record.state == NAVE_SUCCEEDED && record.index < n);
        NEED(*(const uint32_t *)record.data == result_of(of[record.index].number));
        read++;
    }
    CHECK(read == n);
    nave_future_free(future);
}

static void a_mix(nave *ctx)
{
    enum { EACH = 1000 };
    nave_view *farm, *urgent;
    nave_future *futures[3];
    struct drawn drawn = {orders, EACH};
    uint64_t random = 4;
    struct order *of = give(3 * EACH, 0, 0);
    for (size_t i = 0; i < 3 * EACH; i++)
        of[i].microseconds = any_time(&random);
    of[EACH / 2].microseconds = of[2 * EACH + 1].microseconds = 100000;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    NEED_OK(nave_balanced(ctx, &(nave_policy){.priority = 1}, &urgent));
    NEED_OK(nave_map_from(farm, "obey", draw, &drawn, 4, &futures[0]));
    NEED_OK(nave_map_start(farm, "obey", of + EACH, sizeof *of, NULL, 4, EACH, &futures[1]));
    NEED_OK(nave_map_start(urgent, "obey_awake", of + 2 * EACH, sizeof *of, NULL, 4, EACH,
                           &futures[2]));
    for (int f = 3; f-- > 0;)
        check_arrivals(futures[f], of + f * EACH, EACH);
    nave_view_free(farm);
    nave_view_free(urgent);
}

/* ------------------------------------------------------------------------------------------ main */

#define FARM(hub, some)                                                                            \
    static void test_##hub(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        counted_farm(hub, some);                                                                   \
    }

FARM(fast_then_slow, false)
FARM(one_gets_all, false)
FARM(fast_then_slow_applies, false)
FARM(fast_then_slow_of_any_kind, false)
FARM(one_is_lame, false)
FARM(cancelled_meanwhile, true)
FARM(a_mix, false)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fast_then_slow),
        cmocka_unit_test(test_one_gets_all),
        cmocka_unit_test(test_fast_then_slow_applies),
        cmocka_unit_test(test_fast_then_slow_of_any_kind),
        cmocka_unit_test(test_one_is_lame),
        cmocka_unit_test(test_cancelled_meanwhile),
        cmocka_unit_test(test_a_mix),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
