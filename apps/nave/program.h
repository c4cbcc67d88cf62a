/* program - its name, as errors and versions say it. */
#ifndef NAVE_PROGRAM_H
#define NAVE_PROGRAM_H

#define PROGRAM "nave"

#endif
