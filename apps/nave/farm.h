/* farm - the verbs that are MPI programs, or start one: nave-farm beside this program does the work. */
#ifndef NAVE_FARM_H
#define NAVE_FARM_H

#include "verb.h"

verb_fn topo_run, start_run;

#endif
