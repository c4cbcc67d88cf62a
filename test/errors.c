/* errors - tasks that fail: codes, texts, digests, and the results of the others.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

enum { N = 1000, ROOM = 4096 };

/* 37 of 1000: 30 have no file, 7 are cursed, two neighbours and one more among them. */
static bool no_file(int x)
{
    return x % 33 == 17 && x < 33 * 30;
}

static bool cursed(int x)
{
    return x == 3 || x == 4 || (x >= 990 && x < 995);
}

static int careful(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int x;
    if (in_size != sizeof x || out_size != sizeof x)
        return 99;
    memcpy(&x, in, sizeof x);
    memset(out, 0x77, out_size); /* what a failed task wrote does not come home */
    if (no_file(x)) {
        nave_fail(task, "no such file");
        return 2;
    }
    if (cursed(x))
        return nave_fail(task, "task %s is cursed", x < 500 ? "early" : "late");
    x += 5;
    memcpy(out, &x, sizeof x);
    return 0;
}

/* Returns the code in its input, without a word. */
static int code(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int x;
    (void)task, (void)out, (void)out_size;
    memcpy(&x, in, in_size < sizeof x ? in_size : sizeof x);
    return x;
}

/* Fails with the text in its input. */
static int say(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)out, (void)out_size;
    return nave_fail(task, "%.*s", (int)in_size, (const char *)in);
}

/* Says something, and then returns something else. */
static int contradict(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    switch (nave_task_index(task)) {
    case 0:
        nave_fail(task, "first");
        nave_fail(task, "second");
        return 0; /* having failed, it has failed */
    case 1:
        nave_fail(task, "five");
        return 5;
    default:
        return 0;
    }
}

/* Every task another message. */
static int differ(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_fail(task, "message number %zu", nave_task_index(task));
}

static const nave_kernel kernels[] = {NAVE_KERNEL(careful), NAVE_KERNEL(code), NAVE_KERNEL(say),
                                      NAVE_KERNEL(contradict), NAVE_KERNEL(differ)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 5};

static int in[N], out[N];

static void fill(void)
{
    for (int i = 0; i < N; i++) {
        in[i] = i;
        out[i] = -1;
    }
}

static void check_results(void)
{
    int good = 0;
    for (int i = 0; i < N; i++) {
        bool failed = no_file(i) || cursed(i);
        NEED(out[i] == (failed ? -1 : i + 5));
        good += !failed;
    }
    CHECK(good == 963);
}

static void check_text(const char *text)
{
    const char *const parts[] = {"37 of 1000 tasks failed",
                                 "30 x \"no such file\" (code 2",
                                 "5 x \"task late is cursed\"",
                                 "2 x \"task early is cursed\"",
                                 "first 17",
                                 "3-4",
                                 "990-994",
                                 "50"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ranks_check(strstr(text, parts[i]) != NULL, __FILE__, __LINE__, "no '%s' in '%s'", parts[i],
                    text);
    CHECK(strchr(text, '\n') == NULL);
}

static void blocking_hub(nave *ctx)
{
    nave_view *views[2];
    NEED_OK(nave_balanced(ctx, NULL, &views[0]));
    NEED_OK(nave_direct(ctx, NULL, 0, &views[1]));
    for (int v = 0; v < 2; v++) {
        fill();
        NEED(GIVES(NAVE_ETASK, nave_map(views[v], "careful", in, sizeof *in, out, sizeof *out, N)));
        check_text(nave_error(ctx));
        check_results();
    }
}

static void test_37_of_1000(void **state)
{
    (void)state;
    ranks_farm(&opt, blocking_hub);
}

static void check_failed_numbers(nave_future *future)
{
    size_t numbers[50], few[3] = {9999, 9999, 9999};
    size_t at = 0;
    NEED(nave_failed(future, numbers, 50) == 37);
    for (int i = 0; i < N; i++)
        if (no_file(i) || cursed(i))
            NEED(numbers[at++] == (size_t)i);
    CHECK(nave_failed(future, few, 2) == 37 && few[0] == 3 && few[1] == 4 && few[2] == 9999);
    CHECK(nave_failed(future, NULL, 0) == 37);
}

static void check_records(nave_future *future)
{
    for (int i = 0; i < N; i++) {
        nave_record record;
        const void *data = &in;
        bool failed = no_file(i) || cursed(i);
        NEED_OK(nave_task_record(future, (size_t)i, &record));
        NEED(record.state == (failed ? NAVE_FAILED : NAVE_SUCCEEDED) && record.attempts == 1);
        NEED(record.code == (no_file(i) ? 2 : cursed(i) ? NAVE_ETASK : 0));
        NEED(strcmp(record.message, no_file(i)   ? "no such file"
                                    : !cursed(i) ? ""
                                    : i < 500    ? "task early is cursed"
                                                 : "task late is cursed") == 0);
        NEED(record.engine >= 0 && record.host[0] != '\0');
        NEED(GIVES(failed ? NAVE_ETASK : NAVE_OK, nave_result(future, (size_t)i, &data, NULL)));
        NEED(failed ? data == &in : *(const int *)data == i + 5);
    }
}

static void future_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_counts counts;
    fill();
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "careful", in, sizeof *in, NULL, sizeof *out, N, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    check_text(nave_error(ctx));
    check_text(nave_digest(future));
    nave_count(future, &counts);
    CHECK(counts.total == N && counts.failed == 37 && counts.succeeded == 963 &&
          counts.cancelled == 0 && counts.running == 0 && counts.complete);
    check_failed_numbers(future);
    check_records(future);
    nave_future_free(future);
}

static void test_the_same_of_a_future(void **state)
{
    (void)state;
    ranks_farm(&opt, future_hub);
}

static void codes_hub(nave *ctx)
{
    const int codes[] = {1, -1, 42, INT32_MAX, INT32_MIN, NAVE_ETASK, NAVE_ENOMEM, 0};
    nave_view *view;
    nave_future *future;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "code", codes, sizeof *codes, NULL, 0, 8, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    for (size_t i = 0; i < 8; i++) {
        nave_record record;
        NEED_OK(nave_task_record(future, i, &record));
        CHECK(record.code == codes[i] && record.message[0] == '\0');
        CHECK(record.state == (codes[i] == 0 ? NAVE_SUCCEEDED : NAVE_FAILED));
    }
    CHECK(strstr(nave_digest(future), "7 of 8 tasks failed") != NULL);
    CHECK(strstr(nave_digest(future), "1 x code 42 (") != NULL);
    nave_future_free(future);
}

static void test_codes_without_text(void **state)
{
    (void)state;
    ranks_farm(&opt, codes_hub);
}

static void contradict_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "contradict", NULL, 0, NULL, 0, 3, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    NEED_OK(nave_task_record(future, 0, &record));
    CHECK(record.state == NAVE_FAILED && record.code == NAVE_ETASK &&
          strcmp(record.message, "second") == 0);
    NEED_OK(nave_task_record(future, 1, &record));
    CHECK(record.code == 5 && strcmp(record.message, "five") == 0);
    NEED_OK(nave_task_record(future, 2, &record));
    CHECK(record.state == NAVE_SUCCEEDED && record.message[0] == '\0');
    nave_future_free(future);
}

static void test_contradictions(void **state)
{
    (void)state;
    ranks_farm(&opt, contradict_hub);
}

/* The text of one task that was told to say `text`. */
static void check_said(nave *ctx, nave_view *view, const char *text, const char *expected)
{
    nave_future *future;
    nave_record record;
    NEED_OK(nave_apply(view, "say", text, strlen(text), 0, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    NEED_OK(nave_task_record(future, 0, &record));
    ranks_check(strcmp(record.message, expected) == 0, __FILE__, __LINE__, "'%s', not '%s'",
                record.message, expected);
    for (const char *c = nave_error(ctx); *c != '\0'; c++)
        NEED((unsigned char)*c >= ' ' && *c != 127);
    nave_future_free(future);
}

static void texts_hub(nave *ctx)
{
    char longer[2001], cut[1024];
    nave_view *view;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    check_said(ctx, view, "plain", "plain");
    check_said(ctx, view, "two\nlines\tand\x1b[31m red\x7f", "two lines and [31m red ");
    check_said(ctx, view, "100 % of \"it\" %s %n", "100 % of \"it\" %s %n");
    check_said(ctx, view, "Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f");
    check_said(ctx, view, "", "");
    for (int i = 0; i < 2000; i++)
        longer[i] = (char)('a' + i % 26);
    longer[2000] = '\0';
    memcpy(cut, longer, 1023);
    cut[1023] = '\0';
    check_said(ctx, view, longer, cut);
}

static void test_texts(void **state)
{
    (void)state;
    ranks_farm(&opt, texts_hub);
}

static void many_texts_hub(nave *ctx)
{
    enum { MANY = 20000 };
    nave_view *view;
    nave_future *future;
    nave_record record;
    size_t last = 0;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "differ", NULL, 0, NULL, 0, MANY, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    CHECK(strstr(nave_error(ctx), "20000 of 20000 tasks failed") != NULL);
    CHECK(strstr(nave_error(ctx), "0-19999") != NULL);
    CHECK(strlen(nave_error(ctx)) < ROOM);
    NEED(nave_failed(future, &last, 1) == MANY);
    CHECK(last == 0);
    NEED_OK(nave_task_record(future, MANY - 1, &record));
    CHECK(record.state == NAVE_FAILED && record.message[0] != '\0');
    nave_future_free(future);
}

static void test_many_texts(void **state)
{
    (void)state;
    ranks_farm(&opt, many_texts_hub);
}

/* After failures of all kinds the farm is as good as new. */
static void after_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    fill();
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int i = 0; i < 30; i++) {
        NEED_OK(nave_apply(view, i % 2 ? "say" : "code", &(int){0x41414141}, 4, 70000, &future));
        GIVES(NAVE_ETASK, nave_wait(future, -1));
        nave_future_free(future);
        NEED_OK(nave_map(view, "careful", in + 5, sizeof *in, out, sizeof *out, 10));
        NEED(out[9] == 19);
    }
    CHECK(strcmp(nave_digest((nave_apply(view, "careful", in, 4, 4, &future), future)), "") == 0);
}

static void test_the_farm_goes_on(void **state)
{
    (void)state;
    ranks_farm(&opt, after_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_37_of_1000),
        cmocka_unit_test(test_the_same_of_a_future),
        cmocka_unit_test(test_codes_without_text),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_many_texts),
        cmocka_unit_test(test_the_farm_goes_on),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
