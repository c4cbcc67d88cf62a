/* drained - a farm that ends before its work does: what has begun is finished, and nothing else begins.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include <unistd.h>

enum { N = 4000 };

static void nap(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) != 0)
        continue;
}

static int shortly(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x = nave_task_index(task) + 1;
    (void)in, (void)in_size;
    nap(0.002);
    memcpy(out, &x, out_size < sizeof x ? out_size : sizeof x);
    return 0;
}

static int for_long(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    nap(0.4);
    return 0;
}

static int fails(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    nap(0.002);
    return nave_fail(task, "as always");
}

static const nave_kernel kernels[] = {NAVE_KERNEL(shortly), NAVE_KERNEL(for_long),
                                      NAVE_KERNEL(fails)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 3};
static const nave_options draining = {.kernels = kernels, .kernel_count = 3, .drain = 1};

static int draw(void *arg, size_t index, const void **in, size_t *in_size)
{
    (void)arg, (void)index;
    *in = NULL;
    *in_size = 0;
    return 1;
}

static void nothing_begins(nave *ctx, nave_view *view)
{
    nave_future *future;
    uint64_t out;
    int rc = nave_apply(view, "shortly", NULL, 0, 8, &future);
    CHECK(rc == NAVE_EDRAINED && strstr(nave_error(ctx), "begun") != NULL);
    GIVES(NAVE_EDRAINED, nave_map(view, "shortly", NULL, 0, &out, 8, 1));
    GIVES(NAVE_EDRAINED, nave_map_from(view, "shortly", draw, NULL, 8, &future));
    GIVES(NAVE_EDRAINED,
          nave_map_reduce(view, "shortly", NULL, 0, 5, &out, 1, MPI_UINT64_T, MPI_SUM));
}

/* All that was run is there, and what was not is counted. */
static void check_map(nave_future *future, const uint64_t *out)
{
    nave_counts counts;
    size_t there = 0;
    nave_count(future, &counts);
    CHECK(counts.complete && counts.running == 0 && counts.failed == 0);
    CHECK(counts.succeeded > 0 && counts.cancelled > 0);
    CHECK(counts.succeeded + counts.cancelled == N);
    for (size_t i = 0; i < N; i++) {
        CHECK(out[i] == 0 || out[i] == i + 1);
        there += out[i] != 0;
    }
    CHECK(there == counts.succeeded);
}

static void asked_hub(nave *ctx)
{
    static uint64_t out[N];
    static nave_future *futures[N];
    nave_view *view;
    nave_future *map, *source;
    nave_record record;
    size_t run = 0, not_run = 0, seen = 0;
    memset(out, 0, sizeof out);
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "shortly", NULL, 0, out, sizeof *out, N, &map));
    NEED_OK(nave_map_from(view, "shortly", draw, NULL, 8, &source));
    for (size_t i = 0; i < N; i++)
        NEED_OK(nave_apply(view, "shortly", NULL, 0, 8, &futures[i]));
    GIVES(NAVE_ETIMEDOUT, nave_wait(map, 0.1));
    for (size_t i = N / 2; i < N; i += 2) { /* nobody waits for these any more */
        nave_future_free(futures[i]);
        futures[i] = NULL;
    }
    NEED_OK(nave_drain(ctx));
    NEED_OK(nave_drain(ctx));
    GIVES(NAVE_EDRAINED, nave_wait(map, 60));
    CHECK(strstr(nave_error(ctx), "nave_drain") != NULL);
    check_map(map, out);
    while (nave_next(source, 60, &record) == NAVE_OK)
        seen += record.state == NAVE_SUCCEEDED;
    CHECK(seen > 0);
    GIVES(NAVE_EDRAINED, nave_wait(source, 60));
    for (size_t i = 0; i < N; i++) {
        int rc;
        if (futures[i] == NULL)
            continue;
        rc = nave_wait(futures[i], 60);
        CHECK(rc == NAVE_OK || rc == NAVE_EDRAINED);
        *(rc == NAVE_OK ? &run : &not_run) += 1;
        nave_future_free(futures[i]);
    }
    CHECK(run > 0 && not_run > 0);
    nothing_begins(ctx, view);
    nave_future_free(map);
    nave_future_free(source);
}

static void test_asked(void **state)
{
    (void)state;
    ranks_farm(&opt, asked_hub);
}

static void signal_hub(nave *ctx)
{
    static uint64_t out[N];
    nave_view *view;
    nave_future *map;
    memset(out, 0, sizeof out);
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "shortly", NULL, 0, out, sizeof *out, N, &map));
    GIVES(NAVE_ETIMEDOUT, nave_wait(map, 0.1));
    kill(getpid(), SIGUSR2);
    GIVES(NAVE_EDRAINED, nave_wait(map, 60));
    CHECK(strstr(nave_error(ctx), "SIGUSR2") != NULL);
    check_map(map, out);
    nothing_begins(ctx, view);
    nave_future_free(map);
}

/* Engines get the signal as well, and go on. */
static void test_signal(void **state)
{
    (void)state;
    ranks_farm(&draining, signal_hub);
}

/* Long tasks are not begun where short ones still are. */
static void limit_hub(nave *ctx)
{
    nave_view *view;
    nave_future *map;
    nave_counts counts;
    uint64_t out;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map(view, "shortly", NULL, 0, &out, sizeof out, 1));
    NEED_OK(nave_map_start(view, "for_long", NULL, 0, NULL, 0, N, &map));
    GIVES(NAVE_EDRAINED, nave_wait(map, 60));
    nave_count(map, &counts);
    CHECK(counts.succeeded > 0 && counts.succeeded + counts.cancelled == N);
    nave_future_free(map);
}

static void test_limit(void **state)
{
    (void)state;
    setenv("NAVE_WALLTIME", "00:03", 1);
    ranks_farm(&draining, limit_hub);
    unsetenv("NAVE_WALLTIME");
}

/* Tasks that would be run again are not run to their end, which is no failure. */
static void retries_hub(nave *ctx)
{
    nave_view *view;
    nave_future *map;
    nave_counts counts;
    NEED_OK(nave_balanced(ctx, &(nave_policy){.retries = 2000}, &view));
    NEED_OK(nave_map_start(view, "fails", NULL, 0, NULL, 0, 100, &map));
    GIVES(NAVE_ETIMEDOUT, nave_wait(map, 0.05));
    NEED_OK(nave_drain(ctx));
    GIVES(NAVE_EDRAINED, nave_wait(map, 60));
    nave_count(map, &counts);
    CHECK(counts.failed == 0 && counts.cancelled == 100);
    nave_future_free(map);
}

static void test_retries(void **state)
{
    (void)state;
    ranks_farm(&opt, retries_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asked),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_retries),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
