/* guarded - kernels that crash, hang, leave or eat memory fail their own task and nothing else.
 * ranks: 1 2 4 16
 * timeout: 300
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { LIMITED = 0 };
#else
enum { LIMITED = 1 };
#endif

enum { N = 600 };

/* What becomes of a task, by its number. */
enum fate { GOOD, CRASH, ABORT, LEAVE, HANG, FAIL, FATES };

static enum fate fate_of(size_t index)
{
    uint64_t state = index;
    uint64_t random = ranks_random(&state);
    return random % 20 == 0 ? (enum fate)(1 + random / 20 % (FATES - 1)) : GOOD;
}

static void doomed(nave_task *task, enum fate fate)
{
    volatile enum fate still = fate;
    fprintf(stderr, "the last words of %zu\n", nave_task_index(task));
    if (fate == CRASH)
        raise(SIGSEGV);
    if (fate == ABORT)
        abort();
    if (fate == LEAVE)
        exit(7);
    while (still == HANG)
        pause();
}

static int fated(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    enum fate fate = fate_of(nave_task_index(task));
    uint64_t x;
    if (in_size != sizeof x || out_size != sizeof x)
        return nave_fail(task, "%zu bytes, %zu for the result", in_size, out_size);
    memcpy(&x, in, sizeof x);
    x = x * x + 1;
    if (fate == FAIL)
        return nave_fail(task, "just failed");
    if (fate != GOOD)
        doomed(task, fate);
    memcpy(out, &x, sizeof x);
    return 0;
}

/* The result is the input, of any size. */
static int echo(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    void *copy = nave_output(task, in_size);
    (void)out, (void)out_size;
    if (copy != NULL && in_size > 0)
        memcpy(copy, in, in_size);
    return 0;
}

static int same(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    if (in_size != out_size)
        return nave_fail(task, "%zu bytes for %zu", out_size, in_size);
    memcpy(out, in, in_size);
    return 0;
}

/* Sums, with a crash of every rank's seventh call in this process. */
static int add_up(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    static int calls;
    double *sum = out;
    (void)in, (void)in_size, (void)out_size;
    sum[0] += 1.0 / (double)(1 + nave_task_index(task));
    sum[1] += 1;
    if (++calls % 7 == 0)
        abort();
    return 0;
}

static int count_up(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out_size;
    *(uint64_t *)out += nave_task_index(task);
    return 0;
}

static int speak(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    printf("task %zu says this", nave_task_index(task));
    fflush(stdout);
    fprintf(stderr, " and that\n");
    return nave_task_index(task) % 10 == 3 ? nave_fail(task, "it failed") : 0;
}

static int sleeps(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    while (pause() != 0)
        continue;
    return 0;
}

static int eats(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size = *(const size_t *)in;
    char *memory = malloc(size);
    (void)in_size, (void)out, (void)out_size;
    if (memory == NULL)
        return nave_fail(task, "no memory");
    memset(memory, 1, size);
    out_size = (size_t)memory[size / 2];
    free(memory);
    return out_size == 1 ? 0 : 1;
}

static int reads(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size;
    const int *object = nave_object(task, "thing", &size);
    (void)in, (void)in_size;
    if (object == NULL || size != sizeof *object)
        return nave_fail(task, "no thing");
    if (nave_object_set(task, "thing", object, size) != NAVE_ESTATE ||
        nave_spawn(task, "reads", NULL, 0) != NAVE_ESTATE || nave_cancelled(task))
        return nave_fail(task, "there is a farm in a guard");
    memcpy(out, object, out_size < size ? out_size : size);
    return 0;
}

/* It fails where it has run before. */
static int once(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    abort();
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(fated),
                                      NAVE_KERNEL(echo),
                                      NAVE_KERNEL(same),
                                      NAVE_KERNEL(add_up),
                                      NAVE_KERNEL(count_up),
                                      NAVE_KERNEL(speak),
                                      NAVE_KERNEL(sleeps),
                                      NAVE_KERNEL(eats),
                                      NAVE_KERNEL(reads),
                                      NAVE_KERNEL(once),
                                      {"add_more", add_up, NAVE_ACCUMULATES, NULL},
                                      {"count_more", count_up, NAVE_ACCUMULATES, NULL}};
static const nave_options opt = {.kernels = kernels,
                                 .kernel_count = sizeof kernels / sizeof *kernels};

#define VIEW(...) view_of(ctx, &(nave_policy){.guard = 1, __VA_ARGS__})

static nave_view *view_of(nave *ctx, const nave_policy *policy)
{
    nave_view *view = NULL;
    GIVES(NAVE_OK, nave_balanced(ctx, policy, &view));
    return view;
}

static void check_fate(const nave_record *record, uint64_t x, const uint64_t *out)
{
    static const struct {
        int code;
        const char *said;
    } known[FATES] = {[GOOD] = {0, ""},
                      [CRASH] = {NAVE_ECRASH, "signal 11"},
                      [ABORT] = {NAVE_ECRASH, "signal 6"},
                      [LEAVE] = {NAVE_ECRASH, "status 7"},
                      [HANG] = {NAVE_ETIMEDOUT, "longer"},
                      [FAIL] = {NAVE_ETASK, "just failed"}};
    enum fate fate = fate_of(record->index);
    char words[64];
    if (fate == GOOD) {
        CHECK(record->state == NAVE_SUCCEEDED && *out == x * x + 1);
        return;
    }
    CHECK(record->state == NAVE_FAILED && *out == 0);
    ranks_check(record->code == known[fate].code && strstr(record->message, known[fate].said),
                __FILE__, __LINE__, "task %zu: code %d, \"%s\"", record->index, record->code,
                record->message);
    snprintf(words, sizeof words, "the last words of %zu", record->index);
    CHECK(fate == FAIL || strstr(record->message, words) != NULL);
}

static void fates_hub(nave *ctx)
{
    static uint64_t in[N], out[N];
    for (int chunk = 0; chunk < 200; chunk += 100) {
        nave_view *view = VIEW(.time_limit = 0.3, .chunk = (size_t)chunk);
        nave_future *future;
        nave_record record;
        NEED(view != NULL);
        for (size_t i = 0; i < N; i++)
            in[i] = i;
        memset(out, 0, sizeof out);
        NEED_OK(nave_map_start(view, "fated", in, sizeof *in, out, sizeof *out, N, &future));
        GIVES(NAVE_ETASK, nave_wait(future, 120));
        for (size_t i = 0; i < N; i++) {
            NEED_OK(nave_task_record(future, i, &record));
            check_fate(&record, in[i], &out[i]);
        }
        nave_future_free(future);
        nave_view_free(view);
    }
}

static void test_fates(void **state)
{
    (void)state;
    ranks_farm(&opt, fates_hub);
}

static void sizes_hub(nave *ctx)
{
    static const size_t sizes[] = {0, 1, 100, 5000, 20000, 3000000};
    static unsigned char in[9000000], out[9000000];
    nave_view *view = VIEW(.retries = 0);
    NEED(view != NULL);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t size = sizes[s], n = size > 100000 ? 3 : 40;
        nave_future *future;
        for (size_t i = 0; i < n * size; i++)
            in[i] = (unsigned char)(i * 31 + i / 1000);
        memset(out, 0, n * size);
        NEED_OK(nave_map(view, "same", in, size, out, size, n));
        CHECK(memcmp(in, out, n * size) == 0);
        for (size_t room = 0; room <= size && room < 200; room += 50) {
            NEED_OK(nave_map_start(view, "echo", in, size, NULL, room, n, &future));
            NEED_OK(nave_wait(future, 60));
            for (size_t i = 0; i < n; i++) {
                const void *data;
                size_t got;
                NEED_OK(nave_result(future, i, &data, &got));
                CHECK(got == size && (size == 0 || memcmp(data, in + i * size, size) == 0));
            }
            nave_future_free(future);
        }
    }
}

static void test_sizes(void **state)
{
    (void)state;
    ranks_farm(&opt, sizes_hub);
}

/* Sums have what succeeded, once, and the same bits as without a guard. */
static void sums_hub(nave *ctx)
{
    static const char *const real[] = {"add_up", "add_more"};
    nave_view *view = VIEW(.retries = 20);
    double sum[2], first[2] = {0}, serial = 0;
    uint64_t count;
    NEED(view != NULL);
    for (int k = 0; k < 2; k++) {
        NEED_OK(nave_map_reduce(view, real[k], NULL, 0, N, sum, 2, MPI_DOUBLE, MPI_SUM));
        for (size_t i = 0; k == 0 && i < N; i++)
            serial += 1.0 / (double)(1 + i);
        CHECK(sum[1] == N && sum[0] > serial - 1e-9 && sum[0] < serial + 1e-9);
        if (k == 0)
            memcpy(first, sum, sizeof first);
        CHECK(first[0] == sum[0] && first[1] == sum[1]);
        NEED_OK(nave_map_reduce(view, k == 0 ? "count_up" : "count_more", NULL, 0, N, &count, 1,
                                MPI_UINT64_T, MPI_SUM));
        CHECK(count == (uint64_t)N * (N - 1) / 2);
    }
}

static void test_sums(void **state)
{
    (void)state;
    ranks_farm(&opt, sums_hub);
}

static void capture_hub(nave *ctx)
{
    nave_view *view = VIEW(.capture = 1);
    nave_future *future;
    nave_record record;
    char words[80];
    size_t seen = 0;
    NEED(view != NULL);
    NEED_OK(nave_map_start(view, "speak", NULL, 0, NULL, 0, 40, &future));
    GIVES(NAVE_ETASK, nave_wait(future, 60));
    for (size_t i = 0; i < 40; i++) {
        NEED_OK(nave_task_record(future, i, &record));
        snprintf(words, sizeof words, "task %zu says this and that\n", i);
        ranks_check(strcmp(record.output, words) == 0 && record.output_size == strlen(words),
                    __FILE__, __LINE__, "task %zu wrote \"%s\"", i, record.output);
        CHECK((record.state == NAVE_FAILED) == (i % 10 == 3));
    }
    while (nave_next(future, 60, &record) == NAVE_OK) {
        snprintf(words, sizeof words, "task %zu says this and that\n", record.index);
        CHECK(strcmp(record.output, words) == 0);
        seen++;
    }
    CHECK(seen == 40);
    nave_future_free(future);
    NEED_OK(nave_apply(view, "speak", NULL, 0, 8, &future));
    NEED_OK(nave_wait(future, 60));
    NEED_OK(nave_task_record(future, 0, &record));
    CHECK(strcmp(record.output, "task 0 says this and that\n") == 0);
    nave_future_free(future);
}

static void test_capture(void **state)
{
    (void)state;
    ranks_farm(&opt, capture_hub);
}

/* Running tasks end at once, and engines go on. */
static void cancel_hub(nave *ctx)
{
    nave_view *view = VIEW(.retries = 0);
    uint64_t in[4] = {1, 2, 3, 4}, out[4];
    nave_future *map, *single;
    nave_counts counts;
    NEED(view != NULL);
    NEED_OK(nave_map_start(view, "sleeps", NULL, 0, NULL, 0, 1000, &map));
    NEED_OK(nave_apply(view, "sleeps", NULL, 0, 0, &single));
    GIVES(NAVE_ETIMEDOUT, nave_wait(map, 0.2));
    NEED_OK(nave_cancel(map));
    GIVES(NAVE_ECANCELED, nave_wait(map, 60));
    nave_count(map, &counts);
    CHECK(counts.cancelled == 1000);
    GIVES(NAVE_ETIMEDOUT, nave_wait(single, 0.1));
    NEED_OK(nave_cancel(single));
    GIVES(NAVE_ECANCELED, nave_wait(single, 60));
    nave_future_free(map);
    nave_future_free(single);
    NEED_OK(nave_map(view, "same", in, 8, out, 8, 4));
    CHECK(memcmp(in, out, sizeof in) == 0);
}

static void test_cancel(void **state)
{
    (void)state;
    ranks_farm(&opt, cancel_hub);
}

static void memory_hub(nave *ctx)
{
    nave_view *view = VIEW(.memory_limit = (size_t)256 << 20);
    size_t sizes[4] = {1 << 20, (size_t)64 << 20, (size_t)512 << 20, 1 << 20};
    nave_future *future;
    NEED(view != NULL);
    NEED_OK(nave_map_start(view, "eats", sizes, sizeof *sizes, NULL, 0, LIMITED ? 4 : 2, &future));
    GIVES(LIMITED ? NAVE_ETASK : NAVE_OK, nave_wait(future, 60));
    for (size_t i = 0; LIMITED && i < 4; i++) {
        nave_record record;
        NEED_OK(nave_task_record(future, i, &record));
        CHECK((record.state == NAVE_FAILED) == (i == 2));
    }
    nave_future_free(future);
}

static void test_memory(void **state)
{
    (void)state;
    ranks_farm(&opt, memory_hub);
}

static void objects_hub(nave *ctx)
{
    nave_view *view = VIEW(.retries = 0);
    int out[20];
    NEED(view != NULL);
    for (int thing = 5; thing < 8; thing++) {
        NEED_OK(nave_push(view, "thing", &thing, sizeof thing));
        NEED_OK(nave_map(view, "reads", NULL, 0, out, sizeof *out, 20));
        for (int i = 0; i < 20; i++)
            CHECK(out[i] == thing);
    }
}

static void test_objects(void **state)
{
    (void)state;
    ranks_farm(&opt, objects_hub);
}

static void limits_hub(nave *ctx)
{
    nave_view *view = VIEW(.retries = 10, .crash_limit = 3), *other = NULL;
    nave_future *future;
    nave_record record;
    NEED(view != NULL);
    NEED_OK(nave_map_start(view, "once", NULL, 0, NULL, 0, 5, &future));
    GIVES(NAVE_ETASK, nave_wait(future, 60));
    for (size_t i = 0; i < 5; i++) {
        NEED_OK(nave_task_record(future, i, &record));
        CHECK(record.attempts == 3 && record.code == NAVE_ECRASH);
    }
    nave_future_free(future);
    GIVES(NAVE_EINVAL, nave_balanced(ctx, &(nave_policy){.crash_limit = 16}, &other));
    GIVES(NAVE_EINVAL, nave_balanced(ctx, &(nave_policy){.time_limit = -1}, &other));
}

static void test_limits(void **state)
{
    (void)state;
    ranks_farm(&opt, limits_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fates),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_sums),    cmocka_unit_test(test_capture),
        cmocka_unit_test(test_cancel),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_objects), cmocka_unit_test(test_limits),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
