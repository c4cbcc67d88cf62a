/* view - which engines run what: direct and balanced, apart and together.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

struct told {
    size_t index;
    int engine, value;
};

static int tell(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct told told = {nave_task_index(task), nave_task_engine(task), 0};
    if (in_size != sizeof told.value || out_size != sizeof told)
        return nave_fail(task, "sizes %zu and %zu", in_size, out_size);
    memcpy(&told.value, in, in_size);
    memcpy(out, &told, sizeof told);
    return 0;
}

/* What is wrong with the memory that a kernel gets, as a code. */
static int look(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    const unsigned char *bytes = out;
    (void)task;
    if ((uintptr_t)in % 16 != 0 && in_size > 0)
        return 1;
    if ((uintptr_t)out % 16 != 0 && out_size > 0)
        return 2;
    for (size_t i = 0; i < out_size; i++)
        if (bytes[i] != 0)
            return 3;
    memset(out, 0xff, out_size);
    return 0;
}

static int look_for_doubles(nave_task *task, const void *in, size_t in_size, void *out,
                            size_t out_size)
{
    (void)in_size;
    if ((uintptr_t)in % _Alignof(double) != 0 || (uintptr_t)out % _Alignof(double) != 0)
        return 4;
    for (size_t i = 0; i < out_size; i++)
        if (((const char *)out)[i] != 0)
            return nave_fail(task, "byte %zu of %zu is not zero", i, out_size);
    memset(out, 0xff, out_size);
    return 0;
}

static MPI_Comm engines_comm = MPI_COMM_NULL;

/* A kernel that talks to the same kernel on the other engines. */
static int together(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int mine = nave_task_engine(task);
    (void)in, (void)in_size;
    if (out_size != sizeof mine)
        return 1;
    return MPI_Allreduce(&mine, out, 1, MPI_INT, MPI_SUM, engines_comm);
}

static const nave_kernel kernels[] = {NAVE_KERNEL(tell), NAVE_KERNEL(look),
                                      NAVE_KERNEL(look_for_doubles), NAVE_KERNEL(together)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 4};

enum { N = 1000 };
static int values[N];
static struct told answers[2][N];

static void fill(void)
{
    for (int i = 0; i < N; i++)
        values[i] = 7 * i + 3;
    memset(answers, 0xee, sizeof answers);
}

static void check_answers(const struct told *told, size_t n)
{
    for (size_t i = 0; i < n; i++)
        NEED(told[i].index == i && told[i].value == values[i] && told[i].engine >= 0 &&
             told[i].engine < ranks.size);
    for (size_t i = n; i < N; i++)
        NEED(told[i].value == (int)0xeeeeeeee);
}

/* Engine j of m has the tasks from j*n/m up to (j+1)*n/m. */
static void check_blocks(const struct told *told, size_t n, const int *engines, size_t m)
{
    for (size_t j = 0; j < m; j++)
        for (size_t i = j * n / m; i < (j + 1) * n / m; i++)
            NEED(told[i].engine == engines[j]);
}

static void check_direct(nave *ctx, const int *engines, size_t m)
{
    const size_t sizes[] = {0, 1, m - 1, m, m + 1, 2 * m + 1, 997, N};
    int expected[16];
    nave_view *view;
    nave_future *future;
    for (size_t j = 0; j < (m > 0 ? m : (size_t)ranks_engines()); j++)
        expected[j] = m > 0 ? engines[j] : ranks_engine((int)j);
    NEED_OK(nave_direct(ctx, engines, m, &view));
    m = m > 0 ? m : (size_t)ranks_engines();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s] > N ? 5 : sizes[s];
        fill();
        NEED_OK(nave_map(view, "tell", values, sizeof *values, answers[0], sizeof **answers, n));
        check_answers(answers[0], n);
        check_blocks(answers[0], n, expected, m);
    }
    NEED_OK(nave_apply(view, "tell", &(int){42}, sizeof(int), sizeof(struct told), &future));
    NEED_OK(nave_wait(future, -1));
    for (size_t j = 0; j < m; j++) {
        const void *data;
        struct told told;
        size_t size;
        NEED_OK(nave_result(future, j, &data, &size));
        NEED(size == sizeof told);
        memcpy(&told, data, size);
        NEED(told.index == j && told.engine == expected[j] && told.value == 42);
    }
    CHECK(nave_result(future, m, NULL, NULL) == NAVE_EINVAL);
    nave_future_free(future);
    nave_view_free(view);
}

static void direct_hub(nave *ctx)
{
    int list[16];
    int m = 0;
    check_direct(ctx, NULL, 0);
    for (int j = ranks_engines() - 1; j >= 0; j -= 2)
        list[m++] = ranks_engine(j);
    check_direct(ctx, list, (size_t)m); /* backwards, with gaps */
    for (int j = 0; j < ranks_engines(); j++)
        check_direct(ctx, (int[]){ranks_engine(j)}, 1);
}

static void test_direct(void **state)
{
    (void)state;
    ranks_farm(&opt, direct_hub);
}

static void wrong_lists_hub(nave *ctx)
{
    nave_view *view = (nave_view *)&ranks;
    int first = ranks_engine(0);
    CHECK(nave_direct(ctx, (int[]){first, first}, 2, &view) == NAVE_EINVAL);
    CHECK(nave_direct(ctx, (int[]){first, ranks.size}, 2, &view) == NAVE_EENGINE);
    CHECK(nave_direct(ctx, (int[]){-1}, 1, &view) == NAVE_EENGINE);
    CHECK(nave_direct(ctx, (int[]){INT32_MAX}, 1, &view) == NAVE_EENGINE);
    CHECK(nave_direct(ctx, NULL, 3, &view) == NAVE_EINVAL);
    CHECK(nave_balanced(ctx, &(nave_policy){.engines = (int[]){first, first}, .engine_count = 2},
                        &view) == NAVE_EINVAL);
    CHECK(nave_balanced(ctx, &(nave_policy){.engines = (int[]){-7}, .engine_count = 1}, &view) ==
          NAVE_EENGINE);
    CHECK(nave_balanced(ctx, &(nave_policy){.engine_count = 1}, &view) == NAVE_EINVAL);
    CHECK(view == (nave_view *)&ranks);
    nave_view_free(NULL);
}

/* Rank 0 only schedules: it is no engine. */
static void idle_hub(nave *ctx)
{
    nave_view *all;
    nave_future *future;
    CHECK(nave_engine_count(ctx) == (ranks.size > 1 ? ranks.size - 1 : 1));
    if (ranks.size > 1)
        CHECK(nave_direct(ctx, (int[]){0}, 1, &all) == NAVE_EENGINE);
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_apply(all, "tell", &(int){7}, sizeof(int), sizeof(struct told), &future));
    for (int j = 0; j < nave_engine_count(ctx); j++) {
        struct told told;
        const void *data;
        NEED_OK(nave_result(future, (size_t)j, &data, NULL));
        memcpy(&told, data, sizeof told);
        NEED(told.engine == j + (ranks.size > 1) && told.value == 7);
    }
}

static void test_idle_hub(void **state)
{
    nave_options idle = opt;
    (void)state;
    idle.idle_hub = 1;
    ranks_farm(&idle, idle_hub);
}

static void test_wrong_lists(void **state)
{
    (void)state;
    ranks_farm(&opt, wrong_lists_hub);
}

static void wrong_arguments_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future = (nave_future *)&ranks;
    int x = 0;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    CHECK(nave_apply(view, "tell", NULL, 4, 4, &future) == NAVE_EINVAL);
    CHECK(nave_map(view, "tell", NULL, 4, &x, 4, 1) == NAVE_EINVAL);
    CHECK(nave_map(view, "tell", &x, 4, NULL, 4, 1) == NAVE_EINVAL);
    CHECK(nave_map(view, "tell", &x, SIZE_MAX / 2, NULL, 0, 3) == NAVE_ESIZE);
    CHECK(nave_map(view, "tell", NULL, 0, &x, SIZE_MAX / 2, 3) == NAVE_ESIZE);
    CHECK(nave_map_start(view, "tell", &x, SIZE_MAX, NULL, 0, SIZE_MAX, &future) == NAVE_ESIZE);
    CHECK(nave_map_from(view, "tell", NULL, NULL, 0, &future) == NAVE_EINVAL);
    CHECK(future == (nave_future *)&ranks);
    NEED_OK(nave_map(view, "tell", NULL, 4, NULL, 4, 0)); /* no task, no buffer */
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    ranks_farm(&opt, wrong_arguments_hub);
}

static void check_policy(nave *ctx, const nave_policy *policy)
{
    nave_view *view;
    NEED_OK(nave_balanced(ctx, policy, &view));
    for (size_t n = 0; n <= N; n = n == 0 ? 1 : n * 10) {
        fill();
        NEED_OK(nave_map(view, "tell", values, sizeof *values, answers[0], sizeof **answers, n));
        check_answers(answers[0], n);
    }
    nave_view_free(view);
}

static void policies_hub(nave *ctx)
{
    const size_t sizes[] = {0, 1, 7, 999, SIZE_MAX};
    check_policy(ctx, NULL);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            check_policy(ctx, &(nave_policy){.chunk = sizes[i], .window = sizes[j]});
}

static void test_policies(void **state)
{
    (void)state;
    ranks_farm(&opt, policies_hub);
}

static void listed_hub(nave *ctx)
{
    int list[16];
    size_t m = 0;
    nave_view *view;
    for (int j = 0; j < ranks_engines(); j += 2)
        list[m++] = ranks_engine(j);
    NEED_OK(nave_balanced(ctx, &(nave_policy){.engines = list, .engine_count = m}, &view));
    memset(list, 0xff, sizeof list); /* it was copied */
    fill();
    NEED_OK(nave_map(view, "tell", values, sizeof *values, answers[0], sizeof **answers, N));
    check_answers(answers[0], N);
    for (int i = 0; i < N; i++)
        NEED((answers[0][i].engine - ranks_engine(0)) % 2 == 0);
}

static void test_balanced_over_a_list(void **state)
{
    (void)state;
    ranks_farm(&opt, listed_hub);
}

/* Both kinds of view on the same engines, and single tasks in between. */
static void both_hub(nave *ctx)
{
    nave_view *farm, *all, *one;
    nave_future *balanced, *direct, *singles[40];
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_direct(ctx, (int[]){ranks.size - 1}, 1, &one));
    fill();
    NEED_OK(nave_map_start(farm, "tell", values, sizeof *values, answers[0], sizeof **answers, N,
                           &balanced));
    NEED_OK(nave_map_start(all, "tell", values, sizeof *values, answers[1], sizeof **answers, N,
                           &direct));
    for (int i = 0; i < 40; i++)
        NEED_OK(
            nave_apply(i % 2 ? one : farm, "tell", &i, sizeof i, sizeof(struct told), &singles[i]));
    nave_view_free(farm); /* the futures go on */
    nave_view_free(all);
    nave_view_free(one);
    for (int i = 39; i >= 0; i--) {
        const void *data;
        struct told told;
        NEED_OK(nave_result(singles[i], 0, &data, NULL));
        memcpy(&told, data, sizeof told);
        NEED(told.value == i && (i % 2 == 0 || told.engine == ranks.size - 1));
        nave_future_free(singles[i]);
    }
    NEED_OK(nave_wait(direct, -1));
    NEED_OK(nave_wait(balanced, -1));
    check_answers(answers[0], N);
    check_answers(answers[1], N);
}

static void test_both_at_once(void **state)
{
    (void)state;
    ranks_farm(&opt, both_hub);
}

static void together_hub(nave *ctx)
{
    nave_view *all;
    nave_future *future;
    int sum = 0;
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    for (int r = 1; r < ranks.size; r++)
        sum += r;
    for (int i = 0; i < 20; i++) {
        const void *data;
        int got;
        NEED_OK(nave_apply(all, "together", NULL, 0, sizeof(int), &future));
        NEED_OK(nave_wait(future, -1));
        NEED_OK(nave_result(future, (size_t)(i % nave_engine_count(ctx)), &data, NULL));
        memcpy(&got, data, sizeof got);
        NEED(got == sum);
        nave_future_free(future);
    }
}

static void test_kernels_that_use_mpi(void **state)
{
    (void)state;
    MPI_Comm_split(MPI_COMM_WORLD, ranks.rank > 0, 0, &engines_comm);
    nave_options idle = opt;
    idle.idle_hub = 1;
    ranks_farm(&idle, together_hub);
    MPI_Comm_free(&engines_comm);
}

static void memory_hub(nave *ctx)
{
    const size_t sizes[] = {0, 1, 24, 1000, 16384, 16385, 32768, 32769, 70000, 1000000};
    nave_view *views[2];
    static char bytes[1000000];
    NEED_OK(nave_balanced(ctx, NULL, &views[0]));
    NEED_OK(nave_direct(ctx, NULL, 0, &views[1]));
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 10; j++) {
            nave_future *future;
            NEED_OK(nave_apply(views[(i + j) % 2], "look", bytes, sizes[i], sizes[j], &future));
            NEED_OK(nave_wait(future, -1));
            nave_future_free(future);
        }
    for (int i = 1; i < 10; i++) { /* elements of 8, 24, 1000 ... bytes: aligned as doubles are */
        size_t size = sizes[i] / 8 * 8, n = size < 2000 ? 500 : 1000000 / (size + 1);
        char *in = calloc(n, size + 1), *out = malloc(n * size + 1);
        NEED(in != NULL && out != NULL);
        NEED_OK(nave_map(views[i % 2], "look_for_doubles", in, size, out, size, n));
        for (size_t b = 0; b < n * size; b++)
            NEED((unsigned char)out[b] == 0xff);
        free(in);
        free(out);
    }
}

static void test_memory_of_kernels(void **state)
{
    (void)state;
    ranks_farm(&opt, memory_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_idle_hub),
        cmocka_unit_test(test_wrong_lists),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_balanced_over_a_list),
        cmocka_unit_test(test_both_at_once),
        cmocka_unit_test(test_kernels_that_use_mpi),
        cmocka_unit_test(test_memory_of_kernels),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
