/* ward - what a task in a guarded process finds around it, and what comes of what it writes.
 * timeout: 240
 * SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "guard_deeds.h"
#include "scratch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* ------------------------------------------------------------------------------- what is written */

/* Puts a file in the place of stderr; returns what it was. */
static int divert(int *file)
{
    int saved = dup(STDERR_FILENO);
    *file = nv_scratch_open(true);
    assert_true(saved >= 0 && *file >= 0);
    dup2(*file, STDERR_FILENO);
    return saved;
}

static void restore(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void stderr_is_passed_on_and_the_blamed_tasks_is_kept(void **state)
{
    static const char all[] = "task 1 complains\ntask 2 complains\ntask 100 complains\n";
    char text[256] = "";
    int file, saved = divert(&file);
    struct nv_guard *guard = make();
    struct nv_guard_state end;
    uint64_t size;
    (void)state;
    ask(guard, 1, TELL, 1);
    assert_int_equal(run_row(guard, 2, NULL).what, NV_GUARD_FINISHED);
    ask(guard, 1, TELL, 2);
    ask(guard, 3, TELL, 100);
    end = run_row(guard, 4, NULL);
    restore(saved);
    size = nv_scratch_size(file);
    assert_int_equal(size, strlen(all));
    assert_true(nv_scratch_read(file, 0, text, size));
    close(file);
    assert_string_equal(text, all);
    assert_int_equal(end.done, 3);
    assert_string_equal(end.tail, "task 100 complains");
    nv_guard_free(guard);
}

static void the_tail_is_whole_lines(void **state)
{
    struct nv_guard_state end =
        blame(1, 3, TELL_MUCH, 1000, &(struct nv_guard_limits){.capture = true});
    size_t length = strlen(end.tail);
    (void)state;
    assert_true(length > NV_GUARD_TAIL - 12 && length <= NV_GUARD_TAIL);
    assert_memory_equal(end.tail, "line ", 5);
    assert_string_equal(end.tail + length - 18, "line 999\nline 1000");
    end = blame(0, 1, TELL_MUCH, 2, &(struct nv_guard_limits){.capture = true});
    assert_string_equal(end.tail, "line 1\nline 2");
}

static void expect_output(struct nv_guard *guard, uint32_t at, const char *text)
{
    const char *data;
    size_t size;
    assert_int_equal(nv_guard_output(guard, at, &data, &size), NAVE_OK);
    assert_int_equal(size, strlen(text));
    assert_memory_equal(data, text, size);
}

static void captured_output_is_the_tasks_own(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_limits capture = {.capture = true};
    (void)state;
    for (int round = 0; round < 2; round++) {
        ask(guard, 0, SAY, 10);
        ask(guard, 2, SAY, 12);
        ask(guard, 3, FILL, 3);
        assert_int_equal(run_row(guard, 5, &capture).what, NV_GUARD_FINISHED);
        expect_output(guard, 0, "task 10 complains\ntask 10 talks\n");
        expect_output(guard, 1, "");
        expect_output(guard, 2, "task 12 complains\ntask 12 talks\n");
        expect_output(guard, 3, "abc");
        expect_output(guard, 4, "");
        ask(guard, 0, COUNT, 0);
        ask(guard, 2, COUNT, 0);
        ask(guard, 3, COUNT, 0);
        assert_int_equal(run_row(guard, 5, NULL).what, NV_GUARD_FINISHED);
        expect_output(guard, 0, "");
    }
    nv_guard_free(guard);
}

static void what_a_dead_task_wrote_is_there(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_state end;
    (void)state;
    ask(guard, 0, SAY, 1);
    ask(guard, 1, TELL, 100);
    end = run_row(guard, 3, &(struct nv_guard_limits){.capture = true});
    assert_int_equal(end.what, NV_GUARD_ENDED);
    expect_output(guard, 0, "task 1 complains\ntask 1 talks\n");
    expect_output(guard, 1, "task 100 complains\n");
    nv_guard_free(guard);
}

static void long_output_is_cut(void **state)
{
    static const char note[] = "\n[1000 more bytes were cut]\n";
    struct nv_guard *guard = make();
    const char *data;
    size_t size;
    (void)state;
    ask(guard, 0, FILL, NV_GUARD_KEPT + 1000);
    ask(guard, 1, FILL, NV_GUARD_KEPT);
    assert_int_equal(run_row(guard, 2, &(struct nv_guard_limits){.capture = true}).what,
                     NV_GUARD_FINISHED);
    assert_int_equal(nv_guard_output(guard, 0, &data, &size), NAVE_OK);
    assert_int_equal(size, NV_GUARD_KEPT + strlen(note));
    assert_memory_equal(data + NV_GUARD_KEPT, note, strlen(note));
    assert_memory_equal(data, "abcdef", 6);
    assert_int_equal(nv_guard_output(guard, 1, &data, &size), NAVE_OK);
    assert_int_equal(size, NV_GUARD_KEPT);
    nv_guard_free(guard);
}

static void a_flood_is_stopped(void **state)
{
    struct nv_guard_state end = blame(2, 3, FLOOD, 0, &(struct nv_guard_limits){.capture = true});
    (void)state;
    assert_int_equal(end.cause, NV_GUARD_OUTPUT);
    assert_string_equal(end.text, "wrote more than 64 MiB");
}

/* ------------------------------------------------------------------------------ what is around it */

static void take_signal(int number)
{
    (void)number;
}

static void a_task_finds_a_plain_process(void **state)
{
    struct sigaction action = {.sa_handler = take_signal}, ignore = {.sa_handler = SIG_IGN};
    struct sigaction old, old_pipe;
    sigset_t mask, before;
    struct nv_guard *guard;
    struct room *room;
    (void)state;
    sigaction(SIGUSR1, &action, &old);
    sigaction(SIGPIPE, &ignore, &old_pipe);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &mask, &before);
    setenv("OMPI_COMM_WORLD_RANK", "3", 1);
    setenv("PMIX_RANK", "3", 1);
    setenv("NAVE_TEST", "3", 1);
    guard = make();
    room = nv_guard_room(guard);
    unsetenv("OMPI_COMM_WORLD_RANK");
    unsetenv("PMIX_RANK");
    unsetenv("NAVE_TEST");
    ask(guard, 0, LOOK_AROUND, 0);
    assert_int_equal(run_row(guard, 1, NULL).what, NV_GUARD_FINISHED);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(SIGUSR1, &old, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
    assert_int_equal(room->seen & 255, 127);
    nv_guard_free(guard);
}

/* The pipe's other end is with the child and its program, and tells when both are gone. */
static void a_program_that_a_task_started_ends_with_it(void **state)
{
    struct nv_guard *guard;
    struct nv_guard_state end;
    struct room *room;
    int both[2];
    char byte;
    (void)state;
    assert_int_equal(pipe(both), 0);
    guard = make();
    room = nv_guard_room(guard);
    close(both[1]);
    ask(guard, 0, START_PROGRAM, 0);
    assert_int_equal(nv_guard_start(guard, 1, NULL), NAVE_OK);
    until_set(&room->other);
    fcntl(both[0], F_SETFL, O_NONBLOCK);
    assert_int_equal(read(both[0], &byte, 1), -1);
    nv_guard_end(guard, NV_GUARD_CANCELLED);
    end = wait_for(guard);
    assert_int_equal(end.cause, NV_GUARD_CANCELLED);
    fcntl(both[0], F_SETFL, 0);
    assert_int_equal(read(both[0], &byte, 1), 0);
    close(both[0]);
    nv_guard_free(guard);
}

/* Runs a task in a guard of a process of its own, which is killed then.  The pipe's other end tells
 * when all who had it are gone. */
static void orphan(enum deed deed)
{
    int both[2];
    char byte;
    pid_t pid;
    assert_int_equal(pipe(both), 0);
    pid = fork();
    if (pid == 0) {
        struct nv_guard *guard = make();
        struct room *room = nv_guard_room(guard);
        ask(guard, 0, deed, 0);
        nv_guard_start(guard, 1, NULL);
        until_set(&room->pid);
        raise(SIGKILL);
    }
    close(both[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(read(both[0], &byte, 1), 0);
    close(both[0]);
}

static void nobody_outlives_the_parent(void **state)
{
    (void)state;
    orphan(COUNT);
#ifdef __linux__
    orphan(LOOP);
#endif
}

/* ---------------------------------------------------------------------------------- larger things */

static void begin(void *arg)
{
    struct room **room = arg;
    atomic_fetch_add(&(*room)->begun, 1);
}

static void each_child_begins_once(void **state)
{
    struct room *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct nv_guard_spec spec = {.run = run,
                                 .begin = begin,
                                 .arg = &shared,
                                 .room = sizeof(struct room),
                                 .crowded = true,
                                 .error = &error};
    struct nv_guard *guard = NULL;
    (void)state;
    assert_true(shared != MAP_FAILED);
    assert_int_equal(nv_guard_new(&spec, &guard), NAVE_OK);
    for (int round = 0; round < 5; round++)
        run_row(guard, 2, NULL);
    assert_int_equal(atomic_load(&shared->begun), 1);
    ask(guard, 0, SEGV, 0);
    run_row(guard, 1, NULL);
    ask(guard, 0, COUNT, 0);
    run_row(guard, 1, NULL);
    assert_int_equal(atomic_load(&shared->begun), 2);
    nv_guard_free(guard);
    munmap(shared, sizeof *shared);
}

static void expect_large(const struct nv_guard *guard, uint32_t at, int byte)
{
    unsigned char *data;
    void *copy;
    size_t size;
    assert_int_equal(nv_guard_take(guard, at, &copy, &size), NAVE_OK);
    data = copy;
    if (byte == 0) {
        assert_null(data);
        assert_int_equal(size, 0);
        return;
    }
    assert_int_equal(size, LARGE_SIZE);
    assert_int_equal(data[0], byte);
    assert_memory_equal(data, data + 1, LARGE_SIZE - 1);
    free(data);
}

static void what_does_not_fit_comes_as_well(void **state)
{
    struct nv_guard *guard = make();
    struct nv_guard_state end;
    (void)state;
    for (int round = 0; round < 2; round++) {
        ask(guard, 0, LARGE, 7);
        ask(guard, 1, COUNT, 0);
        ask(guard, 2, LARGE, 9);
        ask(guard, 3, LARGE_THEN_SEGV, 11);
        end = run_row(guard, 4, NULL);
        assert_int_equal(end.what, NV_GUARD_ENDED);
        assert_int_equal(end.done, 3);
        expect_large(guard, 0, 7);
        expect_large(guard, 1, 0);
        expect_large(guard, 2, 9);
        ask(guard, 0, COUNT, 0);
        ask(guard, 2, COUNT, 0);
        run_row(guard, 3, NULL);
        expect_large(guard, 0, 0);
        expect_large(guard, 2, 0);
    }
    nv_guard_free(guard);
}

/* The parent sleeps on its bell without a limit. */
static void the_end_of_a_row_rings(void **state)
{
    struct nv_guard_spec spec = {.run = run, .room = sizeof(struct room), .error = &error};
    size_t room = nv_bells_room(1);
    void *memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct nv_bells *bells;
    struct nv_guard *guard = NULL;
    (void)state;
    assert_true(memory != MAP_FAILED);
    bells = nv_bells_local(memory, 1, NV_BELL_FUTEX);
    assert_non_null(bells);
    spec.bell = nv_bells_at(bells, 0, NV_BELL_THREAD);
    if (spec.bell == NULL)
        skip();
    assert_int_equal(nv_guard_new(&spec, &guard), NAVE_OK);
    for (int round = 0; round < 500; round++) {
        struct nv_guard_state now;
        ask(guard, 1, SLEEP, round % 100 == 0);
        assert_int_equal(nv_guard_start(guard, 2, NULL), NAVE_OK);
        for (;;) {
            nv_bell_arm(spec.bell);
            nv_guard_look(guard, &now);
            if (now.what != NV_GUARD_RUNNING)
                break;
            assert_true(nv_bell_sleep(spec.bell, -1));
        }
        nv_bell_disarm(spec.bell);
        assert_int_equal(now.what, NV_GUARD_FINISHED);
    }
    nv_guard_free(guard);
    nv_bells_close(bells);
    munmap(memory, room);
}

/* What the engine of rank 0 does: a thread beside others, which hold locks now and then, forks. */
static void *run_beside(void *arg)
{
    atomic_bool *ended = arg;
    struct nv_guard *guard = make();
    for (int round = 0; round < 50; round++) {
        enum deed deed = round % 3 == 0 ? SAY : SANITIZED ? SEGV : OVERFLOW_STACK;
        struct nv_guard_state end;
        ask(guard, 1, deed, 1);
        end = run_row(guard, 3, &(struct nv_guard_limits){.capture = true});
        assert_int_equal(end.what, deed == SAY ? NV_GUARD_FINISHED : NV_GUARD_ENDED);
        assert_int_equal(end.done, deed == SAY ? 3 : 1);
    }
    nv_guard_free(guard);
    atomic_store(ended, true);
    return NULL;
}

static void it_works_in_a_thread_beside_another(void **state)
{
    atomic_bool ended = false;
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, run_beside, &ended), 0);
    while (!atomic_load(&ended)) {
        char *volatile memory = malloc(1000);
        fprintf(stdout, "%s", "");
        free(memory);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stderr_is_passed_on_and_the_blamed_tasks_is_kept),
        cmocka_unit_test(the_tail_is_whole_lines),
        cmocka_unit_test(captured_output_is_the_tasks_own),
        cmocka_unit_test(what_a_dead_task_wrote_is_there),
        cmocka_unit_test(long_output_is_cut),
        cmocka_unit_test(a_flood_is_stopped),
        cmocka_unit_test(a_task_finds_a_plain_process),
        cmocka_unit_test(a_program_that_a_task_started_ends_with_it),
        cmocka_unit_test(nobody_outlives_the_parent),
        cmocka_unit_test(each_child_begins_once),
        cmocka_unit_test(what_does_not_fit_comes_as_well),
        cmocka_unit_test(the_end_of_a_row_rings),
        cmocka_unit_test(it_works_in_a_thread_beside_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
