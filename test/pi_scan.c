/* Ranges of a tape of files: shorter files than sequences, straddles, places, troubles. */
#include "parallelpi/scan.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FILES = 16, NAME_SIZE = 256 };

static char folder[NAME_SIZE], names[MOST_FILES][NAME_SIZE + 32];
static char *name_list[MOST_FILES];
static pi_scanner scanner;
static pi_trouble trouble;

static int make_folder(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;

    snprintf(folder, sizeof folder, "%s/pi_scan.XXXXXX", base != NULL ? base : "/tmp");
    for (int i = 0; i < MOST_FILES; i++)
        name_list[i] = names[i];
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    for (int i = 0; i < MOST_FILES; i++)
        if (names[i][0] != '\0')
            unlink(names[i]);
    return rmdir(folder);
}

/* Writes the texts to files and makes a tape of them; NULL ends the list. */
static pi_tape *tape_of(const char *const *texts, int k)
{
    size_t n = 0;

    for (; texts[n] != NULL; n++) {
        snprintf(names[n], sizeof names[n], "%s/f%zu", folder, n);
        FILE *file = fopen(names[n], "wb");
        assert_non_null(file);
        fputs(texts[n], file);
        fclose(file);
    }
    scanner.path = pi_path_find(NULL);
    scanner.k = k;
    return pi_tape_new(name_list, n, &trouble);
}

#define TAPE(k, ...) tape_of((const char *const[]){__VA_ARGS__, NULL}, k)

/* Counts every cut of the tape in two, against the digits as one string. */
static void check(pi_tape *tape, const char *digits)
{
    size_t k = (size_t)scanner.k, n = strlen(digits), cells = pi_power10(scanner.k);
    uint64_t *expected = calloc(cells, sizeof *expected), *counts = calloc(cells, sizeof *counts);

    assert_non_null(tape);
    for (size_t i = 0; i + k <= n; i++) {
        char window[PI_MAX_K + 1] = "";
        memcpy(window, digits + i, k);
        expected[strtoul(window, NULL, 10)]++;
    }
    for (uint64_t cut = tape->begin; cut <= tape->end; cut++) {
        pi_range front = {tape->begin, cut}, rest = {cut, tape->end};
        uint64_t seen = 0;
        memset(counts, 0, cells * sizeof *counts);
        assert_int_equal(pi_scan_count(&scanner, tape, front, counts, &seen, &trouble), 0);
        assert_int_equal(pi_scan_count(&scanner, tape, rest, counts, &seen, &trouble), 0);
        assert_int_equal(seen, n);
        assert_true(memcmp(counts, expected, cells * sizeof *counts) == 0);
    }
    free(expected);
    free(counts);
    free(tape);
}

static void joins_files_without_a_seam(void **state)
{
    (void)state;
    for (int k = 1; k <= 5; k++) {
        check(TAPE(k, "14159", "26535", "89793"), "141592653589793");
        check(TAPE(k, "3.14 15\n", " 92\r\n", "\n65 3", "5"), "14159265"
                                                              "35");
        check(TAPE(k, "3.", "1", "4", "1", "5", "9"), "14159");
    }
}

static void passes_by_files_shorter_than_a_sequence(void **state)
{
    (void)state;
    for (int k = 1; k <= 6; k++) {
        check(TAPE(k, "1", "4", "1", "5", "9", "2", "6", "5", "3"), "141592653");
        check(TAPE(k, "1\n", "\n", " ", "4\n", "\r\n", "15", "9"), "14159");
    }
}

static void sees_the_three_in_front(void **state)
{
    (void)state;
    check(TAPE(2, "314159265358"), "14159265358");
    check(TAPE(2, "14159265358"), "14159265358");
    check(TAPE(2, "31415", "9265358"), "314159265358"); /* only within the first file */
}

static void finds_places(void **state)
{
    pi_tape *tape = TAPE(2, "3.14 15\n", "92 65");
    pi_range all = {tape->begin, tape->end};
    uint64_t at;
    (void)state;

    assert_int_equal(pi_scan_place(&scanner, tape, all, 1, &at, &trouble), 0);
    assert_int_equal(at, 3);
    assert_int_equal(pi_scan_place(&scanner, tape, all, 4, &at, &trouble), 0);
    assert_int_equal(at, 7);
    assert_int_equal(pi_scan_place(&scanner, tape, all, 5, &at, &trouble), 0);
    assert_int_equal(at, 9);
    assert_int_equal(pi_scan_place(&scanner, tape, all, 8, &at, &trouble), 0);
    assert_int_equal(at, 13);
    assert_int_equal(pi_scan_place(&scanner, tape, all, 99, &at, &trouble), 0);
    assert_int_equal(at, 13);
    free(tape);
}

static void counts_no_further_than_the_end(void **state)
{
    pi_tape *tape = TAPE(3, "14159", "26535");
    uint64_t counts[1000] = {0}, digits = 0, sum = 0;
    (void)state;

    tape->end = 6;
    assert_int_equal(
        pi_scan_count(&scanner, tape, (pi_range){0, tape->end}, counts, &digits, &trouble), 0);
    for (size_t i = 0; i < 1000; i++)
        sum += counts[i];
    assert_int_equal(digits, 6);
    assert_int_equal(sum, 4);
    assert_int_equal(counts[592], 1);
    assert_int_equal(counts[926], 0);
    free(tape);
}

static void reads_both_ends(void **state)
{
    pi_tape *tape = TAPE(5, "3.1", "4\n", "15", "\n", "9 2\n\n", "  ");
    uint8_t first[4], last[4];
    static const uint8_t front[] = {1, 4, 1, 5}, back[] = {1, 5, 9, 2};
    (void)state;

    assert_int_equal(pi_scan_ends(&scanner, tape, 4, first, last, &trouble), 0);
    assert_memory_equal(first, front, 4);
    assert_memory_equal(last, back, 4);
    free(tape);
}

static void names_the_bad_byte(void **state)
{
    pi_tape *tape = TAPE(2, "3.14159", "26x35", "8y");
    uint64_t counts[100] = {0}, digits = 0;
    pi_sight sight;
    char expected[NAME_SIZE * 2];
    (void)state;

    snprintf(expected, sizeof expected,
             "%s: byte 'x' (0x78) at offset 2 (counted from 0) is no digit, blank or line end",
             names[1]);
    assert_int_equal(
        pi_scan_count(&scanner, tape, (pi_range){2, tape->end}, counts, &digits, &trouble), -1);
    assert_string_equal(trouble.text, expected);
    assert_int_equal(pi_scan_look(&scanner, tape, (pi_range){2, tape->end}, &sight, &trouble), 0);
    assert_int_equal(sight.digits, 7);
    assert_int_equal(sight.stop, 9);
    assert_int_equal(sight.byte, 'x');
    free(tape);
}

static void refuses(const char *why)
{
    assert_non_null(strstr(trouble.text, why));
    assert_null(strchr(trouble.text, '\n'));
}

static void refuses_what_is_no_file_of_digits(void **state)
{
    char *missing[] = {names[0], folder}, *gone[] = {names[9]};
    (void)state;

    assert_null(TAPE(2, "14", "", "15"));
    refuses("f1: the file is empty");
    assert_null(pi_tape_new(missing, 2, &trouble));
    refuses("Is a directory");
    snprintf(names[9], sizeof names[9], "%s/none", folder);
    assert_null(pi_tape_new(gone, 1, &trouble));
    refuses("No such file");
    gone[0] = (char[]){"/dev/null"};
    assert_null(pi_tape_new(gone, 1, &trouble));
    refuses("not a file");
}

static void notices_a_file_that_shrinks(void **state)
{
    pi_tape *tape = TAPE(1, "1415", "9265");
    uint64_t counts[10] = {0}, digits = 0;
    (void)state;

    assert_int_equal(truncate(names[1], 2), 0);
    assert_int_equal(pi_scan_count(&scanner, tape, (pi_range){0, 8}, counts, &digits, &trouble),
                     -1);
    refuses("f1: the file has become shorter");
    free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_files_without_a_seam),
        cmocka_unit_test(passes_by_files_shorter_than_a_sequence),
        cmocka_unit_test(sees_the_three_in_front),
        cmocka_unit_test(finds_places),
        cmocka_unit_test(counts_no_further_than_the_end),
        cmocka_unit_test(reads_both_ends),
        cmocka_unit_test(names_the_bad_byte),
        cmocka_unit_test(refuses_what_is_no_file_of_digits),
        cmocka_unit_test(notices_a_file_that_shrinks),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
