#include "checkpoint.h"
#include "bands.h"
#include "cli.h"
#include "options.h"
#include "outfile.h"
#include "summary.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

static const char MAGIC[8] = "nvheat1\n";
static const uint64_t ORDER = UINT64_C(0x0102030405060708);

_Static_assert(sizeof(heat_header) == 48, "the header has no holes");

heat_header heat_header_of(const size_t shape[2], int64_t step, double time)
{
    heat_header header = {
        .order = ORDER, .rows = shape[0], .columns = shape[1], .step = step, .time = time};

    memcpy(header.magic, MAGIC, sizeof MAGIC);
    return header;
}

const char *heat_header_check(const heat_header *header, uint64_t size)
{
    uint64_t rest = sizeof *header + sizeof(uint64_t); /* besides the cells */

    if (size < sizeof *header || memcmp(header->magic, MAGIC, sizeof MAGIC) != 0)
        return "not a checkpoint of heat";
    if (header->order != ORDER)
        return "written on a machine with another byte order";
    if (header->rows < 1 || header->rows > HEAT_SIDE_MAX || header->columns < 1 ||
        header->columns > HEAT_SIDE_MAX || header->step < 0 || !isfinite(header->time))
        return "damaged: its header makes no sense";
    rest += header->rows * header->columns * sizeof(double);
    return size < rest ? "cut short" : size > rest ? "damaged: it is too long" : NULL;
}

/* ---- writing ---- */

typedef struct stream {
    FILE *file;
    uint64_t hash;
} stream;

static int file_error(void)
{
    return errno != 0 ? errno : EIO;
}

static int put(FILE *file, const void *data, size_t size)
{
    errno = 0;
    return fwrite(data, size, 1, file) == 1 ? 0 : file_error();
}

static int put_cells(void *arg, double *cells, size_t count)
{
    stream *to = arg;

    to->hash = heat_hash(to->hash, cells, count);
    return put(to->file, cells, count * sizeof *cells);
}

static int finish(outfile *file, uint64_t hash, int error)
{
    if (error == 0)
        error = put(file->stream, &hash, sizeof hash);
    if (error == 0)
        return outfile_commit(file);
    outfile_discard(file);
    return error;
}

int heat_checkpoint_write(const heat_field *field, const char *name)
{
    const heat_grid *grid = field->grid;
    heat_header header = heat_header_of(grid->shape, field->step, field->time);
    stream to = {.hash = HEAT_HASH};
    outfile file;
    int error = grid->rank == 0 ? outfile_open(&file, name) : 0;

    MPI_Bcast(&error, 1, MPI_INT, 0, grid->comm);
    if (error != 0)
        return error;
    if (grid->rank == 0) {
        to.file = file.stream;
        (void)put(to.file, &header, sizeof header); /* outfile_commit() sees whether it failed */
    }
    error = heat_bands_gather(field, put_cells, &to);
    if (grid->rank == 0)
        error = finish(&file, to.hash, error);
    MPI_Bcast(&error, 1, MPI_INT, 0, grid->comm);
    return error;
}

/* ---- reading ---- */

/* Why the file cannot be used, or NULL. */
static const char *read_header(heat_checkpoint *checkpoint)
{
    struct stat status;

    if (fstat(fileno(checkpoint->file), &status) < 0)
        return strerror(errno);
    if (!S_ISREG(status.st_mode))
        return "not a regular file";
    memset(&checkpoint->header, 0, sizeof checkpoint->header);
    errno = 0;
    if (fread(&checkpoint->header, sizeof checkpoint->header, 1, checkpoint->file) != 1 &&
        ferror(checkpoint->file))
        return strerror(file_error());
    return heat_header_check(&checkpoint->header, (uint64_t)status.st_size);
}

static int open_file(heat_checkpoint *checkpoint, const size_t shape[2])
{
    const heat_header *header = &checkpoint->header;
    const char *why;

    checkpoint->file = fopen(checkpoint->name, "rb");
    why = checkpoint->file == NULL ? strerror(errno) : read_header(checkpoint);
    if (why != NULL) {
        cli_error(PROGRAM, "%s: %s", checkpoint->name, why);
        return -1;
    }
    if (shape[0] == 0 || (header->rows == shape[0] && header->columns == shape[1]))
        return 0;
    cli_error(PROGRAM, "%s: its grid is %" PRIu64 "x%" PRIu64 ", not %zux%zu", checkpoint->name,
              header->rows, header->columns, shape[0], shape[1]);
    return -1;
}

int heat_checkpoint_open(heat_checkpoint *checkpoint, const char *name, size_t shape[2])
{
    int rank, bad = 0;

    *checkpoint = (heat_checkpoint){.name = name};
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0)
        bad = open_file(checkpoint, shape);
    MPI_Bcast(&bad, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Bcast(&checkpoint->header, (int)sizeof checkpoint->header, MPI_BYTE, 0, MPI_COMM_WORLD);
    if (bad == 0) {
        shape[0] = checkpoint->header.rows;
        shape[1] = checkpoint->header.columns;
    }
    return bad;
}

static int get_cells(void *arg, double *cells, size_t count)
{
    stream *from = arg;

    errno = 0;
    if (fread(cells, sizeof *cells, count, from->file) != count)
        return file_error();
    from->hash = heat_hash(from->hash, cells, count);
    return 0;
}

static int say_read(const heat_checkpoint *checkpoint, uint64_t found, int error)
{
    uint64_t hash = 0;

    if (error == 0) {
        errno = 0;
        error = fread(&hash, sizeof hash, 1, checkpoint->file) == 1 ? 0 : file_error();
    }
    if (error != 0)
        cli_file_error(PROGRAM, checkpoint->name, error);
    else if (hash != found)
        cli_error(PROGRAM, "%s: damaged: the cells are not those that were written",
                  checkpoint->name);
    return error != 0 || hash != found ? -1 : 0;
}

int heat_checkpoint_read(heat_checkpoint *checkpoint, heat_field *field)
{
    stream from = {.file = checkpoint->file, .hash = HEAT_HASH};
    int bad = heat_bands_scatter(field, get_cells, &from);

    if (field->grid->rank == 0)
        bad = say_read(checkpoint, from.hash, bad);
    MPI_Bcast(&bad, 1, MPI_INT, 0, field->grid->comm);
    field->step = checkpoint->header.step;
    field->time = checkpoint->header.time;
    return bad;
}

void heat_checkpoint_close(heat_checkpoint *checkpoint)
{
    if (checkpoint->file != NULL)
        fclose(checkpoint->file);
    checkpoint->file = NULL;
}
