/* journal: what is written is read again, each once; who else may write; files that are none; kill -9.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "journal.h"
#include "database.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[128], file[160];
static struct nv_error error;

static int make_folder(void **state)
{
    const char *parent = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/journal.XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(file, sizeof file, "%s/farm.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-lock"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char name[200];
        snprintf(name, sizeof name, "%s%s", file, tails[i]);
        unlink(name);
    }
    return rmdir(folder);
}

static struct nv_journal *open_with(const struct nv_journal_job *job)
{
    struct nv_journal *journal = NULL;
    int rc = nv_journal_open(file, job, &error, &journal);
    if (rc != NAVE_OK)
        print_message("%s\n", error.text);
    assert_int_equal(rc, NAVE_OK);
    return journal;
}

static struct nv_journal *open_journal(void)
{
    return open_with(&(struct nv_journal_job){.program = "test", .kernels = "one 0\n", .ranks = 3});
}

static void assert_refused(const char *words)
{
    struct nv_journal_job job = {.program = "test", .kernels = ""};
    struct nv_journal *journal;
    assert_int_equal(nv_journal_open(file, &job, &error, &journal), NAVE_EJOURNAL);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
    assert_non_null(strstr(error.text, "farm.db"));
}

static struct nv_digest digest_of(uint64_t i)
{
    return nv_digest_of(&i, sizeof i);
}

static struct nv_journal_task task_of(uint64_t i, const void *data, size_t size)
{
    return (struct nv_journal_task){.call = 1,
                                    .index = i,
                                    .count = 1,
                                    .digest = digest_of(i),
                                    .state = NAVE_SUCCEEDED,
                                    .attempts = 1,
                                    .engine = 2,
                                    .host = "here",
                                    .message = "",
                                    .data = data,
                                    .size = size};
}

static void records_come_back(void **state)
{
    static char large[3000000];
    struct nv_journal *journal = open_journal();
    struct nv_journal_task task = task_of(7, large, sizeof large), found;
    (void)state;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 31);
    task.output = "words";
    task.output_size = 5;
    task.attempts = 4;
    task.started = 100.5;
    task.ended = 101.25;
    nv_journal_call(journal, 1, "map", "one", 10, 8, 8);
    nv_journal_add(journal, &task);
    task = task_of(8, NULL, 0);
    task.state = NAVE_FAILED;
    task.code = -2;
    task.message = "it failed";
    nv_journal_add(journal, &task);
    assert_int_equal(nv_journal_left(journal), 0);
    assert_false(nv_journal_take(journal, digest_of(7), &found));
    assert_int_equal(nv_journal_check(journal, &error), NAVE_OK);
    assert_int_equal(nv_journal_close(journal, 0, &error), NAVE_OK);

    journal = open_journal();
    assert_false(nv_journal_changed(journal));
    assert_int_equal(nv_journal_left(journal), 2);
    assert_false(nv_journal_take(journal, digest_of(9), &found));
    assert_true(nv_journal_take(journal, digest_of(7), &found));
    assert_int_equal(found.size, sizeof large);
    assert_memory_equal(found.data, large, sizeof large);
    assert_memory_equal(found.output, "words", 5);
    assert_true(found.index == 7 && found.call == 1 && found.count == 1 && found.attempts == 4);
    assert_true(found.started == 100.5 && found.ended == 101.25 && found.engine == 2);
    assert_string_equal(found.host, "here");
    assert_false(nv_journal_take(journal, digest_of(7), &found));
    assert_true(nv_journal_take(journal, digest_of(8), &found));
    assert_true(found.state == NAVE_FAILED && found.code == -2 && found.size == 0);
    assert_string_equal(found.message, "it failed");
    assert_int_equal(nv_journal_left(journal), 0);
    assert_int_equal(nv_journal_close(journal, 3, &error), NAVE_OK);
}

/* Good ones first, then the oldest; each once. */
static void equal_ones_are_taken_in_turn(void **state)
{
    struct nv_journal *journal = open_journal();
    struct nv_journal_task task, found;
    (void)state;
    for (int i = 0; i < 500; i++) {
        task = task_of(1, &i, sizeof i);
        task.state = i % 100 == 0 ? NAVE_FAILED : NAVE_SUCCEEDED;
        nv_journal_add(journal, &task);
    }
    nv_journal_close(journal, 0, &error);
    journal = open_journal();
    for (int i = 0; i < 500; i++) {
        if (i % 100 == 0)
            continue;
        assert_true(nv_journal_take(journal, digest_of(1), &found));
        assert_memory_equal(found.data, &i, sizeof i);
    }
    for (int i = 0; i < 5; i++) {
        assert_true(nv_journal_take(journal, digest_of(1), &found));
        assert_int_equal(found.state, NAVE_FAILED);
    }
    assert_false(nv_journal_take(journal, digest_of(1), &found));
    nv_journal_close(journal, 0, &error);
}

static void failed_ones_may_be_run_again(void **state)
{
    struct nv_journal_job job = {.program = "test", .kernels = "two 1\n", .retry_failed = true};
    struct nv_journal *journal = open_journal();
    struct nv_journal_task task = task_of(1, NULL, 0);
    (void)state;
    task.state = NAVE_FAILED;
    nv_journal_add(journal, &task);
    nv_journal_close(journal, 0, &error);
    journal = open_with(&job);
    assert_true(nv_journal_changed(journal));
    assert_int_equal(nv_journal_left(journal), 0);
    task.state = NAVE_SUCCEEDED;
    nv_journal_add(journal, &task);
    nv_journal_close(journal, 0, &error);
    journal = open_journal();
    assert_int_equal(nv_journal_left(journal), 1);
    nv_journal_close(journal, 0, &error);
}

/* In a child: writes task after task, and says of each how many are surely there. */
static void write_for_ever(int told)
{
    struct nv_journal *journal = open_journal();
    char ready = 1;
    if (write(told, &ready, 1) != 1)
        _exit(1);
    for (uint64_t i = 0;; i++) {
        uint64_t data[4] = {i, i * i, ~i, i + 1};
        struct nv_journal_task task = task_of(i, data, sizeof data);
        nv_journal_add(journal, &task);
        if (i % 50 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static pid_t start_writer(void)
{
    int ends[2];
    char ready;
    pid_t pid;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0)
        write_for_ever(ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &ready, 1), 1);
    close(ends[0]);
    return pid;
}

static void there_is_one_writer(void **state)
{
    pid_t pid = start_writer();
    (void)state;
    assert_refused("another job");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    nv_journal_close(open_journal(), 0, &error);
}

static void killed_writers_leave_whole_records(void **state)
{
    (void)state;
    for (long i = 0; i < 8; i++) {
        pid_t pid = start_writer();
        struct nv_journal *journal;
        struct nv_journal_task found;
        uint64_t seen = 0;
        nanosleep(&(struct timespec){.tv_nsec = (300 + 93 * i) * 1000000L}, NULL);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        journal = open_journal();
        for (uint64_t left = nv_journal_left(journal); seen < left; seen++) {
            const uint64_t data[4] = {seen, seen * seen, ~seen, seen + 1};
            if (!nv_journal_take(journal, digest_of(seen), &found))
                break;
            assert_int_equal(found.size, sizeof data);
            assert_memory_equal(found.data, data, sizeof data);
        }
        assert_true(i < 5 || seen > 0);
        nv_journal_close(journal, 0, &error);
    }
}

static void write_file(const void *data, size_t size)
{
    FILE *out = fopen(file, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(data, 1, size, out), size);
    fclose(out);
}

static void other_files_are_refused(void **state)
{
    static char bytes[1 << 20];
    struct nv_database *database;
    size_t size;
    FILE *in;
    (void)state;
    write_file("", 0);
    nv_journal_close(open_journal(), 0, &error);
    write_file("hello, this is a text", 21);
    assert_refused("not a journal");
    unlink(file);
    database = nv_database_open(file, true);
    assert_true(nv_database_run(database, "CREATE TABLE others (x)"));
    nv_database_close(database);
    assert_refused("another program");
    unlink(file);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_refused("directory");
    rmdir(file);

    struct nv_journal *journal = open_journal();
    for (uint64_t i = 0; i < 3000; i++) {
        struct nv_journal_task task = task_of(i, &i, sizeof i);
        nv_journal_add(journal, &task);
    }
    nv_journal_close(journal, 0, &error);
    in = fopen(file, "rb");
    assert_non_null(in);
    size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    for (int part = 1; part < 6; part++) {
        struct stat after;
        write_file(bytes, size * (size_t)part / 6 + 13);
        assert_refused("");
        assert_int_equal(stat(file, &after), 0);
        assert_int_equal(after.st_size, size * (size_t)part / 6 + 13);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(records_come_back),
        TEST(equal_ones_are_taken_in_turn),
        TEST(failed_ones_may_be_run_again),
        TEST(there_is_one_writer),
        TEST(killed_writers_leave_whole_records),
        TEST(other_files_are_refused),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
