/* The mail between two ends: alone, then between two threads. */
#include "link.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

struct letter {
    struct nv_mail mail; /* the first member: a letter is where its mail is */
    uint64_t number, seal;
};

enum { LETTERS = 200000, AHEAD = 1000 };

static uint64_t seal_of(uint64_t number)
{
    return number * 0x9e3779b97f4a7c15u ^ number >> 7;
}

static bool put(struct nv_link *link, enum nv_end to, uint64_t number)
{
    struct letter *letter = malloc(sizeof *letter);
    if (letter == NULL)
        return false;
    letter->number = number;
    letter->seal = seal_of(number);
    nv_link_put(link, to, &letter->mail);
    return true;
}

/* Takes a letter if there is one; false when it is not the one that must come next. */
static bool take(struct nv_link *link, enum nv_end end, uint64_t *next)
{
    struct letter *letter = (struct letter *)nv_link_take(link, end);
    bool right;
    if (letter == NULL)
        return true;
    right = letter->number == *next && letter->seal == seal_of(*next);
    free(letter);
    (*next)++;
    return right;
}

static void each_end_has_its_own_mail(void **state)
{
    struct nv_link *link = nv_link_new();
    uint64_t loop = 100, engine = 0;
    (void)state;
    assert_non_null(link);
    assert_null(nv_link_take(link, NV_LOOP_END));
    for (uint64_t i = 0; i < 5; i++) {
        assert_true(put(link, NV_ENGINE_END, i));
        assert_true(put(link, NV_LOOP_END, 100 + i));
    }
    for (int i = 0; i < 5; i++) {
        assert_true(take(link, NV_LOOP_END, &loop));
        assert_true(take(link, NV_ENGINE_END, &engine));
    }
    assert_int_equal(loop, 105);
    assert_int_equal(engine, 5);
    assert_null(nv_link_take(link, NV_LOOP_END));
    assert_null(nv_link_take(link, NV_ENGINE_END));
    nv_link_free(link);
}

/* Some mail is put in while older mail is only half taken out. */
static void mail_stays_in_order(void **state)
{
    struct nv_link *link = nv_link_new();
    uint64_t sent = 0, came = 0;
    (void)state;
    assert_non_null(link);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < round % 7 + 3; i++)
            assert_true(put(link, NV_ENGINE_END, sent++));
        for (int i = 0; i < round % 5 + 2; i++)
            assert_true(take(link, NV_ENGINE_END, &came));
    }
    assert_true(came < sent);
    while (came < sent)
        assert_true(take(link, NV_ENGINE_END, &came));
    assert_null(nv_link_take(link, NV_ENGINE_END));
    nv_link_free(link);
}

static void mail_that_was_not_taken_is_the_callers(void **state)
{
    struct nv_link *link = nv_link_new();
    struct letter letters[2] = {{.number = 1}, {.number = 2}};
    (void)state;
    assert_non_null(link);
    nv_link_put(link, NV_LOOP_END, &letters[0].mail);
    nv_link_put(link, NV_ENGINE_END, &letters[1].mail);
    nv_link_free(link);
    assert_int_equal(letters[0].number, 1);
    assert_int_equal(letters[1].number, 2);
    nv_link_free(NULL);
}

/* One of two threads that write to each other. */
struct writer {
    struct nv_link *link;
    enum nv_end end;
    bool failed;
};

static void *correspond(void *arg)
{
    struct writer *writer = arg;
    enum nv_end other = writer->end == NV_LOOP_END ? NV_ENGINE_END : NV_LOOP_END;
    uint64_t sent = 0, came = 0;
    while ((sent < LETTERS || came < LETTERS) && !writer->failed) {
        uint64_t before = came;
        for (int i = 0; i < 8 && sent < LETTERS && sent < came + AHEAD; i++)
            writer->failed = writer->failed || !put(writer->link, other, sent++);
        for (int i = 0; i < 8; i++)
            writer->failed = writer->failed || !take(writer->link, writer->end, &came);
        if (came == before)
            sched_yield();
    }
    return NULL;
}

static void two_threads_write_to_each_other(void **state)
{
    struct nv_link *link = nv_link_new();
    struct writer loop = {link, NV_LOOP_END, false}, engine = {link, NV_ENGINE_END, false};
    pthread_t thread;
    (void)state;
    assert_non_null(link);
    assert_int_equal(pthread_create(&thread, NULL, correspond, &engine), 0);
    correspond(&loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(loop.failed);
    assert_false(engine.failed);
    assert_null(nv_link_take(link, NV_LOOP_END));
    assert_null(nv_link_take(link, NV_ENGINE_END));
    nv_link_free(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end_has_its_own_mail),
        cmocka_unit_test(mail_stays_in_order),
        cmocka_unit_test(mail_that_was_not_taken_is_the_callers),
        cmocka_unit_test(two_threads_write_to_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
