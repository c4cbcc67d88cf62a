/* A journal in a folder of its own, records whose results follow from their index, and a look at all
 * that is in the file. */
#ifndef TEST_JOURNAL_FOLDER_H
#define TEST_JOURNAL_FOLDER_H

#include "journal.h"
#include "database.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256], path[300];
static struct nv_error error;

static inline void empty_folder(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char name[320];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static inline int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%.200s/nave-journal-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/j", folder);
    error.text[0] = '\0';
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    empty_folder();
    rmdir(path); /* when a test made a folder of it */
    return rmdir(folder);
}

static inline bool is_there(const char *end)
{
    char name[320];
    snprintf(name, sizeof name, "%s%s", path, end);
    return access(name, F_OK) == 0;
}

static inline long size_of_file(const char *end)
{
    char name[320];
    struct stat status;
    snprintf(name, sizeof name, "%s%s", path, end);
    return stat(name, &status) == 0 ? (long)status.st_size : -1;
}

static inline int try_open(const char *kernels, bool retry_failed, struct nv_journal **journal)
{
    struct nv_journal_job job = {
        .program = "test", .kernels = kernels, .ranks = 3, .retry_failed = retry_failed};
    return nv_journal_open(path, &job, &error, journal);
}

static inline struct nv_journal *must_open(void)
{
    struct nv_journal *journal = NULL;
    int rc = try_open("a\nb\n", false, &journal);
    if (rc != NAVE_OK)
        print_error("%s\n", error.text);
    assert_int_equal(rc, NAVE_OK);
    return journal;
}

static inline void must_close(struct nv_journal *journal)
{
    int rc = nv_journal_close(journal, 0, &error);
    if (rc != NAVE_OK)
        print_error("%s\n", error.text);
    assert_int_equal(rc, NAVE_OK);
    assert_false(is_there("-lock"));
}

/* Refused, with words that begin with the name of the file and have `why` in them. */
static inline void must_refuse(const char *why)
{
    struct nv_journal *journal = NULL;
    error.text[0] = '\0';
    assert_int_equal(try_open("a\nb\n", false, &journal), NAVE_EJOURNAL);
    assert_null(journal);
    if (strncmp(error.text, path, strlen(path)) != 0 || strstr(error.text, why) == NULL)
        print_error("%s\n", error.text);
    assert_memory_equal(error.text, path, strlen(path));
    assert_non_null(strstr(error.text, why));
}

static inline int64_t number_of(const char *sql)
{
    struct nv_database *database = nv_database_open(path, false);
    int64_t number = -1;
    assert_non_null(database);
    if (!nv_database_number(database, sql, &number))
        print_error("%s: %s\n", sql, nv_database_why(database));
    nv_database_close(database);
    return number;
}

static inline struct nv_digest digest_of(uint64_t index)
{
    return nv_digest_of(&index, sizeof index);
}

static inline struct nv_journal_task task_of(uint64_t index, const void *data, size_t size)
{
    return (struct nv_journal_task){.call = 1,
                                    .index = index,
                                    .count = 1,
                                    .digest = digest_of(index),
                                    .state = NAVE_SUCCEEDED,
                                    .attempts = 1,
                                    .engine = 2,
                                    .submitted = 1,
                                    .started = 2,
                                    .ended = 3,
                                    .host = "here",
                                    .message = "",
                                    .data = data,
                                    .size = size};
}

/* A record whose result follows from its index. */
static inline void add_filled(struct nv_journal *journal, uint64_t index, size_t size)
{
    unsigned char bytes[5000];
    struct nv_journal_task task = task_of(index, bytes, size);
    memset(bytes, (int)(index % 251), size);
    nv_journal_add(journal, &task);
}

static inline void assert_filled(const unsigned char *data, size_t size, uint64_t index,
                                 size_t expected)
{
    assert_int_equal(size, expected);
    for (size_t i = 0; i < size; i++)
        if (data[i] != index % 251)
            fail_msg("byte %zu of result %lu", i, (unsigned long)index);
}

/* All records in the file are whole; returns how many there are. */
static inline uint64_t check_rows(size_t expected)
{
    struct nv_database *database = nv_database_open(path, false);
    struct nv_statement *s = nv_statement_new(
        database, "SELECT task, low, high, result, host, state, count FROM task ORDER BY id");
    uint64_t rows = 0;
    int more;
    assert_non_null(s);
    while ((more = nv_statement_next(s)) == 1) {
        uint64_t index = (uint64_t)nv_column_integer(s, 0);
        struct nv_digest digest = {.low = (uint64_t)nv_column_integer(s, 1),
                                   .high = (uint64_t)nv_column_integer(s, 2)};
        size_t size;
        const void *data = nv_column_bytes(s, 3, &size);
        assert_int_equal(index, rows++);
        assert_true(nv_digest_equal(digest, digest_of(index)));
        assert_filled(data, size, index, expected);
        assert_string_equal(nv_column_string(s, 4), "here");
        assert_int_equal(nv_column_integer(s, 5), NAVE_SUCCEEDED);
        assert_int_equal(nv_column_integer(s, 6), 1);
    }
    assert_int_equal(more, 0);
    nv_statement_free(s);
    nv_database_close(database);
    return rows;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
