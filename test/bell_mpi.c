/* bell_mpi - bells between ranks, more of them than cores, with MPI's messages as the mail.
 * ranks: 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include "bell.h"
#include "clock.h"
#include "idle.h"

static struct nv_error trouble;

static struct nv_bells *opened(enum nv_bell_kind kind)
{
    struct nv_bells *bells = NULL;
    GIVES(NAVE_OK, nv_bells_open(MPI_COMM_WORLD, kind, &trouble, &bells));
    return bells;
}

/* Twice: a probe may take a message in and show it only to the next one. */
static int look(int source)
{
    int there = 0;
    for (int i = 0; !there && i < 2; i++)
        MPI_Iprobe(source, 0, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
    return there;
}

/* Waits without a limit for a number from `source`. */
static int await(struct nv_bell *bell, int source)
{
    int there = 0, number;
    while (!there) {
        nv_bell_arm(bell);
        there = look(source);
        if (there)
            nv_bell_disarm(bell);
        else
            CHECK(nv_bell_sleep(bell, -1));
    }
    MPI_Recv(&number, 1, MPI_INT, source, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    return number;
}

static void post(const struct nv_bells *bells, int rank, int number)
{
    MPI_Send(&number, 1, MPI_INT, rank, 0, MPI_COMM_WORLD);
    nv_bell_ring(nv_bells_at(bells, rank, NV_BELL_LOOP));
}

/* From rank to rank and on, while all but one sleep. */
static void go_round(const struct nv_bells *bells, int rounds)
{
    struct nv_bell *mine = nv_bells_at(bells, ranks.rank, NV_BELL_LOOP);
    int next = (ranks.rank + 1) % ranks.size;
    int before = (ranks.rank + ranks.size - 1) % ranks.size;
    for (int i = 0; i < rounds; i++) {
        if (ranks.rank == 0)
            post(bells, next, i * ranks.size);
        int got = await(mine, before);
        CHECK(got == i * ranks.size + before);
        if (ranks.rank != 0)
            post(bells, next, got + 1);
    }
}

/* Rank 0 with the last rank, many times, while the others sleep until the end. */
static void play_ball(const struct nv_bells *bells, int rounds)
{
    struct nv_bell *mine = nv_bells_at(bells, ranks.rank, NV_BELL_LOOP);
    int last = ranks.size - 1;
    for (int i = 0; ranks.rank == 0 && i < rounds; i++) {
        post(bells, last, i);
        CHECK(await(mine, last) == -i);
    }
    for (int i = 0; ranks.rank == last && i < rounds; i++) {
        CHECK(await(mine, 0) == i);
        post(bells, 0, -i);
    }
    for (int rank = 1; ranks.rank == 0 && rank < last; rank++)
        post(bells, rank, 7);
    if (ranks.rank > 0 && ranks.rank < last)
        CHECK(await(mine, 0) == 7);
}

/* More frames at once than MPI has buffers for: it holds some back and sends them from a later call
 * at the sender, so the sender rings on until MPI says that they have gone. */
static void send_burst(const struct nv_bells *bells, int count, int size)
{
    char *frame = calloc(1, (size_t)size);
    int others = ranks.size - 1, done = 0;
    MPI_Request *requests = malloc((size_t)(count * others) * sizeof(MPI_Request));
    if (CHECK(frame != NULL && requests != NULL)) {
        for (int i = 0; i < count * others; i++)
            MPI_Isend(frame, size, MPI_BYTE, 1 + i % others, 1, MPI_COMM_WORLD, &requests[i]);
        while (!done) {
            MPI_Testall(count * others, requests, &done, MPI_STATUSES_IGNORE);
            for (int rank = 1; rank < ranks.size; rank++)
                nv_bell_ring(nv_bells_at(bells, rank, NV_BELL_LOOP));
        }
    }
    free(requests);
    free(frame);
}

static void receive_burst(struct nv_bell *bell, int count, int size)
{
    char *frame = malloc((size_t)size);
    for (int i = 0; CHECK(frame != NULL) && i < count; i++) {
        MPI_Request request;
        int there = 0;
        MPI_Irecv(frame, size, MPI_BYTE, 0, 1, MPI_COMM_WORLD, &request);
        while (!there) {
            nv_bell_arm(bell);
            for (int look = 0; !there && look < 2; look++)
                MPI_Test(&request, &there, MPI_STATUS_IGNORE);
            if (there)
                nv_bell_disarm(bell);
            else
                nv_bell_sleep(bell, -1);
        }
    }
    free(frame);
}

static void burst(const struct nv_bells *bells, int count, int size)
{
    if (ranks.rank == 0)
        send_burst(bells, count, size);
    else
        receive_burst(nv_bells_at(bells, ranks.rank, NV_BELL_LOOP), count, size);
}

static void with_kind(enum nv_bell_kind kind)
{
    struct nv_bells *bells = opened(kind);
    bool ready = bells != NULL && nv_bells_all_near(bells) && nv_bells_kind(bells) <= kind &&
                 nv_bells_at(bells, ranks.rank, NV_BELL_LOOP) != NULL;
    int all_ready;
    CHECK(ready);
    MPI_Allreduce(&(int){ready}, &all_ready, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (all_ready) {
        CHECK(nv_bells_near(bells) == ranks.size);
        go_round(bells, 2000 / ranks.size);
        play_ball(bells, 5000);
        burst(bells, 4000 / ranks.size, 8);
        burst(bells, 4000 / ranks.size, 4000);
        burst(bells, 400 / ranks.size, 50000);
    }
    nv_bells_close(bells);
    ranks_agree();
}

static void futexes(void **state)
{
    (void)state;
    with_kind(NV_BELL_FUTEX);
}

static void condition_variables(void **state)
{
    (void)state;
    with_kind(NV_BELL_CONDITION);
}

/* One rank that has no bells: the others keep their own ones only. */
static void without_common_bells(void **state)
{
    struct nv_bells *bells = opened(ranks.rank == 0 ? NV_BELL_NONE : NV_BELL_FUTEX);
    (void)state;
    if (CHECK(bells != NULL)) {
        struct nv_bell *mine = nv_bells_at(bells, ranks.rank, NV_BELL_THREAD);
        CHECK(nv_bells_near(bells) == 1 && !nv_bells_all_near(bells));
        for (int rank = 0; rank < ranks.size; rank++)
            CHECK((nv_bells_at(bells, rank, NV_BELL_LOOP) != NULL) ==
                  (rank == ranks.rank && rank != 0));
        if (ranks.rank != 0 && mine != NULL) {
            nv_bell_arm(mine);
            nv_bell_ring(mine);
            CHECK(nv_bell_sleep(mine, -1));
        }
    }
    nv_bells_close(bells);
    ranks_agree();
}

/* Ranks count within the communicator that the bells were opened over: here, backwards. */
static void another_communicator(void **state)
{
    struct nv_bells *bells = NULL;
    MPI_Comm half;
    int rank, size;
    (void)state;
    MPI_Comm_split(MPI_COMM_WORLD, ranks.rank % 2, -ranks.rank, &half);
    MPI_Comm_rank(half, &rank);
    MPI_Comm_size(half, &size);
    if (GIVES(NAVE_OK, nv_bells_open(half, NV_BELL_FUTEX, &trouble, &bells))) {
        struct nv_bell *mine = nv_bells_at(bells, rank, NV_BELL_LOOP);
        if (CHECK(nv_bells_near(bells) == size)) {
            /* Each rings its neighbour, when all are armed. */
            nv_bell_arm(mine);
            MPI_Barrier(half);
            nv_bell_ring(nv_bells_at(bells, (rank + 1) % size, NV_BELL_LOOP));
            CHECK(nv_bell_sleep(mine, -1));
        }
        nv_bells_close(bells);
    }
    MPI_Comm_free(&half);
    ranks_agree();
}

/* As the library waits: rank 0 answers whoever writes, all idle in between. */
static void the_idle_are_woken(void **state)
{
    enum { EACH = 300 };
    struct nv_bells *bells = opened(NV_BELL_FUTEX);
    int left = ranks.rank == 0 ? EACH * (ranks.size - 1) : EACH, sent = 0;
    struct nv_idle idle = {.crowded = ranks.size > 2};
    (void)state;
    NEED(bells != NULL);
    idle.bell = nv_bells_at(bells, ranks.rank, NV_BELL_LOOP);
    idle.all_ring = nv_bells_all_near(bells);
    while (left > 0) {
        MPI_Status status;
        int there, number;
        if (ranks.rank != 0 && sent == EACH - left)
            post(bells, 0, sent++);
        MPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &there, &status);
        if (there) {
            MPI_Recv(&number, 1, MPI_INT, status.MPI_SOURCE, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            if (ranks.rank == 0)
                post(bells, status.MPI_SOURCE, number);
            else
                CHECK(number == EACH - left);
            left--;
        }
        nv_idle(&idle, there != 0);
    }
    nv_idle_restart(&idle);
    nv_bells_close(bells);
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(futexes),
        cmocka_unit_test(condition_variables),
        cmocka_unit_test(without_common_bells),
        cmocka_unit_test(another_communicator),
        cmocka_unit_test(the_idle_are_woken),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
