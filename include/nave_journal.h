/* nave_journal.h - reads the journal of a farm: what ran in which job, and what became of it
 *
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * For the file that nave_options.journal names, while a job writes it or afterwards:
 *
 *     nave_journal *journal;
 *     nave_journal_filter failed = {.state = NAVE_FAILED};
 *     nave_journal_task task;
 *     if (nave_journal_open("farm.db", &journal) == NAVE_OK &&
 *         nave_journal_tasks(journal, &failed) == NAVE_OK)
 *         while (nave_journal_next_task(journal, &task) == NAVE_OK)
 *             printf("%" PRIu64 ": %s\n", task.index, task.message);
 *     puts(nave_journal_error(journal));
 *     nave_journal_close(&journal);
 *
 * MPI need not be initialised.  A journal is used by one thread at a time, and not in the process
 * whose open farm writes it: the system would take that one's locks away.  What is read is the file
 * as it was when it was opened; do not keep it open for long while a job writes, since the file
 * beside it (FILE-wal) grows meanwhile.
 *
 * There is a record for each task that has succeeded or failed, or, of reductions, for each block of
 * tasks (failed ones have records of their own).  A failed task that has been run again in a later
 * job (nave_options.retry_failed) has one for each time; all but the newest are `older`.  What a job
 * has taken from the journal instead of running it is not written again: it stays with the job that
 * ran it.
 */
#ifndef NAVE_JOURNAL_H
#define NAVE_JOURNAL_H

#include "nave_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nave_journal nave_journal;

/* Opens a file for reading.  NAVE_OK; NAVE_EJOURNAL: it is not there, no journal, written by another
 * version, or damaged (all of it is looked at).  On failure *journal is still set, NULL only when out
 * of memory (NAVE_ENOMEM): to be asked by nave_journal_error() and closed. */
NAVE_API int nave_journal_open(const char *file, nave_journal **journal);

/* Sets *journal to NULL.  A NULL there is fine. */
NAVE_API void nave_journal_close(nave_journal **journal);

/* Why the last call failed, in a line that names the file; "" when none has.  Valid until the next
 * call. */
NAVE_API const char *nave_journal_error(const nave_journal *journal);

/* A run of a program.  Times are in seconds since the epoch. */
typedef struct nave_journal_job {
    uint64_t job; /* from 1 */
    const char *program, *version;
    int ranks;
    double began, ended; /* ended: 0 if it was cut off, or runs yet */
    int running;         /* 1: it is being written, as far as this host can tell */
    int status;          /* of one that has ended: what nave_close_with() was given */
} nave_journal_job;

/* All zero: every record. */
typedef struct nave_journal_filter {
    uint64_t job, call;         /* calls are numbered from 1 in each job */
    const char *kernel;         /* its whole name */
    enum nave_task_state state; /* NAVE_SUCCEEDED or NAVE_FAILED */
    int by_engine, engine;      /* by_engine 1: only what ran on this rank */
} nave_journal_filter;

/* A record.  Times are in seconds since the epoch; of blocks of reductions started is ended. */
typedef struct nave_journal_task {
    uint64_t job, call, index;
    uint64_t count;   /* tasks from index on, of a block; else 1 */
    const char *kind; /* "map", "apply", "reduce" or "source" */
    const char *kernel;
    enum nave_task_state state;
    int older;                  /* 1: it was run again, and there is a newer record */
    int code, attempts, engine; /* as in nave_record; of this job only */
    const char *message, *host;
    double submitted, started, ended;
    uint64_t size;      /* bytes of the result */
    const char *output; /* what it wrote, see nave_record */
    size_t output_size;
} nave_journal_task;

/* What became of the tasks of a kernel, without older records. */
typedef struct nave_journal_sum {
    const char *kernel, *kind;
    uint64_t calls, succeeded, failed; /* calls: which have records; then tasks */
    uint64_t attempts, older;          /* older: records that do not count here */
    double seconds;                    /* that they took, added up; 0 for reductions */
} nave_journal_sum;

/* Each of the first three begins a list from its beginning, and ends the one before it.  Each of the
 * others gives its next item, by job, by record in the order of writing, or by kernel: NAVE_OK,
 * NAVE_END, or NAVE_EJOURNAL.  Strings are valid until the next call.  filter may be NULL.
 * NAVE_ESTATE: another list was begun. */
NAVE_API int nave_journal_jobs(nave_journal *journal);
NAVE_API int nave_journal_tasks(nave_journal *journal, const nave_journal_filter *filter);
NAVE_API int nave_journal_sums(nave_journal *journal, const nave_journal_filter *filter);
NAVE_API int nave_journal_next_job(nave_journal *journal, nave_journal_job *job);
NAVE_API int nave_journal_next_task(nave_journal *journal, nave_journal_task *task);
NAVE_API int nave_journal_next_sum(nave_journal *journal, nave_journal_sum *sum);

#ifdef __cplusplus
}
#endif

#endif
