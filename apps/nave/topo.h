/* topo - `nave topo`: opens a farm, asks where its ranks are, prints that. */
#ifndef NAVE_TOPO_H
#define NAVE_TOPO_H

#include "verb.h"

int topo_run(int argc, char **argv);

#endif
