/* guard_deeds - for the tests of guards: a room full of tasks, what a task can do to its process, and
 * short words for running rows of them.
 *
 * Define _GNU_SOURCE before the first header. */
#ifndef TEST_GUARD_DEEDS_H
#define TEST_GUARD_DEEDS_H

#include "clock.h"
#include "guard.h"
#include "ward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum deed {
    COUNT, /* nothing but what every task does: to count up its place */
    SEGV,
    ABORT,
    EXIT_NOW, /* _exit */
    EXIT,
    LOOP,
    EAT, /* memory */
    OVERFLOW_STACK,
    TERMINATE,
    KILL_ITSELF,
    STOP,      /* SIGSTOP */
    TELL,      /* stderr */
    TELL_MUCH, /* lines, then SEGV */
    SAY,       /* stdout and stderr */
    FLOOD,
    FILL, /* more than is kept */
    LARGE,
    LARGE_THEN_SEGV,
    DAMAGE,
    DAMAGE_ALL, /* then SEGV */
    START_PROGRAM,
    SLEEP,
    LOOK_AROUND,
};

enum { PLACES = NV_GUARD_ROW, LARGE_SIZE = 3 << 20 };

/* The room: what each task is to do, and what it has done. */
struct room {
    struct {
        enum deed deed;
        int number;
    } todo[PLACES];
    atomic_int runs[PLACES];
    atomic_int pid;   /* of who ran a task last */
    atomic_int other; /* of a program that it started */
    atomic_int begun;
    int seen;
};

static struct nv_error error;
static int told = 1; /* in the memory of the parent, to be seen by the child */

/* ---------------------------------------------------------------------------------- in the child */

/* Deeper than any stack. */
static inline int overflow_stack(volatile char *above, int depth)
{
    volatile char frame[4096];
    frame[0] = above[0];
    return depth > 0 ? overflow_stack(frame, depth - 1) + frame[0] : 0;
}

static inline void eat(void)
{
    for (int i = 0; i < 4096; i++) {
        char *volatile memory = malloc(1 << 20); /* not to be left out by the compiler */
        if (memory == NULL)
            _exit(42);
        memset(memory, 1, 1 << 20);
    }
}

static inline void flood(void)
{
    static const char line[1 << 16];
    for (int i = 0; i < 10 * NV_GUARD_FLOOD / (int)sizeof line; i++)
        if (write(STDERR_FILENO, line, sizeof line) < 0)
            return;
    for (;;)
        pause();
}

static inline void fill(int bytes)
{
    for (int i = 0; i < bytes; i++)
        putchar('a' + i % 26);
}

static inline void put_large(struct nv_guard *guard, uint32_t at, int number)
{
    unsigned char *large = malloc(LARGE_SIZE);
    if (large == NULL)
        _exit(43);
    memset(large, number, LARGE_SIZE);
    if (nv_guard_overflow(guard, at, large, LARGE_SIZE) != NAVE_OK)
        _exit(44);
    free(large);
}

static inline void start_program(struct room *room)
{
    pid_t pid = fork();
    if (pid == 0) {
        execlp("sleep", "sleep", "1000", (char *)NULL);
        _exit(1);
    }
    atomic_store(&room->other, pid);
    for (;;)
        pause();
}

/* What a task finds around it, a bit for each thing that is as it should be. */
static inline int look_around(void)
{
    struct sigaction action;
    sigset_t mask;
    char byte;
    int seen = 0;
    sigaction(SIGUSR1, NULL, &action);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen |= action.sa_handler == SIG_DFL ? 1 : 0;
    seen |= sigismember(&mask, SIGUSR2) == 0 ? 2 : 0;
    seen |= getenv("OMPI_COMM_WORLD_RANK") == NULL && getenv("PMIX_RANK") == NULL ? 4 : 0;
    seen |= getenv("NAVE_TEST") != NULL ? 8 : 0;
    seen |= read(STDIN_FILENO, &byte, 1) == 0 ? 16 : 0;
    seen |= getpgrp() == getpid() ? 32 : 0;
    sigaction(SIGPIPE, NULL, &action);
    seen |= action.sa_handler == SIG_IGN ? 64 : 0;
    return seen;
}

static inline void wait_for_ever(void)
{
    for (volatile int i = 0;; i++)
        continue;
}

/* Says that it has done what there is not to be done. */
static inline void damage(struct nv_guard *guard)
{
    atomic_store(&guard->page->done, PLACES + 1);
    wait_for_ever();
}

static inline void die(struct room *room, enum deed deed, int number)
{
    switch (deed) {
    case SEGV:
        raise(SIGSEGV);
        break;
    case ABORT:
        abort();
    case EXIT_NOW:
        _exit(number);
    case EXIT:
        printf("the last words");
        exit(number);
    case LOOP:
        wait_for_ever();
        break;
    case EAT:
        eat();
        break;
    case OVERFLOW_STACK:
        overflow_stack((volatile char *)room, 1 << 22);
        break;
    case TERMINATE:
        raise(SIGTERM);
        break;
    case KILL_ITSELF:
        raise(SIGKILL);
        break;
    case STOP:
        raise(SIGSTOP);
        wait_for_ever();
        break;
    default:
        break;
    }
}

static inline void run(struct nv_guard *guard, void *arg, uint32_t at)
{
    struct room *room = nv_guard_room(guard);
    enum deed deed = room->todo[at].deed;
    bool is_fatal = deed == LARGE_THEN_SEGV || deed == TELL_MUCH || deed == DAMAGE_ALL;
    int number = room->todo[at].number;
    (void)arg;
    atomic_store(&room->pid, getpid());
    atomic_fetch_add(&room->runs[at], 1);
    if (deed == TELL || deed == SAY)
        fprintf(stderr, "task %d complains\n", number);
    if (deed == SAY)
        printf("task %d talks\n", number);
    if (deed == TELL && number >= 100)
        raise(SIGSEGV);
    for (int i = 1; deed == TELL_MUCH && i <= number; i++)
        fprintf(stderr, "line %d\n", i);
    if (deed == FLOOD)
        flood();
    else if (deed == FILL)
        fill(number);
    else if (deed == LARGE || deed == LARGE_THEN_SEGV)
        put_large(guard, at, number);
    else if (deed == DAMAGE)
        damage(guard);
    else if (deed == DAMAGE_ALL)
        memset((void *)guard->page, 0x55, sizeof *guard->page);
    else if (deed == START_PROGRAM)
        start_program(room);
    else if (deed == SLEEP)
        nanosleep(&(struct timespec){.tv_nsec = number * 1000000L}, NULL);
    else if (deed == LOOK_AROUND)
        room->seen = look_around() | told << 8;
    die(room, is_fatal ? SEGV : deed, number);
}

/* --------------------------------------------------------------------------------- in the parent */

static inline struct nv_guard *make(void)
{
    struct nv_guard_spec spec = {.run = run, .room = sizeof(struct room), .error = &error};
    struct nv_guard *guard = NULL;
    assert_int_equal(nv_guard_new(&spec, &guard), NAVE_OK);
    assert_int_equal((uintptr_t)nv_guard_room(guard) % 4096, 0);
    assert_true(nv_guard_size(guard) >= sizeof(struct room));
    return guard;
}

static inline void ask(struct nv_guard *guard, uint32_t at, enum deed deed, int number)
{
    struct room *room = nv_guard_room(guard);
    room->todo[at].deed = deed;
    room->todo[at].number = number;
}

static inline void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static inline struct nv_guard_state wait_for(struct nv_guard *guard)
{
    struct nv_guard_state state;
    for (nv_guard_look(guard, &state); state.what == NV_GUARD_RUNNING;
         nv_guard_look(guard, &state)) {
        assert_true(nv_guard_due(guard) > 0);
        nap();
    }
    assert_true(nv_guard_due(guard) <= 0);
    return state;
}

static inline struct nv_guard_state run_row(struct nv_guard *guard, uint32_t count,
                                            const struct nv_guard_limits *limits)
{
    assert_int_equal(nv_guard_start(guard, count, limits), NAVE_OK);
    return wait_for(guard);
}

static inline int runs(const struct nv_guard *guard, uint32_t at)
{
    struct room *room = nv_guard_room(guard);
    return atomic_load(&room->runs[at]);
}

static inline void until_set(atomic_int *number)
{
    while (atomic_load(number) == 0)
        nap();
}

/* A row of `count` in which task `at` does a deed: blamed, those before done, those after not begun,
 * and these can be run then. */
static inline struct nv_guard_state blame(uint32_t at, uint32_t count, enum deed deed, int number,
                                          const struct nv_guard_limits *limits)
{
    struct nv_guard *guard = make();
    struct room *room = nv_guard_room(guard);
    struct nv_guard_state state;
    static char text[256], tail[NV_GUARD_TAIL + 1];
    ask(guard, at, deed, number);
    state = run_row(guard, count, limits);
    assert_int_equal(state.what, NV_GUARD_ENDED);
    assert_int_equal(state.done, at);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(runs(guard, i), i <= at);
    snprintf(text, sizeof text, "%s", state.text);
    snprintf(tail, sizeof tail, "%s", state.tail);
    ask(guard, at, COUNT, 0);
    if (count > at + 1) {
        struct nv_guard_state rest = run_row(guard, count - at - 1, NULL);
        assert_int_equal(rest.what, NV_GUARD_FINISHED);
        assert_int_equal(rest.done, count - at - 1);
    }
    assert_int_not_equal(atomic_load(&room->pid), 0);
    nv_guard_free(guard);
    state.text = text;
    state.tail = tail;
    return state;
}

#endif
