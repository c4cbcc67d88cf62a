/* mpmd - ranks with different kernels: tasks go only where their kernel is.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

/* All kernels say which engine ran them; their user pointer is their rank's own. */
static int say_engine(nave_task *task, int *out, size_t out_size)
{
    const int *rank = nave_task_user(task);
    if (out_size != sizeof *out || *rank != nave_task_engine(task))
        return nave_fail(task, "rank %d has the user pointer of rank %d", nave_task_engine(task),
                         *rank);
    *out = nave_task_engine(task);
    return 0;
}

#define KERNEL(name)                                                                               \
    static int name(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)   \
    {                                                                                              \
        (void)in, (void)in_size;                                                                   \
        return say_engine(task, out, out_size);                                                    \
    }

KERNEL(everywhere)
KERNEL(odd_ranks)
KERNEL(even_ranks)
KERNEL(last_rank)
KERNEL(hub_only)

static bool has(const char *kernel, int rank)
{
    if (strcmp(kernel, "odd_ranks") == 0)
        return rank % 2 == 1;
    if (strcmp(kernel, "even_ranks") == 0)
        return rank % 2 == 0;
    if (strcmp(kernel, "last_rank") == 0)
        return rank == ranks.size - 1;
    if (strcmp(kernel, "hub_only") == 0)
        return rank == 0;
    return true;
}

static int engines_with(const char *kernel)
{
    int count = 0;
    for (int j = 0; j < ranks_engines(); j++)
        count += has(kernel, ranks_engine(j));
    return count;
}

/* This rank's kernels, in an order of its own. */
static size_t make_table(nave_kernel table[5])
{
    const nave_kernel all[] = {NAVE_KERNEL(everywhere), NAVE_KERNEL(odd_ranks),
                               NAVE_KERNEL(even_ranks), NAVE_KERNEL(last_rank),
                               NAVE_KERNEL(hub_only)};
    size_t count = 0;
    for (size_t i = 0; i < 5; i++) {
        const nave_kernel *kernel = &all[(i + (size_t)ranks.rank) % 5];
        if (has(kernel->name, ranks.rank))
            table[count++] = *kernel;
    }
    return count;
}

static void mixed_farm(void (*hub)(nave *ctx))
{
    nave_kernel table[5];
    size_t count = make_table(table);
    nave_options opt = {.kernels = table, .kernel_count = count, .user = &ranks.rank};
    ranks_farm(&opt, hub);
}

static const char *const names[] = {"everywhere", "odd_ranks", "even_ranks", "last_rank",
                                    "hub_only"};

enum { N = 200 };

static void check_places(const char *kernel, const int *engines)
{
    for (int i = 0; i < N; i++)
        NEED(engines[i] >= 0 && engines[i] < ranks.size && has(kernel, engines[i]));
}

static void maps_hub(nave *ctx)
{
    int out[N];
    nave_view *view;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int k = 0; k < 5; k++) {
        int rc = nave_map(view, names[k], NULL, 0, out, sizeof *out, N);
        CHECK(rc == (engines_with(names[k]) > 0 ? NAVE_OK : NAVE_EKERNEL));
        if (rc == NAVE_OK)
            check_places(names[k], out);
        else
            CHECK(strstr(nave_error(ctx), names[k]) != NULL);
    }
}

static void test_maps_go_where_the_kernel_is(void **state)
{
    (void)state;
    mixed_farm(maps_hub);
}

static void together_hub(nave *ctx)
{
    static int out[5][N];
    nave_view *view;
    nave_future *future[5] = {NULL};
    NEED_OK(nave_balanced(ctx, &(nave_policy){.chunk = 3}, &view));
    for (int k = 0; k < 5; k++)
        if (engines_with(names[k]) > 0)
            NEED_OK(nave_map_start(view, names[k], NULL, 0, out[k], sizeof(int), N, &future[k]));
    for (int k = 0; k < 5; k++)
        if (future[k] != NULL) {
            NEED_OK(nave_wait(future[k], -1));
            check_places(names[k], out[k]);
        }
}

static void test_kernels_side_by_side(void **state)
{
    (void)state;
    mixed_farm(together_hub);
}

static void near_miss_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future = (nave_future *)&ranks;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    CHECK(nave_apply(view, "evrywhere", NULL, 0, 0, &future) == NAVE_EKERNEL);
    CHECK(strstr(nave_error(ctx), "'everywhere'") != NULL);
    CHECK(nave_map(view, "last_rnak", NULL, 0, NULL, 0, 3) == NAVE_EKERNEL);
    CHECK(strstr(nave_error(ctx), "'last_rank'") != NULL);
    CHECK(nave_map_start(view, "quite another", NULL, 0, NULL, 0, 3, &future) == NAVE_EKERNEL);
    CHECK(strstr(nave_error(ctx), "'quite another'") != NULL);
    CHECK(strstr(nave_error(ctx), "did you mean") == NULL);
    CHECK(nave_apply(view, "", NULL, 0, 0, &future) == NAVE_EKERNEL);
    CHECK(nave_apply(view, NULL, NULL, 0, 0, &future) == NAVE_EINVAL);
    CHECK(nave_apply(view, "nave.pus", NULL, 0, 0, &future) == NAVE_EKERNEL);
    CHECK(future == (nave_future *)&ranks);
}

static void test_near_miss(void **state)
{
    (void)state;
    mixed_farm(near_miss_hub);
}

/* One engine at a time: what it has works, what it has not is refused and names it. */
static void direct_to(nave *ctx, int engine)
{
    nave_view *view;
    char who[32];
    snprintf(who, sizeof who, "engine %d", engine);
    NEED_OK(nave_direct(ctx, &engine, 1, &view));
    for (int k = 0; k < 5; k++) {
        int got = -1;
        int rc = nave_map(view, names[k], NULL, 0, &got, sizeof got, 1);
        CHECK(rc == (has(names[k], engine) ? NAVE_OK : NAVE_EKERNEL));
        CHECK(got == (has(names[k], engine) ? engine : -1));
        if (rc == NAVE_EKERNEL)
            CHECK(strstr(nave_error(ctx), names[k]) != NULL &&
                  (strstr(nave_error(ctx), who) != NULL || engines_with(names[k]) == 0));
    }
    nave_view_free(view);
}

static void direct_hub(nave *ctx)
{
    nave_view *all;
    int out[16];
    for (int j = 0; j < ranks_engines(); j++)
        direct_to(ctx, ranks_engine(j));
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_map(all, "everywhere", NULL, 0, out, sizeof *out, (size_t)ranks_engines()));
    for (int j = 0; j < ranks_engines(); j++)
        CHECK(out[j] == ranks_engine(j));
    CHECK(nave_map(all, "last_rank", NULL, 0, out, sizeof *out, 1) ==
          (ranks_engines() == 1 ? NAVE_OK : NAVE_EKERNEL));
}

static void test_direct_views(void **state)
{
    (void)state;
    mixed_farm(direct_hub);
}

/* A balanced view over a list takes those of the list that have the kernel. */
static void lists_hub(nave *ctx)
{
    int list[16], out[N], engines = 0, with = 0;
    nave_view *view;
    for (int j = 0; j < ranks_engines(); j += 3) {
        list[engines++] = ranks_engine(j);
        with += has("odd_ranks", ranks_engine(j));
    }
    NEED_OK(nave_balanced(ctx, &(nave_policy){.engines = list, .engine_count = (size_t)engines},
                          &view));
    CHECK(nave_map(view, "odd_ranks", NULL, 0, out, sizeof *out, N) ==
          (with > 0 ? NAVE_OK : NAVE_EKERNEL));
    for (int i = 0; i < N && with > 0; i++)
        NEED((out[i] - ranks_engine(0)) % 3 == 0 && has("odd_ranks", out[i]));
}

static void test_balanced_over_a_list(void **state)
{
    (void)state;
    mixed_farm(lists_hub);
}

static void test_flags_that_differ(void **state)
{
    const nave_kernel plain[] = {{"everywhere", everywhere, 0, NULL}};
    const nave_kernel adding[] = {{"everywhere", everywhere, NAVE_ACCUMULATES, NULL}};
    nave_options opt = {.kernels = ranks.rank == ranks.size - 1 ? adding : plain,
                        .kernel_count = 1};
    nave *ctx;
    char mine[512], hub[512];
    (void)state;
    GIVES(ranks.size > 1 ? NAVE_EDISAGREE : NAVE_OK, nave_open(MPI_COMM_WORLD, &opt, &ctx));
    snprintf(mine, sizeof mine, "%s", nave_error(ctx));
    memcpy(hub, mine, sizeof hub);
    MPI_Bcast(hub, sizeof hub, MPI_CHAR, 0, MPI_COMM_WORLD);
    CHECK(strcmp(mine, hub) == 0);
    CHECK(ranks.size == 1 || strstr(mine, "'everywhere'") != NULL);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_go_where_the_kernel_is),
        cmocka_unit_test(test_kernels_side_by_side),
        cmocka_unit_test(test_near_miss),
        cmocka_unit_test(test_direct_views),
        cmocka_unit_test(test_balanced_over_a_list),
        cmocka_unit_test(test_flags_that_differ),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
