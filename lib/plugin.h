/* plugin - kernels that are added to a running job: the file that engines load.
 *
 * Invariant: a kernel of a plug-in has one wire id on all ranks, given by the hub, and is there on an
 * engine before the hub sends it a task of that kernel.  A plug-in stays loaded as long as the process.
 *
 * Design notes.  A program need not export the library's functions, so a plug-in cannot count on
 * finding them: a few lines that are compiled with it (plugin/glue.c) stand for them, and get a
 * table of them when it is loaded.
 */
#ifndef NV_PLUGIN_H
#define NV_PLUGIN_H

#include "codes.h"

#include <stdbool.h>

/* Loads a plug-in out of its bytes.  NAVE_OK: stores its kernels, which stay; NAVE_ECOMPILE, with the
 * loader's words; NAVE_ENOMEM. */
int nv_plugin_load(const void *bytes, size_t size, const nave_kernel **kernels, size_t *count,
                   struct nv_why why);

/* Input of nave.plugin: how many kernels, as many ids, and then the bytes. */
enum { NV_PLUGIN_KERNELS = 256 /* that can be added to a job */ };

#endif
