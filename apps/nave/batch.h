/* batch - `nave batch`: writes a job script, and hands it to the batch system. */
#ifndef NAVE_BATCH_H
#define NAVE_BATCH_H

int batch_run(int argc, char **argv);

#endif
