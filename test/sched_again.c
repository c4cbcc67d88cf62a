/* sched, tasks that are to be run again.  SPDX-License-Identifier: BSD-3-Clause */
#include "sched_farm.h"

static void again(const struct nv_send *send)
{
    answer(send, -1);
    assert_true(nv_sched_again(sched, send->engine, send->job, send->first, send->count, false));
}

static void another_engine_gets_it(void **state)
{
    uint64_t job = ADD(.count = 1, .engines = all, .window = 1);
    struct nv_send first = next(), second, third;
    (void)state;
    again(&first);
    second = next();
    assert_send(&second, job, second.engine, 0, 1);
    assert_int_not_equal(second.engine, first.engine);
    again(&second);
    third = next();
    assert_int_not_equal(third.engine, second.engine);
    answer(&third, 1);
    assert_nothing_next();
    assert_int_equal(nv_sched_running(sched, job), 0);
    nv_sched_remove(sched, job);
}

/* All others are busy: it goes to the first of them that has room. */
static void it_waits_for_another_engine(void **state)
{
    uint64_t job = ADD(.count = ENGINES, .engines = all, .placing = NV_FIFO);
    struct nv_send sends[ENGINES], got;
    (void)state;
    for (int i = 0; i < ENGINES; i++)
        sends[i] = next();
    again(&sends[3]);
    assert_nothing_next();
    answer(&sends[5], 1);
    got = next();
    assert_send(&got, job, sends[5].engine, sends[3].first, 1);
    assert_nothing_next();
}

static void alone_it_is_the_same_one(void **state)
{
    struct nv_set *one = SET(4);
    uint64_t job = ADD(.count = 3, .engines = one, .placing = NV_FIFO);
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct nv_send send = next();
        assert_int_equal(send.engine, 4);
        again(&send);
    }
    for (int i = 0; i < 3; i++) {
        struct nv_send send = next();
        answer(&send, 1);
    }
    assert_nothing_next();
    nv_sched_remove(sched, job);
    free(one);
}

static void named_ones_stay_with_their_engine(void **state)
{
    uint64_t job = ADD(.count = 2, NAMED(2, 6));
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct nv_send send = next();
        assert_int_equal(send.engine, send.first == 0 ? 2 : 6);
        again(&send);
    }
    run_out((unsigned char[2]){0}, 1);
    assert_int_equal(nv_sched_running(sched, job), 0);
    nv_sched_remove(sched, job);
}

/* Not before those that wait for the first time. */
static void they_take_turns_with_others(void **state)
{
    struct nv_set *two = SET(0, 1);
    struct nv_send first, second;
    uint64_t job = ADD(.count = 4, .engines = two, .placing = NV_FIFO);
    (void)state;
    first = next();
    second = next();
    again(&first);
    answer(&second, 1);
    first = next();
    assert_true(first.job == job && first.first >= 2);
    run_out((unsigned char[4]){0}, 1);
    nv_sched_remove(sched, job);
    free(two);
}

static void of_an_open_job_too(void **state)
{
    uint64_t job = ADD(.count = 2, .open = true, .engines = all);
    struct nv_send a = next(), b = next(), c;
    (void)state;
    again(&a);
    c = next();
    assert_send(&c, job, c.engine, a.first, 1);
    again(&c);
    again(&b);
    nv_sched_extend(sched, job, 3);
    a = next();
    b = next();
    c = next();
    assert_int_equal(a.first + b.first + c.first, 0 + 1 + 2);
    assert_nothing_next();
    again(&b);
    answer(&a, 1);
    answer(&c, 1);
    b = next();
    answer(&b, 1);
    assert_int_equal(nv_sched_running(sched, job), 0);
}

static void cancelled_ones_are_told(void **state)
{
    (void)state;
    for (int open = 0; open < 2; open++) {
        uint64_t job = ADD(.count = 4, .open = open, .engines = all, .placing = NV_FIFO);
        struct nv_send sends[4];
        struct drops drops = {.n = 0};
        for (int i = 0; i < 4; i++)
            sends[i] = next();
        for (int i = 0; i < 3; i++)
            again(&sends[i]);
        nv_sched_cancel(sched, job, dropped, &drops);
        assert_int_equal(drops.n, 3);
        assert_nothing_next();
        answer(&sends[3], 1);
        nv_sched_remove(sched, job);
    }
}

static void costs_are_kept(void **state)
{
    static const double costs[6] = {60, 50, 40, 30, 20, 10};
    unsigned char seen[6] = {0};
    uint64_t job = ADD(.count = 6, .engines = all, .costs = costs);
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct nv_send send = next();
        again(&send);
        seen[send.first]++;
    }
    run_out(seen, 1);
    for (int i = 0; i < 6; i++)
        assert_true(seen[i] >= 1);
    assert_int_equal(nv_sched_running(sched, job), 0);
    nv_sched_remove(sched, job);
}

/* Many that fail at random: each is run until it succeeds, and none is lost. */
static void many_at_random(void **state)
{
    enum { TASKS = 5000 };
    static unsigned char good[TASKS];
    static struct nv_send sent[40 * TASKS];
    size_t first = 0, end = 0;
    uint64_t seed = 7, job, left = TASKS;
    (void)state;
    teach(0, 1e-5);
    job = ADD(.count = TASKS, .engines = all);
    while (left > 0) {
        struct nv_send send;
        while (nv_sched_next(sched, &sent[end]))
            end++;
        assert_true(first < end);
        send = sent[first++];
        answer(&send, 1e-5);
        for (uint64_t i = send.first; i < send.first + send.count; i++) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            assert_false(good[i]);
            if (seed >> 33 & 1) {
                assert_true(nv_sched_again(sched, send.engine, job, i, 1, false));
            } else {
                good[i] = 1;
                left--;
            }
        }
    }
    assert_nothing_next();
    assert_int_equal(nv_sched_running(sched, job), 0);
    nv_sched_remove(sched, job);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_farm, close_farm)
    const struct CMUnitTest tests[] = {
        TEST(another_engine_gets_it),
        TEST(it_waits_for_another_engine),
        TEST(alone_it_is_the_same_one),
        TEST(named_ones_stay_with_their_engine),
        TEST(they_take_turns_with_others),
        TEST(of_an_open_job_too),
        TEST(cancelled_ones_are_told),
        TEST(costs_are_kept),
        TEST(many_at_random),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
