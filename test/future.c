/* future - waiting, counting, reading, cancelling, freeing.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

static int add_one(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int x;
    if (in_size != sizeof x || out_size != sizeof x)
        return nave_fail(task, "sizes %zu and %zu", in_size, out_size);
    memcpy(&x, in, sizeof x);
    x++;
    memcpy(out, &x, sizeof x);
    return 0;
}

/* Ends only when nobody wants it any more: not for a hub that is alone. */
static int until_cancelled(nave_task *task, const void *in, size_t in_size, void *out,
                           size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    while (!nave_cancelled(task))
        ranks_sleep(1e-4);
    return 0;
}

/* Ends at once, but for task 8. */
static int eighth_endless(nave_task *task, const void *in, size_t in_size, void *out,
                          size_t out_size)
{
    if (nave_task_index(task) == 8)
        return until_cancelled(task, in, in_size, out, out_size);
    return add_one(task, in, in_size, out, out_size);
}

static int rest(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double seconds;
    (void)task, (void)out, (void)out_size;
    memcpy(&seconds, in, in_size < sizeof seconds ? in_size : sizeof seconds);
    ranks_sleep(seconds);
    return 0;
}

struct order {
    size_t first, second; /* sizes for nave_output(); SIZE_MAX: no call */
};

/* Results of sizes known only here.  Byte i of a result is i; what was in `out` and in earlier
 * outputs is still there to be read. */
static int make(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct order order;
    unsigned char *bytes = out;
    if (in_size != sizeof order)
        return 1;
    memcpy(&order, in, sizeof order);
    for (size_t i = 0; i < out_size; i++)
        bytes[i] = (unsigned char)i;
    for (int k = 0; k < 2; k++) {
        size_t size = k == 0 ? order.first : order.second;
        unsigned char *fresh = size != SIZE_MAX ? nave_output(task, size) : NULL;
        if (size != SIZE_MAX && (fresh == NULL || (uintptr_t)fresh % 16 != 0))
            return 2;
        for (size_t i = 0; fresh != NULL && i < size; i++) {
            if (fresh[i] != 0)
                return nave_fail(task, "byte %zu of %zu is not zero", i, size);
            fresh[i] = i < out_size ? bytes[i] : (unsigned char)i;
        }
    }
    return 0;
}

static int too_much(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_output(task, PTRDIFF_MAX - 4096) == NULL ? 0 : 1;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(add_one),  NAVE_KERNEL(until_cancelled),
                                      NAVE_KERNEL(rest),     NAVE_KERNEL(make),
                                      NAVE_KERNEL(too_much), NAVE_KERNEL(eighth_endless)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 6};

enum { N = 2000 };
static int in[N], out[N];

static void fill(void)
{
    for (int i = 0; i < N; i++) {
        in[i] = i;
        out[i] = -1;
    }
}

static nave_future *start(nave *ctx, bool array)
{
    nave_view *view;
    nave_future *future = NULL;
    fill();
    GIVES(NAVE_OK, nave_balanced(ctx, NULL, &view));
    GIVES(NAVE_OK, nave_map_start(view, "add_one", in, sizeof *in, array ? out : NULL, sizeof *out,
                                  N, &future));
    nave_view_free(view);
    return future;
}

/* A task on each engine that ends only with its future. */
static nave_future *start_endless(nave *ctx)
{
    nave_view *view;
    nave_future *future = NULL;
    GIVES(NAVE_OK, nave_direct(ctx, NULL, 0, &view));
    GIVES(NAVE_OK, nave_apply(view, "until_cancelled", NULL, 0, 0, &future));
    nave_view_free(view);
    return future;
}

/* -------------------------------------------------------------------------------------- waiting */

static void wait_hub(nave *ctx)
{
    nave_future *future = start(ctx, true);
    NEED(future != NULL);
    NEED_OK(nave_wait(future, -1));
    NEED_OK(nave_wait(future, 0));
    NEED_OK(nave_wait(future, 1));
    CHECK(nave_test(future) == 1);
    CHECK(strcmp(nave_digest(future), "") == 0 && nave_failed(future, NULL, 0) == 0);
    for (int i = 0; i < N; i++)
        NEED(out[i] == i + 1);
    nave_future_free(future);
    future = start(ctx, true);
    while (!nave_test(future))
        continue;
    NEED_OK(nave_wait(future, 0));
    nave_future_free(future);
    nave_future_free(NULL);
}

static void test_wait(void **state)
{
    (void)state;
    ranks_farm(&opt, wait_hub);
}

static void timed_hub(nave *ctx)
{
    nave_future *future = start_endless(ctx);
    nave_record record;
    size_t which = 77;
    CHECK(nave_wait(future, 0) == NAVE_ETIMEDOUT);
    CHECK(nave_wait(future, 0.02) == NAVE_ETIMEDOUT);
    CHECK(nave_test(future) == 0);
    CHECK(nave_wait_any(&future, 1, &which, 0.01) == NAVE_ETIMEDOUT && which == 77);
    CHECK(nave_next(future, 0.01, &record) == NAVE_ETIMEDOUT);
    NEED_OK(nave_cancel(future));
    GIVES(NAVE_ECANCELED, nave_wait(future, -1));
    GIVES(NAVE_ECANCELED, nave_result(future, 0, NULL, NULL));
    CHECK(strstr(nave_digest(future), "cancelled") != NULL);
    NEED_OK(nave_cancel(future));
    nave_future_free(future);
}

static void test_timed_wait(void **state)
{
    (void)state;
    if (ranks.size == 1)
        return; /* a hub that is alone would wait for its own kernel */
    ranks_farm(&opt, timed_hub);
}

struct told {
    int calls, complete; /* how often; how often with counts.complete */
    bool rising;
    nave_counts last;
};

static void tell(void *arg, const nave_counts *counts)
{
    struct told *told = arg;
    told->calls++;
    told->complete += counts->complete;
    told->rising = told->rising && counts->succeeded >= told->last.succeeded;
    told->last = *counts;
}

static void progress_hub(nave *ctx)
{
    nave_view *view;
    double seconds[64];
    size_t n = 8 * (size_t)nave_engine_count(ctx);
    n = n < 64 ? n : 64;
    for (size_t i = 0; i < n; i++)
        seconds[i] = 0.06;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map(view, "rest", seconds, sizeof *seconds, NULL, 0, n));
}

static void test_progress(void **state)
{
    struct told told = {.rising = true};
    nave_options telling = opt;
    (void)state;
    telling.progress = tell;
    telling.progress_arg = &told;
    ranks_farm(&telling, progress_hub);
    if (ranks.rank == 0) {
        CHECK(told.calls >= 2 && told.complete == 1 && told.last.complete && told.rising);
        CHECK(told.last.total > 0 && told.last.succeeded == told.last.total);
    } else {
        CHECK(told.calls == 0);
    }
    ranks_agree();
}

/* What is done comes home although the next task of the chunk runs on, and runs until it did. */
static void behind_hub(nave *ctx)
{
    nave_policy policy = {.chunk = 9};
    nave_view *view;
    nave_future *future;
    const void *data;
    size_t size;
    fill();
    NEED_OK(nave_balanced(ctx, &policy, &view));
    NEED_OK(nave_map_start(view, "eighth_endless", in, sizeof *in, out, sizeof *out, 9, &future));
    for (size_t i = 0; i < 8; i++) {
        NEED_OK(nave_result(future, i, &data, &size));
        CHECK(size == sizeof(int) && *(const int *)data == in[i] + 1);
    }
    NEED_OK(nave_cancel(future));
    GIVES(NAVE_ECANCELED, nave_wait(future, -1));
    nave_future_free(future);
}

static void test_results_before_an_endless_task(void **state)
{
    (void)state;
    if (ranks.size == 1)
        return; /* a hub that is alone would wait for its own kernel */
    ranks_farm(&opt, behind_hub);
}

static void any_hub(nave *ctx)
{
    nave_future *futures[5] = {NULL};
    size_t which = 99;
    CHECK(nave_wait_any(futures, 5, &which, -1) == NAVE_EINVAL);
    CHECK(nave_wait_any(futures, 0, &which, -1) == NAVE_EINVAL);
    CHECK(nave_wait_any(NULL, 3, &which, -1) == NAVE_EINVAL && which == 99);
    futures[1] = ranks.size > 1 ? start_endless(ctx) : NULL;
    futures[3] = start(ctx, false);
    if (futures[1] != NULL) { /* engines are busy until that is cancelled */
        CHECK(nave_wait_any(futures, 5, &which, 0) == NAVE_ETIMEDOUT);
        NEED_OK(nave_cancel(futures[1]));
        GIVES(NAVE_ECANCELED, nave_wait(futures[1], -1));
        GIVES(NAVE_ECANCELED, nave_wait_any(futures, 5, &which, -1));
        CHECK(which == 1);
        nave_future_free(futures[1]);
        futures[1] = NULL;
    }
    GIVES(NAVE_OK, nave_wait_any(futures, 5, &which, -1));
    CHECK(which == 3);
    nave_future_free(futures[3]);
}

static void test_wait_any(void **state)
{
    (void)state;
    ranks_farm(&opt, any_hub);
}

static void counts_hub(nave *ctx)
{
    nave_future *future = start(ctx, true);
    nave_counts now, before = {0};
    do {
        nave_count(future, &now);
        NEED(now.total == N && now.failed == 0 && now.cancelled == 0);
        NEED(now.succeeded + now.running <= N && now.succeeded >= before.succeeded);
        NEED(now.complete == (now.succeeded == N));
        before = now;
    } while (!nave_test(future));
    nave_count(future, &now);
    CHECK(now.complete && now.succeeded == N && now.running == 0);
    nave_future_free(future);
}

static void test_counts(void **state)
{
    (void)state;
    ranks_farm(&opt, counts_hub);
}

/* -------------------------------------------------------------------------------------- reading */

static void in_order_hub(nave *ctx)
{
    static const void *data[N];
    for (int array = 0; array < 2; array++) {
        nave_future *future = start(ctx, array);
        for (size_t i = 0; i < N; i++) {
            size_t size = 0;
            NEED_OK(nave_result(future, i, &data[i], &size));
            NEED(size == sizeof(int));
        }
        for (int i = 0; i < N; i++) { /* all are valid until the future is freed */
            int x;
            memcpy(&x, data[i], sizeof x);
            NEED(x == i + 1);
            NEED(!array || data[i] == &out[i]);
        }
        CHECK(nave_result(future, N, NULL, NULL) == NAVE_EINVAL);
        CHECK(nave_result(future, SIZE_MAX, NULL, NULL) == NAVE_EINVAL);
        NEED_OK(nave_result(future, 0, NULL, NULL));
        nave_future_free(future);
    }
}

static void test_results_in_order(void **state)
{
    (void)state;
    ranks_farm(&opt, in_order_hub);
}

static void check_record(const nave_record *record, const nave_record *before)
{
    int x;
    NEED(record->state == NAVE_SUCCEEDED && record->code == 0 && record->message[0] == '\0');
    NEED(record->engine >= ranks_engine(0) && record->engine < ranks.size);
    NEED(record->host[0] != '\0' && record->attempts == 1);
    NEED(record->submitted >= 0 && record->submitted <= record->started);
    NEED(record->started <= record->ended);
    NEED(record->data != NULL && record->size == sizeof x);
    memcpy(&x, record->data, sizeof x);
    NEED(x == (int)record->index + 1);
    NEED(before == NULL || before->submitted <= record->submitted);
}

static void as_they_come_hub(nave *ctx)
{
    static char seen[N];
    for (int array = 0; array < 2; array++) {
        nave_future *future = start(ctx, array);
        nave_record record, again;
        int got = 0, rc;
        memset(seen, 0, sizeof seen);
        while ((rc = nave_next(future, -1, &record)) == NAVE_OK) {
            NEED(record.index < N && !seen[record.index]);
            seen[record.index] = 1;
            got++;
            check_record(&record, NULL);
            NEED(!array || record.data == &out[record.index]);
            if (got % 100 == 0) { /* it has been read, then */
                NEED(nave_result(future, record.index, NULL, NULL) == NAVE_EINVAL);
                NEED(nave_task_record(future, record.index, &again) == NAVE_EINVAL);
            }
        }
        CHECK(rc == NAVE_END && got == N);
        CHECK(nave_next(future, -1, &record) == NAVE_END);
        NEED_OK(nave_wait(future, -1));
        for (int i = 0; i < N && array; i++)
            NEED(out[i] == i + 1);
        nave_future_free(future);
    }
}

static void test_results_as_they_come(void **state)
{
    (void)state;
    ranks_farm(&opt, as_they_come_hub);
}

static void records_hub(nave *ctx)
{
    nave_future *future = start(ctx, false);
    nave_record record, last = {0};
    NEED_OK(nave_wait(future, -1));
    for (size_t i = 0; i < N; i++) {
        NEED_OK(nave_task_record(future, i, &record));
        check_record(&record, i > 0 ? &last : NULL);
        NEED(strcmp(record.host, nave_host(ctx, record.engine)) == 0);
        last = record;
    }
    CHECK(nave_task_record(future, N, &record) == NAVE_EINVAL);
    nave_future_free(future);
}

static void test_records(void **state)
{
    (void)state;
    ranks_farm(&opt, records_hub);
}

/* Tasks that wait or run, behind one that does not end. */
static void unfinished_hub(nave *ctx)
{
    nave_future *endless = start_endless(ctx), *future = start(ctx, false);
    nave_record record;
    for (size_t i = 0; i < N; i++) {
        NEED_OK(nave_task_record(future, i, &record));
        NEED(record.state == NAVE_WAITING || record.state == NAVE_RUNNING);
        NEED(record.data == NULL && record.message[0] == '\0' && record.host != NULL);
        NEED(record.attempts == (record.state == NAVE_RUNNING));
    }
    NEED_OK(nave_cancel(endless));
    NEED_OK(nave_wait(future, -1));
    nave_future_free(future);
    nave_future_free(endless);
}

static void test_records_of_the_unfinished(void **state)
{
    (void)state;
    if (ranks.size == 1)
        return; /* a hub that is alone would wait for its own kernel */
    ranks_farm(&opt, unfinished_hub);
}

/* Longer than 2^32 nanoseconds. */
static void long_task_hub(nave *ctx)
{
    const double seconds = 4.5;
    nave_view *view;
    nave_future *future;
    nave_record record;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_apply(view, "rest", &seconds, sizeof seconds, 0, &future));
    NEED_OK(nave_next(future, -1, &record));
    CHECK(record.ended - record.started >= 0.999 * seconds);
    nave_future_free(future);
}

static void test_long_task(void **state)
{
    (void)state;
    if (ranks.size != 2)
        return; /* once is enough for what takes that long */
    ranks_farm(&opt, long_task_hub);
}

/* -------------------------------------------------------------------------------- variable sizes
 */

static const size_t sizes[] = {SIZE_MAX, 0, 1, 100, 16384, 16385, 70000, 3000000};
enum { SIZES = sizeof sizes / sizeof *sizes };

static bool counts_up(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char)i)
            return false;
    return true;
}

static size_t last_size(const struct order *order, size_t out_size)
{
    return order->second != SIZE_MAX  ? order->second
           : order->first != SIZE_MAX ? order->first
                                      : out_size;
}

static void kept_sizes_hub(nave *ctx)
{
    static struct order orders[SIZES * SIZES];
    nave_view *view;
    for (int i = 0; i < SIZES * SIZES; i++)
        orders[i] = (struct order){sizes[i / SIZES], sizes[i % SIZES]};
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int s = 1; s < SIZES; s++) {
        nave_future *future;
        NEED_OK(nave_map_start(view, "make", orders, sizeof *orders, NULL, sizes[s], SIZES * SIZES,
                               &future));
        for (size_t i = 0; i < SIZES * SIZES; i++) {
            const void *data;
            size_t size;
            NEED_OK(nave_result(future, i, &data, &size));
            NEED(size == last_size(&orders[i], sizes[s]) && counts_up(data, size));
        }
        nave_future_free(future);
    }
}

static void test_outputs_that_are_kept(void **state)
{
    (void)state;
    ranks_farm(&opt, kept_sizes_hub);
}

/* Into an array: smaller is fine, larger fails that task. */
static void placed_sizes_hub(nave *ctx)
{
    struct order orders[SIZES];
    nave_view *view;
    for (int i = 0; i < SIZES; i++)
        orders[i] = (struct order){SIZE_MAX, sizes[i]};
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int s = 1; s < SIZES; s++) {
        unsigned char *array = malloc(SIZES * sizes[s] + 1);
        nave_future *future;
        nave_record record;
        NEED(array != NULL);
        memset(array, 0xee, SIZES * sizes[s]);
        NEED_OK(
            nave_map_start(view, "make", orders, sizeof *orders, array, sizes[s], SIZES, &future));
        CHECK(nave_wait(future, -1) == (s < SIZES - 1 ? NAVE_ETASK : NAVE_OK));
        for (size_t i = 0; i < SIZES; i++) {
            size_t size = last_size(&orders[i], sizes[s]);
            const unsigned char *place = array + i * sizes[s];
            NEED_OK(nave_task_record(future, i, &record));
            NEED(record.state == (size <= sizes[s] ? NAVE_SUCCEEDED : NAVE_FAILED));
            NEED(record.code == (size <= sizes[s] ? 0 : NAVE_ESIZE));
            size = size <= sizes[s] ? size : 0;
            NEED(counts_up(place, size));
            for (; size < sizes[s]; size++)
                NEED(place[size] == 0xee);
        }
        nave_future_free(future);
        free(array);
    }
}

static void test_outputs_in_an_array(void **state)
{
    (void)state;
    ranks_farm(&opt, placed_sizes_hub);
}

static void too_much_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "too_much", NULL, 0, NULL, 8, 20, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    NEED_OK(nave_task_record(future, 19, &record));
    CHECK(record.code == NAVE_ENOMEM && strstr(record.message, "memory") != NULL);
    nave_future_free(future);
}

static void test_output_beyond_memory(void **state)
{
    (void)state;
    ranks_farm(&opt, too_much_hub);
}

/* ---------------------------------------------------------------------------- cancelling, freeing
 */

static void cancel_hub(nave *ctx)
{
    for (int turns = 0; turns < 20; turns++) {
        nave_future *future = start(ctx, true);
        nave_counts counts;
        int rc;
        for (int k = 0; k < turns; k++)
            nave_test(future);
        NEED_OK(nave_cancel(future));
        rc = nave_wait(future, -1);
        nave_count(future, &counts);
        NEED(counts.complete && counts.running == 0 && counts.failed == 0);
        NEED(counts.succeeded + counts.cancelled == N);
        NEED(rc == (counts.cancelled > 0 ? NAVE_ECANCELED : NAVE_OK) || rc == NAVE_ECANCELED);
        for (size_t i = 0; i < N; i++) {
            nave_record record;
            NEED_OK(nave_task_record(future, i, &record));
            NEED(record.state == NAVE_SUCCEEDED || record.state == NAVE_CANCELLED);
            NEED(out[i] == (record.state == NAVE_SUCCEEDED ? (int)i + 1 : -1));
        }
        nave_future_free(future);
    }
}

static void test_cancel(void **state)
{
    (void)state;
    ranks_farm(&opt, cancel_hub);
}

static void free_hub(nave *ctx)
{
    static int borrowed[N];
    nave_future *future;
    for (int i = 0; i < 50; i++) {
        nave_view *view;
        fill();
        NEED_OK(nave_balanced(ctx, NULL, &view));
        NEED_OK(nave_map_start(view, "add_one", in, sizeof *in, borrowed, sizeof *out, N, &future));
        nave_view_free(view);
        for (int k = 0; k < i % 7; k++)
            nave_test(future);
        nave_future_free(future);
        memset(borrowed, 0x55, sizeof borrowed); /* nobody writes to it any more */
        NEED_OK(nave_turn(ctx));
        for (int k = 0; k < N; k++)
            NEED(borrowed[k] == 0x55555555);
    }
    future = start(ctx, true); /* and the farm is as it was */
    NEED_OK(nave_wait(future, -1));
    for (int i = 0; i < N; i++)
        NEED(out[i] == i + 1);
}

static void test_free_before_the_end(void **state)
{
    (void)state;
    ranks_farm(&opt, free_hub);
}

static void free_running_hub(nave *ctx)
{
    nave_future *future;
    for (int i = 0; i < 5; i++) {
        future = start_endless(ctx);
        if (i % 2 == 0)
            CHECK(nave_wait(future, 0.005) == NAVE_ETIMEDOUT);
        nave_future_free(future);
    }
    future = start(ctx, false);
    NEED_OK(nave_wait(future, -1));
    nave_future_free(future);
    start_endless(ctx); /* nave_close() cancels this one */
    start(ctx, false);
}

static void test_free_while_running(void **state)
{
    (void)state;
    if (ranks.size == 1)
        return; /* a hub that is alone would wait for its own kernel */
    ranks_farm(&opt, free_running_hub);
}

static void left_hub(nave *ctx)
{
    start(ctx, true);
    start(ctx, false);
}

static void test_close_with_futures_left(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        ranks_farm(&opt, left_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_timed_wait),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_results_before_an_endless_task),
        cmocka_unit_test(test_wait_any),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_results_in_order),
        cmocka_unit_test(test_results_as_they_come),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_records_of_the_unfinished),
        cmocka_unit_test(test_long_task),
        cmocka_unit_test(test_outputs_that_are_kept),
        cmocka_unit_test(test_outputs_in_an_array),
        cmocka_unit_test(test_output_beyond_memory),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_free_before_the_end),
        cmocka_unit_test(test_free_while_running),
        cmocka_unit_test(test_close_with_futures_left),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
