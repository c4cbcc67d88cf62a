/* ward - what the three files of a guard share: guard.c (the parent), report.c (what it says of the
 * child), ward.c (the child).
 *
 * Invariant: the parent writes to its half of the page, and to the tasks', only while no row runs or
 * no child is there; order is stored last.  The child writes to its own half only from the order on
 * until it has stored that the last task is done; of a task's record nothing after it has stored
 * that the task is done.
 */
#ifndef NV_WARD_H
#define NV_WARD_H

#include "guard.h"

#include <stdatomic.h>
#include <sys/types.h>

enum { NV_WARD_LINE = 128 /* as in bell.c */ };

/* A left of this kind: exit() was called, but the system does not tell its functions the status. */
#define NV_WARD_LEFT ((unsigned)-1)

struct nv_ward_task {
    double started, ended;
    uint64_t text, text_end; /* what it wrote, in the file `output` */
    uint64_t extra, extra_size;
};

struct nv_ward_page {
    /* The parent's half. */
    _Alignas(NV_WARD_LINE) atomic_uint order; /* rows that were handed over */
    uint32_t first, count;                    /* the tasks to run */
    uint64_t bytes;                           /* limits */
    bool capture;
    /* The child's half. */
    _Alignas(NV_WARD_LINE) atomic_uint done; /* the task to run, those before are done */
    atomic_uint taken;                       /* the order that it was begun by */
    atomic_uint left;                        /* by exit(): its status and 1; 0: not so */
    uint64_t extra_end;                      /* of the file `extra` */
    _Alignas(NV_WARD_LINE) struct nv_ward_task tasks[NV_GUARD_ROW];
};

/* What a parent remembers of the row that runs. */
struct nv_guard_row {
    uint32_t count; /* as in the page, which the child may damage */
    double handed;  /* over, when */
    double seconds; /* that a task may run */
    bool capture;
    bool running;
    bool ending;              /* the child was killed, and its end is awaited */
    enum nv_guard_cause why;  /* it was */
    uint32_t accused;         /* the task on whose account */
    uint64_t forwarded, size; /* of the file `output`: passed on; as far as is known */
};

struct nv_guard {
    struct nv_guard_spec spec;
    struct nv_ward_page *page;
    unsigned char *room;
    size_t mapped;
    struct nv_bells *bells; /* one rank's, in the mapping */
    int output, extra;      /* files without names */
    pid_t pid;              /* 0: no child */
    unsigned orders;        /* page->order */
    unsigned born;          /* orders before the child */
    unsigned barren;        /* children in a row that never began anything */
    double due;
    struct nv_guard_row row;
    struct nv_guard_state state;
    char text[160], tail[NV_GUARD_TAIL + 1];
    char *kept; /* of nv_guard_output() */
};

/* ------------------------------------------------------------------------------------- ward.c */

/* The child's life, from the fork on.  `parent`: its number; all signals are blocked. */
_Noreturn void nv_ward_live(struct nv_guard *guard, pid_t parent);

/* ----------------------------------------------------------------------------------- report.c */

/* Finds how large the output is, and passes on what is new. */
void nv_report_forward(struct nv_guard *guard);

/* How a child ended that was reaped, into the state; not `known`: the status is not to be had. */
void nv_report_classify(struct nv_guard *guard, bool known, int status);

/* Task `done` is to blame: fills in the rest of the state. */
void nv_report_blame(struct nv_guard *guard);

#endif
