/* journal: killed jobs, second jobs, wrong and damaged files, full disks.  timeout: 240
 * SPDX-License-Identifier: BSD-3-Clause */
#include "journal_folder.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static void write_file(const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}
/* ------------------------------------------------------------------------------- other writers */

/* A child that opens the journal, says so, adds `count` records behind `first`, and waits. */
static pid_t start_writer(int *opened, uint64_t first, uint64_t count, size_t size)
{
    int ends[2];
    pid_t pid;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        struct nv_journal *journal = NULL;
        char rc = (char)try_open("a\nb\n", false, &journal);
        alarm(60); /* when the test has failed nobody kills it */
        close(ends[0]);
        if (write(ends[1], &rc, 1) != 1 || rc != NAVE_OK)
            _exit(1);
        for (uint64_t i = first; i < first + count; i++)
            add_filled(journal, i, size);
        for (;;)
            pause();
    }
    assert_true(pid > 0);
    close(ends[1]);
    *opened = ends[0];
    return pid;
}

static void kill_writer(pid_t pid)
{
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void two_writers_are_one_too_many(void **state)
{
    int opened;
    char rc = 1;
    pid_t pid = start_writer(&opened, 0, 0, 0);
    (void)state;
    assert_int_equal(read(opened, &rc, 1), 1);
    close(opened);
    assert_int_equal(rc, NAVE_OK);
    for (int i = 0; i < 3; i++) { /* who was refused must not take the lock away */
        must_refuse("another job is writing it");
        assert_true(is_there("-lock"));
    }
    kill_writer(pid);
    assert_true(is_there("-lock"));
    must_close(must_open());
    assert_int_equal(number_of("SELECT count(*) FROM job WHERE status IS NULL"), 1);
}

static void kills_lose_the_last_second_only(void **state)
{
    enum { KILLS = 30, BEFORE = 100, MORE = 40000, SIZE = 100 };
    uint32_t random = 12345;
    (void)state;
    for (int i = 0; i < KILLS; i++) {
        struct nv_journal *journal = must_open();
        int opened;
        pid_t pid;
        uint64_t rows;
        for (uint64_t k = 0; k < BEFORE; k++)
            add_filled(journal, k, SIZE);
        must_close(journal);
        random = random * 1664525 + 1013904223;
        pid = start_writer(&opened, BEFORE, MORE, SIZE);
        nanosleep(&(struct timespec){.tv_nsec = (long)(random >> 4) % 150000000}, NULL);
        kill_writer(pid);
        close(opened);
        journal = must_open();
        rows = check_rows(SIZE);
        assert_true(rows >= BEFORE);
        assert_int_equal(nv_journal_left(journal), rows);
        add_filled(journal, rows, SIZE); /* the next job goes on */
        must_close(journal);
        assert_int_equal(check_rows(SIZE), rows + 1);
        empty_folder();
    }
}

/* ---------------------------------------------------------------------------------- wrong files */

static void other_files_are_refused(void **state)
{
    static const char text[] = "These are a few lines of text,\nwhich are worth to be kept.\n";
    struct nv_database *database;
    (void)state;
    write_file(text, sizeof text - 1);
    must_refuse("not a journal");
    assert_int_equal(size_of_file(""), sizeof text - 1);
    write_file("x", 1);
    must_refuse("not a journal");
    unlink(path);
    database = nv_database_open(path, true);
    assert_true(nv_database_run(database, "CREATE TABLE t (x); INSERT INTO t VALUES (5)"));
    nv_database_close(database);
    must_refuse("another program");
    assert_int_equal(number_of("SELECT x FROM t"), 5);
    assert_int_equal(number_of("SELECT count(*) FROM sqlite_master"), 1);
    assert_false(is_there("-lock"));
}

static void other_versions_are_refused(void **state)
{
    struct nv_database *database;
    (void)state;
    must_close(must_open());
    database = nv_database_open(path, true);
    assert_true(nv_database_run(database, "PRAGMA user_version = 1000"));
    nv_database_close(database);
    must_refuse("another version");
}

static void folders_and_devices_are_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0777), 0);
    must_refuse("directory");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0666), 0);
    must_refuse("not a file");
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/none/j", folder);
    must_refuse("No such");
    snprintf(path, sizeof path, "%s/j", folder);
}

static void unwritable_folders_are_refused(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip();
    assert_int_equal(chmod(folder, 0555), 0);
    must_refuse("ermission");
    assert_int_equal(chmod(folder, 0777), 0);
}

static void an_empty_file_becomes_a_journal(void **state)
{
    struct nv_journal *journal;
    (void)state;
    write_file("", 0);
    journal = must_open();
    add_filled(journal, 0, 10);
    must_close(journal);
    assert_int_equal(check_rows(10), 1);
}

static void cut_journals_are_refused(void **state)
{
    enum { COUNT = 300, SIZE = 1000 };
    struct nv_journal *journal = must_open();
    char *bytes;
    size_t size;
    FILE *file;
    (void)state;
    for (uint64_t i = 0; i < COUNT; i++)
        add_filled(journal, i, SIZE);
    must_close(journal);
    size = (size_t)size_of_file("");
    bytes = malloc(size);
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    {
        const size_t cuts[] = {1,
                               15,
                               16,
                               17,
                               99,
                               100,
                               101,
                               1000,
                               4095,
                               4096,
                               4097,
                               2 * 4096,
                               size / 4096 / 2 * 4096,
                               size / 2 + 7,
                               size - 4096,
                               size - 100,
                               size - 1};
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
            empty_folder();
            write_file(bytes, cuts[i]);
            must_refuse("");
            assert_false(is_there("-lock"));
            assert_int_equal(size_of_file(""), cuts[i]);
        }
    }
    empty_folder();
    write_file(bytes, size);
    must_close(must_open());
    assert_int_equal(check_rows(SIZE), COUNT);
    free(bytes);
}

/* ------------------------------------------------------------------------------------ full disk */

/* Runs a line of the shell, with the folder as $0; whether it did what it should. */
static bool shell(const char *line)
{
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sh", "sh", "-c", line, folder, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* *state is NULL where that cannot be done. */
static int make_small_disk(void **state)
{
    if (make_folder(state) != 0)
        return 1;
    *state = NULL;
    if (geteuid() == 0 && shell("mount -t tmpfs -o size=1m nave \"$0\" >/dev/null 2>&1"))
        *state = folder;
    return 0;
}

static int remove_small_disk(void **state)
{
    if (*state != NULL && !shell("umount -l \"$0\""))
        return 1;
    return remove_folder(state);
}

static void a_full_disk_is_reported(void **state)
{
    enum { BEFORE = 50, MORE = 3000, SIZE = 1000 };
    struct nv_journal *journal;
    uint64_t rows;
    if (*state == NULL)
        skip();
    journal = must_open();
    for (uint64_t i = 0; i < BEFORE; i++)
        add_filled(journal, i, SIZE);
    must_close(journal);
    journal = must_open();
    for (uint64_t i = 0; i < MORE; i++)
        add_filled(journal, BEFORE + i, SIZE);
    while (nv_journal_check(journal, &error) == NAVE_OK)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_non_null(strstr(error.text, "No space"));
    add_filled(journal, BEFORE + MORE, SIZE); /* is let go */
    error.text[0] = '\0';
    assert_int_equal(nv_journal_close(journal, 0, &error), NAVE_EJOURNAL);
    assert_non_null(strstr(error.text, "No space"));
    assert_memory_equal(error.text, path, strlen(path));

    rows = check_rows(SIZE);
    assert_in_range(rows, BEFORE, BEFORE + MORE - 1);
    journal = must_open();
    assert_int_equal(nv_journal_left(journal), rows);
    add_filled(journal, rows, SIZE);
    must_close(journal);
    assert_int_equal(check_rows(SIZE), rows + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(two_writers_are_one_too_many),
        IN_FOLDER(kills_lose_the_last_second_only),
        IN_FOLDER(other_files_are_refused),
        IN_FOLDER(other_versions_are_refused),
        IN_FOLDER(folders_and_devices_are_refused),
        IN_FOLDER(unwritable_folders_are_refused),
        IN_FOLDER(an_empty_file_becomes_a_journal),
        IN_FOLDER(cut_journals_are_refused),
        cmocka_unit_test_setup_teardown(a_full_disk_is_reported, make_small_disk,
                                        remove_small_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
