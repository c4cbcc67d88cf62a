/* chronicle - reading a journal: see nave_journal.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "nave_journal.h"
#include "database.h"
#include "journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct nave_log {
    struct nv_database *database;
    struct nv_statement *jobs, *records;
    char error[512];
};

static int failed(nave_log *log, const char *file, const char *why)
{
    snprintf(log->error, sizeof log->error, "%s%s%s", file, *file != '\0' ? ": " : "", why);
    return NAVE_EJOURNAL;
}

/* What SQLite would say of a file that is none of its own is less clear. */
static int look_at_file(nave_log *log, const char *file)
{
    char begin[16] = "";
    struct stat status;
    FILE *bytes;
    size_t got;
    if (stat(file, &status) != 0)
        return failed(log, file, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return failed(log, file, strerror(EISDIR));
    bytes = fopen(file, "rb");
    if (bytes == NULL)
        return failed(log, file, strerror(errno));
    got = fread(begin, 1, sizeof begin, bytes);
    fclose(bytes);
    if (got < sizeof begin || memcmp(begin, "SQLite format 3", sizeof begin) != 0)
        return failed(log, file, got == 0 ? "it is empty" : "it is not a journal of Nave");
    return NAVE_OK;
}

static int look_at_database(nave_log *log, const char *file)
{
    struct nv_database *database = log->database;
    int64_t number = 0;
    const char *why = nv_database_why(database);
    if (*why == '\0' && nv_database_number(database, "PRAGMA application_id", &number) &&
        number != NV_JOURNAL_APPLICATION)
        return failed(log, file, "it is the database of another program");
    if (*why == '\0' && nv_database_number(database, "SELECT count(*) FROM task", &number))
        return NAVE_OK;
    return failed(log, file, *why != '\0' ? why : "out of memory");
}

int nave_log_open(const char *file, nave_log **out)
{
    nave_log *log = calloc(1, sizeof *log);
    int rc;
    *out = log;
    if (log == NULL)
        return NAVE_ENOMEM;
    rc = look_at_file(log, file);
    if (rc != NAVE_OK)
        return rc;
    log->database = nv_database_open(file, false);
    if (log->database == NULL)
        return failed(log, file, "out of memory");
    return look_at_database(log, file);
}

void nave_log_close(nave_log **where)
{
    nave_log *log = *where;
    *where = NULL;
    if (log == NULL)
        return;
    nv_statement_free(log->jobs);
    nv_statement_free(log->records);
    nv_database_close(log->database);
    free(log);
}

const char *nave_log_error(const nave_log *log)
{
    return log != NULL ? log->error : "out of memory";
}

/* The next row of a statement. */
static int next(nave_log *log, struct nv_statement *statement)
{
    int more = statement != NULL ? nv_statement_next(statement) : -1;
    if (more < 0)
        return failed(log, "", nv_database_why(log->database));
    return more == 1 ? NAVE_OK : NAVE_END;
}

int nave_log_next_job(nave_log *log, nave_log_job *job)
{
    struct nv_statement *s;
    int rc;
    if (log->jobs == NULL)
        log->jobs = nv_statement_new(
            log->database,
            "SELECT id, program, version, ranks, began, ended, status, "
            "(SELECT coalesce(sum(count), 0) FROM task WHERE job = job.id AND state = 2), "
            "(SELECT count(*) FROM task WHERE job = job.id AND state = 3) FROM job ORDER BY id");
    s = log->jobs;
    rc = next(log, s);
    if (rc != NAVE_OK)
        return rc;
    *job = (nave_log_job){.job = (long)nv_column_integer(s, 0),
                          .program = nv_column_string(s, 1),
                          .version = nv_column_string(s, 2),
                          .ranks = (int)nv_column_integer(s, 3),
                          .began = nv_column_real(s, 4),
                          .ended = nv_column_real(s, 5),
                          .status = (int)nv_column_integer(s, 6),
                          .succeeded = (unsigned long long)nv_column_integer(s, 7),
                          .failed = (unsigned long long)nv_column_integer(s, 8)};
    return NAVE_OK;
}

int nave_log_select(nave_log *log, const nave_log_filter *filter)
{
    static const nave_log_filter all;
    static const char sql[] =
        "SELECT task.job, task.call, task.task, task.count, coalesce(call.kind, ''), "
        "coalesce(call.kernel, ''), state, attempts, engine, code, host, message, submitted, "
        "started, ended, output, result FROM task LEFT JOIN call ON call.job = task.job AND "
        "call.call = task.call WHERE (?1 = 0 OR state = ?1) AND (?2 = 0 OR task.job = ?2) AND "
        "(?3 = 0 OR task.call = ?3) AND (?4 = '' OR call.kernel = ?4) AND (?5 = 0 OR engine = ?6) "
        "ORDER BY task.id";
    filter = filter != NULL ? filter : &all;
    nv_statement_free(log->records);
    log->records = nv_statement_new(log->database, sql);
    if (log->records == NULL)
        return failed(log, "", nv_database_why(log->database));
    nv_statement_integer(log->records, 1, filter->state);
    nv_statement_integer(log->records, 2, filter->job);
    nv_statement_integer(log->records, 3, (int64_t)filter->call);
    nv_statement_string(log->records, 4, filter->kernel != NULL ? filter->kernel : "");
    nv_statement_integer(log->records, 5, filter->by_engine);
    nv_statement_integer(log->records, 6, filter->engine);
    return NAVE_OK;
}

int nave_log_next(nave_log *log, nave_log_record *record)
{
    struct nv_statement *s = log->records;
    int rc = next(log, s);
    if (rc != NAVE_OK)
        return rc;
    *record = (nave_log_record){.job = (long)nv_column_integer(s, 0),
                                .call = (unsigned long long)nv_column_integer(s, 1),
                                .task = (unsigned long long)nv_column_integer(s, 2),
                                .count = (unsigned long long)nv_column_integer(s, 3),
                                .kind = nv_column_string(s, 4),
                                .kernel = nv_column_string(s, 5),
                                .state = (enum nave_task_state)nv_column_integer(s, 6),
                                .attempts = (int)nv_column_integer(s, 7),
                                .engine = (int)nv_column_integer(s, 8),
                                .code = (int)nv_column_integer(s, 9),
                                .host = nv_column_string(s, 10),
                                .message = nv_column_string(s, 11),
                                .submitted = nv_column_real(s, 12),
                                .started = nv_column_real(s, 13),
                                .ended = nv_column_real(s, 14)};
    record->output = nv_column_bytes(s, 15, &record->output_size);
    record->data = nv_column_bytes(s, 16, &record->size);
    return NAVE_OK;
}
