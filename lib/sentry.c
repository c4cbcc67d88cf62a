/* sentry - see sentry.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "sentry.h"
#include "clock.h"
#include "thread.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GRACE_SECONDS 3.0 /* for a rank that does not need the one that has gone any more */

struct nv_sentry {
    pthread_t thread;
    int pipe[2]; /* a byte: it is over */
    struct nv_vigil *vigil;
    struct nv_error *error;
};

static void end_process(const struct nv_sentry *sentry, int rank, const char *how)
{
    nv_error_set(
        sentry->error, NAVE_ELOST,
        "rank %d on %s %s while the farm was opened, and MPI would wait for it: this process "
        "ends",
        rank, nv_vigil_host(sentry->vigil, rank), how);
    fflush(NULL);
    _exit(1);
}

/* Whether it is over, after a pause if it is not. */
static bool is_over(const struct nv_sentry *sentry)
{
    struct pollfd one = {.fd = sentry->pipe[0], .events = POLLIN};
    return poll(&one, 1, (int)(NV_VIGIL_SECONDS * 1e3)) == 1;
}

static void *watch(void *arg)
{
    const struct nv_sentry *sentry = arg;
    const char *how = NULL;
    int rank = -1;
    double until = 0;
    while (!is_over(sentry)) {
        if (rank < 0) {
            rank = nv_vigil_peek(sentry->vigil, &how);
            until = nv_clock() + GRACE_SECONDS;
        } else if (nv_clock() > until) {
            end_process(sentry, rank, how);
        }
    }
    return NULL;
}

static void close_pipe(struct nv_sentry *sentry)
{
    close(sentry->pipe[0]);
    close(sentry->pipe[1]);
}

int nv_sentry_start(struct nv_vigil *vigil, struct nv_error *error, struct nv_sentry **out)
{
    struct nv_sentry *sentry = calloc(1, sizeof *sentry);
    bool ok = sentry != NULL && pipe(sentry->pipe) == 0;
    if (ok) {
        sentry->vigil = vigil;
        sentry->error = error;
        ok = nv_thread_start(&sentry->thread, watch, sentry) == 0;
        if (!ok)
            close_pipe(sentry);
    }
    if (ok) {
        *out = sentry;
        return NAVE_OK;
    }
    free(sentry);
    return nv_error_set(error, NAVE_ENOMEM,
                        "no thread to watch the ranks while the farm is opened");
}

void nv_sentry_end(struct nv_sentry *sentry)
{
    if (sentry == NULL)
        return;
    (void)!write(sentry->pipe[1], "", 1);
    pthread_join(sentry->thread, NULL);
    close_pipe(sentry);
    free(sentry);
}
