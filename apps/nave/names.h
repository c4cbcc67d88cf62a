/* names - what has a name in the job, for words about a name that is not known. */
#ifndef NAVE_NAMES_H
#define NAVE_NAMES_H

#include "remote.h"

enum names { NAMES_VALUES = 1, NAMES_PUBLISHED = 2, NAMES_COMMANDS = 4, NAMES_OBJECTS = 8 };

/* Which of these the name is, as flags; 0 also where the job does not answer, which r->rc tells. */
unsigned names_kinds(remote *r, const char *name);

/* Whether the job has anything of these kinds. */
int names_any(remote *r, unsigned kinds);

/* An error line of the verb on what has failed with the code `rc` and the client's words; where the name is not
 * known, with the nearest of these kinds.  Returns CLI_FAILURE. */
int names_failed(remote *r, const char *verb, int rc, const char *name, unsigned kinds);

/* Likewise of a name that the verb has found to be nothing of these kinds: nothing is published as that. */
int names_unknown(remote *r, const char *verb, const char *name, unsigned kinds);

/* Likewise of a name that is no steering value. */
int names_no_value(remote *r, const char *verb, const char *name);

#endif
