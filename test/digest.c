/* digest: XXH3's 128 bits, and pieces matter.  SPDX-License-Identifier: BSD-3-Clause */
#include "digest.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void assert_digest(struct nv_digest digest, uint64_t high, uint64_t low)
{
    assert_true(digest.high == high);
    assert_true(digest.low == low);
}

/* Journals are read by later versions, on other machines: the answers must stay.  Of `xxhsum -H2`. */
static void answers_are_those_of_xxh3(void **state)
{
    (void)state;
    assert_digest(nv_digest_of(NULL, 0), 0x99aa06d3014798d8, 0x6001c324468d497f);
    assert_digest(nv_digest_of("a", 1), 0xa96faf705af16834, 0xe6c632b61e964e1f);
    assert_digest(nv_digest_of("square", 6), 0xc34bae97f6a0f09e, 0xd957cd9cf65fa4f6);
}

static void each_bit_counts(void **state)
{
    unsigned char bytes[300] = {0};
    (void)state;
    for (size_t size = 1; size <= sizeof bytes; size = 2 * size + 1) {
        struct nv_digest plain = nv_digest_of(bytes, size);
        assert_true(nv_digest_equal(plain, nv_digest_of(bytes, size)));
        assert_false(nv_digest_equal(plain, nv_digest_of(bytes, size - 1)));
        for (size_t bit = 0; bit < 8 * size; bit++) {
            struct nv_digest other;
            bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
            other = nv_digest_of(bytes, size);
            bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
            assert_false(plain.low == other.low);
            assert_false(plain.high == other.high);
        }
    }
}

static struct nv_digest of_two(const char *first, const char *second)
{
    return nv_digest_then(nv_digest_of(first, strlen(first)), second, strlen(second));
}

static void pieces_count(void **state)
{
    struct nv_digest abc = nv_digest_of("abc", 3);
    (void)state;
    assert_true(nv_digest_equal(of_two("ab", "c"), of_two("ab", "c")));
    assert_false(nv_digest_equal(of_two("ab", "c"), of_two("a", "bc")));
    assert_false(nv_digest_equal(of_two("ab", "c"), of_two("c", "ab")));
    assert_false(nv_digest_equal(of_two("abc", ""), of_two("", "abc")));
    assert_false(nv_digest_equal(of_two("abc", ""), abc));
    assert_false(nv_digest_equal(of_two("ab", "c"), abc));
}

static void no_bytes_need_no_address(void **state)
{
    struct nv_digest kernel = nv_digest_of("kernel", 6);
    (void)state;
    assert_true(nv_digest_equal(nv_digest_of(NULL, 0), nv_digest_of("x", 0)));
    assert_true(nv_digest_equal(nv_digest_then(kernel, NULL, 0), nv_digest_then(kernel, "x", 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_xxh3),
        cmocka_unit_test(each_bit_counts),
        cmocka_unit_test(pieces_count),
        cmocka_unit_test(no_bytes_need_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
