/* part - what main.c knows of each thing that this program does. */
#ifndef NAVE_FARM_PART_H
#define NAVE_FARM_PART_H

#define PROGRAM "nave"

/* Called on all ranks, with its name as argv[0]; all return the same exit status of cli.h.  Only rank 0
 * reads the options and prints. */
typedef int part_fn(int argc, char **argv);

part_fn topo_run, hub_run;

#endif
