/* compile - the compiler, run on the hub's host beside the hub's loop.
 *
 * Invariant: the loop never waits for it; whatever it leaves is in one folder, which goes with it.
 */
#ifndef NV_COMPILE_H
#define NV_COMPILE_H

#include "codes.h"

#include <stdbool.h>

struct nv_compile;

/* Begins to compile a source, which goes by the last part of `file` in messages.  The compiler: NAVE_CC in
 * the environment, or the one that Nave was built with.  NAVE_OK, NAVE_ENOMEM, NAVE_ECOMPILE. */
int nv_compile_begin(const char *file, const void *source, size_t size, struct nv_why why,
                     struct nv_compile **compile);

/* Whether it has ended, and whether well. */
bool nv_compile_ended(struct nv_compile *compile, bool *well);

/* What it said, or the plug-in that it made, from malloc, with a zero behind it.  NULL: none. */
char *nv_compile_messages(const struct nv_compile *compile);
char *nv_compile_plugin(const struct nv_compile *compile, size_t *size);

/* Ends it, whatever it does, and removes its files.  NULL is fine. */
void nv_compile_free(struct nv_compile *compile);

#endif
