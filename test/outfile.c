/* Files that appear complete or not at all. */
#include "outfile.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256], name[300];

static int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;

    snprintf(folder, sizeof folder, "%s/outfile.XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(name, sizeof name, "%s/out", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(name);
    return rmdir(folder);
}

static int files_in_folder(void)
{
    DIR *dir = opendir(folder);
    int n = -2;

    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void assert_holds(const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(name, "r");

    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, expected);
}

static void appears_when_committed(void **state)
{
    struct stat status;
    outfile file;
    mode_t mask = umask(022);
    (void)state;

    assert_int_equal(outfile_open(&file, name), 0);
    fputs("first", file.stream);
    assert_int_equal(stat(name, &status), -1);
    assert_int_equal(outfile_commit(&file), 0);
    assert_holds("first");
    assert_int_equal(stat(name, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0644);
    umask(mask);
}

static void keeps_the_old_one_when_discarded(void **state)
{
    outfile file;
    (void)state;

    assert_int_equal(outfile_open(&file, name), 0);
    fputs("second", file.stream);
    outfile_discard(&file);
    assert_holds("first");
    assert_int_equal(outfile_check(name), 0);
    assert_holds("first");
    assert_int_equal(files_in_folder(), 1);
}

static void follows_symbolic_links(void **state)
{
    struct stat status;
    char link[310];
    outfile file;
    (void)state;

    snprintf(link, sizeof link, "%s.link", name);
    assert_int_equal(symlink(name, link), 0);
    assert_int_equal(outfile_open(&file, link), 0);
    fputs("third", file.stream);
    assert_int_equal(outfile_commit(&file), 0);
    assert_holds("third");
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    unlink(link);
}

static void says_what_is_wrong(void **state)
{
    char beyond[320];
    outfile file;
    (void)state;

    snprintf(beyond, sizeof beyond, "%s/none/out", folder);
    assert_int_equal(outfile_check(beyond), ENOENT);
    assert_int_equal(outfile_check(folder), EISDIR);
    assert_int_equal(outfile_check(""), ENOENT);
    snprintf(beyond, sizeof beyond, "%s/x", name);
    assert_int_equal(outfile_open(&file, beyond), ENOTDIR);
}

static void writes_devices_directly(void **state)
{
    struct stat status;
    outfile file;
    (void)state;

    assert_int_equal(outfile_check("/dev/null"), 0);
    assert_int_equal(outfile_open(&file, "/dev/null"), 0);
    fputs("nothing", file.stream);
    assert_int_equal(outfile_commit(&file), 0);
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    if (access("/dev/full", W_OK) < 0)
        return;
    assert_int_equal(outfile_open(&file, "/dev/full"), 0);
    fputs("too much", file.stream);
    assert_int_equal(outfile_commit(&file), ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_when_committed),
        cmocka_unit_test(keeps_the_old_one_when_discarded),
        cmocka_unit_test(follows_symbolic_links),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(writes_devices_directly),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
