#include "pull.h"
#include "cli.h"
#include "element.h"
#include "interrupt.h"
#include "npy.h"
#include "png.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* The header says the shape in elements of the type that it names. */
static int write_header(pull_file *file, const nave_client_array *array)
{
    char header[NPY_ROOM];
    size_t shape[4];
    const char *type = file->type != NULL ? file->type : array->type;
    size_t item = npy_item(type);
    memcpy(shape, array->shape, sizeof shape);
    if (item > 0 && file->type != NULL && array->size % item != 0)
        return cli_error("nave pull", "%zu bytes are not a whole number of type %s", array->size,
                         type),
               -1;
    if (item > 0 && file->type != NULL)
        shape[0] = array->size / item;
    file->header = npy_header(header, type, file->foreign, array->dims, shape);
    if (file->header == 0)
        return cli_error("nave pull", "an array of %d dimensions of type %s cannot be .npy",
                         array->dims, type),
               -1;
    if (fwrite(header, 1, file->header, file->stream) == file->header)
        return 0;
    return cli_error("nave pull", "the file cannot be written"), -1;
}

int pull_piece(void *arg, const nave_client_array *array, const size_t *start, const size_t *count,
               size_t offset, const void *data, size_t size)
{
    pull_file *file = arg;
    const char *from = data;
    file->size = array->size;
    errno = 0;
    if (interrupt_caught() != 0)
        return cli_error("nave pull", "interrupted"), file->said = 1, NAVE_ECANCELED;
    if (file->npy && file->header == 0 && write_header(file, array) != 0)
        return file->said = 1, NAVE_EINVAL;
    while (size > 0) {
        size_t run, place = nave_client_place(array, start, count, offset, &run);
        run = run < size ? run : size;
        if (run == 0)
            return NAVE_EPROTOCOL;
        if (fseeko(file->stream, (off_t)(file->header + place), SEEK_SET) != 0 ||
            fwrite(from, 1, run, file->stream) != run)
            return file->error = errno != 0 ? errno : EIO, NAVE_EINVAL;
        from += run;
        offset += run;
        size -= run;
    }
    return 0;
}

int pull_end(pull_file *file)
{
    off_t whole = (off_t)(file->header + file->size);
    struct stat status;
    if (fflush(file->stream) == 0 && fstat(fileno(file->stream), &status) == 0 &&
        (status.st_size >= whole || ftruncate(fileno(file->stream), whole) == 0))
        return 0;
    file->error = errno;
    return -1;
}

/* ---------------------------------------------------------------------------------------- pictures */

int pull_picture(const nave_client_array *array, int foreign, FILE *out, const char *name,
                 double low, double high)
{
    size_t n = array->item > 0 ? array->size / array->item : 0;
    size_t height = array->dims == 2 ? array->shape[0] : 1;
    double *values = n > 0 ? malloc(n * sizeof *values) : NULL;
    int status;
    if (array->dims < 1 || array->dims > 2 || values == NULL) {
        free(values);
        return cli_error("nave pull", "'%s' has %d dimensions and %zu elements: no picture", name,
                         array->dims, n),
               -1;
    }
    for (size_t i = 0; i < n; i++)
        values[i] = element_real(array, foreign, i);
    status = png_write_field(out, values, height, n / height, low, high);
    free(values);
    if (status != 0)
        cli_error("nave pull", "the picture cannot be written");
    return status;
}
