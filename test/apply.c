/* apply - many single tasks in flight: what a stream of them must not be told from.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

/* ----------------------------------------------------------------------------------- the kernels */

static uint64_t mixed(uint64_t key)
{
    return ranks_random(&key);
}

/* The task's number must be 0, whatever travels with it. */
static int square(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x;
    if (in_size != sizeof x || out_size != sizeof x || nave_task_index(task) != 0)
        return nave_fail(task, "task %zu, %zu bytes", nave_task_index(task), in_size);
    memcpy(&x, in, sizeof x);
    x *= x;
    memcpy(out, &x, sizeof x);
    return 0;
}

/* A result whose size and bytes follow from the input alone; some fail. */
static size_t odd_size(uint64_t key)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 512, 513, 16384, 16385, 70001};
    return sizes[mixed(key) / 8 % (sizeof sizes / sizeof *sizes)];
}

static bool fails(uint64_t key)
{
    return mixed(key) % 8 == 0;
}

static int odd(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t key;
    unsigned char *bytes;
    (void)in_size, (void)out, (void)out_size;
    memcpy(&key, in, sizeof key);
    if (fails(key))
        return nave_fail(task, "key %d", (int)(key % 3));
    bytes = nave_output(task, odd_size(key));
    for (size_t i = 0; bytes != NULL && i < odd_size(key); i++)
        bytes[i] = (unsigned char)(key + i * 3);
    return 0;
}

static int echo(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size = in_size < out_size ? in_size : out_size;
    if (size > 0)
        memcpy(out, in, size);
    return nave_task_index(task) != 0;
}

static int count_run(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    unsigned char *runs = nave_task_user(task);
    uint32_t number;
    (void)in_size, (void)out, (void)out_size;
    memcpy(&number, in, sizeof number);
    runs[number]++;
    return 0;
}

static int doze(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    ranks_sleep(1e-3);
    return 0;
}

/* Runs until it is not wanted any more.  (A rank that is alone cannot change its mind meanwhile.) */
static int until_cancelled(nave_task *task, const void *in, size_t in_size, void *out,
                           size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    while (ranks.size > 1 && !nave_cancelled(task))
        ranks_sleep(50e-6);
    return 0;
}

/* A tree of the given depth; every node must go by number 0. */
static int tree(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    unsigned char depth = *(const unsigned char *)in, below = (unsigned char)(depth - 1);
    (void)in_size;
    memset(out, depth, out_size);
    for (int i = 0; depth > 0 && i < 3; i++)
        if (nave_spawn(task, "tree", &below, 1) != NAVE_OK)
            return 1;
    return nave_task_index(task) == 0 ? 0 : 2;
}

/* A tree whose root is done at once and whose end never comes, whoever takes a part of it. */
static int endless(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in_size, (void)out, (void)out_size;
    ranks_sleep(20e-6);
    for (const char *next = "eex"; *(const char *)in == 'e' && *next != '\0'; next++)
        if (nave_spawn(task, "endless", next, 1) != NAVE_OK)
            return 1;
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(square), NAVE_KERNEL(odd),
                                      NAVE_KERNEL(echo),   NAVE_KERNEL(doze),
                                      NAVE_KERNEL(tree),   NAVE_KERNEL(until_cancelled),
                                      NAVE_KERNEL(endless)};
static const nave_options opt = {.kernels = kernels,
                                 .kernel_count = sizeof kernels / sizeof *kernels};

/* ------------------------------------------------------------------------------------- in flight */

enum { MANY = 3000, CROWD = 150000 };

static nave_future *futures[CROWD];

static uint64_t result_of(nave_future *future)
{
    const void *data;
    uint64_t x = UINT64_MAX;
    size_t size;
    if (GIVES(NAVE_OK, nave_result(future, 0, &data, &size)) && CHECK(size == sizeof x))
        memcpy(&x, data, sizeof x);
    return x;
}

static void free_futures(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        nave_future_free(futures[i]);
        futures[i] = NULL;
    }
}

static void shuffle(size_t *order, size_t n)
{
    uint64_t random = 17;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)(ranks_random(&random) % i), kept = order[j];
        order[j] = order[i - 1];
        order[i - 1] = kept;
    }
}

static void read_in_any_order(nave *ctx)
{
    static size_t order[MANY];
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    shuffle(order, MANY);
    for (int round = 0; round < 4; round++) {
        for (uint64_t i = 0; i < MANY; i++)
            NEED_OK(nave_apply(farm, "square", &i, sizeof i, sizeof i, &futures[i]));
        for (size_t k = 0; k < MANY; k++) {
            size_t i = round == 0 ? k : round == 1 ? MANY - 1 - k : order[k];
            CHECK(result_of(futures[i]) == (uint64_t)i * i);
            if (round == 3) {
                nave_future_free(futures[i]);
                futures[i] = NULL;
            }
        }
        free_futures(MANY);
    }
    nave_view_free(farm);
}

/* One is awaited, read and freed before the next, or a few later ones. */
static void window_of_tasks(nave *ctx)
{
    static const size_t windows[] = {1, 2, 7, 100};
    nave_view *farm;
    for (size_t w = 0; w < sizeof windows / sizeof *windows; w++) {
        size_t room = windows[w];
        NEED_OK(nave_balanced(ctx, NULL, &farm));
        for (uint64_t i = 0; i < 1500 + room; i++) {
            if (i >= room) {
                uint64_t old = i - room;
                CHECK(result_of(futures[old % room]) == old * old);
                nave_future_free(futures[old % room]);
            }
            NEED_OK(nave_apply(farm, "square", &i, sizeof i, sizeof i, &futures[i % room]));
        }
        free_futures(room);
        nave_view_free(farm);
    }
}

static void more_than_a_stream_holds(nave *ctx)
{
    nave_view *farm;
    nave_record record;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (uint64_t i = 0; i < CROWD; i++)
        NEED_OK(nave_apply(farm, "square", &i, sizeof i, sizeof i, &futures[i]));
    for (uint64_t i = CROWD; i-- > 0;) {
        NEED_OK(nave_next(futures[i], -1, &record));
        NEED(record.index == 0 && record.state == NAVE_SUCCEEDED && record.size == sizeof i);
        NEED(*(const uint64_t *)record.data == i * i);
        NEED(record.engine >= 0 && record.engine < ranks.size);
        NEED(record.ended >= record.started && record.submitted > 0);
        NEED(nave_next(futures[i], -1, &record) == NAVE_END);
    }
    free_futures(CROWD);
    nave_view_free(farm);
}

/* An old task that is not finished holds the ring while others come and go. */
static void one_that_lasts(nave *ctx)
{
    nave_view *farm;
    nave_future *slow;
    uint64_t zero = 0;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    NEED_OK(nave_apply(farm, "until_cancelled", &zero, sizeof zero, sizeof zero, &slow));
    for (uint64_t i = 0; i < MANY; i++)
        NEED_OK(nave_apply(farm, "square", &i, sizeof i, sizeof i, &futures[i]));
    for (uint64_t i = 0; i < MANY; i++)
        CHECK(result_of(futures[i]) == i * i);
    NEED_OK(nave_cancel(slow));
    GIVES(ranks.size > 1 ? NAVE_ECANCELED : NAVE_OK, nave_wait(slow, -1));
    nave_future_free(slow);
    free_futures(MANY);
    nave_view_free(farm);
}

/* ---------------------------------------------------------------------------- kinds of results */

static void check_odd(nave_future *future, uint64_t key)
{
    nave_record record;
    char text[20];
    snprintf(text, sizeof text, "key %d", (int)(key % 3));
    GIVES(fails(key) ? NAVE_ETASK : NAVE_OK, nave_wait(future, -1));
    NEED_OK(nave_task_record(future, 0, &record));
    CHECK(nave_failed(future, NULL, 0) == (fails(key) ? 1 : 0));
    if (fails(key)) {
        CHECK(record.state == NAVE_FAILED && strcmp(record.message, text) == 0);
        CHECK(strstr(nave_digest(future), text) != NULL);
        return;
    }
    NEED(record.state == NAVE_SUCCEEDED && record.size == odd_size(key));
    for (size_t i = 0; i < record.size; i++)
        NEED(((const unsigned char *)record.data)[i] == (unsigned char)(key + i * 3));
}

static void odd_results_and_failures(nave *ctx)
{
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (uint64_t i = 0; i < MANY; i++)
        NEED_OK(nave_apply(farm, "odd", &i, sizeof i, i % 3 * 8, &futures[i]));
    for (uint64_t i = MANY; i-- > 0;)
        check_odd(futures[i], i);
    free_futures(MANY);
    nave_view_free(farm);
}

/* Sizes on both sides of what a stream takes, and several kernels at a time. */
static void mixed_sizes_and_kernels(nave *ctx)
{
    static const size_t sizes[] = {0, 1, 3, 64, 65, 511, 512, 513, 2000, 16385, 40000, 100000};
    static unsigned char bytes[100000 + MANY];
    nave_view *farm;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 31 + i / 256);
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (uint64_t i = 0; i < MANY; i++) {
        size_t size = sizes[mixed(i) % (i % 16 == 0 ? 12 : 8)];
        if (i % 4 == 3)
            NEED_OK(nave_apply(farm, "square", &i, sizeof i, sizeof i, &futures[i]));
        else
            NEED_OK(nave_apply(farm, "echo", bytes + i, size, size, &futures[i]));
    }
    for (uint64_t i = 0; i < MANY; i++) {
        const void *data;
        size_t size, expected = sizes[mixed(i) % (i % 16 == 0 ? 12 : 8)];
        if (i % 4 == 3) {
            CHECK(result_of(futures[i]) == i * i);
            continue;
        }
        NEED_OK(nave_result(futures[i], 0, &data, &size));
        NEED(size == expected);
        NEED(size == 0 || memcmp(data, bytes + i, size) == 0);
    }
    free_futures(MANY);
    nave_view_free(farm);
}

/* ------------------------------------------------------------------------- cancelled, freed, left */

static void cancel_some(nave *ctx)
{
    nave_view *farm;
    size_t cancelled = 0;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (uint64_t i = 0; i < 400; i++)
        NEED_OK(nave_apply(farm, "doze", NULL, 0, 0, &futures[i]));
    for (uint64_t i = 0; i < 400; i++)
        if (i % 20 != 0)
            NEED_OK(nave_cancel(futures[i]));
    for (uint64_t i = 0; i < 400; i++) {
        int rc = nave_wait(futures[i], -1);
        nave_counts counts;
        nave_count(futures[i], &counts);
        CHECK(counts.complete && counts.total == 1 && counts.running == 0);
        CHECK(rc == (counts.cancelled > 0 ? NAVE_ECANCELED : NAVE_OK) || i % 20 != 0);
        CHECK(i % 20 != 0 || rc == NAVE_OK);
        cancelled += counts.cancelled;
        NEED_OK(nave_cancel(futures[i]));
    }
    CHECK(cancelled > 0);
    free_futures(400);
    nave_view_free(farm);
}

/* Kernels that run, and some that wait behind them, in any order. */
static void check_cancel(nave *ctx, const nave_policy *policy, bool shuffled)
{
    size_t n = 3 * (size_t)ranks.size, order[3 * 16];
    nave_view *farm;
    uint64_t two = 2, same;
    shuffle(order, n);
    NEED_OK(nave_balanced(ctx, policy, &farm));
    for (size_t i = 0; i < n; i++)
        NEED_OK(nave_apply(farm, "until_cancelled", &two, sizeof two, sizeof two, &futures[i]));
    GIVES(NAVE_ETIMEDOUT, nave_wait(futures[n - 1], 0.01));
    for (size_t i = 0; i < n; i++)
        NEED_OK(nave_cancel(futures[shuffled ? order[i] : i]));
    for (size_t i = n; i-- > 0;)
        GIVES(NAVE_ECANCELED, nave_wait(futures[i], -1));
    free_futures(n);
    NEED_OK(nave_map(farm, "echo", &two, sizeof two, &same, sizeof same, 1));
    CHECK(same == two);
    nave_view_free(farm);
}

static void cancel_while_they_run(nave *ctx)
{
    static const nave_policy policies[] = {{.window = 2}, {.chunk = 4}, {.priority = 1}};
    for (size_t p = 0; p < 3 && ranks.size > 1; p++)
        for (int shuffled = 0; shuffled < 2; shuffled++)
            check_cancel(ctx, &policies[p], shuffled == 1);
}

/* A future is freed while others of its row go on; a view is freed before all of them. */
static void free_before_the_end(nave *ctx)
{
    nave_view *farm;
    uint64_t random = 3;
    for (int round = 0; round < 20; round++) {
        NEED_OK(nave_balanced(ctx, NULL, &farm));
        for (uint64_t i = 0; i < 500; i++) {
            NEED_OK(nave_apply(farm, i % 100 == 7 ? "doze" : "square", &i, sizeof i, sizeof i,
                               &futures[i]));
            if (i >= 50 && ranks_random(&random) % 2 == 0) {
                uint64_t j = ranks_random(&random) % i;
                nave_future_free(futures[j]);
                futures[j] = NULL;
            }
        }
        if (round % 2 == 0)
            nave_view_free(farm);
        for (uint64_t i = 500; i-- > 0;)
            if (futures[i] != NULL && i % 100 != 7)
                CHECK(result_of(futures[i]) == i * i);
        if (round % 2 == 1)
            nave_view_free(farm);
        free_futures(500);
    }
}

/* The view goes first; nobody waits for the rest: nave_close() ends it. */
static void leave_them_to_close(nave *ctx)
{
    nave_view *farm, *other;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    NEED_OK(nave_balanced(ctx, &(nave_policy){.policy = "fifo"}, &other));
    for (uint64_t i = 0; i < 300; i++)
        NEED_OK(nave_apply(i % 2 == 0 ? farm : other, i % 30 == 0 ? "until_cancelled" : "square",
                           &i, sizeof i, sizeof i, &futures[i]));
    nave_view_free(farm);
    for (uint64_t i = 0; i < 300; i += 3)
        nave_future_free(futures[i]);
    memset(futures, 0, sizeof futures);
}

/* ------------------------------------------------------------------------------------- descendants */

/* (3^(depth+1) - 1) / 2 nodes. */
static size_t tree_size(int depth)
{
    size_t size = 1;
    for (; depth > 0; depth--)
        size = 3 * size + 1;
    return size;
}

static void trees_of_applies(nave *ctx)
{
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int i = 0; i < 300; i++) {
        unsigned char depth = (unsigned char)(i % 8);
        NEED_OK(nave_apply(farm, "tree", &depth, 1, 3, &futures[i]));
    }
    for (int i = 300; i-- > 0;) {
        nave_counts counts;
        const void *data;
        size_t size;
        unsigned char expected[3];
        memset(expected, i % 8, 3);
        GIVES(NAVE_OK, nave_wait(futures[i], -1));
        NEED_OK(nave_result(futures[i], 0, &data, &size));
        CHECK(size == 3 && memcmp(data, expected, 3) == 0);
        nave_count(futures[i], &counts);
        ranks_check(counts.total == tree_size(i % 8) && counts.succeeded == counts.total, __FILE__,
                    __LINE__, "a tree of %zu tasks counts %zu", tree_size(i % 8), counts.total);
    }
    free_futures(300);
    nave_view_free(farm);
}

/* The root has long been answered when the tree is not wanted any more. */
static void endless_trees_of_applies(nave *ctx)
{
    size_t n = (size_t)ranks.size / 2 + 1;
    nave_view *farm;
    uint64_t two = 2;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < n; i++)
            NEED_OK(nave_apply(farm, "endless", "e", 1, 0, &futures[i]));
        GIVES(NAVE_ETIMEDOUT, nave_wait(futures[0], 0.002 + 0.004 * round));
        for (size_t i = 0; i < n && round % 2 == 0; i++) {
            NEED_OK(nave_cancel(futures[i]));
            GIVES(NAVE_ECANCELED, nave_wait(futures[i], -1));
        }
        free_futures(n);
        NEED_OK(nave_apply(farm, "square", &two, sizeof two, sizeof two, &futures[0]));
        CHECK(result_of(futures[0]) == 4);
        free_futures(1);
    }
    nave_view_free(farm);
}

/* ------------------------------------------------------------------------------------------ main */

#define FARM(hub)                                                                                  \
    static void test_##hub(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        ranks_farm(&opt, hub);                                                                     \
    }

FARM(read_in_any_order)
FARM(window_of_tasks)
FARM(more_than_a_stream_holds)
FARM(one_that_lasts)
FARM(odd_results_and_failures)
FARM(mixed_sizes_and_kernels)
FARM(cancel_some)
FARM(cancel_while_they_run)
FARM(free_before_the_end)
FARM(leave_them_to_close)
FARM(trees_of_applies)
FARM(endless_trees_of_applies)

/* Task i of several views, policies and sizes of input. */
static void apply_each_once(nave *ctx)
{
    static const char *const policies[] = {"auto", "fifo", "guided", "static-cyclic"};
    nave_view *views[4];
    unsigned char in[600] = {0};
    for (int v = 0; v < 4; v++)
        NEED_OK(nave_balanced(ctx, &(nave_policy){.policy = policies[v], .priority = v % 2},
                              &views[v]));
    for (uint32_t i = 0; i < MANY; i++) {
        memcpy(in, &i, sizeof i);
        NEED_OK(nave_apply(views[i % 4], "count_run", in, i % 5 == 0 ? sizeof in : sizeof i, 0,
                           &futures[i]));
    }
    for (uint32_t i = 0; i < MANY; i++)
        GIVES(NAVE_OK, nave_wait(futures[i], -1));
    free_futures(MANY);
    for (int v = 0; v < 4; v++)
        nave_view_free(views[v]);
}

static void test_each_is_run_once(void **state)
{
    static const nave_kernel own[] = {NAVE_KERNEL(count_run)};
    static unsigned char runs[MANY], all[MANY];
    struct ranks_hub call = {apply_each_once};
    (void)state;
    GIVES(NAVE_OK,
          nave_run(MPI_COMM_WORLD, &(nave_options){.kernels = own, .kernel_count = 1, .user = runs},
                   ranks_hub, &call));
    MPI_Allreduce(runs, all, MANY, MPI_UNSIGNED_CHAR, MPI_SUM, MPI_COMM_WORLD);
    for (int i = 0; i < MANY; i++)
        CHECK(all[i] == 1);
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_in_any_order),
        cmocka_unit_test(test_window_of_tasks),
        cmocka_unit_test(test_more_than_a_stream_holds),
        cmocka_unit_test(test_one_that_lasts),
        cmocka_unit_test(test_odd_results_and_failures),
        cmocka_unit_test(test_mixed_sizes_and_kernels),
        cmocka_unit_test(test_cancel_some),
        cmocka_unit_test(test_cancel_while_they_run),
        cmocka_unit_test(test_free_before_the_end),
        cmocka_unit_test(test_leave_them_to_close),
        cmocka_unit_test(test_trees_of_applies),
        cmocka_unit_test(test_endless_trees_of_applies),
        cmocka_unit_test(test_each_is_run_once),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
