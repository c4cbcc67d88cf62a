/* poll - what steer.c (declarations) and poll.c (their safe points) share.
 *
 * Invariant: see steer.h.
 */
#ifndef NV_POLL_H
#define NV_POLL_H

#include "leave.h"
#include "steer.h"

enum nv_steer_type { NV_STEER_DOUBLE, NV_STEER_INT64, NV_STEER_FLAG, NV_STEER_TEXT };

/* A value, an array or a command; which of the members are in use goes by the list. */
struct nv_named {
    struct nv_named *next;
    enum nv_steer_type type;
    void *value; /* the program's */
    double min, max;
    int64_t least, most;
    size_t size;    /* of the room for a text */
    bool set_alone; /* before anybody polled: on rank 0 only */
    bool published;
    nave_array array;
    nave_command_fn *run;
    void *arg;
    char name[];
};

/* What rank 0 says of a window at its beginning. */
struct nv_head {
    int64_t
        window;    /* polls of the one after it; 0: this is the last head, and there is no window */
    int64_t bytes; /* of orders at its end; 0: none */
    int64_t flags;
};

/* How far the broadcasts of a window have got. */
enum nv_stage { NV_BETWEEN, NV_HEAD, NV_TEXT_DUE, NV_TEXT };

struct nv_steer {
    nave *ctx;
    bool open;
    MPI_Comm mpi;
    struct nv_named *values, *arrays, *commands;
    struct nv_snapshots snapshots;
    uint64_t polls, due; /* so far; when the window ends */
    bool busy;           /* there is something to do in each poll */
    int state;           /* NAVE_OK, or what nave_poll() returns from now on */
    uint64_t window;     /* polls of this one */
    enum nv_stage stage;
    struct nv_head head; /* of this window, when it is here */
    char *text;          /* the orders of its end */
    MPI_Request request; /* of either */
    uint64_t heads;      /* begun so far */
    /* The ends of polling, see leave.h: */
    struct nv_leave word, least; /* this rank's own; the least of others' */
    bool left;                   /* this rank has said so */
    int heard;                   /* of others */
    int64_t last_head;           /* on rank 0 */
    MPI_Request *sends;          /* by rank */
    /* Of a snapshot: */
    struct nv_part part;
    MPI_Request part_request; /* on its way to rank 0 */
    struct nv_part *parts;    /* on rank 0: those that are awaited */
    int source;               /*   from there */
    /* On rank 0: */
    int busy_heads;                        /* in a row that said that there is something to do */
    double since;                          /* when the window began, by nv_clock() */
    struct nv_order *orders, **orders_end; /* those of the window's end, and new ones */
    size_t told;                           /* how many of the former */
    uint64_t seen_polls;                   /* at the last look, */
    double seen;                           /*   and when that had changed */
    double hear_next;
};

struct nv_named *nv_named_find(struct nv_named *list, const char *name);

/* Changes a value, or (not `apply`) only says whether it could. */
int nv_named_set(const struct nv_named *named, const char *text, bool apply, struct nv_why why);

/* Carries out an order, which is in no list, on rank 0 as it can where nobody polls. */
void nv_poll_alone(struct nv_steer *steer, struct nv_order *order);

/* On rank 0: whether there will be no poll any more that carries out orders. */
bool nv_poll_over(const struct nv_steer *steer);

/* When all ranks have met, or some are gone: whether nothing is under way any more. */
bool nv_poll_end(struct nv_steer *steer);

#endif
