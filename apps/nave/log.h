/* log - `nave log`: prints what is in a journal. */
#ifndef NAVE_LOG_H
#define NAVE_LOG_H

#include "verb.h"

int log_run(int argc, char **argv);

#endif
