/* object - buffers that stay on engines: push, pull, scatter, gather, drop.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

static unsigned char byte_of(size_t i)
{
    return (unsigned char)(i * 13 + i / 251);
}

/* What a kernel finds under the name that is its input. */
struct found {
    int there;
    size_t size;
    uint64_t sum;
};

static uint64_t sum_of(const void *data, size_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + ((const unsigned char *)data)[i];
    return sum;
}

static int find(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct found found = {0, 0, 0};
    const void *data = nave_object(task, in, &found.size);
    (void)in_size;
    found.there = data != NULL;
    if (data != NULL && data != nave_object(task, in, NULL))
        return 1;
    found.sum = data != NULL ? sum_of(data, found.size) : 0;
    memcpy(out, &found, out_size < sizeof found ? out_size : sizeof found);
    return 0;
}

/* Makes objects, changes one in place, replaces one by a part of itself, drops one. */
static int handle(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    char name[129], *data;
    size_t size;
    (void)in, (void)in_size, (void)out, (void)out_size;
    if (nave_object_set(task, "mine", "abcdef", 6) != NAVE_OK)
        return 1;
    data = nave_object(task, "mine", &size);
    if (data == NULL || size != 6 || memcmp(data, "abcdef", 6) != 0)
        return 2;
    data[0] = 'A';
    if (nave_object_set(task, "mine", data, 3) != NAVE_OK)
        return 3;
    data = nave_object(task, "mine", &size);
    if (data == NULL || size != 3 || memcmp(data, "Abc", 3) != 0)
        return 4;
    if (nave_object_set(task, "empty", NULL, 0) != NAVE_OK ||
        nave_object(task, "empty", &size) == NULL || size != 0)
        return 5;
    if (nave_object_drop(task, "empty") != NAVE_OK || nave_object(task, "empty", NULL) != NULL)
        return 6;
    if (nave_object_drop(task, "empty") != NAVE_EOBJECT)
        return 7;
    memset(name, 'n', 128);
    name[128] = '\0';
    if (nave_object_set(task, name, "x", 1) != NAVE_EINVAL ||
        nave_object_set(task, "", "x", 1) != NAVE_EINVAL)
        return 8;
    return nave_object_set(task, name + 1, "x", 1) == NAVE_OK ? 0 : 9;
}

static int increase(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size;
    unsigned char *data = nave_object(task, "counters", &size);
    (void)in, (void)in_size, (void)out, (void)out_size;
    for (size_t i = 0; data != NULL && i < size; i++)
        data[i]++;
    return data == NULL;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(find), NAVE_KERNEL(handle),
                                      NAVE_KERNEL(increase)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 3};

enum { MOST = 5000000 };
static unsigned char bytes[MOST], back[MOST];

static void fill(void)
{
    for (size_t i = 0; i < MOST; i++)
        bytes[i] = byte_of(i);
    memset(back, 0xee, sizeof back);
}

/* What the engines of a direct view find. */
static void check_found(nave_view *view, size_t m, const char *name, bool there, size_t size)
{
    nave_future *future;
    uint64_t sum = sum_of(bytes, size);
    NEED_OK(nave_apply(view, "find", name, strlen(name) + 1, sizeof(struct found), &future));
    for (size_t j = 0; j < m; j++) {
        const void *data;
        struct found found;
        NEED_OK(nave_result(future, j, &data, NULL));
        memcpy(&found, data, sizeof found);
        NEED(found.there == there);
        NEED(!there || (found.size == size && found.sum == sum));
    }
    nave_future_free(future);
}

static void check_pull(nave_view *view, size_t m, const char *name, size_t expected)
{
    nave_future *future;
    NEED_OK(nave_pull(view, name, &future));
    CHECK(nave_test(future) == 1);
    for (size_t j = 0; j < m; j++) {
        const void *data;
        size_t size;
        NEED_OK(nave_result(future, j, &data, &size));
        NEED(size == expected && (size == 0 || memcmp(data, bytes, size) == 0));
    }
    CHECK(nave_result(future, m, NULL, NULL) == NAVE_EINVAL);
    nave_future_free(future);
}

static void push_hub(nave *ctx)
{
    const size_t sizes[] = {0, 1, 1000, 16384, 16385, 32768, 32769, 300000, MOST, 5, 0};
    size_t m = (size_t)ranks_engines();
    nave_view *all;
    fill();
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    check_found(all, m, "thing", false, 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) { /* each replaces the one before */
        NEED_OK(nave_push(all, "thing", bytes, sizes[i]));
        check_found(all, m, "thing", true, sizes[i]);
        check_pull(all, m, "thing", sizes[i]);
        NEED_OK(nave_push(all, "other", bytes, 77));
    }
    NEED_OK(nave_drop(all, "thing"));
    check_found(all, m, "thing", false, 0);
    check_found(all, m, "other", true, 77);
}

static void test_push_and_pull(void **state)
{
    (void)state;
    ranks_farm(&opt, push_hub);
}

/* Nothing stays from one context to the next. */
static void fresh_hub(nave *ctx)
{
    nave_view *all;
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    check_found(all, (size_t)ranks_engines(), "other", false, 0);
}

static void test_nothing_stays(void **state)
{
    (void)state;
    ranks_farm(&opt, fresh_hub);
}

/* Each engine its own, pulled in the order of the view. */
static void order_hub(nave *ctx)
{
    static const double costs[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    int list[16];
    int m = ranks_engines();
    nave_view *views[4]; /* the hints of the last two are for tasks, not for engines */
    nave_future *future;
    for (int j = 0; j < m; j++) {
        nave_view *one;
        list[j] = ranks_engine(m - 1 - j);
        NEED_OK(nave_direct(ctx, &list[j], 1, &one));
        NEED_OK(nave_push(one, "rank", &list[j], sizeof list[j]));
        nave_view_free(one);
    }
    NEED_OK(nave_direct(ctx, list, (size_t)m, &views[0]));
    NEED_OK(
        nave_balanced(ctx, &(nave_policy){.engines = list, .engine_count = (size_t)m}, &views[1]));
    for (size_t hints = 1; hints <= 16; hints += 15)
        NEED_OK(nave_balanced(
            ctx,
            &(nave_policy){
                .engines = list, .engine_count = (size_t)m, .costs = costs, .cost_count = hints},
            &views[2 + hints / 16]));
    for (int v = 0; v < 4; v++) {
        NEED_OK(nave_pull(views[v], "rank", &future));
        for (int j = 0; j < m; j++) {
            const void *data;
            int rank;
            NEED_OK(nave_result(future, (size_t)j, &data, NULL));
            memcpy(&rank, data, sizeof rank);
            NEED(rank == list[j]);
        }
        nave_future_free(future);
    }
}

static void test_order_of_the_view(void **state)
{
    (void)state;
    ranks_farm(&opt, order_hub);
}

static void missing_hub(nave *ctx)
{
    nave_view *all, *last;
    nave_future *future = (nave_future *)&ranks;
    char name[129];
    fill();
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_direct(ctx, (int[]){ranks.size - 1}, 1, &last));
    CHECK(nave_pull(all, "thing", &future) == NAVE_EOBJECT);
    CHECK(strstr(nave_error(ctx), "'thing'") != NULL);
    CHECK(nave_drop(all, "thing") == NAVE_EOBJECT);
    CHECK(nave_gather(all, "thing", back, 10, 1) == NAVE_EOBJECT && back[0] == 0xee);
    NEED_OK(nave_push(last, "thing", bytes, 10));
    CHECK(nave_pull(all, "thing", &future) == (ranks_engines() > 1 ? NAVE_EOBJECT : NAVE_OK));
    check_pull(last, 1, "thing", 10);
    CHECK(nave_drop(all, "thing") == (ranks_engines() > 1 ? NAVE_EOBJECT : NAVE_OK));
    CHECK(nave_drop(last, "thing") == NAVE_EOBJECT); /* the one that had it dropped it */
    memset(name, 'n', 128);
    name[128] = '\0';
    CHECK(nave_push(all, name, bytes, 3) == NAVE_EINVAL);
    CHECK(nave_push(all, "", bytes, 3) == NAVE_EINVAL);
    CHECK(nave_push(all, NULL, bytes, 3) == NAVE_EINVAL);
    CHECK(nave_push(all, "thing", NULL, 3) == NAVE_EINVAL);
    CHECK(nave_scatter(all, "thing", NULL, 3, 3) == NAVE_EINVAL);
    CHECK(nave_scatter(all, "thing", bytes, SIZE_MAX / 2, 3) == NAVE_ESIZE);
    NEED_OK(nave_push(all, name + 1, bytes, 3));
    check_pull(all, (size_t)ranks_engines(), name + 1, 3);
}

static void test_what_is_not_there(void **state)
{
    (void)state;
    ranks_farm(&opt, missing_hub);
}

/* The block of engine j, as the engine has it and as it comes back. */
static void check_scatter(nave_view *view, size_t m, size_t n, size_t size)
{
    nave_future *future;
    NEED_OK(nave_scatter(view, "part", bytes, n, size));
    NEED_OK(nave_pull(view, "part", &future));
    for (size_t j = 0; j < m; j++) {
        size_t from = j * n / m * size, to = (j + 1) * n / m * size, got;
        const void *data;
        NEED_OK(nave_result(future, j, &data, &got));
        NEED(got == to - from && (got == 0 || memcmp(data, bytes + from, got) == 0));
    }
    nave_future_free(future);
    memset(back, 0xee, n * size + 1);
    NEED_OK(nave_gather(view, "part", back, n, size));
    NEED(memcmp(back, bytes, n * size) == 0 && back[n * size] == 0xee);
    if (size > 0) {
        GIVES(NAVE_ESIZE, nave_gather(view, "part", back, n + m, size));
        if (n >= m)
            GIVES(NAVE_ESIZE, nave_gather(view, "part", back, n - m, size));
    }
}

static void scatter_hub(nave *ctx)
{
    size_t m = (size_t)ranks_engines();
    const size_t counts[] = {0, 1, m - 1, m, m + 1, 1000}, sizes[] = {0, 1, 8, 24, 4000};
    int list[16];
    nave_view *views[2];
    fill();
    for (size_t j = 0; j < m; j++)
        list[j] = ranks_engine((int)(m - 1 - j));
    NEED_OK(nave_direct(ctx, list, m, &views[0]));
    NEED_OK(nave_balanced(ctx, NULL, &views[1]));
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 5; k++)
            check_scatter(views[(i + k) % 2], m, counts[i], sizes[k]);
}

static void test_scatter_and_gather(void **state)
{
    (void)state;
    ranks_farm(&opt, scatter_hub);
}

static void kernels_hub(nave *ctx)
{
    nave_view *all;
    nave_future *future;
    const void *data;
    size_t size;
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_apply(all, "handle", NULL, 0, 0, &future));
    NEED_OK(nave_wait(future, -1));
    nave_future_free(future);
    NEED_OK(nave_pull(all, "mine", &future));
    for (size_t j = 0; j < (size_t)ranks_engines(); j++) {
        NEED_OK(nave_result(future, j, &data, &size));
        NEED(size == 3 && memcmp(data, "Abc", 3) == 0);
    }
    nave_future_free(future);
}

static void test_objects_in_kernels(void **state)
{
    (void)state;
    ranks_farm(&opt, kernels_hub);
}

/* A large object is pulled as it is at that time, though kernels go on changing it. */
static void changing_hub(nave *ctx)
{
    nave_view *all;
    nave_future *pulled, *increased;
    size_t m = (size_t)ranks_engines();
    memset(bytes, 0, 1000000);
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_push(all, "counters", bytes, 1000000));
    for (int round = 0; round < 5; round++) {
        int low = -1;
        NEED_OK(nave_map_start(all, "increase", NULL, 0, NULL, 0, 4 * m, &increased));
        NEED_OK(nave_pull(all, "counters", &pulled));
        for (size_t j = 0; j < m; j++) {
            const void *data;
            size_t size;
            NEED_OK(nave_result(pulled, j, &data, &size));
            NEED(size == 1000000);
            low = *(const unsigned char *)data;
            NEED(low <= 4 * (round + 1) && memcmp(data, (const char *)data + 1, size - 1) == 0);
        }
        NEED_OK(nave_wait(increased, -1));
        nave_future_free(increased);
        nave_future_free(pulled);
    }
}

static void test_pull_while_it_changes(void **state)
{
    (void)state;
    ranks_farm(&opt, changing_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_and_pull),         cmocka_unit_test(test_nothing_stays),
        cmocka_unit_test(test_order_of_the_view),     cmocka_unit_test(test_what_is_not_there),
        cmocka_unit_test(test_scatter_and_gather),    cmocka_unit_test(test_objects_in_kernels),
        cmocka_unit_test(test_pull_while_it_changes),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
