/* Sets of small numbers. */
#include "set.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

static void a_new_set_is_empty(void **state)
{
    static const size_t limits[] = {0, 1, 63, 64, 65, 10000};
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct nv_set *set = nv_set_new(limits[i]);
        assert_non_null(set);
        assert_int_equal(set->limit, limits[i]);
        assert_int_equal(set->count, 0);
        for (size_t member = 0; member < limits[i] + 130; member++)
            assert_false(nv_set_has(set, member));
        assert_false(nv_set_has(set, SIZE_MAX));
        free(set);
    }
}

static void members_are_in_and_no_others(void **state)
{
    static const size_t members[] = {0, 1, 63, 64, 65, 127, 128, 199};
    struct nv_set *set = nv_set_new(200);
    (void)state;
    assert_non_null(set);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        assert_false(nv_set_has(set, members[i]));
        nv_set_add(set, members[i]);
        assert_true(nv_set_has(set, members[i]));
        assert_int_equal(set->count, i + 1);
    }
    for (size_t member = 0, i = 0; member < 200; member++) {
        bool in = i < sizeof members / sizeof *members && members[i] == member;
        assert_int_equal(nv_set_has(set, member), in);
        i += in;
    }
    free(set);
}

static void a_member_counts_once(void **state)
{
    struct nv_set *set = nv_set_new(70);
    (void)state;
    assert_non_null(set);
    for (int i = 0; i < 3; i++)
        nv_set_add(set, 69);
    assert_int_equal(set->count, 1);
    free(set);
}

/* So that neighbouring bits of the last word never count as members. */
static void bits_beyond_the_limit_are_zero(void **state)
{
    struct nv_set *set = nv_set_new(65);
    (void)state;
    assert_non_null(set);
    for (size_t member = 0; member < 65; member++)
        nv_set_add(set, member);
    assert_true(set->bits[0] == UINT64_MAX);
    assert_true(set->bits[1] == 1);
    assert_int_equal(set->count, 65);
    free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_set_is_empty),
        cmocka_unit_test(members_are_in_and_no_others),
        cmocka_unit_test(a_member_counts_once),
        cmocka_unit_test(bits_beyond_the_limit_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
