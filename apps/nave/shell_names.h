/* shell_names - what may come behind a verb: names that the job knows. */
#ifndef NAVE_SHELL_NAMES_H
#define NAVE_SHELL_NAMES_H

#include "remote.h"

/* Names are in memory of malloc(), `count` of them. */
typedef struct shell_names {
    char **names;
    size_t count, room;
} shell_names;

/* Those that may follow the verb, "" being none yet: verbs, kernels, objects, values, commands.  None where files
 * are meant. */
void shell_names_find(shell_names *names, remote *r, const char *verb);
void shell_names_release(shell_names *names);

/* What the shell can do beside the verbs. */
extern const char *const shell_builtins[];

#endif
