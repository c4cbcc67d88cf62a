/* comm - frames and bulk transfers between the ranks of one context: the only place with MPI
 * point-to-point calls.  The files: comm.c; parting.c, how it ends; lane.h, what they share.
 *
 * Lanes keep apart what one process gets in several roles.  Frames of one sender on one lane arrive
 * in order.  Transfers are matched in the order in which both sides start them, per pair and lane.
 *
 * An engine may run beside its rank's loop, in a thread that makes no MPI calls: it has a comm of
 * its own (nv_comm_beside), whose frames and transfers the loop's comm passes on.
 *
 * Invariant: nothing here waits.  Frame buffers belong to the comm; a frame that was posted is gone
 * for the caller.
 *
 * Design notes.  Receives are posted ahead (NV_AHEAD of them) and looked at in the order in which
 * they were posted, which keeps the order of each sender and costs one MPI_Test a look.  No probes:
 * MPI_Mprobe hangs on some fabrics.  A transfer is cut into pieces that fit MPI's int counts.
 *
 * A communicator must not be freed while a frame is on its way: over TCP one can come in later than
 * a barrier that was entered after it was sent, and MPI may take it for the first message on the
 * next communicator.  So all frames are counted, and in the end each rank is told how many to wait
 * for.
 */
#ifndef NV_COMM_H
#define NV_COMM_H

#include "bell.h"
#include "error.h"
#include "frame.h"

#include <mpi.h>

#include <stdbool.h>

struct nv_comm;

enum nv_lane {
    NV_TO_ENGINE,
    NV_TO_HUB, /* or to a sub-hub */
    NV_TO_SUBHUB,
    NV_FROM_SUBHUB,
    NV_LANES
};

/* Called once when a transfer has ended; not `whole`: the other rank is gone, see nv_comm_forget(). */
typedef void nv_comm_done(void *arg, bool whole);

/* Over an MPI communicator that is the context's own.  `listen` says which lanes this rank gets
 * frames on from other ranks; bells may be NULL.  NAVE_OK, NAVE_ENOMEM, NAVE_EMPI. */
int nv_comm_open(MPI_Comm mpi, const bool listen[NV_LANES], struct nv_bells *bells,
                 struct nv_error *error, struct nv_comm **comm);

/* All ranks have come so far: rank 0 hears so from each, and says so to each.  What it says needs no third
 * rank, which may be gone by then.  Collective; waits.  NAVE_OK, NAVE_EMPI. */
int nv_comm_meet(struct nv_comm *comm);

/* The comm of an engine beside `loop`; at most one.  It serves NV_TO_ENGINE and may be used in
 * another thread, with an error of that thread's.  To be closed before `loop`, by whoever. */
int nv_comm_beside(struct nv_comm *loop, struct nv_error *error, struct nv_comm **comm);

/* Ends it.  After nv_comm_finish(), unless nothing was ever sent. */
void nv_comm_close(struct nv_comm *comm);

/* An empty frame to fill; NULL when out of memory.  Give it to nv_comm_post() or back. */
struct nv_frame *nv_comm_frame(struct nv_comm *comm);
void nv_comm_frame_free(struct nv_comm *comm, struct nv_frame *frame);

/* A frame for this rank will be posted soon: if it sleeps it may as well wake up meanwhile. */
void nv_comm_wake(const struct nv_comm *comm, int rank, enum nv_lane lane);

/* Sends a frame.  NAVE_OK, NAVE_ENOMEM, NAVE_EMPI; the frame is gone in any case. */
int nv_comm_post(struct nv_comm *comm, int rank, enum nv_lane lane, struct nv_frame *frame);

/* The next frame that has come: 1 and the frame, valid until the next call for this lane; 0
 * none; or a code. */
int nv_comm_next(struct nv_comm *comm, enum nv_lane lane, int *source,
                 const struct nv_frame **frame);

/* Starts a bulk transfer; the buffer is borrowed until `done`.  To receive into NULL means to let
 * the bytes go by. */
int nv_comm_send(struct nv_comm *comm, int rank, enum nv_lane lane, const void *data, size_t size,
                 nv_comm_done *done, void *arg);
int nv_comm_receive(struct nv_comm *comm, int rank, enum nv_lane lane, void *data, size_t size,
                    nv_comm_done *done, void *arg);

/* Moves sends and transfers on, calls their `done`.  Returns whether anything happened, or a code. */
int nv_comm_progress(struct nv_comm *comm);

/* The rank is gone: transfers from it and to it end now, what it sent and nobody has looked at is lost,
 * and frames for it go nowhere.  No transfer may be started with it any more.  Not over a link. */
int nv_comm_forget(struct nv_comm *comm, int rank);

/* Number of frames and transfers that have not ended; whether there is a transfer among them. */
size_t nv_comm_pending(const struct nv_comm *comm);
bool nv_comm_moving(const struct nv_comm *comm);

/* The end, collective: no rank sends any more, and the engine beside this loop has ended.  To be
 * called again and again, until it returns 1 instead of 0, or a code: then all frames that were sent
 * on their way to this rank have come, and gone by. */
int nv_comm_finish(struct nv_comm *comm);

#endif
