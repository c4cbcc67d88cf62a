/* retry - tasks that fail are run again, elsewhere if that is possible, and never for ever.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include <math.h>
#include <stdatomic.h>

enum { N = 3000, MOST = 70000 };

/* Fails the first time that this rank meets the task, and again where `in` says so. */
static atomic_uchar met[N];

static int forgetful(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t index = nave_task_index(task);
    uint64_t x = 3 * (uint64_t)index;
    (void)in, (void)in_size;
    if (index < N && index % 3 == 0 && atomic_fetch_add(&met[index], 1) == 0)
        return nave_fail(task, "not met before");
    memcpy(out, &x, out_size < sizeof x ? out_size : sizeof x);
    return 0;
}

/* One rank fails at everything. */
static int not_here(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int rank = nave_task_engine(task);
    if (in_size != sizeof rank || out_size != sizeof rank)
        return nave_fail(task, "%zu bytes, %zu for the result", in_size, out_size);
    if (rank == *(const int *)in)
        return nave_fail(task, "not on rank %d", rank);
    memcpy(out, &rank, sizeof rank);
    return 0;
}

static int hopeless(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_fail(task, "hopeless");
}

/* Every second call fails; the result is the input. */
static int every_other(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    static atomic_uint calls;
    void *copy;
    (void)out, (void)out_size;
    if (atomic_fetch_add(&calls, 1) % 2 == 0)
        return nave_fail(task, "every other call");
    copy = nave_output(task, in_size);
    if (copy != NULL && in_size > 0)
        memcpy(copy, in, in_size);
    return 0;
}

/* Spoils its room before it fails: nothing of that may be counted. */
static atomic_uint sums;

static int add_up(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double *sum = out;
    (void)in, (void)in_size;
    sum[0] += sqrt((double)nave_task_index(task));
    sum[1] += 1;
    if (atomic_fetch_add(&sums, 1) % 3 == 0)
        return nave_fail(task, "%zu bytes spoilt", out_size);
    return 0;
}

static int count_up(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t *sum = out;
    (void)in, (void)in_size, (void)out_size;
    sum[0] += nave_task_index(task);
    sum[1] += 1;
    return atomic_fetch_add(&sums, 1) % 3 == 0 ? nave_fail(task, "spoilt") : 0;
}

/* A tree of 2^depth - 1 tasks, each of which fails now and then after it has spawned. */
static int grow(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int depth = *(const int *)in - 1;
    (void)out_size;
    *(uint64_t *)out += 1;
    for (int i = 0; i < 2 && depth > 0; i++)
        if (nave_spawn(task, "grow", &depth, in_size) != NAVE_OK)
            return 1;
    return atomic_fetch_add(&sums, 1) % 3 == 0 ? nave_fail(task, "withered") : 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(forgetful),
                                      NAVE_KERNEL(not_here),
                                      NAVE_KERNEL(hopeless),
                                      NAVE_KERNEL(every_other),
                                      NAVE_KERNEL(add_up),
                                      NAVE_KERNEL(count_up),
                                      NAVE_KERNEL(grow),
                                      {"add_more", add_up, NAVE_ACCUMULATES, NULL},
                                      {"count_more", count_up, NAVE_ACCUMULATES, NULL}};
static const nave_options opt = {.kernels = kernels,
                                 .kernel_count = sizeof kernels / sizeof *kernels};

#define VIEW(...) view_of(ctx, &(nave_policy){__VA_ARGS__})

static nave_view *view_of(nave *ctx, const nave_policy *policy)
{
    nave_view *view = NULL;
    GIVES(NAVE_OK, nave_balanced(ctx, policy, &view));
    return view;
}

static void maps_hub(nave *ctx)
{
    static const char *const policies[] = {"auto",         "fifo",          "guided", "factoring",
                                           "static-block", "static-cyclic", NULL};
    static double costs[N];
    static uint64_t out[N];
    for (size_t i = 0; i < N; i++)
        costs[i] = (double)(i * 7919 % 101);
    for (int p = 0; p < 8; p++) {
        bool hints = p == 7;
        nave_view *view = VIEW(.retries = ranks.size, .policy = policies[hints ? 0 : p],
                               .costs = hints ? costs : NULL, .cost_count = hints ? N : 0);
        nave_future *future;
        unsigned twice = 0;
        NEED(view != NULL);
        memset(out, 0, sizeof out);
        NEED_OK(nave_map_start(view, "forgetful", NULL, 0, out, sizeof *out, N, &future));
        NEED_OK(nave_wait(future, 60));
        for (size_t i = 0; i < N; i++) {
            nave_record record;
            NEED_OK(nave_task_record(future, i, &record));
            CHECK(out[i] == 3 * i && record.state == NAVE_SUCCEEDED);
            CHECK(record.attempts >= 1 && record.attempts <= 1 + ranks.size);
            twice += record.attempts > 1;
        }
        CHECK(p > 0 || twice >= N / 3);
        nave_future_free(future);
        nave_view_free(view);
    }
}

static void test_maps(void **state)
{
    (void)state;
    ranks_farm(&opt, maps_hub);
}

static void elsewhere_hub(nave *ctx)
{
    nave_view *view = VIEW(.retries = 1);
    int bad = ranks.size - 1, in[500], out[500];
    for (int i = 0; i < 500; i++)
        in[i] = bad;
    NEED(view != NULL);
    if (ranks.size == 1) {
        GIVES(NAVE_ETASK, nave_map(view, "not_here", in, sizeof *in, out, sizeof *out, 500));
        return;
    }
    NEED_OK(nave_map(view, "not_here", in, sizeof *in, out, sizeof *out, 500));
    for (int i = 0; i < 500; i++)
        CHECK(out[i] >= 0 && out[i] != bad);
}

static void test_elsewhere(void **state)
{
    (void)state;
    ranks_farm(&opt, elsewhere_hub);
}

/* All were tried, some twice: that is the end of it. */
static void hopeless_hub(nave *ctx)
{
    for (int retries = 0; retries < 40; retries += 13) {
        nave_view *view = VIEW(.retries = retries), *all = NULL;
        nave_future *future;
        nave_record record;
        NEED(view != NULL);
        NEED_OK(nave_map_start(view, "hopeless", NULL, 0, NULL, 8, 50, &future));
        GIVES(NAVE_ETASK, nave_wait(future, 60));
        for (size_t i = 0; i < 50; i++) {
            NEED_OK(nave_task_record(future, i, &record));
            CHECK(record.state == NAVE_FAILED && record.attempts == retries + 1);
            CHECK(strcmp(record.message, "hopeless") == 0);
        }
        CHECK(nave_failed(future, NULL, 0) == 50);
        nave_future_free(future);
        NEED_OK(nave_apply(view, "hopeless", NULL, 0, 8, &future));
        GIVES(NAVE_ETASK, nave_wait(future, 60));
        NEED_OK(nave_task_record(future, 0, &record));
        CHECK(record.attempts == retries + 1);
        nave_future_free(future);
        nave_view_free(view);
        NEED_OK(nave_direct(ctx, NULL, 0, &all));
        nave_view_free(all);
    }
    nave_view *view = NULL;
    GIVES(NAVE_EINVAL, nave_balanced(ctx, &(nave_policy){.retries = -1}, &view));
    GIVES(NAVE_EINVAL, nave_balanced(ctx, &(nave_policy){.retries = 2048}, &view));
}

static void test_hopeless(void **state)
{
    (void)state;
    ranks_farm(&opt, hopeless_hub);
}

static void applies_hub(nave *ctx)
{
    enum { COUNT = 2000 };
    static nave_future *futures[COUNT];
    nave_view *view = VIEW(.retries = 60);
    NEED(view != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = i % 100 == 99 ? MOST : i % 40;
        static char in[MOST + 1];
        memset(in, (int)i, size + 1);
        NEED_OK(nave_apply(view, "every_other", in, size, 0, &futures[i]));
    }
    for (size_t i = 0; i < COUNT; i++) {
        const void *data;
        size_t size;
        NEED_OK(nave_result(futures[i], 0, &data, &size));
        CHECK(size == (i % 100 == 99 ? MOST : i % 40));
        CHECK(size == 0 || ((const unsigned char *)data)[size - 1] == (unsigned char)i);
        nave_future_free(futures[i]);
    }
}

static void test_applies(void **state)
{
    (void)state;
    ranks_farm(&opt, applies_hub);
}

/* Inputs of all sizes; the buffer of the source is used again at each draw. */
struct source {
    size_t count;
    unsigned char buffer[MOST];
};

static size_t size_of(size_t index)
{
    return index % 50 == 49 ? MOST - index % 7 : index % 300;
}

static int draw(void *arg, size_t index, const void **in, size_t *in_size)
{
    struct source *source = arg;
    if (index == source->count)
        return 0;
    memset(source->buffer, (int)index, sizeof source->buffer);
    *in = source->buffer;
    *in_size = size_of(index);
    return 1;
}

static void source_hub(nave *ctx)
{
    static struct source source = {.count = 1500};
    nave_view *view = VIEW(.retries = 60);
    nave_future *future;
    nave_record record;
    size_t seen = 0, again = 0;
    NEED(view != NULL);
    NEED_OK(nave_map_from(view, "every_other", draw, &source, 0, &future));
    while (nave_next(future, 60, &record) == NAVE_OK) {
        const unsigned char *data = record.data;
        CHECK(record.state == NAVE_SUCCEEDED && record.size == size_of(record.index));
        CHECK(record.size == 0 || data[record.size / 2] == (unsigned char)record.index);
        again += record.attempts > 1;
        seen++;
    }
    CHECK(seen == source.count && again > 0);
    nave_future_free(future);
    NEED_OK(nave_map_from(view, "every_other", draw, &source, 0, &future));
    NEED_OK(nave_next(future, 60, &record));
    NEED_OK(nave_cancel(future));
    while (nave_next(future, 60, &record) == NAVE_OK)
        continue;
    nave_future_free(future);
}

static void test_source(void **state)
{
    (void)state;
    ranks_farm(&opt, source_hub);
}

static void reduce_hub(nave *ctx)
{
    nave_view *view = VIEW(.retries = 60), *plain = VIEW(.retries = 0);
    static const char *const real[] = {"add_up", "add_more"}, *const whole[] = {"count_up",
                                                                                "count_more"};
    double sum[2], first[2] = {0};
    uint64_t count[2];
    NEED(view != NULL && plain != NULL);
    for (int k = 0; k < 2; k++) {
        NEED_OK(nave_map_reduce(view, real[k], NULL, 0, N, sum, 2, MPI_DOUBLE, MPI_SUM));
        CHECK(sum[1] == N);
        if (k == 0)
            memcpy(first, sum, sizeof first);
        CHECK(first[0] == sum[0] && first[1] == sum[1]);
        NEED_OK(nave_map_reduce(view, whole[k], NULL, 0, N, count, 2, MPI_UINT64_T, MPI_SUM));
        CHECK(count[0] == (uint64_t)N * (N - 1) / 2 && count[1] == N);
    }
    GIVES(NAVE_ETASK,
          nave_map_reduce(plain, "count_up", NULL, 0, N, count, 2, MPI_UINT64_T, MPI_SUM));
}

static void test_reduce(void **state)
{
    (void)state;
    ranks_farm(&opt, reduce_hub);
}

static void spawn_hub(nave *ctx)
{
    nave_view *view = VIEW(.retries = 60);
    const int depth[3] = {12, 11, 10};
    uint64_t count = 0;
    nave_future *future;
    nave_record record;
    NEED(view != NULL);
    NEED_OK(
        nave_map_reduce(view, "grow", depth, sizeof *depth, 3, &count, 1, MPI_UINT64_T, MPI_SUM));
    CHECK(count == 4095 + 2047 + 1023);
    NEED_OK(nave_map_start(view, "grow", depth, sizeof *depth, NULL, 8, 3, &future));
    NEED_OK(nave_wait(future, 60));
    NEED_OK(nave_task_record(future, 2, &record));
    CHECK(record.state == NAVE_SUCCEEDED);
    nave_future_free(future);
}

static void test_spawn(void **state)
{
    (void)state;
    ranks_farm(&opt, spawn_hub);
}

static void enough_hub(nave *ctx)
{
    enum { COUNT = 200000 };
    nave_view *view = VIEW(.max_failures = 5, .retries = 1);
    static struct source source = {.count = COUNT};
    nave_future *future;
    nave_counts counts;
    NEED(view != NULL);
    for (int from_source = 0; from_source < 2; from_source++) {
        if (from_source)
            NEED_OK(nave_map_from(view, "hopeless", draw, &source, 0, &future));
        else
            NEED_OK(nave_map_start(view, "hopeless", NULL, 0, NULL, 0, COUNT, &future));
        GIVES(NAVE_ETASK, nave_wait(future, 60));
        nave_count(future, &counts);
        CHECK(counts.complete && counts.failed >= 5 && counts.succeeded == 0);
        CHECK(counts.failed + counts.cancelled == counts.total);
        CHECK(from_source || counts.cancelled > COUNT / 2);
        nave_future_free(future);
    }
    GIVES(NAVE_ETASK, nave_map(view, "hopeless", NULL, 0, NULL, 0, COUNT));
}

static void test_enough(void **state)
{
    (void)state;
    ranks_farm(&opt, enough_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps),     cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_hopeless), cmocka_unit_test(test_applies),
        cmocka_unit_test(test_source),   cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_spawn),    cmocka_unit_test(test_enough),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
