#include "top_lines.h"
#include "cli.h"
#include "words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More calls and failures than these are only counted. */
enum { CALLS_SHOWN = 8, FAILURES_SHOWN = 3, USE_COLUMNS = 10 };

/* A job that takes longer than this has no end in sight. */
#define LEFT_MOST 1e9

/* -------------------------------------------------------------------------------------- the page */

static int has_room(top_page *page)
{
    size_t room = page->room > 0 ? page->room * 2 : 64;
    top_line *lines;
    if (page->count < page->room)
        return 1;
    lines = realloc(page->lines, room * sizeof *lines);
    if (lines == NULL)
        return 0;
    page->lines = lines;
    page->room = room;
    return 1;
}

__attribute__((format(printf, 3, 4))) static void add(top_page *page, enum top_kind kind,
                                                      const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!has_room(page))
        return;
    page->lines[page->count].kind = kind;
    page->lines[page->count].text = strdup(text);
    page->count += page->lines[page->count].text != NULL;
}

static void clear(top_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        free(page->lines[i].text);
    page->count = page->head = page->rows = 0;
}

void top_page_release(top_page *page)
{
    clear(page);
    free(page->lines);
    *page = (top_page){0};
}

/* ------------------------------------------------------------------------------------- its parts */

char *top_bar(char text[TOP_BAR], double part, int columns)
{
    int most = columns < TOP_BAR - 3 ? columns : TOP_BAR - 3, full = (int)(part * most + 0.5);
    text[0] = '[';
    for (int i = 0; i < most; i++)
        text[i + 1] = i < full ? '|' : ' ';
    text[most + 1] = ']';
    text[most + 2] = '\0';
    return text;
}

char *top_rate(char text[TOP_RATE], double rate)
{
    char commas[CLI_COMMAS];
    if (rate >= 1e3)
        snprintf(text, TOP_RATE, "%s", cli_commas((uint64_t)(rate < 1e18 ? rate : 1e18), commas));
    else
        snprintf(text, TOP_RATE, "%.*f", rate >= 100 ? 0 : rate >= 1 ? 1 : 3, rate);
    return text;
}

static const char *commas(double n, char text[CLI_COMMAS])
{
    return cli_commas(n > 0 ? (uint64_t)n : 0, text);
}

static void add_counts(top_page *page, const top_counts *tasks)
{
    char text[5][CLI_COMMAS];
    add(page, tasks->failed > 0 ? TOP_ALERT : TOP_PLAIN,
        "       %s waiting, %s running, %s succeeded, %s failed, %s cancelled",
        commas(tasks->waiting, text[0]), commas(tasks->running, text[1]),
        commas(tasks->succeeded, text[2]), commas(tasks->failed, text[3]),
        commas(tasks->cancelled, text[4]));
}

static void add_rate(top_page *page, const top_model *model)
{
    char rate[TOP_RATE], clock[WORDS_CLOCK];
    double left = top_left(model);
    top_rate(rate, model->rate);
    if (left >= 1 && left < LEFT_MOST)
        add(page, TOP_PLAIN, "rate   %s tasks/s, %s to go", rate,
            words_clock((uint64_t)left, clock));
    else
        add(page, TOP_PLAIN, "rate   %s tasks/s", rate);
}

static void add_title(top_page *page, const top_model *model)
{
    const top_poll *now = &model->now;
    const char *job = model->job[0] != '\0' ? model->job : "a job";
    char clock[WORDS_CLOCK];
    if (now->state[0] == '\0')
        add(page, TOP_TITLE, "%s on %s", job, model->host);
    else
        add(page, TOP_TITLE, "%s on %s: %s for %s, %.0f client%s", job, model->host, now->state,
            words_clock((uint64_t)(now->time > 0 ? now->time : 0), clock), now->clients,
            now->clients == 1 ? "" : "s");
}

static void add_head(top_page *page, const top_model *model, int columns)
{
    const top_poll *now = &model->now;
    char bar[TOP_BAR];
    int room = columns - 20;
    add_title(page, model);
    add(page, TOP_PLAIN, "tasks  %s %5.1f %%",
        top_bar(bar, top_done(&now->tasks),
                room < 10   ? 10
                : room > 60 ? 60
                            : room),
        100 * top_done(&now->tasks));
    add_counts(page, &now->tasks);
    add_rate(page, model);
    if (model->silent)
        add(page, TOP_ALERT, "no answer from the job's host for %.0f s", model->absent);
    else if (model->away)
        add(page, TOP_ALERT, "no answer for %.0f s: the program is busy outside of Nave's calls",
            model->absent);
    else
        add(page, TOP_PLAIN, "%s", "");
    add(page, TOP_HEADING, "%5s  %-16s %-6s %5s %-*s %6s %12s %9s", "rank", "host", "state", "use",
        USE_COLUMNS + 2, "", "tasks", "done", "done/s");
}

static void add_engine(top_page *page, const top_engine *e)
{
    char bar[TOP_BAR], rate[TOP_RATE], done[CLI_COMMAS], tasks[CLI_COMMAS];
    enum top_kind kind = strcmp(e->state, "lost") == 0   ? TOP_ALERT
                         : strcmp(e->state, "idle") == 0 ? TOP_QUIET
                                                         : TOP_PLAIN;
    add(page, kind, "%5d  %-16.16s %-6.6s %3.0f %% %s %6s %12s %9s", e->rank, e->host, e->state,
        100 * e->use, top_bar(bar, e->use, USE_COLUMNS), commas(e->tasks, tasks),
        commas(e->done, done), top_rate(rate, e->rate));
}

static void add_call(top_page *page, const top_call *call)
{
    char text[5][CLI_COMMAS];
    add(page, TOP_PLAIN, "%5.0f  %-14.14s %-7.7s %10s %8s %11s %7s %9s", call->number, call->kernel,
        call->from, commas(call->tasks.waiting, text[0]), commas(call->tasks.running, text[1]),
        commas(call->tasks.succeeded, text[2]), commas(call->tasks.failed, text[3]),
        commas(call->tasks.cancelled, text[4]));
}

static void add_calls(top_page *page, const top_poll *now)
{
    int shown = 0;
    for (size_t i = 0; i < now->list_count && shown < CALLS_SHOWN; i++) {
        if (!now->list[i].open)
            continue;
        if (shown++ == 0) {
            add(page, TOP_PLAIN, "%s", "");
            add(page, TOP_HEADING, "%5s  %-14s %-7s %10s %8s %11s %7s %9s", "call", "kernel",
                "from", "waiting", "running", "succeeded", "failed", "cancelled");
        }
        add_call(page, &now->list[i]);
    }
    if (shown > 0 && now->calls > shown)
        add(page, TOP_QUIET, "       and %.0f more open calls", now->calls - shown);
}

static void add_failures(top_page *page, const top_poll *now)
{
    int shown = 0;
    for (size_t i = 0; i < now->list_count && shown < FAILURES_SHOWN; i++) {
        const top_call *call = &now->list[i];
        if (call->digest[0] == '\0')
            continue;
        if (shown++ == 0) {
            add(page, TOP_PLAIN, "%s", "");
            add(page, TOP_HEADING, "last failures");
        }
        add(page, TOP_ALERT, "%5.0f  %s: %s", call->number, call->kernel, call->digest);
    }
}

/* As many to a line as fit. */
static void add_values(top_page *page, const top_poll *now, int columns)
{
    char line[512];
    size_t size = 0, most = columns < 40 ? 40 : columns > 500 ? 500 : (size_t)columns;
    if (now->value_count == 0)
        return;
    add(page, TOP_PLAIN, "%s", "");
    add(page, TOP_HEADING, "values");
    for (size_t i = 0; i < now->value_count; i++) {
        char one[2 * TOP_NAME + 8];
        int length =
            snprintf(one, sizeof one, "  %s = %s", now->values[i].name, now->values[i].value);
        if (size > 0 && size + (size_t)length > most) {
            add(page, TOP_PLAIN, "%s", line);
            size = 0;
        }
        size += (size_t)snprintf(line + size, sizeof line - size, "%s", one);
    }
    add(page, TOP_PLAIN, "%s", line);
}

void top_page_make(top_page *page, const top_model *model, int columns)
{
    clear(page);
    add_head(page, model, columns);
    page->head = page->count;
    for (size_t i = 0; i < model->now.engine_count; i++)
        add_engine(page, &model->now.engines[i]);
    page->rows = page->count - page->head;
    add_calls(page, &model->now);
    add_failures(page, &model->now);
    add_values(page, &model->now, columns);
}

/* -------------------------------------------------------------------------------------- the view */

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The engines may need all lines but half of what the head leaves, which the lines below have a right to. */
top_layout top_page_layout(const top_page *page, size_t lines, size_t first)
{
    top_layout out = {.head = lesser(page->head, lines)};
    size_t room = lines - out.head, below = page->count - page->head - page->rows;
    size_t spare = room > page->rows ? room - page->rows : 0;
    out.tail = lesser(below, spare > room / 2 ? spare : room / 2);
    out.rows = lesser(page->rows, room - out.tail);
    out.first = lesser(first, page->rows - out.rows);
    return out;
}
