/* vigil - notices when a rank's process has ended, or its host cannot be reached.
 *
 * Rank 0 watches all others, and they watch rank 0.  No thread, and no MPI: on one host by the
 * process (a pidfd, which is readable once it has ended), between hosts by a TCP connection that each
 * rank makes to rank 0 and nobody writes to before the end.  When a process ends its kernel closes the connection;
 * when a host or the network is gone the probes of TCP keep-alive fail, after about five seconds.  A
 * kernel answers them for a process that is stopped or busy, so neither is taken for dead.
 *
 * Sources.  pidfd_open(2); tcp(7), TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT.
 */
#ifndef NV_VIGIL_H
#define NV_VIGIL_H

#include "error.h"

#include <mpi.h>

#include <stdbool.h>

#define NV_VIGIL_SECONDS 20e-3 /* between looks */

struct nv_vigil;

/* Collective over `mpi`.  A rank that cannot be watched is said to the log, and then not watched.
 * NAVE_OK, NAVE_ENOMEM, NAVE_EMPI; ranks may get different codes and must agree. */
int nv_vigil_open(MPI_Comm mpi, struct nv_error *error, struct nv_vigil **vigil);
void nv_vigil_close(struct nv_vigil *vigil);

/* Where all ranks part in good order: this one's leave is no death. */
void nv_vigil_farewell(const struct nv_vigil *vigil);

/* Ends the process of a rank that is watched, if it is on this host. */
void nv_vigil_end(const struct nv_vigil *vigil, int rank);

/* A rank that is gone, and how, without telling it; -1: none.  Its host; "?": not known here. */
int nv_vigil_peek(struct nv_vigil *vigil, const char **how);
const char *nv_vigil_host(const struct nv_vigil *vigil, int rank);

/* The next rank that is gone, and how ("has died"); each is told once.  -1: none. */
int nv_vigil_look(struct nv_vigil *vigil, const char **how);

#endif
