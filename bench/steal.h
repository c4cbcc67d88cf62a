/* steal - work stealing with local queues, in the manner of libcircle: the baseline that has no
 * master and brings no results home.
 *
 * Every task is in exactly one queue or in one message.  Rank 0's queue holds all of them at first.
 * A rank without tasks asks another one, drawn at random, which shares its queue evenly with those
 * that ask at the time.  The end is found by a token that goes round all ranks (Dijkstra, Feijen,
 * van Gasteren 1983): a rank that gave tasks away is black and blackens the token; a rank that
 * waits for an answer holds it back, so that no tasks are on their way behind a white one.  As in
 * libcircle a rank looks for messages between two tasks, never during one, and idle ranks spin.
 */
#ifndef BENCH_STEAL_H
#define BENCH_STEAL_H

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

enum { STEAL_ASK = 11, STEAL_GIVE, STEAL_TOKEN };
enum { STEAL_ASKING = 64 }; /* questions that are answered together */
enum { STEAL_WHITE, STEAL_BLACK, STEAL_STOP };

struct steal {
    MPI_Comm comm;
    double *queue; /* the caller's, room for all tasks; rank 0's is full */
    size_t count;
    double (*work)(double amount);
    size_t ran; /* tasks that this rank ran */
    /* the rest is 0 at first */
    int rank, ranks;
    int waits;               /* for the answer to a question */
    int holds, token, black; /* the token and its colour; the colour of this rank */
    int stopped;
    uint64_t seed;
};

static inline void steal_send_token(struct steal *steal, int to, int token)
{
    MPI_Send(&token, 1, MPI_INT, to, STEAL_TOKEN, steal->comm);
}

/* Shares the queue evenly with all that ask. */
static inline void steal_answer(struct steal *steal)
{
    int asking[STEAL_ASKING], n = 0, there = 1;
    MPI_Status status;
    while (n < STEAL_ASKING && there) {
        MPI_Iprobe(MPI_ANY_SOURCE, STEAL_ASK, steal->comm, &there, &status);
        if (!there)
            break;
        MPI_Recv(NULL, 0, MPI_BYTE, status.MPI_SOURCE, STEAL_ASK, steal->comm, MPI_STATUS_IGNORE);
        asking[n++] = status.MPI_SOURCE;
    }
    for (; n > 0; n--) {
        size_t share = steal->count / ((size_t)n + 1);
        steal->count -= share;
        steal->black |= share > 0;
        MPI_Send(steal->queue + steal->count, (int)share, MPI_DOUBLE, asking[n - 1], STEAL_GIVE,
                 steal->comm);
    }
}

static inline void steal_take(struct steal *steal, MPI_Status *status)
{
    int given;
    MPI_Get_count(status, MPI_DOUBLE, &given);
    MPI_Recv(steal->queue, given, MPI_DOUBLE, status->MPI_SOURCE, STEAL_GIVE, steal->comm,
             MPI_STATUS_IGNORE);
    steal->count = (size_t)given;
    steal->waits = 0;
}

static inline void steal_receive_token(struct steal *steal, int from)
{
    MPI_Recv(&steal->token, 1, MPI_INT, from, STEAL_TOKEN, steal->comm, MPI_STATUS_IGNORE);
    steal->holds = steal->token != STEAL_STOP;
    steal->stopped = steal->token == STEAL_STOP;
}

static inline void steal_receive(struct steal *steal)
{
    MPI_Status status;
    int there;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, steal->comm, &there, &status);
    if (!there)
        return;
    if (status.MPI_TAG == STEAL_ASK)
        steal_answer(steal);
    else if (status.MPI_TAG == STEAL_GIVE)
        steal_take(steal, &status);
    else
        steal_receive_token(steal, status.MPI_SOURCE);
}

/* Rank 0, idle and white, whose token came back white: all queues are empty. */
static inline void steal_stop(struct steal *steal)
{
    for (int r = 1; r < steal->ranks; r++)
        steal_send_token(steal, r, STEAL_STOP);
    steal->stopped = 1;
}

static inline void steal_pass_token(struct steal *steal)
{
    int token = steal->black ? STEAL_BLACK : steal->token;
    if (steal->rank == 0 && token == STEAL_WHITE) {
        steal_stop(steal);
        return;
    }
    steal->holds = 0;
    steal->black = 0;
    steal_send_token(steal, (steal->rank + 1) % steal->ranks,
                     steal->rank == 0 ? STEAL_WHITE : token);
}

static inline void steal_ask(struct steal *steal)
{
    int victim;
    steal->seed ^= steal->seed << 13;
    steal->seed ^= steal->seed >> 7;
    steal->seed ^= steal->seed << 17;
    victim = (int)((steal->seed >> 33) % (uint64_t)(steal->ranks - 1));
    victim += victim >= steal->rank;
    steal->waits = 1;
    MPI_Send(NULL, 0, MPI_BYTE, victim, STEAL_ASK, steal->comm);
}

/* Runs tasks until there are none anywhere.  Collective over steal->comm, of two ranks or more. */
static inline void steal_run(struct steal *steal)
{
    MPI_Comm_rank(steal->comm, &steal->rank);
    MPI_Comm_size(steal->comm, &steal->ranks);
    steal->seed = 88172645463325252u + 2654435761u * (uint64_t)steal->rank;
    steal->holds = steal->rank == 0;
    steal->token = STEAL_BLACK;
    while (!steal->stopped) {
        steal_receive(steal);
        if (steal->count > 0) {
            steal->work(steal->queue[--steal->count]);
            steal->ran++;
        } else if (!steal->waits && !steal->stopped) {
            if (steal->holds)
                steal_pass_token(steal);
            if (!steal->stopped)
                steal_ask(steal);
        }
    }
}

/* After steal_run(): answers what was asked until nobody waits, so that no message is left. */
static inline void steal_settle(struct steal *steal)
{
    MPI_Request request;
    int settled = 0;
    while (steal->waits)
        steal_receive(steal);
    for (MPI_Ibarrier(steal->comm, &request); !settled;) {
        steal_receive(steal);
        MPI_Test(&request, &settled, MPI_STATUS_IGNORE);
    }
}

#endif
