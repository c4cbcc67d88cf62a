/* The stack of spawned tasks, against a plain row of them. */
#include "pool.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { MOST = 3000, STEPS = 200000 };

/* The input of task `number`: its size and bytes follow from the number. */
static uint32_t size_of(uint32_t number)
{
    return number % 7 == 0 ? 0 : number * 2654435761u % (number % 50 == 1 ? 9000 : 90);
}

static unsigned char byte_of(uint32_t number, uint32_t i)
{
    return (unsigned char)(number * 31 + i * 7 + i / 256);
}

static void push(struct nv_pool *pool, uint32_t number)
{
    unsigned char in[9000];
    for (uint32_t i = 0; i < size_of(number); i++)
        in[i] = byte_of(number, i);
    assert_true(nv_pool_push(pool, number, size_of(number) > 0 ? in : NULL, size_of(number)));
}

static void assert_is(const struct nv_spawned *spawned, uint32_t number)
{
    assert_int_equal(spawned->kernel, number);
    assert_int_equal(spawned->in_size, size_of(number));
    for (uint32_t i = 0; i < spawned->in_size; i++)
        assert_int_equal(((const unsigned char *)spawned->in)[i], byte_of(number, i));
}

static void an_empty_pool_gives_nothing(void **state)
{
    struct nv_pool pool = {0};
    struct nv_spawned spawned = {.kernel = 77};
    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_false(nv_pool_pop(&pool, &spawned));
        assert_false(nv_pool_shift(&pool, &spawned));
        assert_false(nv_pool_oldest(&pool, &spawned));
        assert_int_equal(spawned.kernel, 77);
        nv_pool_clear(&pool);
    }
    nv_pool_release(&pool);
    nv_pool_release(&pool);
}

static void the_newest_is_taken_first(void **state)
{
    struct nv_pool pool = {0};
    struct nv_spawned spawned;
    (void)state;
    for (uint32_t i = 0; i < MOST; i++)
        push(&pool, i);
    assert_int_equal(pool.count, MOST);
    for (uint32_t i = MOST; i-- > 0;) {
        assert_true(nv_pool_pop(&pool, &spawned));
        assert_is(&spawned, i);
    }
    assert_false(nv_pool_pop(&pool, &spawned));
    nv_pool_release(&pool);
}

static void the_oldest_are_taken_from_below(void **state)
{
    struct nv_pool pool = {0};
    struct nv_spawned spawned;
    (void)state;
    for (uint32_t i = 0; i < MOST; i++)
        push(&pool, i);
    for (uint32_t i = 0; i < MOST; i++) {
        assert_true(nv_pool_oldest(&pool, &spawned));
        assert_is(&spawned, i);
        assert_true(nv_pool_shift(&pool, &spawned));
        assert_is(&spawned, i);
    }
    assert_int_equal(pool.count, 0);
    nv_pool_release(&pool);
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 16;
}

/* One move of a pool and of its model, numbers[first..end-1]. */
static void move(struct nv_pool *pool, uint32_t *numbers, size_t *first, size_t *end,
                 uint32_t choice)
{
    struct nv_spawned spawned;
    bool some = *end > *first;
    switch (choice) {
    case 0:
        assert_int_equal(nv_pool_pop(pool, &spawned), some);
        if (some)
            assert_is(&spawned, numbers[--*end]);
        break;
    case 1:
        assert_int_equal(nv_pool_shift(pool, &spawned), some);
        if (some)
            assert_is(&spawned, numbers[(*first)++]);
        break;
    default:
        push(pool, numbers[(*end)++]);
    }
    assert_int_equal(pool->count, *end - *first);
    assert_int_equal(nv_pool_oldest(pool, &spawned), *end > *first);
    if (*end > *first)
        assert_is(&spawned, numbers[*first]);
}

/* Phases in which it mostly grows, or mostly shrinks, from one end or from the other. */
static void any_order_of_moves(void **state)
{
    static uint32_t numbers[STEPS];
    struct nv_pool pool = {0};
    size_t first = 0, end = 0;
    uint32_t random = 5, last = 0;
    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        uint32_t phase = (uint32_t)(step / 2000 % 5), choice = next_random(&random) % 5;
        if (phase == 1 && choice > 2)
            choice = 0;
        if (phase == 3 && choice > 2)
            choice = 1;
        if (phase == 4 && choice == 0)
            choice = 2;
        numbers[end] = last++;
        move(&pool, numbers, &first, &end, choice);
        if (step % 30011 == 30010) {
            nv_pool_clear(&pool);
            first = end;
        }
    }
    nv_pool_release(&pool);
}

/* Old tasks go as fast as new ones come: the memory is used again. */
static void what_was_given_away_takes_no_memory(void **state)
{
    unsigned char in[100] = {0};
    struct nv_pool pool = {0};
    struct nv_spawned spawned;
    (void)state;
    for (uint32_t i = 0; i < 200000; i++) {
        assert_true(nv_pool_push(&pool, i, in, sizeof in));
        if (i < 100)
            continue;
        assert_true(nv_pool_shift(&pool, &spawned));
        assert_int_equal(spawned.kernel, i - 100);
        assert_true(pool.bytes_room <= 64 * 1024);
        assert_true(pool.room <= 256);
    }
    nv_pool_release(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_pool_gives_nothing),
        cmocka_unit_test(the_newest_is_taken_first),
        cmocka_unit_test(the_oldest_are_taken_from_below),
        cmocka_unit_test(any_order_of_moves),
        cmocka_unit_test(what_was_given_away_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
