/* The parts of pidigits that need no files: digits, conversion, the check, the text, the manifest.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/bar.h"
#include "common/cli.h"
#include "pidigits/bbp.h"
#include "pidigits/decimals.h"
#include "pidigits/digits.h"
#include "pidigits/manifest.h"
#include "pidigits/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *digits(size_t n, int guard, int threads)
{
    progress p = {0};
    double seconds[DIGITS_PHASES];
    const char *why = NULL;
    return digits_of_pi(n, guard, threads, &p, seconds, &why);
}

static void digits_are_those_of_pi(void **state)
{
    enum { MOST = 2000 };
    char *known = digits(MOST, DIGITS_GUARD, 1);
    (void)state;
    assert_non_null(known);
    assert_memory_equal(known, "14159265358979323846264338327950288419716939937510", 50);
    assert_memory_equal(known + 761, "9999998372978", 13);
    for (size_t n = 1; n < MOST; n += 1 + n / 30) {
        char *got = digits(n, DIGITS_GUARD, 1 + (int)n % 3);
        assert_non_null(got);
        assert_memory_equal(got, known, n);
        free(got);
    }
    free(known);
}

/* With a bit to spare the last decimals are open now and then, and all is done again. */
static void too_few_bits_are_mended(void **state)
{
    enum { MOST = 1200 };
    char *known = digits(MOST, DIGITS_GUARD, 1), scratch[MOST + 8];
    int open = 0;
    (void)state;
    assert_non_null(known);
    for (size_t n = 1; n < MOST; n += 7) {
        char *got = digits(n, 1, 1);
        assert_non_null(got);
        assert_memory_equal(got, known, n);
        free(got);
        arb_t pi;
        arb_init(pi);
        arb_const_pi(pi, decimals_bits(n) + 3);
        open += decimals_of(scratch, pi, n) != 0;
        arb_clear(pi);
    }
    assert_true(open > 0);
    free(known);
}

/* The decimals of k / 2^e are those of the integer k 5^e. */
static void fractions_come_out_exactly(void **state)
{
    (void)state;
    for (ulong e = 1; e < 30000; e = e * 3 + 1) {
        fmpz_t k, five;
        arb_t x;
        fmpz_init(k);
        fmpz_init(five);
        arb_init(x);
        fmpz_ui_pow_ui(k, 2, e);
        fmpz_ui_pow_ui(five, 3, e / 2);
        fmpz_sub(k, k, five);
        arb_set_fmpz(x, k);
        arb_mul_2exp_si(x, x, -(slong)e);
        fmpz_ui_pow_ui(five, 5, e);
        fmpz_mul(k, k, five);
        char *want = fmpz_get_str(NULL, 10, k), *got = malloc(decimals_room(e));
        assert_int_equal(decimals_of(got, x, e), 0);
        size_t zeros = e - strlen(want);
        assert_memory_equal(got + zeros, want, e - zeros);
        for (size_t i = 0; i < zeros; i++) {
            assert_int_equal(got[i], '0');
        }
        flint_free(want);
        free(got);
        arb_clear(x);
        fmpz_clear(five);
        fmpz_clear(k);
    }
}

/* One eighth, perhaps a little less: no telling 0.125000... from 0.124999... */
static void conversion_does_not_guess(void **state)
{
    enum { N = 5000 };
    char *out = malloc(decimals_room(N));
    (void)state;
    for (int below = 0; below < 2; below++) {
        arb_t x;
        arb_init(x);
        arb_set_d(x, 0.125);
        arb_add_error_2exp_si(x, -decimals_bits(N) - DIGITS_GUARD);
        if (below) {
            arf_t little;
            arf_init(little);
            arf_set_si_2exp_si(little, 1, -decimals_bits(N) - DIGITS_GUARD + 8);
            arf_sub(arb_midref(x), arb_midref(x), little, ARF_PREC_EXACT, ARF_RND_DOWN);
            arf_clear(little);
        }
        assert_int_equal(decimals_of(out, x, N), below ? 0 : -1);
        arb_clear(x);
    }
    assert_memory_equal(out, "1249999", 7);
    free(out);
}

static void distant_bits_are_those_of_pi(void **state)
{
    enum { BITS = 200000, WINDOW = 50 };
    arb_t pi;
    fmpz_t window;
    progress p = {0};
    (void)state;
    arb_init(pi);
    fmpz_init(window);
    arb_const_pi(pi, BITS);
    for (size_t position = 0; position < BITS - 2 * WINDOW; position = position * 3 + 1) {
        double error, got = bbp_fraction(position, &error, &p);
        arf_get_fmpz_fixed_si(window, arb_midref(pi), -(slong)position - WINDOW);
        fmpz_fdiv_r_2exp(window, window, WINDOW);
        double apart = fabs(got - ldexp(fmpz_get_d(window), -WINDOW));
        assert_true(fmin(apart, 1 - apart) <= error && error < 1e-9);
    }
    fmpz_clear(window);
    arb_clear(pi);
    flint_cleanup_master();
}

static void sheet_pieces_make_the_file(void **state)
{
    static const uint64_t totals[] = {1, 9, 10, 11, 99, 100, 101, 1000, 1234};
    (void)state;
    for (size_t t = 0; t < sizeof totals / sizeof totals[0]; t++) {
        for (int layout = SHEET_GROUPED; layout <= SHEET_PLAIN; layout++) {
            char digits[1300], whole[1500], pieces[1500];
            uint64_t total = totals[t];
            memset(digits, '7', sizeof digits);
            size_t size = sheet_fill((sheet_layout)layout, digits, 0, total, total, whole);
            assert_int_equal(size, sheet_size((sheet_layout)layout, total));
            assert_int_equal(sheet_misfit((sheet_layout)layout, whole, 0, size, total), size);
            size_t out = 0;
            for (uint64_t at = 0; at < total; at += 7) {
                size_t n = total - at < 7 ? total - at : 7;
                size_t put =
                    sheet_fill((sheet_layout)layout, digits + at, at, n, total, pieces + out);
                assert_true(put <= sheet_room(n));
                out += put;
            }
            assert_int_equal(out, size);
            assert_memory_equal(pieces, whole, size);
            whole[size / 2] = '\t';
            assert_int_equal(sheet_misfit((sheet_layout)layout, whole, 0, size, total), size / 2);
        }
    }
}

static void manifest_comes_back(void **state)
{
    manifest m, back;
    char name[MANIFEST_NAME];
    (void)state;
    assert_int_equal(manifest_init(&m, 12), 0);
    m.layout = SHEET_PLAIN;
    m.per_file = 12345;
    m.of = 120;
    m.entry[6] =
        (manifest_entry){.listed = 1, .bytes = 12346, .seconds = 1700000000, .nanoseconds = 42};
    memset(m.entry[6].sha256, 'a', DIGEST_HEX - 1);
    manifest_file_name(&m, 7, name);
    assert_string_equal(name, "pi200m.ascii.007of120");
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(manifest_write(&m, f), 0);
    rewind(f);
    assert_int_equal(manifest_read(&back, f), 0);
    assert_int_equal(back.layout, m.layout);
    assert_int_equal(back.per_file, m.per_file);
    assert_int_equal(back.of, m.of);
    assert_int_equal(back.size, m.size);
    assert_memory_equal(back.entry, m.entry, m.size * sizeof *m.entry);
    fclose(f);
    manifest_release(&m);
    manifest_release(&back);
}

static void manifest_refuses_garbage(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "# pidigits 2: per-file 1 of 20 entries 1 layout plain\n",
        "# pidigits 1: per-file 1 of 20 entries 1 layout round\n",
        "# pidigits 1: per-file 0 of 20 entries 1 layout plain\n",
        "# pidigits 1: per-file 1 of 20 entries 4000000000 layout plain\n",
        "# pidigits 1: per-file 99999999999999999999 of 20 entries 1 layout plain\n",
        "# pidigits 1: per-file 1 of 20 entries 1 layout plain\n# file 2 bytes 2\nab\n",
        "# pidigits 1: per-file 1 of 20 entries 1 layout plain\n# file 1 bytes 2 modified 1.1\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        manifest m;
        FILE *f = tmpfile();
        assert_non_null(f);
        fputs(texts[i], f);
        rewind(f);
        assert_true(manifest_read(&m, f) > 0);
        fclose(f);
        manifest_release(&m);
    }
}

static void commas_and_bars(void **state)
{
    char text[CLI_COMMAS], line[200];
    (void)state;
    assert_string_equal(cli_commas(0, text), "0");
    assert_string_equal(cli_commas(999, text), "999");
    assert_string_equal(cli_commas(1000, text), "1,000");
    assert_string_equal(cli_commas(UINT64_MAX, text), "18,446,744,073,709,551,615");
    for (int width = 1; width < 200; width++) {
        for (int tenths = -10; tenths < 13; tenths += 3) {
            size_t n = bar_line(line, sizeof line, width, "computing", tenths / 10.0, 4000, -1);
            assert_true(n == strlen(line) && (width == 1 || n < (size_t)width));
        }
    }
    bar_line(line, sizeof line, 60, "at work", 0.5, 10, -1);
    assert_string_equal(line, "at work  [#########..........]  50 %  0:10, about 0:10 left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_those_of_pi),
        cmocka_unit_test(too_few_bits_are_mended),
        cmocka_unit_test(fractions_come_out_exactly),
        cmocka_unit_test(conversion_does_not_guess),
        cmocka_unit_test(distant_bits_are_those_of_pi),
        cmocka_unit_test(sheet_pieces_make_the_file),
        cmocka_unit_test(manifest_comes_back),
        cmocka_unit_test(manifest_refuses_garbage),
        cmocka_unit_test(commas_and_bars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
