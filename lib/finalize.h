/* finalize - the end of MPI where ranks are gone: MPI_Finalize would wait for them, for ever. */
#ifndef NV_FINALIZE_H
#define NV_FINALIZE_H

/* From now on nave_finalize() leaves MPI as it is, and MPI_Finalize() ends the process with that exit
 * status. */
void nv_finalize_never(int status);

#endif
