/* open - opening, serving, closing: over any communicator, again and again, and wrongly.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

static int square(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int x;
    if (in_size != sizeof x || out_size != sizeof x)
        return nave_fail(task, "sizes %zu and %zu", in_size, out_size);
    memcpy(&x, in, sizeof x);
    x *= x;
    memcpy(out, &x, sizeof x);
    return 0;
}

static int other(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(square), NAVE_KERNEL(other)};
static const nave_options good = {.kernels = kernels, .kernel_count = 2};

enum { N = 300 };

static void fill(int *in, int *out)
{
    for (int i = 0; i < N; i++) {
        in[i] = i - 100;
        out[i] = -1;
    }
}

static void check_squares(const int *in, const int *out)
{
    for (int i = 0; i < N; i++)
        NEED(out[i] == in[i] * in[i]);
}

/* A farm that works. */
static void works(nave *ctx)
{
    int in[N], out[N];
    nave_view *view;
    fill(in, out);
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map(view, "square", in, sizeof *in, out, sizeof *out, N));
    check_squares(in, out);
}

/* ------------------------------------------------------------------------------------------ runs
 */

static int give(nave *ctx, void *arg)
{
    works(ctx);
    return *(const int *)arg;
}

static void test_run_returns_what_the_hub_returned(void **state)
{
    const int codes[] = {0, 17, -5, INT32_MIN, INT32_MAX, NAVE_ETASK};
    (void)state;
    ranks_crash_openly();
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        int code = ranks.rank == 0 ? codes[i] : 99; /* only the hub's argument counts */
        CHECK(nave_run(MPI_COMM_WORLD, &good, give, &code) == codes[i]);
    }
    ranks_agree();
}

static void test_reopen(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        nave *ctx = NULL;
        GIVES(NAVE_OK, nave_open(MPI_COMM_WORLD, &good, &ctx));
        if (nave_is_hub(ctx) && i % 3 > 0)
            works(ctx);
        if (i % 2 == 0) /* on odd rounds nave_close() serves */
            GIVES(NAVE_OK, nave_serve(ctx));
        GIVES(NAVE_OK, nave_close(&ctx));
        CHECK(ctx == NULL);
    }
    ranks_agree();
}

static void test_close_nothing(void **state)
{
    nave *ctx = NULL;
    (void)state;
    GIVES(NAVE_OK, nave_close(&ctx));
    GIVES(NAVE_OK, nave_close_with(&ctx, 3));
    ranks_agree();
}

static void test_status(void **state)
{
    const int statuses[] = {7, -3, 0, INT32_MIN};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        nave *ctx;
        GIVES(NAVE_OK, nave_open(MPI_COMM_WORLD, &good, &ctx));
        if (nave_is_hub(ctx)) {
            GIVES(NAVE_OK, nave_serve(ctx));
            GIVES(NAVE_OK, nave_close_with(&ctx, statuses[i]));
            continue;
        }
        CHECK(nave_serve(ctx) == statuses[i]);
        CHECK(nave_serve(ctx) == statuses[i]); /* and says so again */
        CHECK(nave_turn(ctx) == NAVE_END);
        GIVES(NAVE_OK, nave_close(&ctx));
    }
    ranks_agree();
}

/* ---------------------------------------------------------------------------------- communicators
 */

static void farm_over(MPI_Comm comm)
{
    nave *ctx;
    int rank, size;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    GIVES(NAVE_OK, nave_open(comm, &good, &ctx));
    CHECK(nave_rank(ctx) == rank && nave_size(ctx) == size);
    CHECK(nave_is_hub(ctx) == (rank == 0));
    CHECK(nave_engine_count(ctx) == size);
    if (rank == 0)
        works(ctx);
    GIVES(NAVE_OK, nave_close(&ctx));
}

static void test_parts_of_the_world(void **state)
{
    MPI_Comm comm;
    (void)state;
    MPI_Comm_split(MPI_COMM_WORLD, ranks.rank % 3, 0, &comm); /* side by side */
    farm_over(comm);
    MPI_Comm_free(&comm);
    MPI_Comm_split(MPI_COMM_WORLD, 0, -ranks.rank, &comm); /* backwards: the last rank is the hub */
    farm_over(comm);
    MPI_Comm_free(&comm);
    MPI_Comm_split(MPI_COMM_WORLD, ranks.rank == 0 && ranks.size > 1 ? MPI_UNDEFINED : 1, 0, &comm);
    if (comm != MPI_COMM_NULL) { /* without rank 0 */
        farm_over(comm);
        MPI_Comm_free(&comm);
    }
    farm_over(MPI_COMM_SELF);
    ranks_agree();
}

static void test_comm_is_duplicated(void **state)
{
    MPI_Comm comm;
    nave *ctx;
    int sum = 0;
    (void)state;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    GIVES(NAVE_OK, nave_open(comm, &good, &ctx));
    MPI_Allreduce(&(int){1}, &sum, 1, MPI_INT, MPI_SUM, comm); /* the caller's traffic is apart */
    CHECK(sum == ranks.size);
    MPI_Comm_free(&comm);
    if (nave_is_hub(ctx))
        works(ctx);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

/* -------------------------------------------------------------------------------- several at once
 */

enum { FARMS = 3 };

static void several_hub(nave *ctx[FARMS])
{
    int in[N], out[FARMS][N];
    nave_view *view[FARMS];
    nave_future *future[FARMS];
    fill(in, out[0]);
    for (int f = 0; f < FARMS; f++) {
        NEED_OK(nave_balanced(ctx[f], NULL, &view[f]));
        NEED_OK(
            nave_map_start(view[f], "square", in, sizeof *in, out[f], sizeof **out, N, &future[f]));
    }
    for (int f = FARMS - 1; f >= 0; f--) { /* waited for in another order */
        NEED_OK(nave_wait(future[f], -1));
        check_squares(in, out[f]);
    }
    works(ctx[1]);
    works(ctx[0]);
}

/* An engine with a loop of its own; it closes each as that ends. */
static void several_engine(nave *ctx[FARMS])
{
    int open = FARMS;
    while (open > 0)
        for (int f = 0; f < FARMS; f++) {
            int rc = ctx[f] != NULL ? nave_turn(ctx[f]) : NAVE_OK;
            if (rc == NAVE_OK)
                continue;
            CHECK(rc == NAVE_END);
            GIVES(NAVE_OK, nave_close(&ctx[f]));
            open--;
        }
}

static void test_several_at_once(void **state)
{
    nave *ctx[FARMS];
    (void)state;
    for (int f = 0; f < FARMS; f++)
        GIVES(NAVE_OK, nave_open(MPI_COMM_WORLD, &good, &ctx[f]));
    if (ranks.rank == 0) {
        several_hub(ctx);
        for (int f = FARMS - 1; f >= 0; f--)
            GIVES(NAVE_OK, nave_close(&ctx[f]));
    } else {
        several_engine(ctx);
    }
    ranks_agree();
}

/* The hub of the one is an engine of the other; both turn both. */
static void test_hubs_of_each_other(void **state)
{
    int in[N], out[N];
    nave *ctx[2];
    nave_view *view;
    nave_future *future = NULL;
    MPI_Comm back;
    int rc[2] = {NAVE_OK, NAVE_OK};
    (void)state;
    MPI_Comm_split(MPI_COMM_WORLD, 0, -ranks.rank, &back);
    GIVES(NAVE_OK, nave_open(MPI_COMM_WORLD, &good, &ctx[0]));
    GIVES(NAVE_OK, nave_open(back, &good, &ctx[1]));
    fill(in, out);
    for (int f = 0; f < 2 && ranks.size > 1; f++)
        if (nave_is_hub(ctx[f])) {
            GIVES(NAVE_OK, nave_balanced(ctx[f], NULL, &view));
            GIVES(NAVE_OK,
                  nave_map_start(view, "square", in, sizeof *in, out, sizeof *out, N, &future));
        }
    for (int all = 0, mine; !all;) { /* until both maps are complete */
        rc[0] = nave_turn(ctx[0]);
        rc[1] = nave_turn(ctx[1]);
        mine = future == NULL || nave_test(future);
        MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    }
    CHECK(rc[0] == NAVE_OK && rc[1] == NAVE_OK);
    if (future != NULL)
        check_squares(in, out);
    GIVES(NAVE_OK, nave_close(&ctx[0]));
    GIVES(NAVE_OK, nave_close(&ctx[1]));
    MPI_Comm_free(&back);
    ranks_agree();
}

/* ------------------------------------------------------------------------------------------- wrong
 */

/* All ranks fail alike: the same code, the same words, which hold `part`. */
static void fails_alike(MPI_Comm comm, const nave_options *opt, int code, const char *part)
{
    nave *ctx = NULL;
    char mine[1024] = "", hub[1024];
    int rc = nave_open(comm, opt, &ctx);
    ranks_check(rc == code, __FILE__, __LINE__, "%s instead of %s for \"%s\"", nave_error_name(rc),
                nave_error_name(code), part);
    CHECK(ctx != NULL);
    snprintf(mine, sizeof mine, "%s", nave_error(ctx));
    memcpy(hub, mine, sizeof hub);
    MPI_Bcast(hub, (int)sizeof hub, MPI_CHAR, 0, MPI_COMM_WORLD);
    ranks_check(strcmp(mine, hub) == 0, __FILE__, __LINE__, "\"%s\", the hub: \"%s\"", mine, hub);
    ranks_check(strstr(mine, part) != NULL, __FILE__, __LINE__, "no \"%s\" in \"%s\"", part, mine);
    GIVES(NAVE_OK, nave_close(&ctx));
    CHECK(ctx == NULL);
}

static char long_name[129], longest_name[128];

static const struct bad_table {
    nave_kernel kernels[2];
    const char *words;
} bad_tables[] = {
    {{{NULL, square, 0, NULL}, {"other", other, 0, NULL}}, "no name"},
    {{{"square", square, 0, NULL}, {"", other, 0, NULL}}, "no name"},
    {{{"square", square, 0, NULL}, {long_name, other, 0, NULL}}, "127"},
    {{{"square", square, 0, NULL}, {"square", other, 0, NULL}}, "square"},
    {{{"square", square, 0, NULL}, {"other", NULL, 0, NULL}}, "other"},
    {{{"nave.square", square, 0, NULL}, {"other", other, 0, NULL}}, "nave."},
};

static void test_bad_tables(void **state)
{
    char who[32];
    (void)state;
    memset(long_name, 'x', 128);
    snprintf(who, sizeof who, "rank %d", ranks.size - 1);
    for (size_t i = 0; i < sizeof bad_tables / sizeof *bad_tables; i++) {
        nave_options bad = {.kernels = bad_tables[i].kernels, .kernel_count = 2};
        bool last = ranks.rank == ranks.size - 1;
        fails_alike(MPI_COMM_WORLD, &bad, NAVE_EINVAL, bad_tables[i].words);
        fails_alike(MPI_COMM_WORLD, last ? &bad : &good, NAVE_EINVAL, bad_tables[i].words);
        if (ranks.size > 1)
            fails_alike(MPI_COMM_WORLD, last ? &bad : &good, NAVE_EINVAL, who);
    }
    fails_alike(MPI_COMM_WORLD, &(nave_options){.kernel_count = 2}, NAVE_EINVAL, "NULL");
    fails_alike(MPI_COMM_WORLD, NULL, NAVE_EINVAL, "kernel");
    fails_alike(MPI_COMM_WORLD, &(nave_options){0}, NAVE_EINVAL, "kernel");
    ranks_agree();
}

static void test_longest_name(void **state)
{
    nave_kernel table[] = {{longest_name, other, 0, NULL}};
    nave *ctx;
    nave_view *view;
    (void)state;
    memset(longest_name, 'y', 127);
    GIVES(NAVE_OK,
          nave_open(MPI_COMM_WORLD, &(nave_options){.kernels = table, .kernel_count = 1}, &ctx));
    if (nave_is_hub(ctx)) {
        GIVES(NAVE_OK, nave_balanced(ctx, NULL, &view));
        GIVES(NAVE_OK, nave_map(view, longest_name, NULL, 0, NULL, 0, 50));
    }
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

static void test_hub_without_kernels(void **state)
{
    const nave_options none = {0};
    const nave_options *opt = ranks.rank == 0 && ranks.size > 1 ? &none : &good;
    (void)state;
    ranks_farm(opt, works);
}

static void test_engines_without_kernels(void **state)
{
    const nave_options none = {0};
    nave_options idle = good;
    const nave_options *opt = ranks.rank == 0 && ranks.size > 1 ? &idle : &none;
    (void)state;
    idle.idle_hub = 1;
    fails_alike(MPI_COMM_WORLD, opt, NAVE_EINVAL, "kernel");
    ranks_agree();
}

static void test_bad_operations(void **state)
{
    const nave_op nameless = {"", MPI_SUM}, handleless = {"sum", MPI_OP_NULL};
    nave_options opt = good;
    (void)state;
    opt.op_count = 1;
    fails_alike(MPI_COMM_WORLD, &opt, NAVE_EINVAL, "ops");
    opt.ops = &nameless;
    fails_alike(MPI_COMM_WORLD, &opt, NAVE_EINVAL, "operation");
    opt.ops = &handleless;
    fails_alike(MPI_COMM_WORLD, &opt, NAVE_EINVAL, "operation");
    ranks_agree();
}

static void test_bad_communicators(void **state)
{
    MPI_Comm half, inter;
    (void)state;
    fails_alike(MPI_COMM_NULL, &good, NAVE_EINVAL, "MPI_COMM_NULL");
    if (ranks.size > 1) {
        int side = ranks.rank % 2;
        MPI_Comm_split(MPI_COMM_WORLD, side, 0, &half);
        MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, side == 0, 5, &inter);
        fails_alike(inter, &good, NAVE_EINVAL, "intercommunicator");
        MPI_Comm_free(&inter);
        MPI_Comm_free(&half);
    }
    ranks_agree();
}

static void test_number_of_ranks(void **state)
{
    nave_options right = good, wrong = good;
    char number[32];
    (void)state;
    right.ranks = ranks.size;
    wrong.ranks = ranks.size + 1;
    snprintf(number, sizeof number, "%d ranks are needed", ranks.size + 1);
    fails_alike(MPI_COMM_WORLD, &wrong, NAVE_ELAUNCH, number);
    fails_alike(MPI_COMM_WORLD, ranks.rank == ranks.size - 1 ? &wrong : &good, NAVE_ELAUNCH,
                number);
    ranks_farm(&right, works);
}

static void test_failed_open_is_good_for_nothing(void **state)
{
    nave *ctx;
    nave_view *view = (nave_view *)&ranks;
    (void)state;
    GIVES(NAVE_EINVAL, nave_open(MPI_COMM_WORLD, NULL, &ctx));
    if (ranks.rank == 0) {
        CHECK(nave_balanced(ctx, NULL, &view) == NAVE_ESTATE);
        CHECK(view == (nave_view *)&ranks);
    }
    CHECK(nave_serve(ctx) < 0);
    CHECK(nave_turn(ctx) < 0);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

static int never(nave *ctx, void *arg)
{
    (void)ctx;
    *(int *)arg = 1;
    return 0;
}

static void test_run_that_cannot_open(void **state)
{
    int called = 0;
    (void)state;
    CHECK(nave_run(MPI_COMM_WORLD, NULL, never, &called) == NAVE_EINVAL);
    CHECK(!called);
    ranks_agree();
}

/* ------------------------------------------------------------------------------------------- roles
 */

static void check_engine_role(nave *ctx)
{
    nave_view *view = (nave_view *)&ranks;
    CHECK(nave_direct(ctx, NULL, 0, &view) == NAVE_EROLE);
    CHECK(strstr(nave_error(ctx), "hub") != NULL);
    CHECK(nave_balanced(ctx, NULL, &view) == NAVE_EROLE);
    CHECK(view == (nave_view *)&ranks);
    CHECK(nave_host(ctx, 0) == NULL);
}

static void check_hub_role(nave *ctx)
{
    char host[256] = "";
    int length;
    MPI_Get_processor_name(host, &length);
    for (int r = 0; r < ranks.size; r++)
        NEED(nave_host(ctx, r) != NULL && strcmp(nave_host(ctx, r), nave_host(ctx, 0)) == 0);
    CHECK(nave_host(ctx, 0)[0] != '\0');
    CHECK(nave_host(ctx, -1) == NULL && nave_host(ctx, ranks.size) == NULL);
    CHECK(nave_turn(ctx) == NAVE_OK);
    works(ctx);
}

static void test_roles(void **state)
{
    nave *ctx;
    (void)state;
    GIVES(NAVE_OK, nave_open(MPI_COMM_WORLD, &good, &ctx));
    CHECK(nave_error(ctx) != NULL);
    if (nave_is_hub(ctx))
        check_hub_role(ctx);
    else
        check_engine_role(ctx);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

struct heard {
    int lines, newlines, errors;
};

static void hear(void *arg, int level, const char *line)
{
    struct heard *heard = arg;
    heard->lines++;
    heard->newlines += strchr(line, '\n') != NULL;
    heard->errors += level == NAVE_LOG_ERROR;
}

static void test_log(void **state)
{
    struct heard heard = {0, 0, 0};
    nave_options opt = {
        .kernels = bad_tables[3].kernels, .kernel_count = 2, .log = hear, .log_arg = &heard};
    nave *ctx;
    (void)state;
    GIVES(NAVE_EINVAL, nave_open(MPI_COMM_WORLD, &opt, &ctx));
    CHECK(heard.errors > 0 && heard.newlines == 0);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

static void test_names_of_codes(void **state)
{
    (void)state;
    CHECK(strcmp(nave_error_name(NAVE_OK), "NAVE_OK") == 0);
    CHECK(strcmp(nave_error_name(NAVE_EWIRE), "NAVE_EWIRE") == 0);
    CHECK(strcmp(nave_strerror(NAVE_ENOMEM), "out of memory") == 0);
    CHECK(strcmp(nave_error_name(1), "unknown") == 0);
    CHECK(strcmp(nave_strerror(-12345), "unknown") == 0);
    CHECK(strcmp(nave_version(), NAVE_VERSION) == 0);
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_returns_what_the_hub_returned),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_close_nothing),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_parts_of_the_world),
        cmocka_unit_test(test_comm_is_duplicated),
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_hubs_of_each_other),
        cmocka_unit_test(test_bad_tables),
        cmocka_unit_test(test_longest_name),
        cmocka_unit_test(test_hub_without_kernels),
        cmocka_unit_test(test_engines_without_kernels),
        cmocka_unit_test(test_bad_operations),
        cmocka_unit_test(test_bad_communicators),
        cmocka_unit_test(test_number_of_ranks),
        cmocka_unit_test(test_failed_open_is_good_for_nothing),
        cmocka_unit_test(test_run_that_cannot_open),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_names_of_codes),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
