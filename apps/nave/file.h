/* file - whole files, "-" being standard input or output. */
#ifndef NAVE_FILE_H
#define NAVE_FILE_H

#include <stddef.h>

/* Reads all of it, with a zero behind; to be freed.  0, or -1 after an error line. */
int file_read(const char *verb, const char *file, void **data, size_t *size);

/* Writes it as it is; NULL or "-": to standard output, where text gets a newline at its end if a person
 * reads it.  An exit status, after an error line (of standard output main() has it). */
int file_write(const char *verb, const char *file, const void *data, size_t size);

/* Whether a name ends so. */
int file_ends_in(const char *file, const char *end);

#endif
