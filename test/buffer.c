/* buffer - large memory that is used again.  SPDX-License-Identifier: BSD-3-Clause */
#include "buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static bool all_are(const unsigned char *memory, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++)
        if (memory[i] != value)
            return false;
    return true;
}

static void memory_is_used_again(void **state)
{
    struct nv_buffers buffers = {0};
    void *first = nv_buffers_take(&buffers, 5 * MIB, false);
    (void)state;
    assert_non_null(first);
    assert_int_equal((uintptr_t)first % 64, 0);
    nv_buffers_give(&buffers, first, 5 * MIB);
    assert_ptr_equal(nv_buffers_take(&buffers, 4 * MIB, false), first);
    assert_int_equal(buffers.count, 0);
    nv_buffers_give(&buffers, first, 4 * MIB);
    nv_buffers_release(&buffers);
}

static void much_too_large_ones_are_left(void **state)
{
    struct nv_buffers buffers = {0};
    void *large = nv_buffers_take(&buffers, 64 * MIB, false), *small;
    (void)state;
    nv_buffers_give(&buffers, large, 64 * MIB);
    small = nv_buffers_take(&buffers, 100000, false);
    assert_ptr_not_equal(small, large);
    assert_int_equal(buffers.count, 1);
    nv_buffers_give(&buffers, small, 100000);
    nv_buffers_release(&buffers);
    assert_int_equal(buffers.count, 0);
}

/* Whatever was in it, cleaned before or not, or in part. */
static void zeroed_means_zero(void **state)
{
    static const size_t sizes[] = {1, 63, 64, 100000, 2 * MIB - 1, 2 * MIB, 5 * MIB + 7};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int cleaned = 0; cleaned < 8; cleaned++) {
            struct nv_buffers buffers = {0};
            unsigned char *memory = nv_buffers_take(&buffers, sizes[i], true);
            assert_true(all_are(memory, sizes[i], 0));
            memset(memory, 0xee, sizes[i]);
            nv_buffers_give(&buffers, memory, sizes[i]);
            for (int j = 0; j < cleaned; j++)
                nv_buffers_clean(&buffers);
            memory = nv_buffers_take(&buffers, sizes[i], true);
            assert_true(all_are(memory, sizes[i], 0));
            nv_buffers_give(&buffers, memory, sizes[i]);
            nv_buffers_release(&buffers);
        }
}

static void cleaning_ends(void **state)
{
    struct nv_buffers buffers = {0};
    int steps = 0;
    (void)state;
    for (int i = 0; i < 3; i++)
        nv_buffers_give(&buffers, nv_buffers_take(&buffers, 3 * MIB, false), 3 * MIB);
    while (nv_buffers_clean(&buffers))
        steps++;
    assert_int_equal(steps, 4); /* one buffer of two large pages, a MiB at a time */
    assert_false(nv_buffers_clean(&buffers));
    nv_buffers_release(&buffers);
}

static void no_more_than_some_are_kept(void **state)
{
    struct nv_buffers buffers = {0};
    void *taken[NV_BUFFERS_KEPT + 3];
    (void)state;
    for (size_t i = 0; i < NV_BUFFERS_KEPT + 3; i++)
        taken[i] = nv_buffers_take(&buffers, 40000, false);
    for (size_t i = 0; i < NV_BUFFERS_KEPT + 3; i++)
        nv_buffers_give(&buffers, taken[i], 40000);
    assert_int_equal(buffers.count, NV_BUFFERS_KEPT);
    nv_buffers_give(&buffers, NULL, 40000);
    assert_int_equal(buffers.count, NV_BUFFERS_KEPT);
    nv_buffers_release(&buffers);
}

static void too_much_is_not_had(void **state)
{
    struct nv_buffers buffers = {0};
    (void)state;
    assert_null(nv_buffers_take(&buffers, SIZE_MAX - 1, false));
    nv_buffers_release(&buffers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_used_again),
        cmocka_unit_test(much_too_large_ones_are_left),
        cmocka_unit_test(zeroed_means_zero),
        cmocka_unit_test(cleaning_ends),
        cmocka_unit_test(no_more_than_some_are_kept),
        cmocka_unit_test(too_much_is_not_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
