/* past - see past.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "past.h"

#include <stdlib.h>
#include <string.h>

/* A record; those of one digest are linked, the first is in the table. */
struct entry {
    struct nv_digest digest;
    int64_t row;
    uint32_t next, last; /* one more than a place; 0: none.  last: of the first of a digest */
};

struct nv_past {
    struct nv_statement *record;
    struct entry *entries;
    size_t count, room;
    uint32_t *table; /* open addressing by digest: one more than a place; 0: free */
    size_t slots;    /* a power of two, twice as many as records at least */
    uint64_t left;
    char *bytes; /* texts, output and result of the record that was taken last */
    size_t bytes_room;
};

static bool add(struct nv_past *past, struct nv_digest digest, int64_t row)
{
    if (past->count == past->room) {
        size_t room = past->room == 0 ? 1024 : 2 * past->room;
        struct entry *entries = NULL;
        if (room <= UINT32_MAX / 2)
            entries = realloc(past->entries, room * sizeof *entries);
        if (entries == NULL)
            return false;
        past->entries = entries;
        past->room = room;
    }
    past->entries[past->count++] = (struct entry){.digest = digest, .row = row};
    return true;
}

/* In the order in which they are to be taken. */
static bool load(struct nv_past *past, struct nv_database *database)
{
    struct nv_statement *rows = nv_statement_new(
        database, "SELECT low, high, id FROM task WHERE state IN (2, 3) AND again = 0 "
                  "ORDER BY state, id");
    int more = rows != NULL ? 1 : -1;
    while (more == 1 && (more = nv_statement_next(rows)) == 1) {
        struct nv_digest digest = {.low = (uint64_t)nv_column_integer(rows, 0),
                                   .high = (uint64_t)nv_column_integer(rows, 1)};
        if (!add(past, digest, nv_column_integer(rows, 2)))
            more = -1;
    }
    nv_statement_free(rows);
    return more == 0;
}

static uint32_t *slot_of(const struct nv_past *past, struct nv_digest digest)
{
    size_t at = (size_t)(digest.low ^ digest.high) & (past->slots - 1);
    while (past->table[at] != 0 &&
           !nv_digest_equal(past->entries[past->table[at] - 1].digest, digest))
        at = (at + 1) & (past->slots - 1);
    return &past->table[at];
}

static bool build(struct nv_past *past)
{
    past->slots = 16;
    while (past->slots < 2 * past->count)
        past->slots *= 2;
    past->table = calloc(past->slots, sizeof *past->table);
    if (past->table == NULL)
        return false;
    for (uint32_t i = 0; i < past->count; i++) {
        uint32_t *slot = slot_of(past, past->entries[i].digest);
        if (*slot == 0) {
            *slot = i + 1;
        } else {
            struct entry *first = &past->entries[*slot - 1];
            past->entries[first->last > 0 ? first->last - 1 : *slot - 1].next = i + 1;
            first->last = i + 1;
        }
    }
    past->left = past->count;
    return true;
}

struct nv_past *nv_past_new(struct nv_database *database)
{
    struct nv_past *past = calloc(1, sizeof *past);
    if (past == NULL)
        return NULL;
    past->record = nv_statement_new(
        database, "SELECT call, task, count, state, attempts, engine, submitted, started, ended, "
                  "code, host, message, output, result FROM task WHERE id = ?1");
    if (past->record != NULL && load(past, database) && build(past))
        return past;
    nv_past_free(past);
    return NULL;
}

void nv_past_free(struct nv_past *past)
{
    if (past == NULL)
        return;
    nv_statement_free(past->record);
    free(past->entries);
    free(past->table);
    free(past->bytes);
    free(past);
}

uint64_t nv_past_left(const struct nv_past *past)
{
    return past->left;
}

/* Puts bytes behind those that are there already; NULL for none. */
static const void *keep(struct nv_past *past, size_t *used, const void *data, size_t size)
{
    char *at = past->bytes + *used;
    *used += size;
    return size > 0 ? memcpy(at, data, size) : NULL;
}

/* Copies what the record points to: a statement that stands on its row is a reader, and as long as
 * there is one SQLite cannot begin its WAL anew, which would grow until the end of the job. */
static bool keep_all(struct nv_past *past, struct nv_journal_task *task)
{
    size_t host = strlen(task->host) + 1, message = strlen(task->message) + 1, used = 0;
    size_t need = host + message + task->output_size + task->size;
    if (need > past->bytes_room) {
        char *bytes = realloc(past->bytes, need);
        if (bytes == NULL)
            return false;
        past->bytes = bytes;
        past->bytes_room = need;
    }
    task->data = keep(past, &used, task->data, task->size);
    task->output = keep(past, &used, task->output, task->output_size);
    task->host = keep(past, &used, task->host, host);
    task->message = keep(past, &used, task->message, message);
    return true;
}

static void get_columns(struct nv_statement *s, struct nv_journal_task *task)
{
    task->call = (uint64_t)nv_column_integer(s, 0);
    task->index = (uint64_t)nv_column_integer(s, 1);
    task->count = (uint64_t)nv_column_integer(s, 2);
    task->state = (enum nave_task_state)nv_column_integer(s, 3);
    task->attempts = (int)nv_column_integer(s, 4);
    task->engine = (int)nv_column_integer(s, 5);
    task->submitted = nv_column_real(s, 6);
    task->started = nv_column_real(s, 7);
    task->ended = nv_column_real(s, 8);
    task->code = (int)nv_column_integer(s, 9);
    task->host = nv_column_string(s, 10);
    task->message = nv_column_string(s, 11);
    task->output = nv_column_bytes(s, 12, &task->output_size);
    task->data = nv_column_bytes(s, 13, &task->size);
}

static bool read_record(struct nv_past *past, int64_t row, struct nv_journal_task *task)
{
    bool good;
    nv_statement_integer(past->record, 1, row);
    good = nv_statement_next(past->record) == 1;
    if (good)
        get_columns(past->record, task);
    good = good && keep_all(past, task);
    nv_statement_reset(past->record);
    return good;
}

/* The next of the digest takes its place in the table; the last one stays there, as taken. */
bool nv_past_take(struct nv_past *past, struct nv_digest digest, struct nv_journal_task *task)
{
    uint32_t *slot = slot_of(past, digest);
    struct entry *entry = *slot > 0 ? &past->entries[*slot - 1] : NULL;
    int64_t row;
    if (entry == NULL || entry->row == 0)
        return false;
    row = entry->row;
    if (entry->next > 0) {
        past->entries[entry->next - 1].last = entry->last;
        *slot = entry->next;
    } else {
        entry->row = 0;
    }
    past->left--;
    task->digest = digest;
    return read_record(past, row, task);
}
