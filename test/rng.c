/* The streams of nave_rng.h: Philox's published answers, all paths alike, GSL's view of it. */
#include "nave_rng.h"
#include "philox.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants these before itself */
#include <cmocka.h>

/* The known answers that come with Random123, of philox4x32 with 10 rounds. */
static void known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        nv_philox_block(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].answer, sizeof out);
    }
}

/* The same by the numbers that users give. */
static void known_answers_of_streams(void **state)
{
    static const uint32_t answer[4] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    const uint64_t seed = 0x299f31d0a4093822, stream = 0x0370734413198a2e;
    const uint64_t block = 0x85a308d3243f6a88;
    const struct nv_philox_path *path;
    (void)state;
    for (size_t i = 0; (path = nv_philox_at(i)) != NULL; i++) {
        uint32_t words[4 * 64];
        if (!path->supported())
            continue;
        path->blocks(seed, stream, block, words, 64);
        assert_memory_equal(words, answer, sizeof answer);
        path->blocks(seed, stream, block - 13, words, 64);
        assert_memory_equal(words + 52, answer, sizeof answer);
    }
}

/* Also where the number of the block overflows its lower half. */
static void paths_agree(void **state)
{
    static const uint64_t firsts[] = {0, 5, UINT32_MAX - 30, UINT64_MAX - 20};
    const struct nv_philox_path *path;
    (void)state;
    for (size_t p = 0; (path = nv_philox_at(p)) != NULL; p++) {
        if (!path->supported())
            continue;
        for (size_t f = 0; f < 4; f++) {
            for (size_t n = 0; n < 70; n++) {
                uint32_t wanted[4 * 70], got[4 * 70 + 1];
                got[4 * n] = 0x12345678;
                nv_philox_plain.blocks(77, 1 + f, firsts[f], wanted, n);
                path->blocks(77, 1 + f, firsts[f], got, n);
                assert_memory_equal(got, wanted, 16 * n);
                assert_int_equal(got[4 * n], 0x12345678); /* nothing behind them */
            }
        }
    }
}

static void filling_is_getting(void **state)
{
    gsl_rng *rng = gsl_rng_alloc(nave_rng_philox4x32);
    uint32_t all[300], part[300];
    (void)state;
    assert_int_equal(nave_rng_set(rng, 9, 4), NAVE_OK);
    for (size_t i = 0; i < 300; i++)
        all[i] = (uint32_t)gsl_rng_get(rng);
    for (size_t first = 0; first < 20; first++) {
        for (size_t n = 0; n <= 300 - first; n += 1 + n / 8) {
            memset(part, 0xAA, sizeof part);
            nave_rng_fill(9, 4, first, part, n);
            assert_memory_equal(part, all + first, n * sizeof *part);
            if (n < 300)
                assert_int_equal(part[n], 0xAAAAAAAA);
        }
    }
    gsl_rng_free(rng);
}

static void streams_differ(void **state)
{
    uint32_t words[4][64];
    (void)state;
    nave_rng_fill(1, 0, 0, words[0], 64);
    nave_rng_fill(1, 1, 0, words[1], 64);
    nave_rng_fill(2, 0, 0, words[2], 64);
    nave_rng_fill(1, (uint64_t)1 << 32, 0, words[3], 64);
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < a; b++)
            assert_memory_not_equal(words[a], words[b], sizeof words[a]);
}

static void gsl_knows_it(void **state)
{
    gsl_rng *rng = gsl_rng_alloc(nave_rng_philox4x32), *copy, *other;
    (void)state;
    assert_string_equal(gsl_rng_name(rng), "philox4x32-10");
    assert_int_equal(gsl_rng_min(rng), 0);
    assert_true(gsl_rng_max(rng) == UINT32_MAX);
    gsl_rng_set(rng, 0);
    assert_int_equal(gsl_rng_get(rng), 0x6627e8d5);
    copy = gsl_rng_clone(rng);
    for (int i = 0; i < 9; i++)
        assert_int_equal(gsl_rng_get(rng), gsl_rng_get(copy));
    gsl_rng_set(rng, 123);
    nave_rng_set(copy, 123, 0);
    assert_int_equal(gsl_rng_get(rng), gsl_rng_get(copy));
    other = gsl_rng_alloc(gsl_rng_mt19937);
    assert_int_equal(nave_rng_set(other, 1, 1), NAVE_EINVAL);
    assert_int_equal(nave_rng_set(NULL, 1, 1), NAVE_EINVAL);
    gsl_rng_free(rng);
    gsl_rng_free(copy);
    gsl_rng_free(other);
}

/* Doubles of 53 bits out of two words each, as the header says. */
static void uniforms_are_made_of_two_words(void **state)
{
    gsl_rng *rng = gsl_rng_alloc(nave_rng_philox4x32);
    uint32_t words[200];
    (void)state;
    nave_rng_set(rng, 3, 8);
    nave_rng_fill(3, 8, 0, words, 200);
    for (size_t i = 0; i < 100; i++) {
        double a = words[2 * i] >> 5, b = words[2 * i + 1] >> 6;
        double u = gsl_rng_uniform(rng), wanted = (a * 67108864 + b) / 9007199254740992.0;
        assert_memory_equal(&u, &wanted, sizeof u);
        assert_true(u >= 0 && u < 1);
    }
    gsl_rng_free(rng);
}

/* GSL's ziggurat on neighbouring streams: what is drawn across them is normal too. */
static void neighbouring_streams_are_independent(void **state)
{
    enum { STREAMS = 4000, BINS = 40 };
    gsl_rng *rng = gsl_rng_alloc(nave_rng_philox4x32);
    double chi = 0, product = 0, last = 0;
    int bins[BINS] = {0};
    (void)state;
    for (uint64_t s = 0; s < STREAMS; s++) {
        double z;
        nave_rng_set(rng, 2026, s);
        z = gsl_ran_gaussian_ziggurat(rng, 1);
        bins[(int)(gsl_cdf_ugaussian_P(z) * BINS)]++;
        product += z * last;
        last = z;
    }
    for (int b = 0; b < BINS; b++)
        chi += (bins[b] - 100.0) * (bins[b] - 100.0) / 100;
    assert_true(gsl_cdf_chisq_Q(chi, BINS - 1) > 1e-3 && gsl_cdf_chisq_P(chi, BINS - 1) > 1e-3);
    assert_true(product * product / STREAMS < 9); /* of standard deviation 1 */
    gsl_rng_free(rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(known_answers_of_streams),
        cmocka_unit_test(paths_agree),
        cmocka_unit_test(filling_is_getting),
        cmocka_unit_test(streams_differ),
        cmocka_unit_test(gsl_knows_it),
        cmocka_unit_test(uniforms_are_made_of_two_words),
        cmocka_unit_test(neighbouring_streams_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
