/* nave_journal.h - reading a journal, see nave_options.journal
 *
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *     nave_log *log;
 *     nave_log_record record;
 *     if (nave_log_open("farm.db", &log) == NAVE_OK) {
 *         nave_log_select(log, &(nave_log_filter){.state = NAVE_FAILED});
 *         while (nave_log_next(log, &record) == NAVE_OK)
 *             printf("%llu: %s\n", (unsigned long long)record.task, record.message);
 *     }
 *     nave_log_close(&log);
 *
 * MPI is not needed, and nothing is changed; a job may be writing the file at the same time.  One
 * thread at a time uses a log.
 */
#ifndef NAVE_JOURNAL_H
#define NAVE_JOURNAL_H

#include "nave.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nave_log nave_log;

/* Opens a journal.  NAVE_OK or NAVE_EJOURNAL; on failure *log is still set (NULL only when out of
 * memory): to be asked by nave_log_error() and closed. */
NAVE_API int nave_log_open(const char *file, nave_log **log);
NAVE_API void nave_log_close(nave_log **log); /* NULL inside is fine; it becomes NULL */

/* A line on the last failure.  Never NULL. */
NAVE_API const char *nave_log_error(const nave_log *log);

/* A run that wrote to the journal. */
typedef struct nave_log_job {
    long job; /* from 1 */
    const char *program, *version;
    int ranks;
    double began, ended; /* seconds since the epoch; ended 0: it goes on, or was cut off */
    int status;          /* that it ended with */
    unsigned long long succeeded, failed; /* records that it wrote */
} nave_log_job;

/* The next job, oldest first: NAVE_OK; NAVE_END, then again the first; NAVE_EJOURNAL.  Strings are
 * valid until the next call. */
NAVE_API int nave_log_next_job(nave_log *log, nave_log_job *job);

/* Which records are wanted; all zero: all. */
typedef struct nave_log_filter {
    enum nave_task_state state; /* NAVE_SUCCEEDED or NAVE_FAILED; NAVE_WAITING: any */
    long job;                   /* 0: any */
    unsigned long long call;    /* calls are numbered from 1 in each job; 0: any */
    const char *kernel;         /* NULL: any */
    int by_engine, engine;      /* by_engine 1: that engine's only */
} nave_log_filter;

/* A task that was finished, or (count more than 1, or a reduction's) a block of tasks. */
typedef struct nave_log_record {
    long job;
    unsigned long long call, task, count;
    const char *kind, *kernel; /* kind: "map", "apply", "source" or "reduce" */
    enum nave_task_state state;
    int attempts, engine, code;
    const char *host, *message;
    double submitted, started, ended; /* seconds since the epoch */
    const char *output;               /* what it wrote, where that was kept */
    size_t output_size;
    const void *data; /* its result, of a block in a form of the library's own */
    size_t size;
} nave_log_record;

/* Chooses records; then the next one, in the order in which they were written: NAVE_OK, NAVE_END or
 * NAVE_EJOURNAL.  What the record points to is valid until the next call.  filter may be NULL. */
NAVE_API int nave_log_select(nave_log *log, const nave_log_filter *filter);
NAVE_API int nave_log_next(nave_log *log, nave_log_record *record);

#ifdef __cplusplus
}
#endif

#endif
