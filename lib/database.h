/* database - what the journal needs of SQLite; the only file that knows it.
 *
 * Nothing here is shared between threads: a connection, and what was prepared on it, belongs to one.
 * Functions that can fail return false and leave the words in `why` of the connection.
 */
#ifndef NV_DATABASE_H
#define NV_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nv_database;
struct nv_statement;

/* Opens a file, which is made if it is not there (`write`); or only for reading.  NULL: out of memory.
 * Whether it worked: nv_database_why() is "" then. */
struct nv_database *nv_database_open(const char *file, bool write);
void nv_database_close(struct nv_database *database);

/* Why the last call failed, in a line; "": it did not. */
const char *nv_database_why(const struct nv_database *database);

/* Runs statements that give nothing; gives the first column of the first row of one as a number, or
 * as a text (cut at `room`). */
bool nv_database_run(struct nv_database *database, const char *sql);
bool nv_database_number(struct nv_database *database, const char *sql, int64_t *number);
bool nv_database_text(struct nv_database *database, const char *sql, char *text, size_t room);

/* A statement with places for values, ?1 and on; NULL: it failed. */
struct nv_statement *nv_statement_new(struct nv_database *database, const char *sql);
void nv_statement_free(struct nv_statement *statement);

/* Sets a place; texts and bytes are borrowed until the statement was run. */
void nv_statement_integer(struct nv_statement *statement, int place, int64_t value);
void nv_statement_real(struct nv_statement *statement, int place, double value);
void nv_statement_string(struct nv_statement *statement, int place, const char *text);
void nv_statement_bytes(struct nv_statement *statement, int place, const void *data, size_t size);

/* Runs it to its end, and makes it ready to be run again. */
bool nv_statement_run(struct nv_statement *statement);

/* The next row: 1; 0 at the end, when it is ready to be run again; -1 failed. */
int nv_statement_next(struct nv_statement *statement);
void nv_statement_reset(struct nv_statement *statement);

/* Of the row, by column from 0; texts and bytes are valid until the next row. */
int64_t nv_column_integer(struct nv_statement *statement, int column);
double nv_column_real(struct nv_statement *statement, int column);
const char *nv_column_string(struct nv_statement *statement, int column);
const void *nv_column_bytes(struct nv_statement *statement, int column, size_t *size);

#endif
