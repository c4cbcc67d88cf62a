#include "tape.h"
#include "layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 2, 3))) static void say(pi_trouble *trouble, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(trouble->text, sizeof trouble->text, format, args);
    va_end(args);
}

const char *pi_tape_name(const pi_tape *tape, size_t file)
{
    return (const char *)tape + tape->files[file].name;
}

size_t pi_tape_at(const pi_tape *tape, uint64_t position)
{
    size_t low = 0, high = tape->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (tape->files[middle].base <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void pi_tape_blame(const pi_tape *tape, uint64_t position, unsigned char byte, pi_trouble *trouble)
{
    size_t file = pi_tape_at(tape, position);
    char shown[16];

    pi_layout_show(byte, shown);
    say(trouble,
        "%s: byte %s at offset %" PRIu64 " (counted from 0) is no digit, blank or line end",
        pi_tape_name(tape, file), shown, position - tape->files[file].base);
}

static pi_tape *allocate(char *const *names, size_t count)
{
    size_t size = sizeof(pi_tape) + count * sizeof(pi_tape_file), length = 0;
    pi_tape *tape;
    char *name;

    for (size_t i = 0; i < count; i++)
        length += strlen(names[i]) + 1;
    tape = calloc(1, size + length);
    if (tape == NULL)
        return NULL;
    tape->block_size = size + length;
    tape->count = count;
    name = (char *)tape + size;
    for (size_t i = 0; i < count; i++) {
        tape->files[i].name = (uint64_t)(name - (char *)tape);
        memcpy(name, names[i], strlen(names[i]) + 1);
        name += strlen(names[i]) + 1;
    }
    return tape;
}

/* Opens a file for a look at its size; not a pipe, for that would block. */
static int measure(const char *name, pi_tape_file *file, pi_trouble *trouble)
{
    struct stat status;
    int descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (descriptor < 0 || fstat(descriptor, &status) < 0) {
        say(trouble, "%s: %s", name, strerror(errno));
        if (descriptor >= 0)
            close(descriptor);
        return -1;
    }
    close(descriptor);
    if (!S_ISREG(status.st_mode))
        say(trouble, "%s: %s", name, S_ISDIR(status.st_mode) ? strerror(EISDIR) : "not a file");
    else if (status.st_size == 0)
        say(trouble, "%s: the file is empty", name);
    file->size = (uint64_t)status.st_size;
    file->changed = (uint64_t)status.st_mtim.tv_sec * 1000000000 + (uint64_t)status.st_mtim.tv_nsec;
    return S_ISREG(status.st_mode) && status.st_size > 0 ? 0 : -1;
}

static int find_begin(pi_tape *tape, pi_trouble *trouble)
{
    unsigned char head[PI_LAYOUT_HEAD];
    uint64_t first_end = tape->files[0].size;
    pi_reader reader;
    ptrdiff_t got;

    pi_reader_init(&reader, tape);
    got = pi_reader_read(&reader, 0, first_end, head, sizeof head, trouble);
    pi_reader_release(&reader);
    if (got >= 0)
        tape->begin = pi_layout_start(head, (size_t)got);
    return got < 0 ? -1 : 0;
}

pi_tape *pi_tape_new(char *const *names, size_t count, pi_trouble *trouble)
{
    pi_tape *tape = allocate(names, count);

    if (tape == NULL) {
        say(trouble, "%s", strerror(ENOMEM));
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        tape->files[i].base = tape->end;
        if (measure(names[i], &tape->files[i], trouble) < 0) {
            free(tape);
            return NULL;
        }
        tape->end += tape->files[i].size;
    }
    if (find_begin(tape, trouble) < 0) {
        free(tape);
        return NULL;
    }
    return tape;
}

void pi_reader_init(pi_reader *reader, const pi_tape *tape)
{
    reader->tape = tape;
    reader->file = 0;
    reader->descriptor = -1;
}

void pi_reader_release(pi_reader *reader)
{
    if (reader->descriptor >= 0)
        close(reader->descriptor);
    reader->descriptor = -1;
}

static int turn_to(pi_reader *reader, size_t file, pi_trouble *trouble)
{
    const char *name = pi_tape_name(reader->tape, file);

    if (reader->descriptor >= 0 && reader->file == file)
        return 0;
    pi_reader_release(reader);
    reader->file = file;
    reader->descriptor = open(name, O_RDONLY | O_CLOEXEC);
    if (reader->descriptor >= 0)
        return 0;
    say(trouble, "%s: %s", name, strerror(errno));
    return -1;
}

ptrdiff_t pi_reader_read(pi_reader *reader, uint64_t position, uint64_t end, unsigned char *bytes,
                         size_t size, pi_trouble *trouble)
{
    size_t number = pi_tape_at(reader->tape, position);
    const pi_tape_file *file = &reader->tape->files[number];
    uint64_t limit = end < file->base + file->size ? end : file->base + file->size;
    ssize_t got;

    if (position >= limit)
        return 0;
    if (turn_to(reader, number, trouble) < 0)
        return -1;
    if (size > limit - position)
        size = (size_t)(limit - position);
    do
        got = pread(reader->descriptor, bytes, size, (off_t)(position - file->base));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        say(trouble, "%s: %s", pi_tape_name(reader->tape, number), strerror(errno));
    else if (got == 0)
        say(trouble, "%s: the file has become shorter", pi_tape_name(reader->tape, number));
    return got > 0 ? got : -1;
}
