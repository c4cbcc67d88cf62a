/* database - see database.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "database.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_MILLISECONDS = 10000 /* that another connection may take */ };

struct nv_database {
    sqlite3 *connection;
    char why[256];
};

struct nv_statement {
    struct nv_database *database;
    sqlite3_stmt *statement;
};

/* Notes what SQLite says, and what the system said to it. */
static bool worked(struct nv_database *database, int rc)
{
    int number = database->connection != NULL ? sqlite3_system_errno(database->connection) : 0;
    bool system = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
    database->why[0] = '\0';
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
        return true;
    if ((rc & 0xff) == SQLITE_FULL)
        snprintf(database->why, sizeof database->why, "%s", strerror(ENOSPC));
    else if (system && number != 0)
        snprintf(database->why, sizeof database->why, "%s", strerror(number));
    else
        snprintf(database->why, sizeof database->why, "%s",
                 database->connection != NULL ? sqlite3_errmsg(database->connection)
                                              : sqlite3_errstr(rc));
    return false;
}

struct nv_database *nv_database_open(const char *file, bool write)
{
    struct nv_database *database = calloc(1, sizeof *database);
    int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (database == NULL)
        return NULL;
    if (worked(database,
               sqlite3_open_v2(file, &database->connection, flags | SQLITE_OPEN_NOMUTEX, NULL)))
        sqlite3_busy_timeout(database->connection, BUSY_MILLISECONDS);
    return database;
}

void nv_database_close(struct nv_database *database)
{
    if (database == NULL)
        return;
    sqlite3_close(database->connection);
    free(database);
}

const char *nv_database_why(const struct nv_database *database)
{
    return database->why;
}

bool nv_database_run(struct nv_database *database, const char *sql)
{
    return worked(database, sqlite3_exec(database->connection, sql, NULL, NULL, NULL));
}

bool nv_database_number(struct nv_database *database, const char *sql, int64_t *number)
{
    struct nv_statement *statement = nv_statement_new(database, sql);
    bool some = statement != NULL && nv_statement_next(statement) == 1;
    if (some)
        *number = nv_column_integer(statement, 0);
    nv_statement_free(statement);
    return some;
}

bool nv_database_text(struct nv_database *database, const char *sql, char *text, size_t room)
{
    struct nv_statement *statement = nv_statement_new(database, sql);
    bool some = statement != NULL && nv_statement_next(statement) == 1;
    if (some)
        snprintf(text, room, "%s", nv_column_string(statement, 0));
    nv_statement_free(statement);
    return some;
}

struct nv_statement *nv_statement_new(struct nv_database *database, const char *sql)
{
    struct nv_statement *statement = calloc(1, sizeof *statement);
    if (statement == NULL)
        return NULL;
    statement->database = database;
    if (worked(database,
               sqlite3_prepare_v2(database->connection, sql, -1, &statement->statement, NULL)))
        return statement;
    free(statement);
    return NULL;
}

void nv_statement_free(struct nv_statement *statement)
{
    if (statement == NULL)
        return;
    sqlite3_finalize(statement->statement);
    free(statement);
}

void nv_statement_integer(struct nv_statement *statement, int place, int64_t value)
{
    sqlite3_bind_int64(statement->statement, place, value);
}

void nv_statement_real(struct nv_statement *statement, int place, double value)
{
    sqlite3_bind_double(statement->statement, place, value);
}

void nv_statement_string(struct nv_statement *statement, int place, const char *text)
{
    sqlite3_bind_text(statement->statement, place, text, -1, SQLITE_STATIC);
}

void nv_statement_bytes(struct nv_statement *statement, int place, const void *data, size_t size)
{
    if (size == 0)
        sqlite3_bind_zeroblob(statement->statement, place, 0);
    else
        sqlite3_bind_blob64(statement->statement, place, data, size, SQLITE_STATIC);
}

bool nv_statement_run(struct nv_statement *statement)
{
    bool done = worked(statement->database, sqlite3_step(statement->statement));
    sqlite3_reset(statement->statement);
    return done;
}

int nv_statement_next(struct nv_statement *statement)
{
    int rc = sqlite3_step(statement->statement);
    if (!worked(statement->database, rc))
        return -1;
    if (rc == SQLITE_ROW)
        return 1;
    sqlite3_reset(statement->statement);
    return 0;
}

void nv_statement_reset(struct nv_statement *statement)
{
    sqlite3_reset(statement->statement);
}

int64_t nv_column_integer(struct nv_statement *statement, int column)
{
    return sqlite3_column_int64(statement->statement, column);
}

double nv_column_real(struct nv_statement *statement, int column)
{
    return sqlite3_column_double(statement->statement, column);
}

const char *nv_column_string(struct nv_statement *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement->statement, column);
    return text != NULL ? (const char *)text : "";
}

const void *nv_column_bytes(struct nv_statement *statement, int column, size_t *size)
{
    const void *data = sqlite3_column_blob(statement->statement, column);
    *size = (size_t)sqlite3_column_bytes(statement->statement, column);
    return data;
}
