#include "account.h"
#include "json.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { CELL = 96 /* bytes of a column that is padded, at most */ };

static const char *state_of(const nave_journal_task *task)
{
    return task->state == NAVE_SUCCEEDED ? "succeeded" : "failed";
}

/* Control characters would break the table. */
static void print_line(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        putc((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text, out);
}

static void print_time(char *text, size_t room, double when)
{
    time_t seconds = (time_t)when;
    struct tm local;

    if (localtime_r(&seconds, &local) == NULL ||
        strftime(text, room, "%Y-%m-%d %H:%M:%S", &local) == 0)
        snprintf(text, room, "?");
}

/* -------------------------------------------------------------------------------- jobs and sums */

static void print_job(FILE *out, const nave_journal_job *job)
{
    char began[CELL], end[CELL];

    print_time(began, sizeof began, job->began);
    if (job->running)
        snprintf(end, sizeof end, "runs");
    else if (job->ended <= 0)
        snprintf(end, sizeof end, "cut off");
    else if (job->status < 0)
        snprintf(end, sizeof end, "%s", nave_strerror(job->status));
    else if (job->status > 0)
        snprintf(end, sizeof end, "ended with status %d", job->status);
    else
        snprintf(end, sizeof end, "done");
    fprintf(out, "%4" PRIu64 "  %s  ", job->job, began);
    if (job->ended > 0)
        fprintf(out, "%10.3f", job->ended - job->began);
    else
        fprintf(out, "%10s", "");
    fprintf(out, "  %5d  %-12s  %s\n", job->ranks, *job->program != '\0' ? job->program : "?", end);
}

static void print_job_json(FILE *out, const nave_journal_job *job)
{
    json_begin(out, "job");
    json_natural(out, "job", job->job);
    json_text(out, "program", job->program);
    json_text(out, "version", job->version);
    json_integer(out, "ranks", job->ranks);
    json_real(out, "began", job->began);
    if (job->ended > 0) {
        json_real(out, "ended", job->ended);
        json_integer(out, "status", job->status);
    } else {
        json_null(out, "ended");
        json_null(out, "status");
    }
    json_truth(out, "running", job->running);
    json_end(out);
}

static void print_sum(FILE *out, const nave_journal_sum *sum)
{
    fprintf(out, "%-6s  %7" PRIu64 "  %12" PRIu64 "  %9" PRIu64, sum->kind, sum->calls,
            sum->succeeded, sum->failed);
    fprintf(out, "  %12" PRIu64 "  %12.3f  %7" PRIu64 "  %s\n", sum->attempts, sum->seconds,
            sum->older, sum->kernel);
}

static void print_sum_json(FILE *out, const nave_journal_sum *sum)
{
    json_begin(out, "kernel");
    json_text(out, "kernel", sum->kernel);
    json_text(out, "kind", sum->kind);
    json_natural(out, "calls", sum->calls);
    json_natural(out, "succeeded", sum->succeeded);
    json_natural(out, "failed", sum->failed);
    json_natural(out, "attempts", sum->attempts);
    json_real(out, "seconds", sum->seconds);
    json_natural(out, "older", sum->older);
    json_end(out);
}

static int print_jobs(FILE *out, nave_journal *journal, int json)
{
    nave_journal_job job;
    int rc = nave_journal_jobs(journal);

    if (rc == NAVE_OK && !json)
        fprintf(out, "%4s  %-19s  %10s  %5s  %-12s  %s\n", "job", "began", "seconds", "ranks",
                "program", "end");
    while (rc == NAVE_OK && (rc = nave_journal_next_job(journal, &job)) == NAVE_OK) {
        if (json)
            print_job_json(out, &job);
        else
            print_job(out, &job);
    }
    return rc;
}

int account_summary(FILE *out, nave_journal *journal, int json)
{
    nave_journal_sum sum;
    int rc = print_jobs(out, journal, json);

    if (rc == NAVE_END && !json)
        fprintf(out, "\n%-6s  %7s  %12s  %9s  %12s  %12s  %7s  kernel\n", "kind", "calls",
                "succeeded", "failed", "attempts", "seconds", "older");
    if (rc == NAVE_END)
        rc = nave_journal_sums(journal, NULL);
    while (rc == NAVE_OK && (rc = nave_journal_next_sum(journal, &sum)) == NAVE_OK) {
        if (json)
            print_sum_json(out, &sum);
        else
            print_sum(out, &sum);
    }
    return rc == NAVE_END ? NAVE_OK : rc;
}

int account_count(FILE *out, nave_journal *journal, const nave_journal_filter *filter)
{
    nave_journal_sum sum;
    uint64_t n = 0;
    int rc = nave_journal_sums(journal, filter);

    while (rc == NAVE_OK && (rc = nave_journal_next_sum(journal, &sum)) == NAVE_OK)
        n += sum.succeeded + sum.failed;
    if (rc == NAVE_END)
        fprintf(out, "%" PRIu64 "\n", n);
    return rc == NAVE_END ? NAVE_OK : rc;
}

/* --------------------------------------------------------------------------------------- records */

enum { JOB, CALL, TASK, KERNEL, STATE, ATTEMPTS, ENGINE, HOST, STARTED, SECONDS, SIZE, COLUMNS };

static const struct {
    const char *head;
    int left; /* aligned */
} columns[COLUMNS] = {
    [JOB] = {"job", 0},         [CALL] = {"call", 0},   [TASK] = {"task", 0},
    [KERNEL] = {"kernel", 1},   [STATE] = {"state", 1}, [ATTEMPTS] = {"attempts", 0},
    [ENGINE] = {"engine", 0},   [HOST] = {"host", 1},   [STARTED] = {"started", 1},
    [SECONDS] = {"seconds", 0}, [SIZE] = {"bytes", 0},
};

typedef char cells[COLUMNS][CELL];

static void fill(cells row, const nave_journal_task *task)
{
    snprintf(row[JOB], CELL, "%" PRIu64, task->job);
    snprintf(row[CALL], CELL, "%" PRIu64, task->call);
    if (task->count > 1)
        snprintf(row[TASK], CELL, "%" PRIu64 "-%" PRIu64, task->index,
                 task->index + task->count - 1);
    else
        snprintf(row[TASK], CELL, "%" PRIu64, task->index);
    snprintf(row[KERNEL], CELL, "%s", task->kernel);
    snprintf(row[STATE], CELL, "%s%s", state_of(task), task->older ? " (older)" : "");
    snprintf(row[ATTEMPTS], CELL, "%d", task->attempts);
    if (task->engine >= 0)
        snprintf(row[ENGINE], CELL, "%d", task->engine);
    else
        snprintf(row[ENGINE], CELL, "-");
    snprintf(row[HOST], CELL, "%s", *task->host != '\0' ? task->host : "-");
    print_time(row[STARTED], CELL, task->started);
    snprintf(row[SECONDS], CELL, "%.6f", task->ended - task->started);
    snprintf(row[SIZE], CELL, "%" PRIu64, task->size);
}

static int measure(nave_journal *journal, const nave_journal_filter *filter, int widths[COLUMNS])
{
    nave_journal_task task;
    int rc = nave_journal_tasks(journal, filter);

    for (int column = 0; column < COLUMNS; column++)
        widths[column] = (int)strlen(columns[column].head);
    while (rc == NAVE_OK && (rc = nave_journal_next_task(journal, &task)) == NAVE_OK) {
        cells row;
        fill(row, &task);
        for (int column = 0; column < COLUMNS; column++) {
            int width = (int)strlen(row[column]);
            widths[column] = width > widths[column] ? width : widths[column];
        }
    }
    return rc == NAVE_END ? NAVE_OK : rc;
}

static void print_cell(FILE *out, int column, int width, const char *text)
{
    fprintf(out, columns[column].left ? "%-*s  " : "%*s  ", width, text);
}

static void print_why(FILE *out, const nave_journal_task *task)
{
    if (*task->message != '\0')
        print_line(out, task->message);
    else if (task->code < 0 && strcmp(nave_strerror(task->code), "unknown") != 0)
        fputs(nave_strerror(task->code), out);
    else if (task->state == NAVE_FAILED)
        fprintf(out, "code %d", task->code);
}

int account_tasks(FILE *out, nave_journal *journal, const nave_journal_filter *filter)
{
    nave_journal_task task;
    int widths[COLUMNS], rc = measure(journal, filter, widths);

    if (rc != NAVE_OK)
        return rc;
    for (int column = 0; column < COLUMNS; column++)
        print_cell(out, column, widths[column], columns[column].head);
    fputs("message\n", out);
    rc = nave_journal_tasks(journal, filter);
    while (rc == NAVE_OK && (rc = nave_journal_next_task(journal, &task)) == NAVE_OK) {
        cells row;
        fill(row, &task);
        for (int column = 0; column < COLUMNS; column++)
            print_cell(out, column, widths[column], row[column]);
        print_why(out, &task);
        putc('\n', out);
    }
    return rc == NAVE_END ? NAVE_OK : rc;
}

int account_output(FILE *out, nave_journal *journal, const nave_journal_filter *filter)
{
    nave_journal_task task;
    int rc = nave_journal_tasks(journal, filter);

    while (rc == NAVE_OK && (rc = nave_journal_next_task(journal, &task)) == NAVE_OK) {
        if (task.output_size == 0)
            continue;
        fprintf(out, "==> job %" PRIu64 ", call %" PRIu64 ", task %" PRIu64 " of %s, %s%s <==\n",
                task.job, task.call, task.index, task.kernel, state_of(&task),
                task.older ? " (older)" : "");
        fwrite(task.output, 1, task.output_size, out);
        if (task.output[task.output_size - 1] != '\n')
            putc('\n', out);
    }
    return rc == NAVE_END ? NAVE_OK : rc;
}

static void print_task_json(FILE *out, const nave_journal_task *task, int output)
{
    json_begin(out, "task");
    json_natural(out, "job", task->job);
    json_natural(out, "call", task->call);
    json_natural(out, "task", task->index);
    json_natural(out, "count", task->count);
    json_text(out, "kind", task->kind);
    json_text(out, "kernel", task->kernel);
    json_text(out, "state", state_of(task));
    json_truth(out, "older", task->older);
    json_integer(out, "attempts", task->attempts);
    json_integer(out, "engine", task->engine);
    json_text(out, "host", task->host);
    json_real(out, "submitted", task->submitted);
    json_real(out, "started", task->started);
    json_real(out, "ended", task->ended);
    json_integer(out, "code", task->code);
    json_text(out, "message", task->message);
    json_natural(out, "size", task->size);
    if (output)
        json_bytes(out, "output", task->output, task->output_size);
    json_end(out);
}

int account_json(FILE *out, nave_journal *journal, const nave_journal_filter *filter, int output)
{
    nave_journal_task task;
    int rc = nave_journal_tasks(journal, filter);

    while (rc == NAVE_OK && (rc = nave_journal_next_task(journal, &task)) == NAVE_OK)
        print_task_json(out, &task, output);
    return rc == NAVE_END ? NAVE_OK : rc;
}
