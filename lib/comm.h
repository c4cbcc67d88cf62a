/* comm - frames and bulk transfers between the ranks of one context; the only file with MPI
 * point-to-point calls.
 *
 * Two channels: to an engine and to the hub, so that one process can be both; what a rank sends to
 * itself goes through a queue in memory.  Frames of one sender on one channel arrive in order.
 * Transfers are matched in the order in which both sides start them, per pair and channel.
 *
 * Invariant: nothing here waits, except nv_comm_drain().  Frame buffers belong to the comm; a frame
 * that was posted is gone for the caller.
 *
 * Design notes.  Receives are posted ahead (NV_AHEAD of them) and looked at in the order in which
 * they were posted, which keeps the order of each sender and costs one MPI_Test a look.  No probes:
 * MPI_Mprobe hangs on some fabrics.  A transfer is cut into pieces that fit MPI's int counts.
 */
#ifndef NV_COMM_H
#define NV_COMM_H

#include "error.h"
#include "frame.h"

#include <stdbool.h>

struct nv_comm;

enum nv_channel { NV_TO_ENGINE = 0, NV_TO_HUB = 1 };

/* Called once when a transfer has ended. */
typedef void nv_comm_done(void *arg);

/* Over an MPI communicator that is the context's own.  `listen` says which channels this rank gets
 * frames on from other ranks.  NAVE_OK, NAVE_ENOMEM, NAVE_EMPI. */
int nv_comm_open(MPI_Comm mpi, const bool listen[2], struct nv_error *error, struct nv_comm **comm);

/* Ends it.  All that was posted must have left (nv_comm_drain). */
void nv_comm_close(struct nv_comm *comm);

/* An empty frame to fill; NULL when out of memory.  Give it to nv_comm_post() or back. */
struct nv_frame *nv_comm_frame(struct nv_comm *comm);
void nv_comm_frame_free(struct nv_comm *comm, struct nv_frame *frame);

/* Sends a frame.  NAVE_OK, NAVE_ENOMEM, NAVE_EMPI; the frame is gone in any case. */
int nv_comm_post(struct nv_comm *comm, int rank, enum nv_channel channel, struct nv_frame *frame);

/* The next frame that has come: 1 and the frame, valid until the next call for this channel; 0
 * none; or a code. */
int nv_comm_next(struct nv_comm *comm, enum nv_channel channel, int *source,
                 const struct nv_frame **frame);

/* Starts a bulk transfer; the buffer is borrowed until `done`.  To receive into NULL means to let
 * the bytes go by. */
int nv_comm_send(struct nv_comm *comm, int rank, enum nv_channel channel, const void *data,
                 size_t size, nv_comm_done *done, void *arg);
int nv_comm_receive(struct nv_comm *comm, int rank, enum nv_channel channel, void *data,
                    size_t size, nv_comm_done *done, void *arg);

/* Moves sends and transfers on, calls their `done`.  Returns whether anything ended, or a code. */
int nv_comm_progress(struct nv_comm *comm);

/* Number of frames and transfers that have not ended. */
size_t nv_comm_pending(const struct nv_comm *comm);

/* Waits until nothing is pending. */
int nv_comm_drain(struct nv_comm *comm);

#endif
