/* hub_works - rank 0 is an engine as well, on a thread beside the hub.
 * ranks: 1 2 4 16
 *
 * MPI is initialised by MPI_Init, so for one thread only; the other tests ask for
 * MPI_THREAD_FUNNELED.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_t main_thread;
static atomic_int released; /* what `hold` waits for */

/* ----------------------------------------------------------------------------------- the kernels */

struct whereabouts {
    int engine, beside, mine; /* beside: another thread than main's; mine: its rank's `user` */
};

static int where(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct whereabouts w = {nave_task_engine(task), !pthread_equal(pthread_self(), main_thread),
                            nave_task_user(task) == &main_thread};
    (void)in, (void)in_size;
    memcpy(out, &w, out_size < sizeof w ? out_size : sizeof w);
    return 0;
}

/* Lasts until the hub lets it go; gives up after a minute. */
static int hold(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    for (int i = 0; i < 60000 && !atomic_load(&released); i++)
        ranks_sleep(1e-3);
    return atomic_load(&released) ? 0 : nave_fail(task, "nobody let go");
}

static int echo(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size = in_size < out_size ? in_size : out_size;
    (void)task;
    if (size > 0)
        memcpy(out, in, size);
    return 0;
}

static int echo_output(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    void *output = nave_output(task, in_size);
    (void)out, (void)out_size;
    if (output != NULL && in_size > 0)
        memcpy(output, in, in_size);
    return output == NULL;
}

static int give_up(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_fail(task, "task %zu on %d", nave_task_index(task), nave_task_engine(task));
}

static int until_cancelled(nave_task *task, const void *in, size_t in_size, void *out,
                           size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    while (!nave_cancelled(task))
        ranks_sleep(50e-6);
    return 0;
}

/* Adds 1 to each byte of the object in place. */
static int change(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size;
    unsigned char *block = nave_object(task, "block", &size);
    (void)in, (void)in_size, (void)out, (void)out_size;
    for (size_t i = 0; block != NULL && i < size; i++)
        block[i]++;
    return block == NULL;
}

static int uses_mpi(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int one = nave_task_engine(task), sum = -1;
    (void)in, (void)in_size, (void)out_size;
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_SELF);
    *(int *)out = sum;
    return 0;
}

static int tree(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    unsigned char depth = *(const unsigned char *)in, below = (unsigned char)(depth - 1);
    (void)in_size, (void)out_size;
    *(uint64_t *)out = 1;
    for (int i = 0; depth > 0 && i < 3; i++)
        if (nave_spawn(task, "tree", &below, 1) != NAVE_OK)
            return 1;
    return 0;
}

/* --------------------------------------------------------------------------------- for reductions */

static double number_of(size_t i)
{
    return (i % 2 == 0 ? 1.0 : -0.7) / (double)(i + 1);
}

static int doubles(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double *sum = out;
    (void)in, (void)in_size;
    for (size_t i = 0; i < out_size / sizeof *sum; i++)
        sum[i] += number_of(nave_task_index(task) + i);
    return 0;
}

/* 2x2 matrices of determinant 1, multiplied: order matters. */
enum { PRIME = 10007 };

struct matrix {
    int32_t a[4];
};

static struct matrix times(struct matrix x, struct matrix y)
{
    return (struct matrix){
        {(x.a[0] * y.a[0] + x.a[1] * y.a[2]) % PRIME, (x.a[0] * y.a[1] + x.a[1] * y.a[3]) % PRIME,
         (x.a[2] * y.a[0] + x.a[3] * y.a[2]) % PRIME, (x.a[2] * y.a[1] + x.a[3] * y.a[3]) % PRIME}};
}

static struct matrix matrix_of(size_t i)
{
    return (struct matrix){{1, (int32_t)(i % 91), (int32_t)(i % 3 == 0), (int32_t)(i % 17 + 1)}};
}

static void multiply(void *in, void *inout, int *n, MPI_Datatype *type)
{
    struct matrix *left = in, *right = inout;
    (void)type;
    for (int i = 0; i < *n; i++)
        right[i] = times(left[i], right[i]);
}

static int matrices(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct matrix matrix = matrix_of(nave_task_index(task));
    (void)in, (void)in_size;
    memcpy(out, &matrix, out_size < sizeof matrix ? out_size : sizeof matrix);
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(where),
                                      NAVE_KERNEL(hold),
                                      NAVE_KERNEL(echo),
                                      NAVE_KERNEL(echo_output),
                                      NAVE_KERNEL(give_up),
                                      NAVE_KERNEL(until_cancelled),
                                      NAVE_KERNEL(change),
                                      {"uses_mpi", uses_mpi, NAVE_NOT_ON_HUB, NULL},
                                      NAVE_KERNEL(tree),
                                      NAVE_KERNEL(doubles),
                                      {"doubles_added", doubles, NAVE_ACCUMULATES, NULL},
                                      NAVE_KERNEL(matrices)};
enum { KERNELS = sizeof kernels / sizeof *kernels };
static const nave_options opt = {.kernels = kernels, .kernel_count = KERNELS, .user = &main_thread};

static nave_view *view_of(nave *ctx, int engine)
{
    nave_view *view = NULL;
    GIVES(NAVE_OK, nave_direct(ctx, &engine, 1, &view));
    return view;
}

/* ------------------------------------------------------------------------------- who and where */

static void all_are_engines(nave *ctx)
{
    struct whereabouts w[16];
    const nave_place *places;
    nave_view *all;
    size_t n;
    CHECK(nave_engine_count(ctx) == ranks.size);
    NEED_OK(nave_topo(ctx, &places, &n));
    CHECK(n == (size_t)ranks.size && places[0].engine == 1);
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_map(all, "where", NULL, 0, w, sizeof *w, (size_t)ranks.size));
    for (int r = 0; r < ranks.size; r++) {
        CHECK(w[r].engine == r && w[r].mine == 1);
        CHECK(w[r].beside == (r == 0 && ranks.size > 1));
    }
    nave_view_free(all);
}

/* While a task of rank 0 lasts, the hub answers the others. */
static void long_task_on_rank_0(nave *ctx)
{
    int others[16], out[2000];
    nave_view *own, *farm;
    nave_future *future;
    if (ranks.size == 1)
        return;
    for (int r = 1; r < ranks.size; r++)
        others[r - 1] = r;
    own = view_of(ctx, 0);
    NEED(own != NULL);
    for (int i = 0; i < 2000; i++)
        out[i] = i;
    NEED_OK(nave_balanced(
        ctx, &(nave_policy){.engines = others, .engine_count = (size_t)ranks.size - 1}, &farm));
    for (int round = 0; round < 3; round++) {
        atomic_store(&released, 0);
        NEED_OK(nave_apply(own, "hold", NULL, 0, 0, &future));
        for (int i = 0; i < 20; i++)
            NEED_OK(nave_map(farm, "echo", out, sizeof *out, out, sizeof *out, 2000));
        GIVES(NAVE_ETIMEDOUT, nave_wait(future, 0));
        CHECK(out[1999] == 1999);
        atomic_store(&released, 1);
        GIVES(NAVE_OK, nave_wait(future, -1));
        nave_future_free(future);
    }
    nave_view_free(farm);
    nave_view_free(own);
}

/* A kernel that may call MPI is for the other ranks, unless there are none. */
static void not_on_hub(nave *ctx)
{
    nave_view *farm, *all, *own = view_of(ctx, 0);
    nave_future *future;
    nave_record record;
    int out[16] = {0}, code = ranks.size > 1 ? NAVE_EKERNEL : NAVE_OK;
    size_t n = (size_t)ranks.size;
    NEED(own != NULL);
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    NEED_OK(nave_map_start(farm, "uses_mpi", NULL, 0, NULL, sizeof(int), 500, &future));
    while (nave_next(future, -1, &record) == NAVE_OK) {
        NEED(record.state == NAVE_SUCCEEDED && *(const int *)record.data == record.engine);
        CHECK(record.engine > 0 || ranks.size == 1);
    }
    nave_future_free(future);
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    GIVES(code, nave_map(all, "uses_mpi", NULL, 0, out, sizeof *out, n));
    GIVES(code, nave_map(own, "uses_mpi", NULL, 0, out, sizeof *out, 1));
    NEED_OK(nave_map(all, "echo", NULL, 0, out, 0, n));
    nave_view_free(own);
    nave_view_free(all);
    nave_view_free(farm);
}

static void check_idle_hub(nave *ctx)
{
    bool alone = ranks.size == 1;
    nave_view *farm, *own = NULL;
    nave_future *future;
    nave_record record;
    const nave_place *places;
    size_t n;
    CHECK(nave_engine_count(ctx) == ranks.size - !alone);
    NEED_OK(nave_topo(ctx, &places, &n));
    CHECK(places[0].engine == alone);
    GIVES(alone ? NAVE_OK : NAVE_EENGINE, nave_direct(ctx, &(int){0}, 1, &own));
    nave_view_free(own);
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    NEED_OK(nave_map_start(farm, "uses_mpi", NULL, 0, NULL, sizeof(int), 500, &future));
    while (nave_next(future, -1, &record) == NAVE_OK)
        NEED(record.state == NAVE_SUCCEEDED && (record.engine > 0 || alone));
    nave_future_free(future);
    NEED_OK(nave_direct(ctx, NULL, 0, &own));
    NEED_OK(nave_apply(own, "uses_mpi", NULL, 0, sizeof(int), &future));
    GIVES(NAVE_OK, nave_wait(future, -1));
    nave_future_free(future);
    nave_view_free(own);
    nave_view_free(farm);
}

/* ---------------------------------------------------------------------------- what rank 0 is sent */

enum { LARGEST = 5 << 20 };

static unsigned char bytes[3 * LARGEST], back[3 * LARGEST];

static void make_bytes(void)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 255);
}

static void payloads_of_all_sizes(nave *ctx)
{
    static const size_t sizes[] = {0, 1, 512, 16384, 16385, 32769, 65536, 1 << 20, LARGEST};
    static const char *const names[] = {"echo", "echo_output"};
    nave_view *own = view_of(ctx, 0);
    NEED(own != NULL);
    make_bytes();
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int k = 0; k < 2; k++) {
            memset(back, 0, 3 * sizes[s]);
            NEED_OK(nave_map(own, names[k], bytes, sizes[s], back, sizes[s], 3));
            CHECK(memcmp(bytes, back, 3 * sizes[s]) == 0);
        }
    nave_view_free(own);
}

static void failures_and_cancels(nave *ctx)
{
    nave_view *own = view_of(ctx, 0);
    nave_future *future;
    nave_record record;
    int out[5];
    NEED(own != NULL);
    NEED_OK(nave_map_start(own, "give_up", NULL, 0, NULL, 0, 3, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    NEED_OK(nave_task_record(future, 2, &record));
    CHECK(record.engine == 0 && strcmp(record.message, "task 2 on 0") == 0);
    CHECK(strcmp(record.host, nave_host(ctx, 0)) == 0);
    nave_future_free(future);
    for (int round = 0; round < 4 && ranks.size > 1; round++) {
        NEED_OK(nave_map_start(own, "until_cancelled", NULL, 0, NULL, 0, 100, &future));
        GIVES(NAVE_ETIMEDOUT, nave_wait(future, 0.001 * round));
        NEED_OK(nave_cancel(future));
        GIVES(NAVE_ECANCELED, nave_wait(future, -1));
        nave_future_free(future);
    }
    NEED_OK(nave_map(own, "echo", out, sizeof *out, out, sizeof *out, 5));
    nave_view_free(own);
}

static void pull_and_check(nave *ctx, int engine, size_t size, int plus)
{
    nave_view *view = view_of(ctx, engine);
    nave_future *future;
    const unsigned char *data;
    const void *result;
    size_t got;
    NEED(view != NULL);
    NEED_OK(nave_pull(view, "block", &future));
    NEED_OK(nave_result(future, 0, &result, &got));
    data = result;
    CHECK(got == size);
    for (size_t i = 0; i < size && i < got; i++)
        NEED(data[i] == (unsigned char)(bytes[i] + plus));
    nave_future_free(future);
    nave_view_free(view);
}

static void objects(nave *ctx)
{
    static const size_t sizes[] = {0, 10, 20000, 3 << 20};
    nave_view *all, *own = view_of(ctx, 0);
    NEED(own != NULL);
    make_bytes();
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t size = sizes[s], n = size / 10;
        NEED_OK(nave_push(all, "block", bytes, size));
        NEED_OK(nave_map(own, "change", NULL, 0, NULL, 0, 2));
        pull_and_check(ctx, 0, size, 2);
        if (ranks.size > 1)
            pull_and_check(ctx, ranks.size - 1, size, 0);
        memset(back, 0, size);
        NEED_OK(nave_scatter(all, "part", bytes, n, 10));
        NEED_OK(nave_gather(all, "part", back, n, 10));
        CHECK(memcmp(bytes, back, n * 10) == 0);
        NEED_OK(nave_drop(own, "part"));
        GIVES(NAVE_EOBJECT, nave_drop(own, "part"));
    }
    nave_view_free(all);
    nave_view_free(own);
}

/* One farm after the other, of which two are open at a time: a thread for each. */
static void test_two_farms(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        nave *ctx[2];
        for (int i = 0; i < 2; i++)
            NEED_OK(nave_open(MPI_COMM_WORLD, &opt, &ctx[i]));
        for (int i = 0; i < 2; i++) {
            struct whereabouts w = {0};
            nave_view *own;
            if (ranks.rank != 0)
                continue;
            own = view_of(ctx[i], 0);
            if (own != NULL)
                GIVES(NAVE_OK, nave_map(own, "where", NULL, 0, &w, sizeof w, 1));
            CHECK(w.engine == 0 && w.mine == 1);
            CHECK(w.beside == (ranks.size > 1));
        }
        for (int i = 0; i < 2; i++)
            GIVES(NAVE_OK, nave_close(&ctx[round % 2 == 0 ? i : 1 - i]));
    }
    ranks_agree();
}

/* ------------------------------------------------------------------------------------- reductions */

enum { TASKS = 3000, WIDTH = 5 };

static MPI_Op product;
static MPI_Datatype matrix_type;

static void check_doubles(nave_view *view, const char *kernel, double *first)
{
    double sum[WIDTH] = {0};
    NEED_OK(nave_map_reduce(view, kernel, NULL, 0, TASKS, sum, WIDTH, MPI_DOUBLE, MPI_SUM));
    for (int i = 0; i < WIDTH; i++) {
        double rough = 0;
        for (size_t t = 0; t < TASKS; t++)
            rough += number_of(t + (size_t)i);
        CHECK(sum[i] - rough < 1e-9 && rough - sum[i] < 1e-9);
        if (first[i] == 0)
            first[i] = sum[i];
        CHECK(ranks_same(first[i], sum[i]));
    }
}

static void check_matrices(nave_view *view)
{
    struct matrix got = {{0}}, expected = matrix_of(0);
    for (size_t t = 1; t < TASKS; t++)
        expected = times(expected, matrix_of(t));
    NEED_OK(nave_map_reduce(view, "matrices", NULL, 0, TASKS, &got, 1, matrix_type, product));
    CHECK(memcmp(&got, &expected, sizeof got) == 0);
}

static void check_tree(nave_view *view)
{
    unsigned char depth[20];
    uint64_t nodes = 0;
    memset(depth, 5, sizeof depth);
    NEED_OK(nave_map_reduce(view, "tree", depth, 1, 20, &nodes, 1, MPI_UINT64_T, MPI_SUM));
    CHECK(nodes == 20 * 364);
}

/* Rank 0 does all of it, its part, what it gets, nothing; the bits are the same. */
static void reductions(nave *ctx)
{
    double first[2][WIDTH] = {{0}};
    for (int round = 0; round < 3; round++)
        for (int kind = 0; kind < 4; kind++) {
            nave_view *view;
            if (kind == 0)
                NEED_OK(nave_direct(ctx, NULL, 0, &view));
            else if (kind == 1)
                NEED_OK(nave_balanced(ctx, NULL, &view));
            else
                view = view_of(ctx, kind == 2 ? 0 : ranks.size - 1);
            NEED(view != NULL);
            check_doubles(view, "doubles", first[0]);
            check_doubles(view, "doubles_added", first[1]);
            check_matrices(view);
            check_tree(view);
            nave_view_free(view);
        }
}

/* ------------------------------------------------------------------------------------------ main */

#define FARM(hub)                                                                                  \
    static void test_##hub(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        ranks_farm(&opt, hub);                                                                     \
    }

FARM(all_are_engines)
FARM(long_task_on_rank_0)
FARM(not_on_hub)
FARM(payloads_of_all_sizes)
FARM(failures_and_cancels)
FARM(objects)

static void test_idle_hub(void **state)
{
    nave_options own = opt;
    (void)state;
    own.idle_hub = 1;
    ranks_farm(&own, check_idle_hub);
}

/* Rank 0 has no kernel that it could run. */
static void test_nothing_for_the_hub(void **state)
{
    nave_options own = opt;
    (void)state;
    own.kernels = &kernels[7];
    own.kernel_count = 1;
    ranks_farm(&own, check_idle_hub);
}

static void test_reductions(void **state)
{
    nave_options own = opt;
    nave_op op = {"product", MPI_OP_NULL};
    (void)state;
    MPI_Op_create(multiply, 0, &product);
    MPI_Type_contiguous(4, MPI_INT32_T, &matrix_type);
    MPI_Type_commit(&matrix_type);
    op.op = product;
    own.ops = &op;
    own.op_count = 1;
    ranks_farm(&own, reductions);
    MPI_Type_free(&matrix_type);
    MPI_Op_free(&product);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_engines),
        cmocka_unit_test(test_long_task_on_rank_0),
        cmocka_unit_test(test_not_on_hub),
        cmocka_unit_test(test_payloads_of_all_sizes),
        cmocka_unit_test(test_failures_and_cancels),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_two_farms),
        cmocka_unit_test(test_idle_hub),
        cmocka_unit_test(test_nothing_for_the_hub),
        cmocka_unit_test(test_reductions),
    };
    int failed;
    main_thread = pthread_self();
    MPI_Init(&argc, &argv);
    ranks_begin();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
