/* sched, engines that go.  SPDX-License-Identifier: BSD-3-Clause */
#include "sched_farm.h"

enum { ROWS = 64 };

static struct orphan {
    uint64_t job, first, count;
    bool begun;
} rows[ROWS];
static int row_count;
static bool go_on, alone; /* what the orphans do */
static int gone;

static void orphan(void *arg, uint64_t job, uint64_t first, uint64_t count, bool begun)
{
    assert_ptr_equal(arg, &someone);
    assert_true(row_count < ROWS);
    rows[row_count++] = (struct orphan){job, first, count, begun};
    if (go_on)
        assert_true(nv_sched_again(sched, gone, job, first, count, alone && begun));
}

static void lose(int engine)
{
    row_count = 0;
    gone = engine;
    nv_sched_engine_gone(sched, engine, orphan, &someone);
}

static int open_gone(void **state)
{
    go_on = alone = false;
    return open_farm(state);
}

static void what_it_had_is_told(void **state)
{
    uint64_t job = ADD(.count = 24, .engines = all, .chunk = 3, .window = 1);
    struct nv_send sends[8];
    (void)state;
    for (int i = 0; i < 8; i++)
        sends[i] = next();
    lose(sends[2].engine);
    assert_int_equal(row_count, 1);
    assert_int_equal(rows[0].job, job);
    assert_int_equal(rows[0].first, sends[2].first);
    assert_int_equal(rows[0].count, 3);
    assert_true(rows[0].begun);
    assert_int_equal(nv_sched_running(sched, job), 21);
    assert_int_equal(nv_sched_load(sched, sends[2].engine), 0);
    assert_int_equal(nv_sched_spare(sched, sends[2].engine), 0);
    for (int i = 0; i < 8; i++)
        if (i != 2)
            answer(&sends[i], 1);
    assert_nothing_next();
    nv_sched_remove(sched, job);
}

static void it_gets_nothing_more(void **state)
{
    uint64_t job;
    (void)state;
    lose(5);
    assert_int_equal(row_count, 0);
    job = ADD(.count = 100, .engines = all, .chunk = 1, .window = 1);
    for (int i = 0; i < 100; i++) {
        struct nv_send send = next();
        assert_int_not_equal(send.engine, 5);
        answer(&send, 1);
    }
    assert_nothing_next();
    nv_sched_remove(sched, job);
}

/* Of what it had answered nothing is told; others run the rest. */
static void others_go_on(void **state)
{
    struct nv_set *two_of_them = SET(0, 1);
    uint64_t job = ADD(.count = 10, .engines = two_of_them, .chunk = 5, .window = 1);
    struct nv_send one = next(), two = next(), third;
    (void)state;
    go_on = true;
    assert_true(nv_sched_done(sched, one.engine, job, one.first, 2, 1));
    lose(one.engine);
    assert_int_equal(row_count, 1);
    assert_int_equal(rows[0].first, one.first + 2);
    assert_int_equal(rows[0].count, 3);
    assert_nothing_next();
    answer(&two, 1);
    third = next();
    assert_send(&third, job, two.engine, one.first + 2, 3);
    answer(&third, 1);
    assert_int_equal(nv_sched_running(sched, job), 0);
    nv_sched_remove(sched, job);
    free(two_of_them);
}

/* One at a time, with nothing before and nothing behind them. */
static void suspects_run_alone(void **state)
{
    struct nv_set *two = SET(0, 1);
    uint64_t job = ADD(.count = 4, .engines = two, .chunk = 4, .window = 4), other;
    struct nv_send send = next();
    int left = 1 - send.engine;
    (void)state;
    go_on = alone = true;
    other = ADD(.count = 1, .engines = two);
    lose(send.engine);
    send = next();
    assert_send(&send, other, left, 0, 1);
    assert_nothing_next(); /* not behind the other one */
    answer(&send, 1e-6);
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t more = ADD(.count = 1, .engines = two, .priority = -1);
        send = next();
        assert_send(&send, job, left, i, 1);
        assert_nothing_next();
        answer(&send, 1e-6);
        (void)more;
    }
    free(two);
}

/* The engine that is to be last has them only if there is no other. */
static void suspects_spare_the_last_one(void **state)
{
    struct nv_set *three = SET(0, 1, 2);
    uint64_t job;
    struct nv_send send;
    (void)state;
    go_on = alone = true;
    nv_sched_engine_last(sched, 0);
    job = ADD(.count = 1, .engines = three);
    send = next();
    assert_int_not_equal(send.engine, 0);
    lose(send.engine);
    send = next();
    assert_int_equal(send.engine + gone, 3);
    lose(send.engine);
    send = next();
    assert_send(&send, job, 0, 0, 1);
    answer(&send, 1);
    free(three);
}

static void blocks_stay_whole(void **state)
{
    struct nv_set *two = SET(0, 1);
    uint64_t job = ADD(.count = 10, .engines = two, .block = 4, .chunk = 8, .window = 1);
    struct nv_send send = next(), rest = next();
    (void)state;
    go_on = alone = true;
    lose(send.engine);
    answer(&rest, 1);
    send = next();
    assert_send(&send, job, rest.engine, 0, 4);
    answer(&send, 1);
    send = next();
    assert_send(&send, job, rest.engine, 4, 4);
    answer(&send, 1);
    assert_nothing_next();
    free(two);
}

static void what_waits_for_it_is_told(void **state)
{
    uint64_t job = ADD(.count = 8, NAMED(3, 4), .chunk = 2, .window = 1);
    struct nv_send one = next(), two = next();
    (void)state;
    lose(3);
    assert_int_equal(row_count, 2);
    assert_true(rows[0].begun);
    assert_int_equal(rows[0].count, 2);
    assert_false(rows[1].begun);
    assert_int_equal(rows[1].count, 2);
    assert_false(nv_sched_again(sched, 3, job, 0, 1, false));
    assert_true(nv_sched_can_run(sched, job));
    answer(one.engine == 3 ? &two : &one, 1);
    one = next();
    assert_int_equal(one.engine, 4);
    answer(&one, 1);
    assert_nothing_next();
    nv_sched_remove(sched, job);
    job = ADD(.count = 4, NAMED(3));
    assert_false(nv_sched_can_run(sched, job));
    assert_nothing_next();
    lose(3);
    assert_int_equal(row_count, 1);
    assert_int_equal(rows[0].count, 4);
    nv_sched_remove(sched, job);
}

static void static_parts_find_an_heir(void **state)
{
    uint64_t job = ADD(.count = 80, .engines = all, .placing = NV_STATIC_CYCLIC, .chunk = 1);
    uint64_t left = 80;
    char done[80] = {0};
    struct nv_send send = next();
    (void)state;
    go_on = true;
    lose(send.engine);
    assert_true(row_count > 1);
    while (left > 0) {
        send = next();
        assert_int_not_equal(send.engine, gone);
        for (uint64_t i = send.first; i < send.first + send.count; i++) {
            assert_false(done[i]);
            done[i] = 1;
        }
        left -= send.count;
        answer(&send, 1);
    }
    assert_nothing_next();
    nv_sched_remove(sched, job);
}

static void nobody_can_run_it(void **state)
{
    struct nv_set *two = SET(6, 7);
    uint64_t job = ADD(.count = 2, .engines = two);
    (void)state;
    assert_true(nv_sched_can_run(sched, job));
    lose(6);
    assert_true(nv_sched_can_run(sched, job));
    lose(7);
    assert_false(nv_sched_can_run(sched, job));
    assert_nothing_next();
    free(two);
}

/* Engines go at random moments until one is left: each task is answered once. */
static void many_at_random(void **state)
{
    enum { N = 3000 };
    char done[N] = {0};
    uint64_t job, seed = 1, left = N;
    struct nv_send held[256];
    size_t count = 0;
    int there = ENGINES;
    (void)state;
    go_on = alone = true;
    job = ADD(.count = N, .engines = all, .chunk = 7, .window = 3);
    while (left > 0) {
        struct nv_send send;
        seed = seed * 6364136223846793005 + 1442695040888963407;
        while (count < 256 && nv_sched_next(sched, &send))
            held[count++] = send;
        assert_true(count > 0);
        if (there > 1 && (seed >> 34) % 200 == 0) {
            int engine = held[0].engine;
            size_t kept = 0;
            lose(engine);
            there--;
            for (size_t i = 0; i < count; i++)
                if (held[i].engine != engine)
                    held[kept++] = held[i];
            count = kept;
            continue;
        }
        send = held[0];
        memmove(held, held + 1, --count * sizeof *held);
        answer(&send, 1e-3);
        for (uint64_t i = send.first; i < send.first + send.count; i++) {
            assert_false(done[i]);
            done[i] = 1;
            left--;
        }
    }
    assert_int_equal(nv_sched_running(sched, job), 0);
    assert_nothing_next();
    nv_sched_remove(sched, job);
}

int main(void)
{
#define GONE(name) cmocka_unit_test_setup_teardown(name, open_gone, close_farm)
    const struct CMUnitTest tests[] = {
        GONE(what_it_had_is_told),
        GONE(it_gets_nothing_more),
        GONE(others_go_on),
        GONE(suspects_run_alone),
        GONE(suspects_spare_the_last_one),
        GONE(blocks_stay_whole),
        GONE(what_waits_for_it_is_told),
        GONE(static_parts_find_an_heir),
        GONE(nobody_can_run_it),
        GONE(many_at_random),
    };
#undef GONE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
