/* The parts of pidigits that need no files: products, roots, conversion, the check, the text, the
 * manifest. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/bar.h"
#include "common/cli.h"
#include "pidigits/bbp.h"
#include "pidigits/chudnovsky.h"
#include "pidigits/manifest.h"
#include "pidigits/multiply.h"
#include "pidigits/newton.h"
#include "pidigits/radix.h"
#include "pidigits/sheet.h"

#include <gmp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRODUCT_BITS = 4000000 };

static int prepare(void **state)
{
    (void)state;
    return multiply_prepare(PRODUCT_BITS);
}

static int release(void **state)
{
    (void)state;
    multiply_release();
    return 0;
}

/* A factor of one of three kinds: all ones (the largest coefficients), runs of bits, random. */
static void draw(mpz_t x, gmp_randstate_t random, int kind)
{
    mp_bitcnt_t bits =
        90000 + gmp_urandomm_ui(random, kind < 6 ? 300000 : PRODUCT_BITS / 2 - 90000);
    switch (kind % 3) {
    case 0:
        mpz_set_ui(x, 0);
        mpz_setbit(x, bits);
        mpz_sub_ui(x, x, 1);
        break;
    case 1:
        mpz_rrandomb(x, random, bits);
        break;
    default:
        mpz_urandomb(x, random, bits);
        break;
    }
    if (gmp_urandomb_ui(random, 1)) {
        mpz_neg(x, x);
    }
}

static void products_equal_those_of_gmp(void **state)
{
    gmp_randstate_t random;
    mpz_t a, b, ours, theirs;
    (void)state;
    gmp_randinit_default(random);
    mpz_inits(a, b, ours, theirs, NULL);
    for (int i = 0; i < 90; i++) {
        draw(a, random, i % 9);
        draw(b, random, i % 9);
        mpz_mul(theirs, a, b);
        multiply(ours, a, b, 1 + i % 4);
        assert_int_equal(mpz_cmp(ours, theirs), 0);
        mpz_mul(theirs, a, a);
        multiply(a, a, a, 1 + i % 3);
        assert_int_equal(mpz_cmp(a, theirs), 0);
    }
    mpz_clears(a, b, ours, theirs, NULL);
    gmp_randclear(random);
}

static void reciprocals_are_within_their_bound(void **state)
{
    gmp_randstate_t random;
    mpz_t x, ours, theirs;
    (void)state;
    gmp_randinit_default(random);
    mpz_inits(x, ours, theirs, NULL);
    for (size_t bits = 19000; bits < 800000; bits = bits * 3 / 2) {
        mpz_urandomb(x, random, bits);
        mpz_setbit(x, bits - 1);
        newton_reciprocal(ours, x, bits, 2);
        mpz_set_ui(theirs, 0);
        mpz_setbit(theirs, 2 * bits);
        mpz_fdiv_q(theirs, theirs, x);
        mpz_sub(ours, ours, theirs);
        assert_true(mpz_cmpabs_ui(ours, 500) < 0);

        newton_reciprocal_root(ours, 10005, bits, 2);
        mpz_set_ui(theirs, 0);
        mpz_setbit(theirs, 2 * bits);
        mpz_fdiv_q_ui(theirs, theirs, 10005);
        mpz_sqrt(theirs, theirs);
        mpz_sub(ours, ours, theirs);
        assert_true(mpz_cmpabs_ui(ours, 500) < 0);
    }
    mpz_clears(x, ours, theirs, NULL);
    gmp_randclear(random);
}

/* pi from two precisions agrees, and never exceeds the truth. */
static void pi_is_rounded_down(void **state)
{
    mpz_t x, y;
    progress p = {0};
    (void)state;
    mpz_inits(x, y, NULL);
    chudnovsky_pi(y, 500000, 2, &p);
    for (size_t bits = 10; bits < 400000; bits = bits * 5 + 3) {
        mpz_t truth;
        mpz_init(truth);
        mpz_fdiv_q_2exp(truth, y, 500000 - bits);
        chudnovsky_pi(x, bits, 1, &p);
        mpz_sub(truth, truth, x);
        assert_true(mpz_cmp_ui(truth, 0) >= 0 && mpz_cmp_ui(truth, 1) <= 0);
        mpz_clear(truth);
    }
    mpz_clears(x, y, NULL);
}

static void conversion_equals_that_of_gmp(void **state)
{
    gmp_randstate_t random;
    (void)state;
    gmp_randinit_default(random);
    for (size_t wish = 1; wish < 300000; wish = wish * 3 + 1) {
        size_t digits = radix_round(wish), bits = radix_bits(digits);
        assert_true(digits >= wish && radix_round(digits) == digits);
        mpz_t x, whole;
        mpz_inits(x, whole, NULL);
        mpz_urandomb(x, random, bits);
        mpz_ui_pow_ui(whole, 10, digits);
        mpz_mul(whole, whole, x);
        mpz_fdiv_q_2exp(whole, whole, bits);
        char *want = malloc(digits + 2), *got = malloc(digits + 1);
        gmp_snprintf(want, digits + 2, "%0*Zd", (int)digits, whole);
        progress p = {0};
        assert_int_equal(radix_decimals(got, x, digits, 3, &p), 0);
        assert_memory_equal(got, want, digits);
        free(want);
        free(got);
        mpz_clears(x, whole, NULL);
    }
    gmp_randclear(random);
}

/* One third of the way below 1 / 8 everything is nines: no telling whether 0.124999... was 0.125.
 */
static void conversion_does_not_guess(void **state)
{
    size_t digits = radix_round(5000), bits = radix_bits(digits);
    char *out = malloc(digits);
    progress p = {0};
    mpz_t x;
    (void)state;
    mpz_init(x);
    mpz_setbit(x, bits - 3);
    mpz_sub_ui(x, x, 1);
    assert_int_equal(radix_decimals(out, x, digits, 1, &p), -1);
    mpz_clear(x);
    free(out);
}

static void distant_bits_are_those_of_pi(void **state)
{
    enum { BITS = 200000, WINDOW = 50 };
    mpz_t pi, window;
    progress p = {0};
    (void)state;
    mpz_inits(pi, window, NULL);
    chudnovsky_pi(pi, BITS, 1, &p);
    for (size_t position = 0; position < BITS - 2 * WINDOW; position = position * 3 + 1) {
        double error, got = bbp_fraction(position, 2, &error, &p);
        mpz_fdiv_q_2exp(window, pi, BITS - position - WINDOW);
        mpz_fdiv_r_2exp(window, window, WINDOW);
        double apart = fabs(got - ldexp(mpz_get_d(window), -WINDOW));
        assert_true(fmin(apart, 1 - apart) <= error && error < 1e-9);
    }
    mpz_clears(pi, window, NULL);
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
        cmocka_unit_test(products_equal_those_of_gmp),
        cmocka_unit_test(reciprocals_are_within_their_bound),
        cmocka_unit_test(pi_is_rounded_down),
        cmocka_unit_test(conversion_equals_that_of_gmp),
        cmocka_unit_test(conversion_does_not_guess),
        cmocka_unit_test(distant_bits_are_those_of_pi),
        cmocka_unit_test(sheet_pieces_make_the_file),
        cmocka_unit_test(manifest_comes_back),
        cmocka_unit_test(manifest_refuses_garbage),
        cmocka_unit_test(commas_and_bars),
    };
    return cmocka_run_group_tests(tests, prepare, release);
}
