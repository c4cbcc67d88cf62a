/* pull - arrays on their way from the job into files. */
#ifndef NAVE_PULL_H
#define NAVE_PULL_H

#include "remote.h"

#include <stdio.h>

/* Writes pieces to where they belong in a file that begins with `header` bytes already written. */
typedef struct pull_file {
    FILE *stream;
    size_t header;
    size_t size;      /* of the whole, without the header; known from the first piece on */
    int npy;          /* a header is to be made out of the array */
    const char *type; /* of an object's elements, in the header; NULL: as the array says */
    int foreign;      /* these are in the other byte order */
    int error;        /* errno of the first write that failed */
    int said;         /* an error line is out already */
} pull_file;

/* As a nave_client_piece; `arg` is a pull_file.  A signal (see interrupt.h) ends it. */
int pull_piece(void *arg, const nave_client_array *array, const size_t *start, const size_t *count,
               size_t offset, const void *data, size_t size);

/* Makes the file as long as the array is: elements that no rank has are zero.  0, or -1: file->error. */
int pull_end(pull_file *file);

/* Draws an array of one or two dimensions.  0, or -1 after an error line. */
int pull_picture(const nave_client_array *array, int foreign, FILE *out, const char *name,
                 double low, double high);

#endif
