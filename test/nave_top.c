/* nave top, nave shell: rates and what the screen shows of them; words of a line.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "nave/shell_words.h"
#include "nave/top_lines.h"
#include "nave/top_model.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------ model */

/* What an engine did until now. */
struct deed {
    int rank;
    double tasks, done, seconds;
};

static top_poll a_poll(double time, double succeeded, const struct deed *deeds, size_t n)
{
    top_poll poll = {.time = time, .clients = 1, .engine_count = n};
    strcpy(poll.state, "running");
    poll.tasks.succeeded = succeeded;
    poll.engines = n > 0 ? calloc(n, sizeof *poll.engines) : NULL;
    for (size_t i = 0; i < n; i++) {
        top_engine *e = &poll.engines[i];
        e->rank = deeds[i].rank;
        e->tasks = deeds[i].tasks;
        e->done = deeds[i].done;
        e->seconds = deeds[i].seconds;
        snprintf(e->host, sizeof e->host, "node%d", e->rank);
        strcpy(e->state, e->tasks > 0 ? "busy" : "idle");
    }
    return poll;
}

static void take(top_model *model, double time, double succeeded, const struct deed *deeds,
                 size_t n)
{
    top_poll poll = a_poll(time, succeeded, deeds, n);
    top_model_take(model, &poll);
    assert_null(poll.engines);
}

static void the_first_poll_is_compared_with_the_beginning(void **state)
{
    const struct deed deeds[] = {{1, 2, 40, 5}, {2, 0, 20, 50}};
    top_model model = {0};
    (void)state;
    take(&model, 10, 60, deeds, 2);
    assert_float_equal(model.rate, 6, 1e-9);
    assert_float_equal(model.now.engines[0].rate, 4, 1e-9);
    assert_float_equal(model.now.engines[0].use, 0.5, 1e-9);
    assert_float_equal(model.now.engines[1].use, 1, 1e-9);
    top_model_release(&model);
    take(&model, 0, 0, deeds, 2);
    assert_float_equal(model.rate, 0, 0);
    assert_float_equal(model.now.engines[0].use, 0, 0);
    top_model_release(&model);
}

static void use_is_of_the_time_since_the_last_poll(void **state)
{
    const struct deed first[] = {{1, 1, 10, 5}, {2, 0, 10, 5}, {3, 1, 10, 5}, {5, 0, 9, 5}};
    const struct deed then[] = {{1, 1, 12, 5.5}, {3, 1, 13, 8.5}, {4, 0, 11, 11}, {5, 0, 8, 4}};
    top_model model = {0};
    (void)state;
    take(&model, 10, 0, first, 4);
    take(&model, 12, 0, then, 4);
    assert_float_equal(model.now.engines[0].use, 0.25, 1e-9);
    assert_float_equal(model.now.engines[1].use, 1, 1e-9); /* never more */
    assert_int_equal(model.now.engines[2].rank, 4);        /* new: since the beginning */
    assert_float_equal(model.now.engines[2].use, 11.0 / 12, 1e-9);
    assert_float_equal(model.now.engines[3].use, 0, 1e-9); /* never less */
    assert_true(model.now.engines[3].rate >= 0);
    top_model_release(&model);
}

/* Its seconds come only when it is over. */
static void a_long_task_is_use(void **state)
{
    const struct deed deeds[] = {{1, 1, 10, 5}, {2, 0, 10, 5}};
    top_model model = {0};
    top_poll poll;
    (void)state;
    take(&model, 10, 0, deeds, 2);
    take(&model, 11, 0, deeds, 2);
    assert_float_equal(model.now.engines[0].use, 1, 1e-9);
    assert_float_equal(model.now.engines[1].use, 0, 1e-9);
    poll = a_poll(12, 0, deeds, 2);
    strcpy(poll.state, "paused");
    top_model_take(&model, &poll);
    assert_float_equal(model.now.engines[0].use, 0, 1e-9);
    top_model_release(&model);
}

static void two_polls_at_one_time_change_no_rate(void **state)
{
    const struct deed deeds[] = {{1, 1, 10, 5}}, more[] = {{1, 1, 20, 6}};
    top_model model = {0};
    (void)state;
    take(&model, 10, 20, deeds, 1);
    take(&model, 10, 30, more, 1);
    assert_float_equal(model.rate, 2, 1e-9);
    assert_float_equal(model.now.engines[0].rate, 1, 1e-9);
    assert_float_equal(model.now.engines[0].use, 0.5, 1e-9);
    top_model_release(&model);
}

static void rates_follow_within_seconds(void **state)
{
    double rate = 100;
    (void)state;
    for (int i = 0; i < 40; i++)
        rate = top_smooth(rate, 1000, 0.5);
    assert_in_range((uint64_t)rate, 990, 1000);
    for (int i = 0; i < 40; i++)
        rate = top_smooth(rate, 0, 0.5);
    assert_true(rate < 10 && rate > 0);
    assert_float_equal(top_smooth(5, 5, 1), 5, 1e-9);
    assert_float_equal(top_smooth(0, 0, 1), 0, 0);
}

/* One every twenty seconds: neither nothing nor two a second. */
static void slow_tasks_have_a_steady_rate(void **state)
{
    double rate = 0.05;
    (void)state;
    for (int i = 0; i < 4000; i++) {
        rate = top_smooth(rate, i % 40 == 0 ? 2 : 0, 0.5);
        assert_true(i < 400 || (rate > 0.01 && rate < 0.4));
    }
}

static void what_is_left_is_known_while_it_runs(void **state)
{
    top_model model = {.rate = 4};
    (void)state;
    assert_true(top_left(&model) < 0);
    model.now.tasks =
        (top_counts){.waiting = 90, .running = 10, .succeeded = 250, .failed = 30, .cancelled = 20};
    assert_float_equal(top_left(&model), 25, 1e-9);
    assert_float_equal(top_done(&model.now.tasks), 0.75, 1e-9);
    strcpy(model.now.state, "paused");
    assert_true(top_left(&model) < 0);
    strcpy(model.now.state, "running");
    model.rate = 0;
    assert_true(top_left(&model) < 0);
    model.now.tasks = (top_counts){0};
    assert_float_equal(top_done(&model.now.tasks), 0, 0);
}

static void texts_are_cut_between_characters(void **state)
{
    char text[6];
    (void)state;
    top_text(text, sizeof text, "abcdefgh");
    assert_string_equal(text, "abcde");
    top_text(text, sizeof text, "abcd\xc3\xa4");
    assert_string_equal(text, "abcd");
    top_text(text, sizeof text, "abc\xc3\xa4");
    assert_string_equal(text, "abc\xc3\xa4");
    top_text(text, sizeof text, "\033[2J\n");
    assert_string_equal(text, "?[2J?");
    top_text(text, sizeof text, "");
    assert_string_equal(text, "");
}

/* ------------------------------------------------------------------------------------------ lines */

static void bars_and_rates_are_as_long_as_they_should(void **state)
{
    char bar[TOP_BAR], rate[TOP_RATE];
    (void)state;
    assert_string_equal(top_bar(bar, 0, 4), "[    ]");
    assert_string_equal(top_bar(bar, 0.5, 4), "[||  ]");
    assert_string_equal(top_bar(bar, 1, 4), "[||||]");
    assert_int_equal(strlen(top_bar(bar, 1, 1000)), TOP_BAR - 1);
    assert_string_equal(top_rate(rate, 0), "0.000");
    assert_string_equal(top_rate(rate, 0.0333), "0.033");
    assert_string_equal(top_rate(rate, 12.34), "12.3");
    assert_string_equal(top_rate(rate, 123.4), "123");
    assert_string_equal(top_rate(rate, 1234567.8), "1,234,567");
    assert_string_equal(top_rate(rate, 1e30), "1,000,000,000,000,000,000");
}

static int has(const top_page *page, const char *text)
{
    for (size_t i = 0; i < page->count; i++)
        if (strstr(page->lines[i].text, text) != NULL)
            return 1;
    return 0;
}

static void the_page_says_what_is_known(void **state)
{
    const struct deed deeds[] = {{1, 2, 1234, 5}, {2, 0, 20, 10}};
    top_model model = {.job = "pi", .host = "node17"};
    top_page page = {0};
    (void)state;
    take(&model, 10, 1254, deeds, 2);
    top_page_make(&page, &model, 80);
    assert_int_equal(page.rows, 2);
    assert_int_equal(page.count, page.head + 2);
    assert_string_equal(page.lines[0].text, "pi on node17: running for 00:00:10, 1 client");
    assert_true(has(&page, "0 waiting, 0 running, 1,254 succeeded, 0 failed, 0 cancelled"));
    assert_true(has(&page, "rate   125 tasks/s"));
    assert_string_equal(page.lines[page.head].text,
                        "    1  node1            busy    50 % [|||||     ]      2        1,234"
                        "       123");
    assert_int_equal(page.lines[page.head + 1].kind, TOP_QUIET);
    model.away = 1;
    model.absent = 30;
    top_page_make(&page, &model, 80);
    assert_true(has(&page, "no answer for 30 s"));
    model.silent = 1;
    top_page_make(&page, &model, 80);
    assert_true(has(&page, "no answer from the job's host for 30 s"));
    top_page_release(&page);
    top_model_release(&model);
}

static void calls_failures_and_values_come_below(void **state)
{
    top_model model = {0};
    top_poll poll = a_poll(10, 0, NULL, 0);
    top_page page = {0};
    (void)state;
    poll.calls = poll.list_count = 12;
    poll.list = calloc(12, sizeof *poll.list);
    for (size_t i = 0; i < 12; i++) {
        poll.list[i].number = (double)(100 - i);
        poll.list[i].open = i != 1;
        snprintf(poll.list[i].kernel, TOP_NAME, "kernel%zu", i);
    }
    strcpy(poll.list[1].digest, "1 of 2 tasks failed");
    poll.calls = 11;
    poll.value_count = 30;
    poll.values = calloc(30, sizeof *poll.values);
    for (size_t i = 0; i < 30; i++) {
        snprintf(poll.values[i].name, TOP_NAME, "name%zu", i);
        memset(poll.values[i].value, 'x', i + 1);
    }
    top_model_take(&model, &poll);
    top_page_make(&page, &model, 80);
    assert_int_equal(page.rows, 0);
    assert_true(has(&page, "kernel8") && !has(&page, "kernel9"));
    assert_true(has(&page, "and 3 more open calls"));
    assert_true(has(&page, "   99  kernel1: 1 of 2 tasks failed"));
    assert_true(has(&page, "  name0 = x  name1 = xx  name2 = xxx  "));
    assert_true(has(&page, "name29 = xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    for (size_t i = 0; i < page.count; i++)
        assert_true(strlen(page.lines[i].text) <= 80);
    top_page_release(&page);
    top_model_release(&model);
}

static void assert_layout(const top_page *page, size_t lines, size_t first, top_layout expected)
{
    top_layout layout = top_page_layout(page, lines, first);
    assert_int_equal(layout.head, expected.head);
    assert_int_equal(layout.first, expected.first);
    assert_int_equal(layout.rows, expected.rows);
    assert_int_equal(layout.tail, expected.tail);
    assert_true(layout.head + layout.rows + layout.tail <= lines);
}

static void many_engines_scroll(void **state)
{
    const top_page page = {.count = 6 + 100 + 10, .head = 6, .rows = 100};
    const top_page few = {.count = 6 + 3 + 10, .head = 6, .rows = 3};
    (void)state;
    assert_layout(&page, 200, 50, (top_layout){.head = 6, .rows = 100, .tail = 10});
    assert_layout(&page, 26, 0, (top_layout){.head = 6, .rows = 10, .tail = 10});
    assert_layout(&page, 46, 7, (top_layout){.head = 6, .first = 7, .rows = 30, .tail = 10});
    assert_layout(&page, 46, SIZE_MAX,
                  (top_layout){.head = 6, .first = 70, .rows = 30, .tail = 10});
    assert_layout(&few, 15, 9, (top_layout){.head = 6, .rows = 3, .tail = 6});
    assert_layout(&few, 4, 2, (top_layout){.head = 4, .first = 2});
    assert_layout(&few, 0, 9, (top_layout){.first = 3});
}

/* ------------------------------------------------------------------------------------------ words */

/* The words in brackets; or what is wrong. */
static void assert_words(const char *line, const char *expected)
{
    shell_words words;
    const char *why = "";
    char text[200] = "";
    if (shell_words_split(&words, line, &why) == 0) {
        why = "";
        assert_null(words.words[words.count]);
        for (int i = 0; i < words.count; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "[%s]", words.words[i]);
    }
    shell_words_release(&words);
    assert_string_equal(*why != '\0' ? why : text, expected);
}

static void lines_are_split_as_a_shell_does(void **state)
{
    (void)state;
    assert_words("", "");
    assert_words(" \t\r\n", "");
    assert_words("status", "[status]");
    assert_words("  set  alpha\t1.5 ", "[set][alpha][1.5]");
    assert_words("a b c d e f g", "[a][b][c][d][e][f][g]");
    assert_words("'a b' \"c d\"", "[a b][c d]");
    assert_words("a'b c'd\"e f\"g", "[ab cde fg]");
    assert_words("'' \"\"", "[][]");
    assert_words("'a\\\"b' \"a\\\"b\\\\c\\d'\"", "[a\\\"b][a\"b\\c\\d']");
    assert_words("a\\ b \\'c \\# \\\\", "[a b]['c][#][\\]");
    assert_words("status # why 'not", "[status]");
    assert_words("# status", "");
    assert_words("a#b \"#c\"", "[a#b][#c]");
}

static void open_ends_are_errors(void **state)
{
    (void)state;
    assert_words("a 'b", "a ' is missing");
    assert_words("a \"b'", "a \" is missing");
    assert_words("a \"b\\\"", "a \" is missing");
    assert_words("\"b\\", "a \" is missing");
    assert_words("a \\", "nothing comes after the last \\");
}

static void options_of_all_verbs_are_taken_out(void **state)
{
    shell_words words;
    const char *why;
    (void)state;
    assert_int_equal(shell_words_split(&words, "a --json b --json -- --json", &why), 0);
    assert_int_equal(shell_words_take(&words, "--json"), 2);
    assert_int_equal(words.count, 4);
    assert_string_equal(words.words[1], "b");
    assert_string_equal(words.words[3], "--json");
    assert_null(words.words[4]);
    shell_words_release(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_poll_is_compared_with_the_beginning),
        cmocka_unit_test(use_is_of_the_time_since_the_last_poll),
        cmocka_unit_test(a_long_task_is_use),
        cmocka_unit_test(two_polls_at_one_time_change_no_rate),
        cmocka_unit_test(rates_follow_within_seconds),
        cmocka_unit_test(slow_tasks_have_a_steady_rate),
        cmocka_unit_test(what_is_left_is_known_while_it_runs),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(bars_and_rates_are_as_long_as_they_should),
        cmocka_unit_test(the_page_says_what_is_known),
        cmocka_unit_test(calls_failures_and_values_come_below),
        cmocka_unit_test(many_engines_scroll),
        cmocka_unit_test(lines_are_split_as_a_shell_does),
        cmocka_unit_test(open_ends_are_errors),
        cmocka_unit_test(options_of_all_verbs_are_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
