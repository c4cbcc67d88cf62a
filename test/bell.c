/* bell - rings and sleeps of threads and of forked processes; a wake-up that is lost is a test that
 * does not end.
 * timeout: 300
 * SPDX-License-Identifier: BSD-3-Clause */
#include "bell.h"
#include "clock.h"
#include "idle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ACTORS = 9 };

/* What the actors of a play share, in memory that outlives a fork.  Actor 0 is the hub. */
struct stage {
    /* Letters for an actor by actor; only ever counted up, each by one writer. */
    struct {
        _Alignas(128) atomic_long to_hub;
        _Alignas(128) atomic_long from_hub;
    } mail[ACTORS];
    unsigned char row[1 << 13]; /* the bells */
    struct nv_bells *bells;
    void (*play)(struct stage *stage, int actor);
    long rounds;       /* of each actor but the hub */
    atomic_long slept; /* sleeps that a ring has ended, of all */
    atomic_long wrong; /* that which must not be */
    int actors;
};

/* A row of numbers that looks random (Marsaglia, Xorshift RNGs, Journal of Statistical Software 8,
 * 2003). */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Mostly nothing, sometimes up to a few microseconds, so that rings meet arms and sleeps everywhere;
 * now and then the other one gets the core. */
static void dawdle(uint32_t *state)
{
    uint32_t kind = next_random(state) % 64;
    volatile uint32_t turns = kind < 40 ? 0 : kind < 60 ? *state % 256 : *state % 8192;
    while (turns > 0)
        turns--;
    if (kind == 63)
        sched_yield();
}

/* ------------------------------------------------------------------------------------ one bell */

static void for_each_kind(void (*check)(struct nv_bells *bells))
{
    for (int kind = NV_BELL_CONDITION; kind <= NV_BELL_FUTEX; kind++) {
        struct nv_bells *bells = nv_bells_local(NULL, 3, (enum nv_bell_kind)kind);
        assert_non_null(bells);
        assert_true(nv_bells_kind(bells) <= (enum nv_bell_kind)kind);
        if (nv_bells_kind(bells) != NV_BELL_NONE)
            check(bells);
        nv_bells_close(bells);
    }
}

static void ring_before_sleep(struct nv_bells *bells)
{
    struct nv_bell *bell = nv_bells_at(bells, 1, NV_BELL_LOOP);
    for (int i = 0; i < 1000; i++) {
        nv_bell_arm(bell);
        nv_bell_ring(bell);
        nv_bell_ring(bell);
        assert_true(nv_bell_sleep(bell, -1));
    }
}

static void a_ring_after_arming_ends_the_sleep(void **state)
{
    (void)state;
    for_each_kind(ring_before_sleep);
}

static void ring_too_early(struct nv_bells *bells)
{
    struct nv_bell *bell = nv_bells_at(bells, 0, NV_BELL_LOOP);
    nv_bell_ring(bell);
    nv_bell_arm(bell);
    assert_false(nv_bell_sleep(bell, 0));
    nv_bell_ring(bell);
    nv_bell_arm(bell);
    nv_bell_disarm(bell);
    nv_bell_ring(bell);
    nv_bell_arm(bell);
    assert_false(nv_bell_sleep(bell, 1e-3));
    nv_bell_ring(NULL);
}

static void a_ring_to_someone_awake_is_not_kept(void **state)
{
    (void)state;
    for_each_kind(ring_too_early);
}

static void ring_all_others(struct nv_bells *bells)
{
    struct nv_bell *mine = nv_bells_at(bells, 1, NV_BELL_THREAD);
    nv_bell_arm(mine);
    for (int rank = 0; rank < 3; rank++)
        for (int owner = 0; owner < NV_BELL_OWNERS; owner++) {
            struct nv_bell *other = nv_bells_at(bells, rank, (enum nv_bell_owner)owner);
            assert_non_null(other);
            assert_int_equal((uintptr_t)other % 64, 0);
            if (other != mine)
                nv_bell_ring(other);
        }
    assert_false(nv_bell_sleep(mine, 1e-3));
    nv_bell_arm(mine);
    nv_bell_ring(mine);
    assert_true(nv_bell_sleep(mine, -1));
}

static void each_owner_has_a_bell_of_its_own(void **state)
{
    (void)state;
    for_each_kind(ring_all_others);
}

static void local_bells_are_all_near(void **state)
{
    struct nv_bells *bells = nv_bells_local(NULL, 5, NV_BELL_FUTEX);
    (void)state;
    assert_non_null(bells);
    assert_int_equal(nv_bells_near(bells), 5);
    assert_true(nv_bells_all_near(bells));
    nv_bells_close(bells);
    nv_bells_close(NULL);
}

static void without_a_kind_there_are_no_bells(void **state)
{
    struct nv_bells *bells = nv_bells_local(NULL, 2, NV_BELL_NONE);
    (void)state;
    assert_non_null(bells);
    assert_int_equal(nv_bells_kind(bells), NV_BELL_NONE);
    assert_null(nv_bells_at(bells, 0, NV_BELL_LOOP));
    assert_null(nv_bells_at(bells, 1, NV_BELL_THREAD));
    nv_bells_close(bells);
}

/* ---------------------------------------------------------------------------------------- idle */

/* Turns of a loop that finds nothing, until the bell is armed. */
static int turns_until_armed(struct nv_idle *idle)
{
    int turns = 0;
    for (; idle->looks == 0; turns++)
        nv_idle(idle, false);
    return turns;
}

/* Looks that find nothing, all but the last of them; the next ends in a sleep. */
static void look_around(struct nv_idle *idle)
{
    while (idle->looks > 1)
        nv_idle(idle, false);
}

static void idle_once(struct nv_bells *bells)
{
    struct nv_idle idle = {.bell = nv_bells_at(bells, 2, NV_BELL_LOOP), .all_ring = true};
    assert_true(turns_until_armed(&idle) > 1);
    nv_idle(&idle, true);
    assert_int_equal(idle.looks, 0);
    assert_true(turns_until_armed(&idle) > 1); /* all over again */
    assert_true(idle.looks > 1);
    look_around(&idle);
    nv_bell_ring(idle.bell);
    nv_idle(&idle, false); /* ends at once */
    assert_int_equal(idle.looks, 0);
    assert_true(turns_until_armed(&idle) > 1);
    idle.moving = true;
    look_around(&idle);
    nv_idle(&idle, false); /* nobody rings: a nap, and ready for the next */
    assert_true(idle.looks > 1);
    nv_idle_restart(&idle);
    assert_int_equal(idle.looks, 0);
}

static void the_idle_arm_then_look_then_sleep(void **state)
{
    (void)state;
    for_each_kind(idle_once);
}

static void the_crowded_are_sooner_asleep(void **state)
{
    struct nv_bells *bells = nv_bells_local(NULL, 1, NV_BELL_FUTEX);
    struct nv_idle alone, crowded;
    (void)state;
    assert_non_null(bells);
    alone = (struct nv_idle){.bell = nv_bells_at(bells, 0, NV_BELL_LOOP)};
    crowded = (struct nv_idle){.bell = alone.bell, .crowded = true};
    if (alone.bell != NULL)
        assert_true(turns_until_armed(&crowded) < turns_until_armed(&alone));
    nv_bells_close(bells);
}

static void the_idle_without_a_bell_nap(void **state)
{
    struct nv_idle idle = {.until = nv_clock() + 0.02};
    (void)state;
    while (nv_clock() < idle.until)
        nv_idle(&idle, false);
    assert_int_equal(idle.looks, 0);
    assert_true(idle.since > 0);
}

/* -------------------------------------------------------------------------------------- stages */

static struct stage *stage_open(enum nv_bell_kind kind, int actors, long rounds,
                                void (*play)(struct stage *stage, int actor))
{
    char name[] = "/tmp/nave-bell.XXXXXX";
    struct stage *stage;
    int file = mkstemp(name);
    assert_true(file >= 0);
    unlink(name);
    assert_int_equal(ftruncate(file, sizeof *stage), 0);
    stage = mmap(NULL, sizeof *stage, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_true(stage != MAP_FAILED);
    close(file);
    assert_true(nv_bells_room(actors) <= sizeof stage->row);
    stage->bells = nv_bells_local(stage->row, actors, kind);
    assert_non_null(stage->bells);
    stage->actors = actors;
    stage->rounds = rounds;
    stage->play = play;
    return stage;
}

struct part {
    struct stage *stage;
    int actor;
};

static void *act(void *arg)
{
    struct part *part = arg;
    part->stage->play(part->stage, part->actor);
    return NULL;
}

static void play_as_threads(struct stage *stage)
{
    pthread_t threads[ACTORS] = {0};
    struct part parts[ACTORS];
    for (int i = 0; i < stage->actors; i++) {
        parts[i] = (struct part){stage, i};
        assert_int_equal(pthread_create(&threads[i], NULL, act, &parts[i]), 0);
    }
    for (int i = 0; i < stage->actors; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void fork_actor(struct stage *stage, int actor)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return;
    stage->play(stage, actor);
    _exit(0);
}

static void play_as_processes(struct stage *stage)
{
    for (int i = 1; i < stage->actors; i++)
        fork_actor(stage, i);
    stage->play(stage, 0);
    for (int i = 1; i < stage->actors; i++) {
        int status = -1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

/* Plays it, and sees to it that there was something to see: rings that ended sleeps. */
static void perform(enum nv_bell_kind kind, bool fork_them, int actors, long rounds,
                    void (*play)(struct stage *stage, int actor))
{
    struct stage *stage = stage_open(kind, actors, rounds, play);
    if (nv_bells_kind(stage->bells) == kind) {
        (fork_them ? play_as_processes : play_as_threads)(stage);
        assert_int_equal(atomic_load(&stage->wrong), 0);
        assert_true(atomic_load(&stage->slept) > rounds / 100);
    }
    nv_bells_close(stage->bells);
    munmap(stage, sizeof *stage);
}

/* The sanitizers look for other mistakes than races, which need many rounds. */
#if defined(__SANITIZE_ADDRESS__)
enum { SLOWER = 5 };
#else
enum { SLOWER = 1 };
#endif

static void perform_all(int actors, long rounds, void (*play)(struct stage *stage, int actor))
{
    rounds /= SLOWER;
    perform(NV_BELL_FUTEX, false, actors, rounds, play);
    perform(NV_BELL_FUTEX, true, actors, rounds, play);
    perform(NV_BELL_CONDITION, false, actors, rounds, play);
    perform(NV_BELL_CONDITION, true, actors, rounds, play);
}

/* --------------------------------------------------------------------------------------- plays */

/* Waits, without a limit, until `letters` is no longer `known`, with a few looks first or none. */
static long await(struct stage *stage, int actor, atomic_long *letters, long known, uint32_t *seed)
{
    struct nv_bell *bell = nv_bells_at(stage->bells, actor, NV_BELL_LOOP);
    uint32_t looks = next_random(seed) % 4 * 8;
    for (;;) {
        while (looks-- > 0)
            if (atomic_load_explicit(letters, memory_order_acquire) != known)
                return atomic_load(letters);
        nv_bell_arm(bell);
        dawdle(seed);
        if (atomic_load_explicit(letters, memory_order_acquire) != known) {
            nv_bell_disarm(bell);
            return atomic_load(letters);
        }
        if (nv_bell_sleep(bell, -1))
            atomic_fetch_add(&stage->slept, 1);
        else
            atomic_fetch_add(&stage->wrong, 1);
        looks = 1;
    }
}

/* A plain store as any processor does it: the fence that is needed must be the ring's own. */
static void post(struct stage *stage, atomic_long *letters, int actor)
{
    long sent = atomic_load_explicit(letters, memory_order_relaxed);
    atomic_store_explicit(letters, sent + 1, memory_order_release);
    nv_bell_ring(nv_bells_at(stage->bells, actor, NV_BELL_LOOP));
}

/* Two play ball. */
static void ball(struct stage *stage, int actor)
{
    uint32_t seed = 4711u + (uint32_t)actor;
    atomic_long *to = actor == 0 ? &stage->mail[1].from_hub : &stage->mail[1].to_hub;
    atomic_long *from = actor == 0 ? &stage->mail[1].to_hub : &stage->mail[1].from_hub;
    for (long i = 0; i < stage->rounds; i++) {
        if (actor == 0) {
            dawdle(&seed);
            post(stage, to, 1);
        }
        if (await(stage, actor, from, i, &seed) != i + 1)
            atomic_fetch_add(&stage->wrong, 1);
        if (actor == 1) {
            dawdle(&seed);
            post(stage, to, 0);
        }
    }
}

static void two_play_ball(void **state)
{
    (void)state;
    perform_all(2, 100000, ball);
}

/* Reads the letters of all and answers each; returns how many there were. */
static long answer(struct stage *stage, long read[])
{
    long found = 0;
    for (int i = 1; i < stage->actors; i++)
        while (read[i] != atomic_load_explicit(&stage->mail[i].to_hub, memory_order_acquire)) {
            read[i]++;
            found++;
            post(stage, &stage->mail[i].from_hub, i);
        }
    return found;
}

/* The hub sleeps on the bare bell. */
static void bare_hub(struct stage *stage)
{
    struct nv_bell *bell = nv_bells_at(stage->bells, 0, NV_BELL_LOOP);
    long read[ACTORS] = {0}, left = stage->rounds * (stage->actors - 1);
    uint32_t seed = 99;
    while (left > 0) {
        long found = answer(stage, read);
        left -= found;
        if (found > 0)
            continue;
        nv_bell_arm(bell);
        dawdle(&seed);
        found = answer(stage, read);
        left -= found;
        if (found > 0 || left == 0)
            nv_bell_disarm(bell);
        else if (!nv_bell_sleep(bell, -1))
            atomic_fetch_add(&stage->wrong, 1);
    }
}

/* The hub waits as the library's loops do. */
static void idle_hub(struct stage *stage)
{
    long read[ACTORS] = {0}, left = stage->rounds * (stage->actors - 1);
    struct nv_idle idle = {
        .bell = nv_bells_at(stage->bells, 0, NV_BELL_LOOP), .all_ring = true, .crowded = true};
    while (left > 0) {
        long found = answer(stage, read);
        left -= found;
        nv_idle(&idle, found > 0);
    }
}

/* An engine sends letters, up to three ahead of the answers. */
static void write_letters(struct stage *stage, int actor)
{
    uint32_t seed = 31u * (uint32_t)actor;
    long sent = 0, answered = 0;
    while (answered < stage->rounds) {
        while (sent < stage->rounds && sent - answered < 3) {
            dawdle(&seed);
            post(stage, &stage->mail[actor].to_hub, 0);
            sent++;
        }
        answered = await(stage, actor, &stage->mail[actor].from_hub, answered, &seed);
        if (answered > sent)
            atomic_fetch_add(&stage->wrong, 1);
    }
}

static void farm_on_bare_bells(struct stage *stage, int actor)
{
    if (actor == 0)
        bare_hub(stage);
    else
        write_letters(stage, actor);
}

static void farm_that_idles(struct stage *stage, int actor)
{
    if (actor == 0)
        idle_hub(stage);
    else
        write_letters(stage, actor);
}

static void a_hub_answers_eight_engines(void **state)
{
    (void)state;
    perform_all(ACTORS, 15000, farm_on_bare_bells);
}

static void a_hub_that_idles_answers_eight_engines(void **state)
{
    (void)state;
    perform_all(ACTORS, 15000, farm_that_idles);
}

/* Sleeps that end by themselves while others ring: whatever ends first, letters are found. */
static void impatient(struct stage *stage, int actor)
{
    struct nv_bell *bell = nv_bells_at(stage->bells, 0, NV_BELL_LOOP);
    uint32_t seed = 7u + (uint32_t)actor;
    long read = 0;
    for (long i = 0; actor != 0 && i < stage->rounds; i++) {
        dawdle(&seed);
        post(stage, &stage->mail[1].to_hub, 0);
        if (i % 3 == 0)
            await(stage, 1, &stage->mail[1].from_hub, i / 3, &seed);
    }
    while (actor == 0 && read < stage->rounds) {
        long there;
        nv_bell_arm(bell);
        there = atomic_load_explicit(&stage->mail[1].to_hub, memory_order_acquire);
        if (there != read)
            nv_bell_disarm(bell);
        else if (nv_bell_sleep(bell, next_random(&seed) % 2 == 0 ? 0 : 20e-6))
            atomic_fetch_add(&stage->slept, 1);
        for (; read < there; read++)
            if (read % 3 == 0)
                post(stage, &stage->mail[1].from_hub, 1);
    }
}

static void rings_and_ends_of_sleeps_get_along(void **state)
{
    (void)state;
    perform_all(2, 50000, impatient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_after_arming_ends_the_sleep),
        cmocka_unit_test(a_ring_to_someone_awake_is_not_kept),
        cmocka_unit_test(each_owner_has_a_bell_of_its_own),
        cmocka_unit_test(local_bells_are_all_near),
        cmocka_unit_test(without_a_kind_there_are_no_bells),
        cmocka_unit_test(the_idle_arm_then_look_then_sleep),
        cmocka_unit_test(the_crowded_are_sooner_asleep),
        cmocka_unit_test(the_idle_without_a_bell_nap),
        cmocka_unit_test(two_play_ball),
        cmocka_unit_test(a_hub_answers_eight_engines),
        cmocka_unit_test(a_hub_that_idles_answers_eight_engines),
        cmocka_unit_test(rings_and_ends_of_sleeps_get_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
