/* hub - the loop of rank 0: receive, complete, place, flush, idle.
 *
 * Invariant: between turns every frame that was begun has been posted.
 */
#ifndef NV_HUB_H
#define NV_HUB_H

#include "comm.h"
#include "context.h"
#include "digest.h"
#include "holder.h"
#include "idle.h"
#include "outbox.h"
#include "sched.h"
#include "surplus.h"

struct nv_past {
    uint64_t succeeded, failed, cancelled;
};

struct nv_hub {
    nave *ctx;
    struct nv_sched *sched;
    struct nv_set *engines; /* all of them */
    int numbers;            /* of the scheduler's engines: ranks, and ranks + a sub-hub's rank */
    struct nv_outbox outbox;
    struct nv_results *last_results; /* by number: come last, for NV_GOOD */
    struct nv_set **grouped; /* by kernel: all engines, as numbers, sub-hubs where they can do */
    nave_future *futures;    /* all that exist, ended ones too */
    nave_future *spare;      /* used ones of single tasks */
    unsigned submitted;      /* tasks, since the last turn */
    uint64_t numbered;       /* futures so far */
    uint64_t open;           /* calls of users' kernels that are not complete */
    struct nv_past past;     /* tasks of futures that are gone */
    nave_view *views;
    size_t orphans; /* futures that are complete and nobody's, to be freed at the end of the turn */
    uint64_t ready; /* NV_READY answers to the reduction that is being prepared */
    struct nv_idle idle;
    bool (*awaited)(void *arg); /* what nv_hub_wait() waits for; NULL: nothing */
    void *awaited_arg;
    bool placing;              /* something may wait to be placed */
    struct nv_surplus surplus; /* by number */
    struct nv_holders holders;
    double heard;               /* the latest time that the scheduler was told */
    struct nv_journal *journal; /* NULL: none is kept */
    bool heedless;              /* of what is wrong with it: what has begun is to be ended */
    uint64_t calls;             /* that are in it */
    struct nv_digest basis;     /* of what results depend on besides inputs, so far */
    double epoch;               /* seconds since the epoch at nv_hub_time() 0 */
    bool drained;               /* no task is to begin */
    char drained_by[96];        /* what it was that drained it, in words */
    double until;      /* when tasks have to be finished, on nv_hub_time(); 0: whenever they are */
    double drain_next; /* when to look next who has to be drained */
    struct nv_set *lost;        /* ranks that are gone, see loss.h; NULL: none is */
    bool given_up;              /* too few are left */
    double look_next;           /* when to look next who is gone */
    struct nv_silence *silence; /* by rank, see loss.h; NULL: engines may be silent */
};

int nv_hub_new(nave *ctx, struct nv_hub **hub);
void nv_hub_free(struct nv_hub *hub);

/* One turn.  NAVE_OK or an error of the farm as a whole. */
int nv_hub_turn(struct nv_hub *hub, bool *worked);

/* An engine has made or dropped an object. */
int nv_hub_holds(struct nv_hub *hub, int source, const struct nv_item *item);

/* Takes in what has come, some of it. */
int nv_hub_receive(struct nv_hub *hub, bool *worked);

/* A task was submitted: a turn when an engine may have waited for it, or after `each` of them. */
int nv_hub_submitted(struct nv_hub *hub, unsigned each);

/* Turns until `ready` says so.  NAVE_OK, NAVE_ETIMEDOUT, or an error of the farm as a whole. */
int nv_hub_wait(struct nv_hub *hub, bool (*ready)(void *arg), void *arg, double seconds);

/* Sends a control item at once; engines are numbers here, see outbox.h. */
int nv_hub_control(struct nv_hub *hub, int engine, enum nv_item_kind kind,
                   const struct nv_control *control, const int32_t *list);

/* Something happened at this time (nv_hub_time()): the scheduler hears of it if it is news. */
void nv_hub_heard(struct nv_hub *hub, double time);

/* The name of a rank's host. */
const char *nv_hub_host(const struct nv_hub *hub, int rank);

/* The engines that hold an object; NULL: out of memory. */
const struct nv_set *nv_hub_holders(struct nv_hub *hub, const char *name);

/* Whether a task of the kernel may begin: nobody has drained the farm, and the job's time will be
 * enough, by what is known. */
bool nv_hub_may_begin(const struct nv_hub *hub, uint32_t kernel);

/* No more tasks begin, for this reason. */
void nv_hub_drain(struct nv_hub *hub, const char *why);

/* NAVE_EDRAINED, with the reason. */
int nv_hub_drained(const struct nv_hub *hub);

/* Seconds since nave_open(). */
double nv_hub_time(const struct nv_hub *hub);

/* NAVE_OK on a hub that is open; NAVE_EROLE or NAVE_ESTATE otherwise. */
int nv_hub_check(nave *ctx);

#endif
