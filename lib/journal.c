/* journal - see journal.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "journal.h"
#include "clock.h"
#include "database.h"
#include "past.h"
#include "scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLICATION = NV_JOURNAL_APPLICATION, FORMAT = NV_JOURNAL_FORMAT };

struct nv_journal {
    char *file, *lock_file;
    int lock; /* -1: none */
    bool changed;
    struct nv_database *write, *read;
    struct nv_scribe *scribe;
    struct nv_past *past;
    int64_t job;
};

/* One transaction: what is killed while it makes a journal leaves an empty file, or a journal. */
static const char schema[] =
    "BEGIN;"
    "PRAGMA application_id = %d; PRAGMA user_version = %d;"
    "CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, program TEXT, version TEXT, "
    "ranks INTEGER, kernels TEXT, began REAL, ended REAL, status INTEGER);"
    "CREATE TABLE IF NOT EXISTS call (job INTEGER, call INTEGER, kind TEXT, kernel TEXT, "
    "tasks INTEGER, in_size INTEGER, out_size INTEGER, PRIMARY KEY (job, call)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS task (id INTEGER PRIMARY KEY, job INTEGER, call INTEGER, "
    "task INTEGER, count INTEGER, low INTEGER, high INTEGER, state INTEGER, attempts INTEGER, "
    "engine INTEGER, host TEXT, submitted REAL, started REAL, ended REAL, code INTEGER, "
    "message TEXT, output BLOB, again INTEGER DEFAULT 0, result BLOB);"
    "COMMIT";

static int refuse(const struct nv_journal *journal, struct nv_error *error, const char *why)
{
    return nv_error_set(error, NAVE_EJOURNAL, "%s: %s", journal->file, why);
}

/* --------------------------------------------------------------------------------------- locking */

/* The file may have gone between opening and locking it: its owner had just ended. */
static bool lock_is_there(const struct nv_journal *journal)
{
    struct stat mine, there;
    return fstat(journal->lock, &mine) == 0 && stat(journal->lock_file, &there) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

/* The lock file is another job's then, and stays. */
static int no_lock(struct nv_journal *journal, struct nv_error *error, int why)
{
    close(journal->lock);
    journal->lock = -1;
    if (why == EACCES || why == EAGAIN)
        return refuse(journal, error, "another job is writing it");
    return nv_error_set(error, NAVE_EJOURNAL, "%s: cannot be locked: %s", journal->lock_file,
                        strerror(why));
}

static int take_lock(struct nv_journal *journal, struct nv_error *error)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (;;) {
        journal->lock = open(journal->lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (journal->lock < 0)
            return nv_error_set(error, NAVE_EJOURNAL, "%s: %s", journal->lock_file,
                                strerror(errno));
        if (fcntl(journal->lock, F_SETLK, &whole) != 0)
            return no_lock(journal, error, errno);
        if (lock_is_there(journal))
            return NAVE_OK;
        close(journal->lock);
    }
}

/* --------------------------------------------------------------------------------------- opening */

/* Whether the file may be given to SQLite: it is not there, empty, or begins as one of its files. */
static int look_at_file(const struct nv_journal *journal, struct nv_error *error)
{
    char begin[16] = "";
    struct stat status;
    FILE *file;
    size_t got;
    if (stat(journal->file, &status) != 0)
        return errno == ENOENT ? NAVE_OK : refuse(journal, error, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return refuse(journal, error, S_ISDIR(status.st_mode) ? strerror(EISDIR) : "not a file");
    file = fopen(journal->file, "rb");
    if (file == NULL)
        return refuse(journal, error, strerror(errno));
    got = fread(begin, 1, sizeof begin, file);
    fclose(file);
    if (got > 0 && (got < sizeof begin || memcmp(begin, "SQLite format 3", sizeof begin) != 0))
        return refuse(journal, error, "it is not a journal of Nave");
    return NAVE_OK;
}

static int failed(const struct nv_journal *journal, struct nv_error *error)
{
    const char *why = nv_database_why(journal->write);
    return refuse(journal, error, why[0] != '\0' ? why : "out of memory");
}

/* SQLite reads what is missing of the last page as zeros.  With a WAL the page may be there. */
static bool ends_within_page(const struct nv_journal *journal, int64_t page_size)
{
    char wal[4096];
    struct stat status;
    bool short_name = snprintf(wal, sizeof wal, "%s-wal", journal->file) < (int)sizeof wal;
    if (!short_name || (stat(wal, &status) == 0 && status.st_size > 0))
        return false;
    return stat(journal->file, &status) == 0 && page_size > 0 && status.st_size % page_size != 0;
}

/* A new file has no tables and no number. */
static int check_identity(struct nv_journal *journal, struct nv_error *error)
{
    int64_t application = 0, format = 0, tables = 0, page_size = 0;
    char verdict[128] = "";
    struct nv_database *db = journal->write;
    if (!nv_database_number(db, "PRAGMA application_id", &application) ||
        !nv_database_number(db, "PRAGMA user_version", &format) ||
        !nv_database_number(db, "SELECT count(*) FROM sqlite_master", &tables))
        return failed(journal, error);
    if (application == 0 && tables == 0)
        return NAVE_OK;
    if (application != APPLICATION)
        return refuse(journal, error, "it is the database of another program");
    if (format != FORMAT)
        return refuse(journal, error, "it was written by another version of Nave");
    if (!nv_database_number(db, "PRAGMA page_size", &page_size) ||
        !nv_database_text(db, "PRAGMA quick_check(1)", verdict, sizeof verdict))
        return failed(journal, error);
    if (ends_within_page(journal, page_size))
        return refuse(journal, error, "it is damaged: its end is missing");
    return strcmp(verdict, "ok") == 0 ? NAVE_OK : refuse(journal, error, "it is damaged");
}

static int make_tables(struct nv_journal *journal, struct nv_error *error)
{
    char make[sizeof schema + 32], mode[16] = "";
    struct nv_database *db = journal->write;
    snprintf(make, sizeof make, schema, APPLICATION, FORMAT);
    if (!nv_database_text(db, "PRAGMA journal_mode = WAL", mode, sizeof mode) ||
        !nv_database_run(db, "PRAGMA synchronous = FULL") || !nv_database_run(db, make))
        return failed(journal, error);
    return strcmp(mode, "wal") == 0
               ? NAVE_OK
               : refuse(journal, error, "the file system does not let SQLite keep a WAL");
}

static int begin_job(struct nv_journal *journal, const struct nv_journal_job *job,
                     struct nv_error *error)
{
    static const char last[] = "SELECT kernels IS NOT ?1 FROM job ORDER BY id DESC LIMIT 1";
    static const char insert[] = "INSERT INTO job (program, version, ranks, kernels, began) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5)";
    struct nv_statement *s = nv_statement_new(journal->write, last);
    bool good = s != NULL;
    if (good) {
        nv_statement_string(s, 1, job->kernels);
        journal->changed = nv_statement_next(s) == 1 && nv_column_integer(s, 0) != 0;
    }
    nv_statement_free(s);
    s = good ? nv_statement_new(journal->write, insert) : NULL;
    if (s != NULL) {
        nv_statement_string(s, 1, job->program);
        nv_statement_string(s, 2, NAVE_VERSION);
        nv_statement_integer(s, 3, job->ranks);
        nv_statement_string(s, 4, job->kernels);
        nv_statement_real(s, 5, nv_clock_epoch());
    }
    good = s != NULL && nv_statement_run(s);
    nv_statement_free(s);
    if (good && job->retry_failed)
        good = nv_database_run(journal->write, "UPDATE task SET again = 1 WHERE state = 3");
    if (!good || !nv_database_number(journal->write, "SELECT max(id) FROM job", &journal->job))
        return failed(journal, error);
    return NAVE_OK;
}

/* The past is read by a connection of its own, while the other one writes. */
static int open_past(struct nv_journal *journal, struct nv_error *error)
{
    journal->read = nv_database_open(journal->file, false);
    if (journal->read == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the journal");
    if (nv_database_why(journal->read)[0] == '\0')
        journal->past = nv_past_new(journal->read);
    if (journal->past == NULL)
        return refuse(journal, error,
                      nv_database_why(journal->read)[0] != '\0' ? nv_database_why(journal->read)
                                                                : "out of memory");
    return NAVE_OK;
}

static int open_all(struct nv_journal *journal, const struct nv_journal_job *job,
                    struct nv_error *error)
{
    int rc = look_at_file(journal, error);
    if (rc == NAVE_OK)
        rc = take_lock(journal, error);
    if (rc != NAVE_OK)
        return rc;
    journal->write = nv_database_open(journal->file, true);
    if (journal->write == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the journal");
    if (nv_database_why(journal->write)[0] != '\0')
        return failed(journal, error);
    rc = check_identity(journal, error);
    if (rc == NAVE_OK)
        rc = make_tables(journal, error);
    if (rc == NAVE_OK)
        rc = begin_job(journal, job, error);
    if (rc == NAVE_OK)
        rc = open_past(journal, error);
    if (rc != NAVE_OK)
        return rc;
    journal->scribe = nv_scribe_start(journal->write, journal->job);
    return journal->scribe != NULL ? NAVE_OK : failed(journal, error);
}

static void journal_free(struct nv_journal *journal)
{
    nv_past_free(journal->past);
    nv_database_close(journal->read);
    nv_database_close(journal->write);
    if (journal->lock >= 0) {
        unlink(journal->lock_file);
        close(journal->lock);
    }
    free(journal->file);
    free(journal->lock_file);
    free(journal);
}

int nv_journal_open(const char *file, const struct nv_journal_job *job, struct nv_error *error,
                    struct nv_journal **out)
{
    struct nv_journal *journal = calloc(1, sizeof *journal);
    int rc = NAVE_ENOMEM;
    if (journal == NULL)
        return nv_error_set(error, rc, "no memory for the journal");
    journal->lock = -1;
    journal->file = strdup(file);
    journal->lock_file = malloc(strlen(file) + sizeof "-lock");
    if (journal->lock_file != NULL)
        sprintf(journal->lock_file, "%s-lock", file);
    if (journal->file != NULL && journal->lock_file != NULL)
        rc = open_all(journal, job, error);
    else
        nv_error_set(error, rc, "no memory for the journal");
    if (rc != NAVE_OK) {
        journal_free(journal);
        return rc;
    }
    *out = journal;
    return NAVE_OK;
}

/* --------------------------------------------------------------------------------------- the end */

static bool end_job(struct nv_journal *journal, int status)
{
    struct nv_statement *s =
        nv_statement_new(journal->write, "UPDATE job SET ended = ?1, status = ?2 WHERE id = ?3");
    bool good = s != NULL;
    if (good) {
        nv_statement_real(s, 1, nv_clock_epoch());
        nv_statement_integer(s, 2, status);
        nv_statement_integer(s, 3, journal->job);
        good = nv_statement_run(s);
    }
    nv_statement_free(s);
    return good;
}

int nv_journal_close(struct nv_journal *journal, int status, struct nv_error *error)
{
    char why[256];
    int rc = NAVE_OK;
    if (journal == NULL)
        return NAVE_OK;
    if (!nv_scribe_end(journal->scribe, why))
        rc = refuse(journal, error, why);
    else if (!end_job(journal, status))
        rc = failed(journal, error);
    journal_free(journal);
    return rc;
}

/* ------------------------------------------------------------------------------------- the rest */

bool nv_journal_changed(const struct nv_journal *journal)
{
    return journal->changed;
}

void nv_journal_call(struct nv_journal *journal, uint64_t call, const char *kind,
                     const char *kernel, uint64_t tasks, uint64_t in_size, uint64_t out_size)
{
    nv_scribe_call(journal->scribe, call, kind, kernel, tasks, in_size, out_size);
}

void nv_journal_add(struct nv_journal *journal, const struct nv_journal_task *task)
{
    nv_scribe_task(journal->scribe, task);
}

int nv_journal_check(struct nv_journal *journal, struct nv_error *error)
{
    char why[256];
    return nv_scribe_failed(journal->scribe, why) ? refuse(journal, error, why) : NAVE_OK;
}

uint64_t nv_journal_left(const struct nv_journal *journal)
{
    return nv_past_left(journal->past);
}

bool nv_journal_take(struct nv_journal *journal, struct nv_digest digest,
                     struct nv_journal_task *task)
{
    return nv_past_take(journal->past, digest, task);
}
