/* reduce - nave_map_reduce against a serial fold: the same bits for any number of ranks.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

/* ------------------------------------------------------------------------- tasks and operations */

static unsigned unsigned_of(size_t task, size_t k)
{
    uint64_t state = task * 1000 + k;
    return (unsigned)ranks_random(&state) >> (task % 3 * 10);
}

/* Large, small, of both signs: every order of summing them gives other bits. */
static double double_of(size_t task, size_t k)
{
    uint64_t state = task * 1000003 + k;
    double x = (double)(int64_t)ranks_random(&state) * 0x1p-63;
    return task % 5 == 0 ? x * 1e13 : task % 5 == 1 ? x * 1e-9 : x;
}

static int unsigneds(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    unsigned *x = out;
    (void)in, (void)in_size;
    for (size_t k = 0; k < out_size / sizeof *x; k++) {
        if (x[k] != 0)
            return nave_fail(task, "element %zu is not zero", k);
        x[k] = unsigned_of(nave_task_index(task), k);
    }
    return 0;
}

static int unsigneds_added(nave_task *task, const void *in, size_t in_size, void *out,
                           size_t out_size)
{
    unsigned *x = out;
    (void)in, (void)in_size;
    for (size_t k = 0; k < out_size / sizeof *x; k++)
        x[k] += unsigned_of(nave_task_index(task), k);
    return 0;
}

/* The input says which task it thinks it is. */
static int doubles(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double *x = out;
    size_t said;
    if (in_size != sizeof said)
        return 1;
    memcpy(&said, in, sizeof said);
    if (said != nave_task_index(task))
        return nave_fail(task, "task %zu has the input of %zu", nave_task_index(task), said);
    for (size_t k = 0; k < out_size / sizeof *x; k++)
        x[k] = double_of(said, k);
    return 0;
}

static int doubles_added(nave_task *task, const void *in, size_t in_size, void *out,
                         size_t out_size)
{
    double *x = out;
    (void)in, (void)in_size;
    for (size_t k = 0; k < out_size / sizeof *x; k++)
        x[k] += double_of(nave_task_index(task), k);
    return 0;
}

/* x -> a x + b modulo 2^64; these do not commute. */
struct affine {
    uint64_t a, b;
};

static struct affine affine_of(size_t task, size_t k)
{
    uint64_t state = task * 77 + k;
    struct affine f;
    f.a = ranks_random(&state) | 1;
    f.b = ranks_random(&state);
    return f;
}

/* First f, then g. */
static struct affine compose(struct affine f, struct affine g)
{
    return (struct affine){g.a * f.a, g.a * f.b + g.b};
}

static int affines(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct affine *f = out;
    (void)in, (void)in_size;
    for (size_t k = 0; k < out_size / sizeof *f; k++)
        f[k] = affine_of(nave_task_index(task), k);
    return 0;
}

static void op_compose(void *in, void *inout, int *n, MPI_Datatype *type)
{
    struct affine *f = in, *g = inout;
    (void)type;
    for (int k = 0; k < *n; k++)
        g[k] = compose(f[k], g[k]);
}

static int pairs(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int *x = out;
    (void)in, (void)in_size;
    for (size_t k = 0; k < out_size / (2 * sizeof *x); k++) {
        x[2 * k] = (int)(unsigned_of(nave_task_index(task), k) % 40);
        x[2 * k + 1] = (int)nave_task_index(task);
    }
    return 0;
}

/* One element of the derived types below: 6 doubles long, of which 0, 2 and 4 count. */
enum { SPAN = 6 };

static int spans(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double *x = out;
    (void)in, (void)in_size;
    if (out_size % (SPAN * sizeof *x) != 0)
        return nave_fail(task, "%zu bytes", out_size);
    for (size_t k = 0; k < out_size / sizeof *x; k += 2)
        x[k] = double_of(nave_task_index(task), k);
    return 0;
}

/* x - y/2: neither commutes nor associates, so the order of the folds shows.  It learns the extent
 * from the type, which must be as long on every rank. */
static void op_halve(void *in, void *inout, int *n, MPI_Datatype *type)
{
    MPI_Aint lower = 1, extent = 0;
    MPI_Type_get_extent(*type, &lower, &extent);
    for (int k = 0; k < *n; k++)
        for (int i = 0; i < SPAN; i += 2) {
            double *x = (double *)(void *)((char *)in + k * extent) + i;
            double *y = (double *)(void *)((char *)inout + k * extent) + i;
            *y = lower == 0 && extent == (MPI_Aint)(SPAN * sizeof *x) ? *x - *y / 2 : -1;
        }
}

static int fails_at_13(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size;
    memset(out, 1, out_size);
    return nave_task_index(task) % 100 == 13 ? nave_fail(task, "unlucky") : 0;
}

static int wrong_output(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out;
    return nave_output(task, out_size) == NULL;
}

static int until_cancelled(nave_task *task, const void *in, size_t in_size, void *out,
                           size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    while (!nave_cancelled(task))
        ranks_sleep(1e-4);
    return 0;
}

static int bulky(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size;
    memset(out, (int)(nave_task_index(task) % 251), out_size);
    return 0;
}

static const nave_kernel kernels[] = {
    NAVE_KERNEL(unsigneds),      {"unsigneds_added", unsigneds_added, NAVE_ACCUMULATES, NULL},
    NAVE_KERNEL(doubles),        {"doubles_added", doubles_added, NAVE_ACCUMULATES, NULL},
    NAVE_KERNEL(affines),        NAVE_KERNEL(pairs),
    NAVE_KERNEL(spans),          NAVE_KERNEL(fails_at_13),
    NAVE_KERNEL(bulky),          NAVE_KERNEL(wrong_output),
    NAVE_KERNEL(until_cancelled)};

static nave_op ops[] = {{"compose", MPI_OP_NULL}, {"halve", MPI_OP_NULL}};

static nave_options opt = {.kernels = kernels,
                           .kernel_count = sizeof kernels / sizeof *kernels,
                           .ops = ops,
                           .op_count = 2};

/* ----------------------------------------------------------------------------- integers, exactly
 */

static unsigned combine(MPI_Op op, unsigned x, unsigned y)
{
    if (op == MPI_SUM)
        return x + y;
    if (op == MPI_PROD)
        return x * y;
    if (op == MPI_MAX)
        return x > y ? x : y;
    if (op == MPI_MIN)
        return x < y ? x : y;
    if (op == MPI_LAND)
        return x && y;
    if (op == MPI_LOR)
        return x || y;
    if (op == MPI_LXOR)
        return !x != !y;
    if (op == MPI_BAND)
        return x & y;
    return op == MPI_BOR ? x | y : x ^ y;
}

enum { COUNT = 5 };

static void check_unsigneds(nave_view *view, const char *kernel, MPI_Op op, size_t n)
{
    unsigned acc[COUNT + 1];
    memset(acc, 0xee, sizeof acc);
    NEED_OK(nave_map_reduce(view, kernel, NULL, 0, n, acc, COUNT, MPI_UNSIGNED, op));
    for (size_t k = 0; k < COUNT; k++) {
        unsigned expected = unsigned_of(0, k);
        for (size_t i = 1; i < n; i++)
            expected = combine(op, expected, unsigned_of(i, k));
        NEED(acc[k] == expected);
    }
    CHECK(acc[COUNT] == 0xeeeeeeee);
}

static void unsigneds_hub(nave *ctx)
{
    const MPI_Op all[] = {MPI_SUM, MPI_PROD, MPI_MAX,  MPI_MIN, MPI_LAND,
                          MPI_LOR, MPI_LXOR, MPI_BAND, MPI_BOR, MPI_BXOR};
    const size_t counts[] = {1, 2, 17, 1000, 30000};
    nave_view *views[2];
    NEED_OK(nave_balanced(ctx, NULL, &views[0]));
    NEED_OK(nave_direct(ctx, NULL, 0, &views[1]));
    for (int o = 0; o < 10; o++)
        for (int c = 0; c < 5; c++)
            check_unsigneds(views[(o + c) % 2], "unsigneds", all[o], counts[c]);
    for (int c = 0; c < 5; c++) {
        check_unsigneds(views[0], "unsigneds_added", MPI_SUM, counts[c]);
        check_unsigneds(views[1], "unsigneds_added", MPI_SUM, counts[c]);
    }
}

static void test_operations_on_integers(void **state)
{
    (void)state;
    ranks_farm(&opt, unsigneds_hub);
}

static void pairs_hub(nave *ctx)
{
    nave_view *view;
    int acc[2 * COUNT];
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int most = 0; most < 2; most++) {
        NEED_OK(nave_map_reduce(view, "pairs", NULL, 0, 500, acc, COUNT, MPI_2INT,
                                most ? MPI_MAXLOC : MPI_MINLOC));
        for (size_t k = 0; k < COUNT; k++) {
            int value = (int)(unsigned_of(0, k) % 40), place = 0;
            for (size_t i = 1; i < 500; i++) {
                int x = (int)(unsigned_of(i, k) % 40);
                if (most ? x > value : x < value) {
                    value = x;
                    place = (int)i;
                }
            }
            NEED(acc[2 * k] == value && acc[2 * k + 1] == place);
        }
    }
}

static void test_places_of_extremes(void **state)
{
    (void)state;
    ranks_farm(&opt, pairs_hub);
}

/* ------------------------------------------------------------------------------ doubles, bit by
 * bit */

/* Tasks in a block, by the rule in nave.h. */
static size_t block_of(size_t n, size_t size, size_t chunk)
{
    size_t most = ((size_t)64 << 20) / size;
    most = most < 16 ? 16 : most > 16384 ? 16384 : most;
    return chunk > 0 ? chunk : n / most + (n % most != 0);
}

static double fold_doubles(size_t n, size_t k, size_t block)
{
    double sum = 0;
    for (size_t from = 0; from < n; from += block) {
        double part = double_of(from, k);
        for (size_t i = from + 1; i < from + block && i < n; i++)
            part += double_of(i, k);
        sum = from == 0 ? part : sum + part;
    }
    return sum;
}

static void check_doubles(nave_view *view, const char *kernel, size_t n, size_t chunk)
{
    double acc[COUNT];
    size_t *in = malloc((n + 1) * sizeof *in);
    NEED(in != NULL);
    for (size_t i = 0; i < n; i++)
        in[i] = i;
    GIVES(NAVE_OK,
          nave_map_reduce(view, kernel, in, sizeof *in, n, acc, COUNT, MPI_DOUBLE, MPI_SUM));
    for (size_t k = 0; k < COUNT; k++) {
        double expected = fold_doubles(n, k, block_of(n, sizeof acc, chunk));
        ranks_check(ranks_same(expected, acc[k]), __FILE__, __LINE__,
                    "%s of %zu, chunk %zu: %a, not %a", kernel, n, chunk, acc[k], expected);
    }
    free(in);
}

static void doubles_hub(nave *ctx)
{
    const size_t counts[] = {1, 3, 1000, 16384, 16385, 40000}, chunks[] = {0, 1, 7, 5000};
    for (int c = 0; c < 4; c++) {
        nave_view *view;
        NEED_OK(nave_balanced(ctx, &(nave_policy){.chunk = chunks[c]}, &view));
        for (int i = 0; i < 6; i++) {
            check_doubles(view, "doubles", counts[i], chunks[c]);
            check_doubles(view, "doubles_added", counts[i], chunks[c]);
        }
        nave_view_free(view);
    }
}

static void test_doubles_bit_by_bit(void **state)
{
    (void)state;
    ranks_farm(&opt, doubles_hub);
}

static void direct_hub(nave *ctx)
{
    const size_t counts[] = {1, 3, 1000, 40000};
    nave_view *view;
    NEED_OK(nave_direct(ctx, NULL, 0, &view));
    for (int i = 0; i < 4; i++) {
        check_doubles(view, "doubles", counts[i], 0);
        check_doubles(view, "doubles_added", counts[i], 0);
    }
}

static void test_doubles_on_a_direct_view(void **state)
{
    (void)state;
    ranks_farm(&opt, direct_hub);
}

/* --------------------------------------------------------------------- operations of the caller's
 */

static void compose_hub(nave *ctx)
{
    const size_t counts[] = {1, 2, 500, 20000};
    nave_view *views[2];
    MPI_Datatype type;
    MPI_Type_contiguous(2, MPI_UINT64_T, &type);
    MPI_Type_commit(&type);
    NEED_OK(nave_balanced(ctx, NULL, &views[0]));
    NEED_OK(nave_direct(ctx, NULL, 0, &views[1]));
    for (int c = 0; c < 8; c++) {
        struct affine acc[COUNT];
        size_t n = counts[c / 2];
        NEED_OK(nave_map_reduce(views[c % 2], "affines", NULL, 0, n, acc, COUNT, type, ops[0].op));
        for (size_t k = 0; k < COUNT; k++) {
            struct affine all = affine_of(0, k); /* these associate: any blocks will do */
            for (size_t i = 1; i < n; i++)
                all = compose(all, affine_of(i, k));
            NEED(acc[k].a == all.a && acc[k].b == all.b);
        }
    }
    MPI_Type_free(&type);
}

static void test_operation_that_does_not_commute(void **state)
{
    (void)state;
    ranks_farm(&opt, compose_hub);
}

static MPI_Datatype as_long_as_a_span(MPI_Datatype part)
{
    MPI_Datatype type;
    MPI_Type_create_resized(part, 0, SPAN * sizeof(double), &type);
    MPI_Type_commit(&type);
    MPI_Type_free(&part);
    return type;
}

/* Doubles 0, 2 and 4 of 6, said in several ways. */
static MPI_Datatype span_type(int how)
{
    MPI_Datatype type, inner;
    MPI_Aint at[] = {0, 16, 32};
    switch (how) {
    case 0:
        MPI_Type_vector(3, 1, 2, MPI_DOUBLE, &type);
        break;
    case 1:
        MPI_Type_create_hvector(3, 1, 16, MPI_DOUBLE, &type);
        break;
    case 2:
        MPI_Type_indexed(2, (int[]){1, 1}, (int[]){0, 2}, MPI_DOUBLE, &inner);
        MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, 32},
                               (MPI_Datatype[]){inner, MPI_DOUBLE}, &type);
        MPI_Type_free(&inner);
        break;
    case 3:
        MPI_Type_create_struct(3, (int[]){1, 1, 1}, at,
                               (MPI_Datatype[]){MPI_DOUBLE, MPI_DOUBLE, MPI_DOUBLE}, &type);
        break;
    case 4:
        MPI_Type_create_hindexed(3, (int[]){1, 1, 1}, at, MPI_DOUBLE, &type);
        break;
    case 5:
        MPI_Type_create_indexed_block(3, 1, (int[]){0, 2, 4}, MPI_DOUBLE, &type);
        break;
    case 6:
        MPI_Type_create_hindexed_block(3, 1, at, MPI_DOUBLE, &type);
        break;
    default: /* nested: a resized pair, three of it, a copy of that */
        MPI_Type_create_resized(MPI_DOUBLE, 0, 16, &inner);
        MPI_Type_contiguous(3, inner, &type);
        MPI_Type_free(&inner);
        MPI_Type_dup(type, &inner);
        MPI_Type_free(&type);
        return as_long_as_a_span(inner);
    }
    return as_long_as_a_span(type);
}

static double fold_halves(size_t n, size_t k, size_t block)
{
    double all = 0;
    for (size_t from = 0; from < n; from += block) {
        double part = double_of(from, k);
        for (size_t i = from + 1; i < from + block && i < n; i++)
            part = part - double_of(i, k) / 2;
        all = from == 0 ? part : all - part / 2;
    }
    return all;
}

static void derived_hub(nave *ctx)
{
    enum { ELEMENTS = 3 };
    const size_t n = 20000;
    nave_view *view;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int how = 0; how < 8; how++) {
        double acc[ELEMENTS * SPAN];
        MPI_Datatype type = span_type(how);
        GIVES(NAVE_OK, nave_map_reduce(view, "spans", NULL, 0, n, acc, ELEMENTS, type, ops[1].op));
        for (size_t k = 0; k < ELEMENTS * SPAN; k += 2) {
            double expected = fold_halves(n, k, block_of(n, sizeof acc, 0));
            ranks_check(ranks_same(expected, acc[k]), __FILE__, __LINE__,
                        "type %d, element %zu: %a, not %a", how, k, acc[k], expected);
        }
        MPI_Type_free(&type);
    }
}

static void test_derived_types(void **state)
{
    (void)state;
    ranks_farm(&opt, derived_hub);
}

/* ------------------------------------------------------------------------------------------- wrong
 */

static void wrong_hub(nave *ctx)
{
    nave_view *view;
    unsigned acc[COUNT];
    double d = 1.5;
    MPI_Datatype type;
    MPI_Op unknown;
    MPI_Type_contiguous(2, MPI_UNSIGNED, &type);
    MPI_Type_commit(&type);
    MPI_Op_create(op_compose, 0, &unknown);
    memset(acc, 0xee, sizeof acc);
    NEED_OK(nave_balanced(ctx, NULL, &view));
#define REDUCE(kernel, n, count, type, op)                                                         \
    nave_map_reduce(view, kernel, NULL, 0, n, acc, count, type, op)
    GIVES(NAVE_ETASK, REDUCE("fails_at_13", 500, COUNT, MPI_UNSIGNED, MPI_SUM));
    CHECK(strstr(nave_error(ctx), "5 of 500 tasks failed: 5 x \"unlucky\"") != NULL);
    CHECK(strstr(nave_error(ctx), "13, 113, 213, 313, 413") != NULL);
    GIVES(NAVE_ETASK, REDUCE("fails_at_13", 500, COUNT, MPI_UNSIGNED, MPI_MAX));
    GIVES(NAVE_ETASK, REDUCE("wrong_output", 5, COUNT, MPI_UNSIGNED, MPI_SUM));
    GIVES(NAVE_EKERNEL, REDUCE("unsigned", 5, COUNT, MPI_UNSIGNED, MPI_SUM));
    GIVES(NAVE_EINVAL, REDUCE("unsigneds", 5, -1, MPI_UNSIGNED, MPI_SUM));
    GIVES(NAVE_ETYPE, REDUCE("unsigneds", 5, COUNT, MPI_DATATYPE_NULL, MPI_SUM));
    GIVES(NAVE_ETYPE, REDUCE("unsigneds", 5, COUNT, MPI_UNSIGNED, MPI_OP_NULL));
    GIVES(NAVE_ETYPE, REDUCE("unsigneds", 5, COUNT, MPI_UNSIGNED, unknown));
    GIVES(NAVE_ETYPE, REDUCE("unsigneds", 5, 2, type, MPI_SUM));
    GIVES(NAVE_ETYPE, REDUCE("unsigneds", 5, COUNT, MPI_UNSIGNED, MPI_MAXLOC));
    GIVES(NAVE_ETYPE, nave_map_reduce(view, "doubles", NULL, 0, 5, &d, 1, MPI_DOUBLE, MPI_BOR));
    GIVES(NAVE_EINVAL,
          nave_map_reduce(view, "unsigneds", NULL, 0, 5, NULL, 1, MPI_UNSIGNED, MPI_SUM));
    GIVES(NAVE_EINVAL,
          nave_map_reduce(view, "unsigneds", NULL, 4, 5, acc, 1, MPI_UNSIGNED, MPI_SUM));
    NEED_OK(REDUCE("unsigneds", 0, COUNT, MPI_UNSIGNED, MPI_SUM));
    NEED_OK(REDUCE("unsigneds", 0, COUNT, MPI_UNSIGNED, MPI_MAX));
    NEED_OK(REDUCE("unsigneds", 100, 0, MPI_UNSIGNED, MPI_SUM));
    NEED_OK(REDUCE("unsigneds", 100, 0, MPI_UNSIGNED, MPI_MAX));
#undef REDUCE
    for (int k = 0; k < COUNT; k++)
        CHECK(acc[k] == 0xeeeeeeee);
    CHECK(d == 1.5);
    check_unsigneds(view, "unsigneds", MPI_SUM, 1000); /* and the farm is as it was */
    check_unsigneds(view, "unsigneds", MPI_PROD, 1000);
    MPI_Op_free(&unknown);
    MPI_Type_free(&type);
}

static void test_wrong_calls(void **state)
{
    (void)state;
    ranks_farm(&opt, wrong_hub);
}

static void unknown_to_engines_hub(nave *ctx)
{
    struct affine acc[COUNT];
    nave_view *view;
    MPI_Datatype type;
    int rc;
    memset(acc, 0xee, sizeof acc);
    MPI_Type_contiguous(2, MPI_UINT64_T, &type);
    MPI_Type_commit(&type);
    NEED_OK(nave_balanced(ctx, NULL, &view));
    rc = nave_map_reduce(view, "affines", NULL, 0, 50, acc, COUNT, type, ops[0].op);
    CHECK(rc == (ranks.size == 1 ? NAVE_OK : NAVE_ETASK));
    CHECK(ranks.size == 1 || strstr(nave_error(ctx), "'compose'") != NULL);
    CHECK(ranks.size == 1 || acc[0].a == 0xeeeeeeeeeeeeeeee);
    check_unsigneds(view, "unsigneds", MPI_SUM, 1000);
    MPI_Type_free(&type);
}

static void test_operation_that_engines_lack(void **state)
{
    nave_options own = opt;
    (void)state;
    own.op_count = ranks.rank == 0 ? 2 : 0;
    ranks_farm(&own, unknown_to_engines_hub);
}

/* ------------------------------------------------------------------------------------------- large
 */

/* Results that need several pieces on their way: 4 MiB go in one. */
static void large_hub(nave *ctx)
{
    enum { LARGE = 1100000 };
    const size_t n = 21;
    static unsigned u[LARGE];
    static double d[LARGE];
    nave_view *view;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_reduce(view, "unsigneds", NULL, 0, n, u, LARGE, MPI_UNSIGNED, MPI_SUM));
    NEED_OK(nave_map_reduce(view, "doubles_added", NULL, 0, n, d, LARGE, MPI_DOUBLE, MPI_SUM));
    for (size_t k = 0; k < LARGE; k += k < LARGE - 1000 ? 997 : 1) {
        double expected = fold_doubles(n, k, block_of(n, LARGE * sizeof *d, 0));
        unsigned sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += unsigned_of(i, k);
        NEED(u[k] == sum && ranks_same(d[k], expected));
    }
}

static void test_results_of_several_pieces(void **state)
{
    (void)state;
    ranks_farm(&opt, large_hub);
}

/* -------------------------------------------------------------------------------- among other work
 */

/* Every third engine reduces; the others are busy with what does not end. */
static void subset_hub(nave *ctx)
{
    int some[16], others[16];
    size_t m = 0, o = 0;
    nave_view *direct, *balanced, *rest;
    nave_future *endless;
    for (int j = 0; j < ranks_engines(); j++)
        if (j % 3 == 1)
            some[m++] = ranks_engine(j);
        else
            others[o++] = ranks_engine(j);
    NEED_OK(nave_direct(ctx, some, m, &direct));
    NEED_OK(nave_balanced(ctx, &(nave_policy){.engines = some, .engine_count = m}, &balanced));
    NEED_OK(nave_direct(ctx, others, o, &rest));
    NEED_OK(nave_apply(rest, "until_cancelled", NULL, 0, 0, &endless));
    for (int round = 0; round < 3; round++) {
        check_doubles(direct, "doubles", 1000, 0);
        check_doubles(balanced, "doubles_added", 1000, 0);
        check_unsigneds(direct, "unsigneds_added", MPI_SUM, 1000);
        check_unsigneds(balanced, "unsigneds", MPI_MAX, 1000);
    }
    CHECK(nave_test(endless) == 0);
    nave_future_free(endless);
}

static void test_some_engines_while_others_work(void **state)
{
    (void)state;
    if (ranks.size < 3)
        return;
    ranks_farm(&opt, subset_hub);
}

static int endless_source(void *arg, size_t index, const void **in, size_t *in_size)
{
    (void)arg, (void)index, (void)in, (void)in_size;
    return 1;
}

/* Futures with large results stay in flight over a row of reductions. */
static void among_others_hub(nave *ctx)
{
    enum { BYTES = 200000, N = 100 };
    static unsigned char out[BYTES * N];
    nave_view *view, *dropping;
    nave_future *map, *endless;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_balanced(ctx, &(nave_policy){.discard = 1}, &dropping));
    NEED_OK(nave_map_from(dropping, "bulky", endless_source, NULL, 100000, &endless));
    NEED_OK(nave_map_start(view, "bulky", NULL, 0, out, BYTES, N, &map));
    for (int round = 0; round < 10; round++) {
        check_doubles(view, "doubles_added", 500, 0);
        check_unsigneds(view, "unsigneds", MPI_BXOR, 100);
    }
    NEED_OK(nave_wait(map, -1));
    for (size_t i = 0; i < N; i++)
        NEED(out[i * BYTES] == i % 251 && out[(i + 1) * BYTES - 1] == i % 251);
    CHECK(nave_test(endless) == 0);
    nave_future_free(endless);
    nave_future_free(map);
}

static void test_among_other_futures(void **state)
{
    (void)state;
    ranks_farm(&opt, among_others_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations_on_integers),
        cmocka_unit_test(test_places_of_extremes),
        cmocka_unit_test(test_doubles_bit_by_bit),
        cmocka_unit_test(test_doubles_on_a_direct_view),
        cmocka_unit_test(test_operation_that_does_not_commute),
        cmocka_unit_test(test_derived_types),
        cmocka_unit_test(test_wrong_calls),
        cmocka_unit_test(test_operation_that_engines_lack),
        cmocka_unit_test(test_results_of_several_pieces),
        cmocka_unit_test(test_some_engines_while_others_work),
        cmocka_unit_test(test_among_other_futures),
    };
    int failed;
    ranks_init(&argc, &argv);
    MPI_Op_create(op_compose, 0, &ops[0].op);
    MPI_Op_create(op_halve, 0, &ops[1].op);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Op_free(&ops[0].op);
    MPI_Op_free(&ops[1].op);
    MPI_Finalize();
    return failed;
}
