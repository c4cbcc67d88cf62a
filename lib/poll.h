/* poll - what steer.c (declarations) and poll.c (their safe points) share.
 *
 * Invariant: see steer.h.
 */
#ifndef NV_POLL_H
#define NV_POLL_H

#include "steer.h"

enum nv_steer_type { NV_STEER_DOUBLE, NV_STEER_INT64, NV_STEER_FLAG, NV_STEER_TEXT };

/* A value, an array or a command; which of the members are in use goes by the list. */
struct nv_named {
    struct nv_named *next;
    enum nv_steer_type type;
    void *value; /* the program's */
    double min, max;
    int64_t least, most;
    size_t size; /* of the room for a text */
    bool published;
    nave_array array;
    nave_command_fn *run;
    void *arg;
    char name[];
};

/* What rank 0 says of a window at its beginning. */
struct nv_head {
    int64_t window; /* polls of the one after it */
    int64_t bytes;  /* of orders at its end; 0: none */
    int64_t flags;
};

struct nv_steer {
    nave *ctx;
    bool open;
    MPI_Comm mpi;
    struct nv_named *values, *arrays, *commands;
    struct nv_snapshots snapshots;
    uint64_t polls, due; /* so far; when the window ends */
    bool busy;           /* there is something to do in each poll */
    int state;           /* NAVE_OK, or what nave_poll() returns from now on */
    struct nv_head head; /* of this window, when `request` is done */
    MPI_Request request;
    bool begun;
    uint64_t window; /* polls of this one */
    /* On rank 0: */
    int busy_heads;                        /* in a row that said that there is something to do */
    double since;                          /* when it began, by nv_clock() */
    char *said;                            /* the orders of this window's end, as text */
    struct nv_order *orders, **orders_end; /* those, and new ones */
    bool set_alone; /* values were changed before anybody polled: on rank 0 only */
};

struct nv_named *nv_named_find(struct nv_named *list, const char *name);

/* Changes a value, or (not `apply`) only says whether it could. */
int nv_named_set(const struct nv_named *named, const char *text, bool apply, struct nv_why why);

/* Carries out what rank 0 can where nobody polls. */
void nv_poll_alone(struct nv_steer *steer);

/* The last broadcast is not left behind. */
void nv_poll_end(struct nv_steer *steer);

#endif
