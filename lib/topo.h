/* topo - what the hardware gives this process; the only file with hwloc. */
#ifndef NV_TOPO_H
#define NV_TOPO_H

/* Cores that the system allows this process, whatever the launcher bound it to; 0: not known. */
int nv_topo_cores(void);

#endif
