/* Counting, each path against a naive counter: layouts, cuts at every place, bad bytes. */
#include "parallelpi/count.h"
#include "parallelpi/layout.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYOUTS = 6, MOST_DIGITS = 30000, MOST_BYTES = 3 * MOST_DIGITS };

static unsigned char bytes[MOST_BYTES];
static uint64_t seed;

static unsigned random_below(unsigned limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % limit;
}

/* Separators behind the n-th digit: none, tens, tens and hundreds, DOS lines, blanks all over, one
 * digit a line. */
static const char *separator(int layout, size_t n)
{
    switch (layout) {
    case 0:
        return "";
    case 1:
        return n % 10 == 0 ? " " : "";
    case 2:
        return n % 100 == 0 ? "\n" : n % 10 == 0 ? " " : "";
    case 3:
        return n % 60 == 0 ? "\r\n" : "";
    case 4:
        return random_below(4) == 0 ? "\t " : random_below(40) == 0 ? "\n\n\n" : "";
    default:
        return "\n";
    }
}

/* Fills `bytes` with so many digits; returns their number in bytes. */
static size_t fill(int layout, size_t digits)
{
    size_t size = 0;

    seed = 88172645463325252U + (unsigned)layout;
    for (size_t n = 1; n <= digits; n++) {
        const char *more = separator(layout, n);
        bytes[size++] = (unsigned char)('0' + random_below(10));
        memcpy(bytes + size, more, strlen(more));
        size += strlen(more);
    }
    return size;
}

static uint64_t *new_counts(int k)
{
    uint64_t *counts = calloc(pi_power10(k), sizeof *counts);

    assert_non_null(counts);
    return counts;
}

/* The number of windows. */
static uint64_t count_naively(size_t size, int k, uint64_t *counts)
{
    size_t number = 0, digits = 0;

    for (size_t i = 0; i < size; i++) {
        if (pi_is_separator(bytes[i]))
            continue;
        number = (number * 10 + bytes[i] - '0') % pi_power10(k);
        if (++digits >= (size_t)k)
            counts[number]++;
    }
    return digits < (size_t)k ? 0 : digits - (size_t)k + 1;
}

/* Counts from `begin` to `end` in feeds of `step` bytes, and shows what follows byte by byte. */
static uint64_t count_range(const pi_path *path, int k, uint64_t *counts, size_t begin, size_t end,
                            size_t size, size_t step)
{
    static pi_counter counter;
    uint64_t digits;

    pi_counter_init(&counter, path, k, counts);
    for (size_t at = begin; at < end; at += step) {
        size_t n = end - at < step ? end - at : step;
        assert_int_equal(pi_counter_feed(&counter, bytes + at, n), n);
    }
    for (size_t at = end; at < size && !pi_counter_show(&counter, bytes + at, 1); at++)
        ;
    digits = counter.digits;
    pi_counter_finish(&counter);
    return digits;
}

static const pi_path *next_path(size_t *i)
{
    const pi_path *path;

    while ((path = pi_path_at((*i)++)) != NULL)
        if (path->supported())
            return path;
    return NULL;
}

static void check_whole(int layout, int k, size_t digits, size_t step)
{
    size_t size = fill(layout, digits), cells = pi_power10(k);
    uint64_t *expected = new_counts(k), *counts = new_counts(k);
    const pi_path *path;

    count_naively(size, k, expected);
    for (size_t i = 0; (path = next_path(&i)) != NULL;) {
        memset(counts, 0, cells * sizeof *counts);
        assert_int_equal(count_range(path, k, counts, 0, size, size, step), digits);
        assert_true(memcmp(counts, expected, cells * sizeof *counts) == 0);
    }
    free(expected);
    free(counts);
}

static void counts_as_naive(void **state)
{
    static const size_t steps[] = {MOST_BYTES, 4096, 1000, 61};
    (void)state;

    for (int layout = 0; layout < LAYOUTS; layout++)
        for (int k = 1; k <= 6; k++)
            for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
                check_whole(layout, k, MOST_DIGITS, steps[i]);
}

static void counts_few_digits(void **state)
{
    (void)state;
    for (int layout = 0; layout < LAYOUTS; layout++)
        for (int k = 1; k <= 6; k++)
            for (size_t digits = 0; digits < 40; digits++)
                check_whole(layout, k, digits, 1 + digits % 5);
}

/* Of the many counts only those in use are touched: taken off again, they are zero. */
static void check_many_cells(int k)
{
    size_t size = fill(2, 5000), number = 0, digits = 0, modulus = pi_power10(k);
    const pi_path *path;
    uint64_t *counts;

    for (size_t i = 0; (path = next_path(&i)) != NULL;) {
        counts = new_counts(k);
        count_range(path, k, counts, 0, size, size, 1000);
        for (size_t at = digits = 0; at < size; at++) {
            if (pi_is_separator(bytes[at]))
                continue;
            number = (number * 10 + bytes[at] - '0') % modulus;
            if (++digits >= (size_t)k)
                assert_true(counts[number]-- > 0);
        }
        free(counts);
    }
}

static void counts_long_sequences(void **state)
{
    (void)state;
    check_many_cells(7);
    check_many_cells(8);
}

static void check_cuts(const pi_path *path, int layout, int k, size_t digits)
{
    size_t size = fill(layout, digits), cells = pi_power10(k);
    uint64_t *expected = new_counts(k), *counts = new_counts(k);

    count_naively(size, k, expected);
    for (size_t cut = 0; cut <= size; cut++) {
        size_t second = cut + (size - cut) / 7;
        memset(counts, 0, cells * sizeof *counts);
        count_range(path, k, counts, 0, cut, size, 1000);
        count_range(path, k, counts, cut, second, size, 1000);
        count_range(path, k, counts, second, size, size, 1000);
        assert_true(memcmp(counts, expected, cells * sizeof *counts) == 0);
    }
    free(expected);
    free(counts);
}

static void adds_up_when_cut_anywhere(void **state)
{
    const pi_path *path;
    (void)state;

    for (size_t i = 0; (path = next_path(&i)) != NULL;)
        for (int layout = 0; layout < LAYOUTS; layout++)
            for (int k = 1; k <= 5; k++)
                check_cuts(path, layout, k, k < 5 ? 230 : 30);
}

/* All one digit: the same cell again and again, and the largest numbers. */
static void counts_nines(void **state)
{
    const pi_path *path;
    (void)state;

    memset(bytes, '9', MOST_BYTES);
    for (size_t i = 0; (path = next_path(&i)) != NULL;)
        for (int k = 1; k <= 4; k++) {
            uint64_t *counts = new_counts(k);
            count_range(path, k, counts, 0, MOST_BYTES, MOST_BYTES, MOST_BYTES);
            assert_int_equal(counts[pi_power10(k) - 1], MOST_BYTES - k + 1);
            free(counts);
        }
}

static void finds_the_first_bad_byte(void **state)
{
    static const unsigned char bad[] = {'x', '.', '/', ':', 0, 0x80, 0xff, 0x0b, 0x2a, 0x1f, 0xb0};
    static pi_counter counter;
    uint64_t counts[100];
    const pi_path *path;
    size_t size = fill(2, 200);
    (void)state;

    for (size_t i = 0; (path = next_path(&i)) != NULL;)
        for (size_t place = 0; place < size; place++) {
            unsigned char saved = bytes[place];
            bytes[place] = bad[place % sizeof bad];
            bytes[size] = 'y'; /* a second one behind it */
            pi_counter_init(&counter, path, 2, counts);
            assert_int_equal(pi_counter_feed(&counter, bytes, size + 1), place);
            bytes[place] = saved;
        }
}

/* Any byte: a digit, a separator or bad, and the same by all paths. */
static void paths_agree_on_every_byte(void **state)
{
    static uint8_t values[64 + PI_SLACK];
    unsigned char one[64];
    const pi_path *path;
    (void)state;

    for (size_t i = 0; (path = next_path(&i)) != NULL;)
        for (int byte = 0; byte < 256; byte++)
            for (size_t place = 0; place < sizeof one; place += 21) {
                size_t count, read;
                int digit = pi_is_digit((unsigned char)byte);
                memset(one, '7', sizeof one);
                one[place] = (unsigned char)byte;
                read = path->compact(one, sizeof one, values, &count);
                if (digit || pi_is_separator((unsigned char)byte)) {
                    assert_int_equal(read, sizeof one);
                    assert_int_equal(count, sizeof one - !digit);
                } else {
                    assert_int_equal(read, place);
                    assert_int_equal(count, place);
                }
            }
}

static void quads_are_numbers(void **state)
{
    static uint8_t values[4 * 100 + 3 + PI_SLACK];
    static uint16_t quads[100 + PI_SLACK];
    const pi_path *path;
    (void)state;

    for (size_t i = 0; i < sizeof values; i++)
        values[i] = (uint8_t)random_below(10);
    for (size_t i = 0; (path = next_path(&i)) != NULL;)
        for (size_t stride = 1; stride <= 4; stride++)
            for (size_t n = 0; n <= 100; n++) {
                path->quads(values, stride, n, quads);
                for (size_t j = 0; j < n; j++) {
                    const uint8_t *v = values + j * stride;
                    assert_int_equal(quads[j], v[0] * 1000 + v[1] * 100 + v[2] * 10 + v[3]);
                }
            }
}

static void paths_have_names(void **state)
{
    (void)state;
    assert_ptr_equal(pi_path_find("plain"), &pi_path_plain);
    assert_non_null(pi_path_find(NULL));
    assert_ptr_equal(pi_path_find("auto"), pi_path_find(NULL));
    assert_null(pi_path_find("abacus"));
}

static size_t start_of(const char *text)
{
    return pi_layout_start((const unsigned char *)text, strlen(text));
}

static void finds_the_decimals(void **state)
{
    (void)state;
    assert_int_equal(start_of(""), 0);
    assert_int_equal(start_of("1415926535"), 0);
    assert_int_equal(start_of("3.1415926535"), 2);
    assert_int_equal(start_of("3."), 2);
    assert_int_equal(start_of("3.\r\n1415926535 8979323846\r\n"), 2);
    assert_int_equal(start_of(" 3 .\n1415926535"), 4);
    assert_int_equal(start_of("\xEF\xBB\xBF"
                              "3.14"),
                     5);
    assert_int_equal(start_of("\xEF\xBB\xBF"
                              "14"),
                     3);
    assert_int_equal(start_of("314159265358979"), 1);
    assert_int_equal(start_of("3 14159 26535"), 1);
    assert_int_equal(start_of("3\n14159265"), 1);
    assert_int_equal(start_of("31415926"), 0); /* too short to tell */
    assert_int_equal(start_of("3333333333"), 0);
    assert_int_equal(start_of("2.718281828"), 0);
    assert_int_equal(start_of("3,14159265"), 0);
}

static void shows_bytes(void **state)
{
    char text[16];
    (void)state;

    pi_layout_show('x', text);
    assert_string_equal(text, "'x' (0x78)");
    pi_layout_show(0, text);
    assert_string_equal(text, "0x00");
    pi_layout_show(0xff, text);
    assert_string_equal(text, "0xff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_as_naive),
        cmocka_unit_test(counts_few_digits),
        cmocka_unit_test(counts_long_sequences),
        cmocka_unit_test(adds_up_when_cut_anywhere),
        cmocka_unit_test(counts_nines),
        cmocka_unit_test(finds_the_first_bad_byte),
        cmocka_unit_test(paths_agree_on_every_byte),
        cmocka_unit_test(quads_are_numbers),
        cmocka_unit_test(paths_have_names),
        cmocka_unit_test(finds_the_decimals),
        cmocka_unit_test(shows_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
