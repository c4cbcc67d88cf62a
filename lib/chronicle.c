/* chronicle - reads a journal; see nave_journal.h.  SPDX-License-Identifier: BSD-3-Clause
 *
 * Design notes.  A read transaction from opening to closing keeps all lists at one moment.  Older
 * records are found by the mark that a job sets before it runs failed tasks again, and a record of
 * the same digest in a later job; a job that was cut off before it came to such a task leaves the
 * mark alone, and then the old record counts.
 */
#include "nave_journal.h"
#include "database.h"
#include "error.h"
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum list { NONE, JOBS, TASKS, SUMS };

struct nave_journal {
    char *file;
    struct nv_database *database;
    struct nv_statement *rows;
    enum list list;
    bool written; /* somebody holds the lock of the writer */
    int64_t last; /* job */
    struct nv_error error;
};

#define SELECTED                                                                                   \
    " FROM task t LEFT JOIN call c ON c.job = t.job AND c.call = t.call "                          \
    "LEFT JOIN (SELECT DISTINCT o.id AS id FROM task o JOIN task n ON n.low = o.low "              \
    "AND n.high = o.high AND n.job > o.job WHERE o.again = 1) older ON older.id = t.id "           \
    "WHERE (?1 IS NULL OR c.kernel = ?1) AND (?2 IS NULL OR t.job = ?2) "                          \
    "AND (?3 IS NULL OR t.call = ?3) AND (?4 IS NULL OR t.state = ?4) "                            \
    "AND (?5 IS NULL OR t.engine = ?5) "
#define COUNTS "(older.id IS NULL)"

static const char select_jobs[] =
    "SELECT id, program, version, ranks, began, ended, status FROM job ORDER BY id";
static const char select_tasks[] =
    "SELECT t.job, t.call, t.task, t.count, c.kind, c.kernel, t.state, NOT " COUNTS ", t.code, "
    "t.attempts, t.engine, t.message, t.host, t.submitted, t.started, t.ended, "
    "length(t.result), t.output" SELECTED "ORDER BY t.id";
static const char select_sums[] =
    "SELECT c.kernel, c.kind, count(DISTINCT t.job << 32 | t.call), "
    "sum(t.count * (t.state = 2) * " COUNTS "), sum(t.count * (t.state = 3) * " COUNTS "), "
    "sum(t.attempts * " COUNTS "), sum(NOT " COUNTS "), "
    "sum((t.ended - t.started) * " COUNTS ")" SELECTED
    "GROUP BY c.kernel, c.kind ORDER BY c.kernel, c.kind";

/* --------------------------------------------------------------------------------------- opening */

static int refuse(nave_journal *journal, const char *why)
{
    return nv_error_set(&journal->error, NAVE_EJOURNAL, "%s: %s", journal->file, why);
}

static int failed(nave_journal *journal)
{
    const char *why = nv_database_why(journal->database);
    return refuse(journal, why[0] != '\0' ? why : "out of memory");
}

static int look_at_file(nave_journal *journal)
{
    struct stat status;
    if (stat(journal->file, &status) != 0)
        return refuse(journal, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return refuse(journal, strerror(EISDIR));
    if (!S_ISREG(status.st_mode))
        return refuse(journal, "not a file");
    return status.st_size > 0 ? NAVE_OK : refuse(journal, "it is empty");
}

static int check_identity(nave_journal *journal)
{
    int64_t application = 0, format = 0;
    char verdict[128] = "";
    struct nv_database *db = journal->database;
    if (!nv_database_run(db, "BEGIN") ||
        !nv_database_number(db, "PRAGMA application_id", &application) ||
        !nv_database_number(db, "PRAGMA user_version", &format))
        return failed(journal);
    if (application != NV_JOURNAL_APPLICATION)
        return refuse(journal, "it is no journal of Nave");
    if (format != NV_JOURNAL_FORMAT)
        return refuse(journal, "it was written by another version of Nave");
    if (!nv_database_text(db, "PRAGMA quick_check(1)", verdict, sizeof verdict))
        return failed(journal);
    if (strcmp(verdict, "ok") != 0)
        return refuse(journal, "it is damaged");
    return nv_database_number(db, "SELECT ifnull(max(id), 0) FROM job", &journal->last)
               ? NAVE_OK
               : failed(journal);
}

/* The writer locks a file of its own, which is gone when it ends in good order. */
static int look_for_writer(nave_journal *journal)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    char *name = malloc(strlen(journal->file) + sizeof "-lock");
    int fd;
    if (name == NULL)
        return nv_error_set(&journal->error, NAVE_ENOMEM, "out of memory");
    strcat(strcpy(name, journal->file), "-lock");
    fd = open(name, O_RDONLY | O_CLOEXEC);
    free(name);
    if (fd < 0)
        return NAVE_OK;
    journal->written = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return NAVE_OK;
}

static int open_file(nave_journal *journal)
{
    int rc = look_at_file(journal);
    if (rc == NAVE_OK)
        rc = look_for_writer(journal);
    if (rc != NAVE_OK)
        return rc;
    journal->database = nv_database_open(journal->file, false);
    if (journal->database == NULL)
        return nv_error_set(&journal->error, NAVE_ENOMEM, "out of memory");
    if (nv_database_why(journal->database)[0] != '\0')
        return failed(journal);
    return check_identity(journal);
}

int nave_journal_open(const char *file, nave_journal **out)
{
    nave_journal *journal = calloc(1, sizeof *journal);
    *out = NULL;
    if (journal == NULL || (journal->file = strdup(file)) == NULL) {
        free(journal);
        return NAVE_ENOMEM;
    }
    *out = journal;
    return open_file(journal);
}

void nave_journal_close(nave_journal **where)
{
    nave_journal *journal = *where;
    if (journal == NULL)
        return;
    *where = NULL;
    nv_statement_free(journal->rows);
    nv_database_close(journal->database);
    free(journal->file);
    free(journal);
}

const char *nave_journal_error(const nave_journal *journal)
{
    return journal != NULL ? journal->error.text : nave_strerror(NAVE_ENOMEM);
}

/* ----------------------------------------------------------------------------------------- lists */

static int begin(nave_journal *journal, enum list list, const char *sql)
{
    nv_statement_free(journal->rows);
    journal->error.text[0] = '\0';
    journal->list = list;
    journal->rows = nv_statement_new(journal->database, sql);
    return journal->rows != NULL ? NAVE_OK : failed(journal);
}

/* Places that are not set let everything through. */
static int begin_filtered(nave_journal *journal, enum list list, const char *sql,
                          const nave_journal_filter *filter)
{
    int rc = begin(journal, list, sql);
    if (rc != NAVE_OK || filter == NULL)
        return rc;
    if (filter->kernel != NULL)
        nv_statement_string(journal->rows, 1, filter->kernel);
    if (filter->job != 0)
        nv_statement_integer(journal->rows, 2, (int64_t)filter->job);
    if (filter->call != 0)
        nv_statement_integer(journal->rows, 3, (int64_t)filter->call);
    if (filter->state != NAVE_WAITING)
        nv_statement_integer(journal->rows, 4, filter->state);
    if (filter->by_engine)
        nv_statement_integer(journal->rows, 5, filter->engine);
    return NAVE_OK;
}

int nave_journal_jobs(nave_journal *journal)
{
    return begin(journal, JOBS, select_jobs);
}

int nave_journal_tasks(nave_journal *journal, const nave_journal_filter *filter)
{
    return begin_filtered(journal, TASKS, select_tasks, filter);
}

int nave_journal_sums(nave_journal *journal, const nave_journal_filter *filter)
{
    return begin_filtered(journal, SUMS, select_sums, filter);
}

static int next(nave_journal *journal, enum list list)
{
    int more;
    if (journal->list != list || journal->rows == NULL)
        return nv_error_set(&journal->error, NAVE_ESTATE, "%s: another list was begun",
                            journal->file);
    more = nv_statement_next(journal->rows);
    if (more == 1)
        return NAVE_OK;
    if (more < 0)
        return failed(journal);
    journal->list = NONE;
    return NAVE_END;
}

int nave_journal_next_job(nave_journal *journal, nave_journal_job *job)
{
    struct nv_statement *row = journal->rows;
    int rc = next(journal, JOBS);
    if (rc != NAVE_OK)
        return rc;
    *job = (nave_journal_job){.job = (uint64_t)nv_column_integer(row, 0),
                              .program = nv_column_string(row, 1),
                              .version = nv_column_string(row, 2),
                              .ranks = (int)nv_column_integer(row, 3),
                              .began = nv_column_real(row, 4),
                              .ended = nv_column_real(row, 5),
                              .status = (int)nv_column_integer(row, 6)};
    job->running = journal->written && job->ended <= 0 && (int64_t)job->job == journal->last;
    return NAVE_OK;
}

int nave_journal_next_task(nave_journal *journal, nave_journal_task *task)
{
    struct nv_statement *row = journal->rows;
    int rc = next(journal, TASKS);
    if (rc != NAVE_OK)
        return rc;
    *task = (nave_journal_task){.job = (uint64_t)nv_column_integer(row, 0),
                                .call = (uint64_t)nv_column_integer(row, 1),
                                .index = (uint64_t)nv_column_integer(row, 2),
                                .count = (uint64_t)nv_column_integer(row, 3),
                                .kind = nv_column_string(row, 4),
                                .kernel = nv_column_string(row, 5),
                                .state = (enum nave_task_state)nv_column_integer(row, 6),
                                .older = nv_column_integer(row, 7) != 0,
                                .code = (int)nv_column_integer(row, 8),
                                .attempts = (int)nv_column_integer(row, 9),
                                .engine = (int)nv_column_integer(row, 10),
                                .message = nv_column_string(row, 11),
                                .host = nv_column_string(row, 12),
                                .submitted = nv_column_real(row, 13),
                                .started = nv_column_real(row, 14),
                                .ended = nv_column_real(row, 15),
                                .size = (uint64_t)nv_column_integer(row, 16)};
    task->output = nv_column_bytes(row, 17, &task->output_size);
    if (task->output == NULL)
        task->output = "";
    return NAVE_OK;
}

int nave_journal_next_sum(nave_journal *journal, nave_journal_sum *sum)
{
    struct nv_statement *row = journal->rows;
    int rc = next(journal, SUMS);
    if (rc != NAVE_OK)
        return rc;
    *sum = (nave_journal_sum){.kernel = nv_column_string(row, 0),
                              .kind = nv_column_string(row, 1),
                              .calls = (uint64_t)nv_column_integer(row, 2),
                              .succeeded = (uint64_t)nv_column_integer(row, 3),
                              .failed = (uint64_t)nv_column_integer(row, 4),
                              .attempts = (uint64_t)nv_column_integer(row, 5),
                              .older = (uint64_t)nv_column_integer(row, 6),
                              .seconds = nv_column_real(row, 7)};
    return NAVE_OK;
}
