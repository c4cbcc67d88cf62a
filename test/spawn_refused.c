/* What nave_spawn() refuses, and the largest and smallest that it takes.
 * ranks: 1 2 4
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

struct sum {
    uint64_t tasks, bytes, wrong;
};

static struct sum met, expected; /* spawned tasks that this rank ran; that there should be */

/* What came of each kind of spawn. */
enum { UNKNOWN, NO_NAME, LIBRARY, TOO_LARGE, NO_INPUT, ELSEWHERE, LARGEST, EMPTY, KINDS };

static int ask_for_all(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    static const char large[16 * 1024 + 1] = "l";
    int codes[KINDS];
    (void)in, (void)in_size;
    codes[UNKNOWN] = nave_spawn(task, "unknown", "x", 1);
    codes[NO_NAME] = nave_spawn(task, NULL, "x", 1);
    codes[LIBRARY] = nave_spawn(task, "nave.push", "x", 1);
    codes[TOO_LARGE] = nave_spawn(task, "leaf", large, sizeof large);
    codes[NO_INPUT] = nave_spawn(task, "leaf", NULL, 1);
    codes[ELSEWHERE] = nave_spawn(task, "last_only", "x", 1);
    codes[LARGEST] = nave_spawn(task, "leaf", large, sizeof large - 1);
    codes[EMPTY] = nave_spawn(task, "leaf", NULL, 0);
    memcpy(out, codes, out_size < sizeof codes ? out_size : sizeof codes);
    return 0;
}

static int leaf(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct sum *sum = nave_task_user(task);
    (void)out, (void)out_size;
    sum->tasks++;
    sum->bytes += in_size;
    sum->wrong += in_size > 0 && *(const char *)in != 'l' && *(const char *)in != 'x';
    return 0;
}

/* In a reduction: the code of a spawn is the result. */
static int ask_in_double(nave_task *task, const void *in, size_t in_size, void *out,
                         size_t out_size)
{
    (void)in, (void)in_size, (void)out_size;
    *(double *)out = nave_spawn(task, "leaf", NULL, 0);
    return 0;
}

static int ask_in_int(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out_size;
    *(int *)out = nave_spawn(task, "leaf", NULL, 0);
    return 0;
}

static const nave_kernel refusing[] = {NAVE_KERNEL(ask_for_all),
                                       NAVE_KERNEL(leaf),
                                       NAVE_KERNEL(ask_in_double),
                                       NAVE_KERNEL(ask_in_int),
                                       {"last_only", leaf, 0, NULL}};

static void check_codes(const int *codes, bool last)
{
    CHECK(codes[UNKNOWN] == NAVE_EKERNEL && codes[NO_NAME] == NAVE_EKERNEL);
    CHECK(codes[LIBRARY] == NAVE_EKERNEL);
    CHECK(codes[TOO_LARGE] == NAVE_ESIZE && codes[NO_INPUT] == NAVE_EINVAL);
    CHECK(codes[ELSEWHERE] == (last ? NAVE_OK : NAVE_EKERNEL));
    CHECK(codes[LARGEST] == NAVE_OK && codes[EMPTY] == NAVE_OK);
}

static void refuse(nave *ctx)
{
    nave_view *all;
    nave_future *future;
    double x = 0;
    int most = 1;
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_apply(all, "ask_for_all", NULL, 0, KINDS * sizeof(int), &future));
    GIVES(NAVE_OK, nave_wait(future, -1));
    for (int r = 0; r < ranks.size; r++) {
        const void *codes;
        NEED_OK(nave_result(future, (size_t)r, &codes, NULL));
        check_codes(codes, r == ranks.size - 1);
    }
    nave_future_free(future);
    expected.tasks += 2 * (uint64_t)ranks.size + 1;
    expected.bytes += 16 * 1024 * (uint64_t)ranks.size + 1;
    NEED_OK(nave_map_reduce(all, "ask_in_double", NULL, 0, 100, &x, 1, MPI_DOUBLE, MPI_SUM));
    CHECK(ranks_same(x, 100.0 * NAVE_ETYPE));
    NEED_OK(nave_map_reduce(all, "ask_in_int", NULL, 0, 100, &most, 1, MPI_INT, MPI_MAX));
    CHECK(most == NAVE_ETYPE);
    NEED_OK(nave_map_reduce(all, "ask_in_int", NULL, 0, 100, &most, 1, MPI_INT, MPI_SUM));
    CHECK(most == 0);
    expected.tasks += 100;
    nave_view_free(all);
}

/* Only the last rank has the last kernel. */
static void what_cannot_be_spawned_is_refused(void **state)
{
    struct ranks_hub call = {refuse};
    nave_options own = {.kernels = refusing, .kernel_count = 4, .user = &met};
    struct sum all;
    (void)state;
    own.kernel_count += ranks.rank == ranks.size - 1;
    met = expected = (struct sum){0};
    GIVES(NAVE_OK, nave_run(MPI_COMM_WORLD, &own, ranks_hub, &call));
    MPI_Allreduce(&met, &all, 3, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    CHECK(all.wrong == 0);
    if (ranks.rank == 0)
        CHECK(all.tasks == expected.tasks && all.bytes == expected.bytes);
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_cannot_be_spawned_is_refused)};
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
