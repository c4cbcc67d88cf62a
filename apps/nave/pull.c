#include "pull.h"
#include "cli.h"
#include "npy.h"
#include "png.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* The header says the shape in elements of the type that it names. */
static int write_header(pull_file *file, const nave_client_array *array)
{
    char header[NPY_ROOM];
    size_t shape[4];
    const char *type = file->type != NULL ? file->type : array->type;
    size_t item = strcmp(type, "double") == 0 || strcmp(type, "int64") == 0  ? 8
                  : strcmp(type, "float") == 0 || strcmp(type, "int32") == 0 ? 4
                                                                             : 1;
    memcpy(shape, array->shape, sizeof shape);
    if (file->type != NULL && array->size % item != 0)
        return cli_error("nave pull", "%zu bytes are not a whole number of type %s", array->size,
                         type),
               -1;
    if (file->type != NULL)
        shape[0] = array->size / item;
    file->header = npy_header(header, type, array->dims, shape);
    if (file->header == 0)
        return cli_error("nave pull", "an array of %d dimensions of type %s cannot be .npy",
                         array->dims, type),
               -1;
    if (fwrite(header, 1, file->header, file->stream) == file->header)
        return 0;
    return cli_error("nave pull", "the file cannot be written"), -1;
}

/* Where a byte of a block belongs in the whole, and how many more follow there. */
static size_t place_of(const nave_client_array *array, const size_t *start, const size_t *count,
                       size_t offset, size_t *run)
{
    size_t element = offset / array->item, within = offset % array->item, place = 0, stride = 1;
    int last = array->dims - 1;
    *run = (count[last] - element % count[last]) * array->item - within;
    for (int d = last; d >= 0; d--) {
        place += (start[d] + element % count[d]) * stride;
        stride *= array->shape[d];
        element /= count[d];
    }
    return place * array->item + within;
}

static int is_within(const nave_client_array *array, const size_t *start, const size_t *count)
{
    for (int d = 0; d < array->dims; d++)
        if (count[d] == 0 || start[d] > array->shape[d] || count[d] > array->shape[d] - start[d])
            return 0;
    return array->dims > 0 && array->item > 0;
}

int pull_piece(void *arg, const nave_client_array *array, const size_t *start, const size_t *count,
               size_t offset, const void *data, size_t size)
{
    pull_file *file = arg;
    const char *from = data;
    errno = 0;
    if (file->npy && file->header == 0 && write_header(file, array) != 0)
        return file->said = 1, NAVE_EINVAL;
    if (size > 0 && !is_within(array, start, count))
        return NAVE_EPROTOCOL;
    while (size > 0) {
        size_t run, place = place_of(array, start, count, offset, &run);
        run = run < size ? run : size;
        if (fseeko(file->stream, (off_t)(file->header + place), SEEK_SET) != 0 ||
            fwrite(from, 1, run, file->stream) != run)
            return file->error = errno != 0 ? errno : EIO, NAVE_EINVAL;
        from += run;
        offset += run;
        size -= run;
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------- pictures */

static double element(const nave_client_array *array, size_t i)
{
    const char *at = (const char *)array->data + i * array->item;
    double d;
    float f;
    int64_t l;
    int32_t n;
    if (strcmp(array->type, "double") == 0)
        return memcpy(&d, at, sizeof d), d;
    if (strcmp(array->type, "float") == 0)
        return memcpy(&f, at, sizeof f), (double)f;
    if (strcmp(array->type, "int64") == 0)
        return memcpy(&l, at, sizeof l), (double)l;
    if (strcmp(array->type, "int32") == 0)
        return memcpy(&n, at, sizeof n), (double)n;
    return *(const unsigned char *)at;
}

int pull_picture(const nave_client_array *array, FILE *out, const char *name, double low,
                 double high)
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
        values[i] = element(array, i);
    status = png_write_field(out, values, height, n / height, low, high);
    free(values);
    if (status != 0)
        cli_error("nave pull", "the picture cannot be written");
    return status;
}
