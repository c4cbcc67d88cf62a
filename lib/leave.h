/* leave - a rank that polls no more says so, so that nobody waits for it in a nave_poll() it never makes.
 *
 * Invariant: each rank tells rank 0 once, and rank 0 tells each once, after how many polls it left.  What
 * rank 0 says is the least that it knows of, its own included; after that it broadcasts one more head, and
 * never another.  A rank that polls more often than was said is in disagreement.
 */
#ifndef NV_LEAVE_H
#define NV_LEAVE_H

#include <stdbool.h>
#include <stdint.h>

struct nv_steer;

enum { NV_TAG_LEAVE = 1, NV_TAG_PART };

/* What is sent, as 4 int64_t. */
struct nv_leave {
    int64_t polls; /* that `rank` has made; INT64_MAX: nobody has left */
    int64_t rank;
    int64_t code;  /* NAVE_OK: it has just left; otherwise why it could not go on */
    int64_t heads; /* of rank 0's: that will have been broadcast */
};

/* NAVE_OK or NAVE_ENOMEM. */
int nv_leave_open(struct nv_steer *steer);

/* Takes in what others have said. */
void nv_leave_hear(struct nv_steer *steer);

/* The same, and whether this rank may make its present poll.  NAVE_OK; or NAVE_EDISAGREE, NAVE_ELOST, or
 * what has befallen another rank. */
int nv_leave_check(struct nv_steer *steer);

/* This rank has left, after so many polls; `code` as above, or NAVE_EDISAGREE. */
void nv_leave_say(struct nv_steer *steer, uint64_t polls, int code);

/* Whether rank 0 has said how many heads there are. */
bool nv_leave_settled(const struct nv_steer *steer);

/* After all ranks have met: takes in what was sent.  Whether that is done. */
bool nv_leave_end(struct nv_steer *steer);

#endif
