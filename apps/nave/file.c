#include "file.h"
#include "cli.h"
#include "interrupt.h"
#include "outfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failed(const char *verb, const char *file, int error)
{
    char program[64];
    snprintf(program, sizeof program, "nave %s", verb);
    cli_file_error(program, file, error);
    return -1;
}

int file_ends_in(const char *file, const char *end)
{
    size_t length = strlen(file), tail = strlen(end);
    return length >= tail && strcmp(file + length - tail, end) == 0;
}

int file_read(const char *verb, const char *file, void **data, size_t *size)
{
    FILE *input = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
    char *bytes = NULL;
    size_t have = 0, room = 0, some = 1;
    int error = input == NULL ? errno : 0;
    while (error == 0 && some > 0) {
        if (have + 1 >= room) {
            char *grown = realloc(bytes, room = room * 2 + 65536);
            error = grown == NULL ? ENOMEM : 0;
            bytes = grown != NULL ? grown : bytes;
        }
        errno = 0;
        some = error == 0 ? fread(bytes + have, 1, room - have - 1, input) : 0;
        have += some;
        if (error == 0 && some == 0 && ferror(input))
            error = errno != 0 ? errno : EIO;
    }
    if (input != NULL && input != stdin)
        fclose(input);
    if (error != 0) {
        free(bytes);
        return failed(verb, file, error);
    }
    bytes[have] = '\0';
    *data = bytes;
    *size = have;
    return 0;
}

/* The program says at its end that this failed. */
static int write_out(const void *data, size_t size)
{
    const char *bytes = data;
    int lone = isatty(STDOUT_FILENO) && size > 0 && bytes[size - 1] != '\n';
    fwrite(data, 1, size, stdout);
    if (lone)
        putchar('\n');
    return fflush(stdout) == 0 && !ferror(stdout) ? CLI_OK : CLI_FAILURE;
}

enum { PIECE = 4 << 20 };

/* 0 or an errno value; a signal ends it. */
static int write_pieces(FILE *out, const char *data, size_t size)
{
    while (size > 0) {
        size_t some = size < PIECE ? size : PIECE;
        if (interrupt_caught() != 0)
            return EINTR;
        if (fwrite(data, 1, some, out) != some)
            return errno != 0 ? errno : EIO;
        data += some;
        size -= some;
    }
    return 0;
}

static int write_file(const char *file, const void *data, size_t size)
{
    outfile out;
    int error = outfile_open(&out, file);
    if (error != 0)
        return error;
    error = write_pieces(out.stream, data, size);
    if (error == 0)
        return outfile_commit(&out);
    outfile_discard(&out);
    return error;
}

int file_write(const char *verb, const char *file, const void *data, size_t size)
{
    interrupt signals;
    int error;
    if (file == NULL || strcmp(file, "-") == 0)
        return write_out(data, size);
    interrupt_begin(&signals);
    error = write_file(file, data, size);
    if (error != 0)
        failed(verb, file, error);
    return interrupt_end(&signals, error == 0 ? CLI_OK : CLI_FAILURE);
}
