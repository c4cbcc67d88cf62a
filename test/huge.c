/* huge - payloads over 4 GiB, and a million tasks in one map.
 * ranks: 1 2
 * timeout: 300
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#define HUGE_BYTES (((size_t)4 << 30) + ((size_t)100 << 20) + 24)
#define STEP ((size_t)1 << 20)
#define NEEDED_BYTES ((size_t)11 << 30) /* at either end a copy, and some room */

/* One word in every step, and the last one: what lies between stays zero. */
static uint64_t word_at(size_t at)
{
    uint64_t state = at;
    return ranks_random(&state);
}

static void write_words(unsigned char *bytes)
{
    uint64_t word;
    for (size_t at = 0; at < HUGE_BYTES; at += STEP) {
        word = word_at(at);
        memcpy(bytes + at, &word, sizeof word);
    }
    word = word_at(HUGE_BYTES - sizeof word);
    memcpy(bytes + HUGE_BYTES - sizeof word, &word, sizeof word);
}

static bool has_words(const unsigned char *bytes)
{
    uint64_t word;
    for (size_t at = 0; at < HUGE_BYTES; at += STEP) {
        memcpy(&word, bytes + at, sizeof word);
        if (word != word_at(at) || bytes[at + sizeof word] != 0)
            return false;
    }
    memcpy(&word, bytes + HUGE_BYTES - sizeof word, sizeof word);
    return word == word_at(HUGE_BYTES - sizeof word);
}

static int take(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t answer = in_size;
    if (in_size != HUGE_BYTES || out_size != sizeof answer)
        return nave_fail(task, "%zu bytes in, %zu out", in_size, out_size);
    if (!has_words(in))
        return nave_fail(task, "the input is damaged");
    memcpy(out, &answer, sizeof answer);
    return 0;
}

static int give(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    unsigned char *bytes = nave_output(task, HUGE_BYTES);
    (void)in, (void)in_size, (void)out, (void)out_size;
    if (bytes != NULL)
        write_words(bytes);
    return 0;
}

static int add_one(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int x;
    (void)task;
    memcpy(&x, in, in_size < sizeof x ? in_size : sizeof x);
    x++;
    memcpy(out, &x, out_size < sizeof x ? out_size : sizeof x);
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(take), NAVE_KERNEL(give), NAVE_KERNEL(add_one)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 3};

/* The same answer on all ranks, so that all skip. */
static bool enough_memory(void)
{
    unsigned long kib = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "r");
    int enough;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "MemAvailable:", 13) == 0)
            kib = strtoul(line + 13, NULL, 10);
    if (file != NULL)
        fclose(file);
    enough = sizeof(size_t) > 4 && kib / 1024 >= (NEEDED_BYTES >> 20);
    MPI_Bcast(&enough, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return enough;
}

static void input_hub(nave *ctx)
{
    unsigned char *in;
    uint64_t answer = 0;
    nave_view *view;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    in = calloc(1, HUGE_BYTES);
    NEED(in != NULL);
    write_words(in);
    GIVES(NAVE_OK, nave_map(view, "take", in, HUGE_BYTES, &answer, sizeof answer, 1));
    CHECK(answer == HUGE_BYTES);
    free(in);
}

static void test_input_over_4_gib(void **state)
{
    (void)state;
    if (!enough_memory())
        skip();
    ranks_farm(&opt, input_hub);
}

static void result_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    const void *data = NULL;
    size_t size = 0;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_apply(view, "give", NULL, 0, 8, &future));
    NEED_OK(nave_result(future, 0, &data, &size));
    CHECK(size == HUGE_BYTES && has_words(data));
    nave_future_free(future);
}

static void test_result_over_4_gib(void **state)
{
    (void)state;
    if (!enough_memory())
        skip();
    ranks_farm(&opt, result_hub);
}

static void million_hub(nave *ctx)
{
    enum { N = 1000000 };
    static int in[N], out[N];
    nave_view *views[2];
    for (int i = 0; i < N; i++)
        in[i] = i;
    NEED_OK(nave_balanced(ctx, NULL, &views[0]));
    NEED_OK(nave_direct(ctx, NULL, 0, &views[1]));
    for (int v = 0; v < 2; v++) {
        memset(out, 0, sizeof out);
        NEED_OK(nave_map(views[v], "add_one", in, sizeof *in, out, sizeof *out, N));
        for (int i = 0; i < N; i++)
            NEED(out[i] == i + 1);
    }
}

static void test_million_tasks(void **state)
{
    (void)state;
    ranks_farm(&opt, million_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_over_4_gib),
        cmocka_unit_test(test_result_over_4_gib),
        cmocka_unit_test(test_million_tasks),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
