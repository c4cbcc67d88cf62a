/* kernel - see kernel.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "kernel.h"
#include "error_mpi.h"
#include "nearest.h"
#include "signature.h"
#include "task.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const nave_kernel own[NV_KERNEL_OWN] = {
    [NV_KERNEL_PUSH] = {"nave.push", nv_task_push, 0, NULL},
    [NV_KERNEL_PULL] = {"nave.pull", nv_task_pull, 0, NULL},
    [NV_KERNEL_DROP] = {"nave.drop", nv_task_drop, 0, NULL},
    [NV_KERNEL_SHARE] = {"nave.share", nv_task_share, 0, NULL},
    [NV_KERNEL_JOIN] = {"nave.join", nv_task_join, 0, NULL},
    [NV_KERNEL_UNNAME] = {"nave.unname", nv_task_unname, 0, NULL},
    [NV_KERNEL_PIECE] = {"nave.piece", nv_task_piece, 0, NULL},
    [NV_KERNEL_LAY] = {"nave.lay", nv_task_lay, 0, NULL},
    [NV_KERNEL_PLUGIN] = {"nave.plugin", nv_task_plugin, 0, NULL},
};

bool nv_name_ok(const char *name)
{
    return name != NULL && name[0] != '\0' && memchr(name, '\0', NV_NAME_MAX + 1) != NULL;
}

/* Whether a signature, if there is one, can be read. */
static bool signature_ok(const nave_kernel *kernel, char *why, size_t room)
{
    struct nv_signature signature;
    bool good = kernel->signature == NULL ||
                nv_signature_parse(kernel->signature, &signature, why, room) == NAVE_OK;
    if (good && kernel->signature != NULL)
        nv_signature_release(&signature);
    return good;
}

int nv_kernels_check(const nave_kernel *table, size_t count, struct nv_error *error)
{
    if (count > 0 && table == NULL)
        return nv_error_set(error, NAVE_EINVAL, "kernel_count is %zu, but kernels is NULL", count);
    for (size_t i = 0; i < count; i++) {
        char reason[256];
        if (!nv_name_ok(table[i].name))
            return nv_error_set(error, NAVE_EINVAL,
                                "kernel %zu has no name, or one of over 127 bytes", i);
        if (strncmp(table[i].name, "nave.", 5) == 0)
            return nv_error_set(error, NAVE_EINVAL, "kernel '%s': names in 'nave.' are taken",
                                table[i].name);
        if (table[i].run == NULL)
            return nv_error_set(error, NAVE_EINVAL, "kernel '%s' has no function", table[i].name);
        if (table[i].flags & ~(unsigned)(NAVE_ACCUMULATES | NAVE_NOT_ON_HUB))
            return nv_error_set(error, NAVE_EINVAL, "kernel '%s' has unknown flags (%u)",
                                table[i].name, table[i].flags);
        if (!signature_ok(&table[i], reason, sizeof reason))
            return nv_error_set(error, NAVE_EINVAL, "the signature of kernel '%s': %s",
                                table[i].name, reason);
        for (size_t j = 0; j < i; j++)
            if (strcmp(table[i].name, table[j].name) == 0)
                return nv_error_set(error, NAVE_EINVAL, "two kernels are named '%s'",
                                    table[i].name);
    }
    return NAVE_OK;
}

/* ---------------------------------------------------------------------- tables as rows of bytes */

/* One kernel in the row: its flags as a byte, its name, a zero, its signature, a zero. */
struct row {
    char *bytes;
    int size;
};

static const char *signature_of(const nave_kernel *kernel)
{
    return kernel->signature != NULL ? kernel->signature : "";
}

static bool row_of(const nave_kernel *table, size_t count, struct row *row)
{
    size_t size = 0;
    char *at;
    for (size_t i = 0; i < count; i++)
        size += strlen(table[i].name) + strlen(signature_of(&table[i])) + 3;
    if (size > INT_MAX)
        return false;
    row->bytes = at = malloc(size + 1);
    row->size = (int)size;
    if (at == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        *at++ = (char)table[i].flags;
        at = stpcpy(at, table[i].name) + 1;
        at = stpcpy(at, signature_of(&table[i])) + 1;
    }
    return true;
}

/* The signature behind an entry's name, and the next entry. */
static const char *signature_at(const char *at)
{
    return at + 1 + strlen(at + 1) + 1;
}

static const char *entry_after(const char *at)
{
    const char *signature = signature_at(at);
    return signature + strlen(signature) + 1;
}

/* Room for all tables at once; they are not moved later. */
static bool list_room(struct nv_kernels *kernels, size_t room)
{
    char **names = realloc(kernels->names, room * sizeof *names);
    char **signatures;
    unsigned *flags;
    kernels->names = names != NULL ? names : kernels->names;
    signatures = realloc(kernels->signatures, room * sizeof *signatures);
    kernels->signatures = signatures != NULL ? signatures : kernels->signatures;
    flags = realloc(kernels->flags, room * sizeof *flags);
    kernels->flags = flags != NULL ? flags : kernels->flags;
    if (names == NULL || signatures == NULL || flags == NULL)
        return false;
    for (size_t i = kernels->count; i < room; i++) {
        names[i] = signatures[i] = NULL;
        flags[i] = 0;
    }
    kernels->room = room;
    return true;
}

static bool list_add(struct nv_kernels *kernels, const char *name, const char *signature,
                     unsigned flags)
{
    size_t i = kernels->count;
    if (i == kernels->room && !list_room(kernels, i + 1))
        return false;
    kernels->names[i] = strdup(name);
    kernels->signatures[i] = signature[0] != '\0' ? strdup(signature) : NULL;
    kernels->flags[i] = flags;
    kernels->count++;
    return kernels->names[i] != NULL && (signature[0] == '\0' || kernels->signatures[i] != NULL);
}

/* Adds the kernels of a row that are new to the list. */
static int list_merge(struct nv_kernels *kernels, const char *bytes, int size, int rank,
                      struct nv_error *error)
{
    for (const char *at = bytes; at < bytes + size; at = entry_after(at)) {
        int id = nv_kernels_find(kernels, at + 1);
        if (id < 0 && !list_add(kernels, at + 1, signature_at(at), (unsigned char)at[0]))
            return nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
        if (id >= 0 && kernels->flags[id] != (unsigned char)at[0])
            return nv_error_set(error, NAVE_EDISAGREE,
                                "kernel '%s' has other flags on rank %d than elsewhere", at + 1,
                                rank);
    }
    return NAVE_OK;
}

/* ------------------------------------------------------------------------------------ agreement */

bool nv_kernel_beside(unsigned flags, int ranks)
{
    return ranks == 1 || !(flags & NAVE_NOT_ON_HUB);
}

struct gathered {
    int *sizes, *places;
    char *bytes;
};

/* Rank 0: room for all rows, one behind the other. */
static bool place_rows(struct gathered *all, int ranks)
{
    int64_t total = 0;
    for (int r = 0; r < ranks && total <= INT_MAX; r++) {
        all->places[r] = (int)total;
        total += all->sizes[r];
    }
    all->bytes = total > INT_MAX ? NULL : calloc(1, (size_t)total + 1);
    return all->bytes != NULL;
}

/* Brings all rows to rank 0.  Total size and room are checked there; others follow its word. */
static int gather_rows(MPI_Comm mpi, int ranks, int rank, const struct row *row,
                       struct nv_error *error, struct gathered *all)
{
    int ok = 1;
    int rc;
    if (rank == 0) {
        all->sizes = calloc((size_t)ranks, sizeof *all->sizes);
        all->places = calloc((size_t)ranks, sizeof *all->places);
        ok = all->sizes != NULL && all->places != NULL;
    }
    MPI_Bcast(&ok, 1, MPI_INT, 0, mpi);
    if (!ok || (rank == 0 && (all->sizes == NULL || all->places == NULL)))
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel tables");
    rc = MPI_Gather(&row->size, 1, MPI_INT, all->sizes, 1, MPI_INT, 0, mpi);
    ok = rank != 0 || place_rows(all, ranks);
    MPI_Bcast(&ok, 1, MPI_INT, 0, mpi);
    if (!ok)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel tables");
    if (rc == MPI_SUCCESS)
        rc = MPI_Gatherv(row->bytes, row->size, MPI_CHAR, all->bytes, all->sizes, all->places,
                         MPI_CHAR, 0, mpi);
    return nv_error_mpi(error, rc, "gathering the kernel tables");
}

/* Rank 0: which engines have which kernel. */
static int find_engines(struct nv_kernels *kernels, int ranks, bool hub_works,
                        const struct gathered *all, struct nv_error *error)
{
    int first = hub_works ? 0 : 1;
    kernels->engines = calloc(kernels->room + 1, sizeof(struct nv_set *));
    for (size_t id = 0; kernels->engines != NULL && id < kernels->room; id++) {
        kernels->engines[id] = nv_set_new((size_t)ranks);
        if (kernels->engines[id] == NULL)
            return nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
        for (int r = first; id < NV_KERNEL_OWN && r < ranks; r++)
            nv_set_add(kernels->engines[id], (size_t)r);
    }
    if (kernels->engines == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
    for (int r = first; r < ranks; r++) {
        const char *end = all->bytes + all->places[r] + all->sizes[r];
        for (const char *at = all->bytes + all->places[r]; at < end; at = entry_after(at))
            if (r > 0 || nv_kernel_beside((unsigned char)at[0], ranks))
                nv_set_add(kernels->engines[nv_kernels_find(kernels, at + 1)], (size_t)r);
    }
    return NAVE_OK;
}

static int merge_all(struct nv_kernels *kernels, int ranks, bool hub_works, size_t more,
                     const struct gathered *all, struct nv_error *error)
{
    int rc = NAVE_OK;
    for (int r = 0; r < ranks && rc == NAVE_OK; r++)
        rc = list_merge(kernels, all->bytes + all->places[r], all->sizes[r], r, error);
    if (rc == NAVE_OK && !list_room(kernels, kernels->count + more))
        rc = nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
    return rc == NAVE_OK ? find_engines(kernels, ranks, hub_works, all, error) : rc;
}

/* The agreed list goes from rank 0 to all; each adds it to the library's own. */
static int spread_list(MPI_Comm mpi, int rank, struct nv_kernels *kernels, struct nv_error *error)
{
    struct row row = {NULL, 0};
    nave_kernel *table = NULL;
    size_t count = rank == 0 ? kernels->count - NV_KERNEL_OWN : 0;
    int rc = NAVE_OK;
    if (rank == 0) {
        table = calloc(count + 1, sizeof *table);
        for (size_t i = 0; table != NULL && i < count; i++)
            table[i] = (nave_kernel){kernels->names[NV_KERNEL_OWN + i], NULL,
                                     kernels->flags[NV_KERNEL_OWN + i],
                                     kernels->signatures[NV_KERNEL_OWN + i]};
        if (table == NULL || !row_of(table, count, &row))
            row.size = -1;
        free(table);
    }
    MPI_Bcast(&row.size, 1, MPI_INT, 0, mpi);
    if (row.size < 0)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
    if (rank != 0)
        row.bytes = calloc(1, (size_t)row.size + 1);
    if (row.bytes == NULL) /* others wait in MPI_Bcast; the caller's next agreement tells them */
        rc = nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
    else
        rc = nv_error_mpi(error, MPI_Bcast(row.bytes, row.size, MPI_CHAR, 0, mpi),
                          "spreading the kernel table");
    if (rc == NAVE_OK && rank != 0)
        rc = list_merge(kernels, row.bytes, row.size, 0, error);
    free(row.bytes);
    return rc;
}

static int link_local(struct nv_kernels *kernels, const nave_kernel *table, size_t count,
                      struct nv_error *error)
{
    kernels->local = calloc(kernels->room + 1, sizeof(nave_kernel_fn *));
    if (kernels->local == NULL)
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
    kernels->fixed = kernels->count;
    for (int i = 0; i < NV_KERNEL_OWN; i++)
        kernels->local[i] = own[i].run;
    for (size_t i = 0; i < count; i++)
        kernels->local[nv_kernels_find(kernels, table[i].name)] = table[i].run;
    return NAVE_OK;
}

/* Rank 0's verdict on the merged tables, so that nobody goes on alone. */
static int agree_on_merge(MPI_Comm mpi, int rc, struct nv_error *error)
{
    int verdict = rc;
    MPI_Bcast(&verdict, 1, MPI_INT, 0, mpi);
    MPI_Bcast(error->text, (int)sizeof error->text, MPI_CHAR, 0, mpi);
    return verdict;
}

int nv_kernels_agree(MPI_Comm mpi, const nave_kernel *table, size_t count, bool hub_works,
                     size_t more, struct nv_error *error, struct nv_kernels *kernels)
{
    struct row row = {NULL, 0};
    struct gathered all = {NULL, NULL, NULL};
    int rank, ranks, rc = NAVE_OK;
    MPI_Comm_rank(mpi, &rank);
    MPI_Comm_size(mpi, &ranks);
    for (int i = 0; i < NV_KERNEL_OWN; i++)
        if (!list_add(kernels, own[i].name, "", own[i].flags))
            rc = NAVE_ENOMEM;
    if (rc != NAVE_OK || !row_of(table, count, &row))
        return nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
    rc = gather_rows(mpi, ranks, rank, &row, error, &all);
    if (rc == NAVE_OK) {
        if (rank == 0)
            rc = merge_all(kernels, ranks, hub_works, more, &all, error);
        rc = agree_on_merge(mpi, rc, error);
    }
    if (rc == NAVE_OK)
        rc = spread_list(mpi, rank, kernels, error);
    if (rc == NAVE_OK && rank != 0 && !list_room(kernels, kernels->count + more))
        rc = nv_error_set(error, NAVE_ENOMEM, "no memory for the kernel table");
    if (rc == NAVE_OK)
        rc = link_local(kernels, table, count, error);
    free(row.bytes);
    free(all.sizes);
    free(all.places);
    free(all.bytes);
    return rc;
}

void nv_kernels_release(struct nv_kernels *kernels)
{
    for (size_t i = 0; i < kernels->room; i++) {
        free(kernels->names[i]);
        free(kernels->signatures[i]);
        if (kernels->engines != NULL)
            free(kernels->engines[i]);
    }
    free(kernels->names);
    free(kernels->signatures);
    free(kernels->flags);
    free(kernels->local);
    free(kernels->engines);
}

/* ------------------------------------------------------------------------------------- plug-ins */

int nv_kernels_name(struct nv_kernels *kernels, const nave_kernel *kernel, uint64_t *out,
                    struct nv_why why)
{
    int id = nv_kernels_find(kernels, kernel->name);
    char *signature;
    if (id >= 0 && (size_t)id < kernels->fixed)
        return nv_why(why, NAVE_EINVAL, "the program has a kernel '%s' already", kernel->name);
    if (id < 0 && kernels->count == kernels->room)
        return nv_why(why, NAVE_ENOMEM, "no more kernels can be added to this job");
    if (id < 0) {
        if (!list_add(kernels, kernel->name, signature_of(kernel), kernel->flags))
            return nv_why(why, NAVE_ENOMEM, "no memory for a kernel");
        *out = kernels->count - 1;
        return NAVE_OK;
    }
    signature = kernel->signature != NULL ? strdup(kernel->signature) : NULL;
    free(kernels->signatures[id]);
    kernels->signatures[id] = signature;
    kernels->flags[id] = kernel->flags;
    *out = (uint64_t)id;
    return NAVE_OK;
}

void nv_kernels_everywhere(struct nv_kernels *kernels, size_t id, const struct nv_set *engines,
                           int ranks)
{
    for (size_t r = 0; r < engines->limit; r++)
        if (nv_set_has(engines, r) && (r > 0 || nv_kernel_beside(kernels->flags[id], ranks)))
            nv_set_add(kernels->engines[id], r);
}

/* On rank 0 the hub has named it already, in the same tables. */
bool nv_kernels_adopt(struct nv_kernels *kernels, const nave_kernel *kernel, uint64_t id)
{
    if (id < kernels->fixed || id >= kernels->room)
        return false;
    if (kernels->names[id] == NULL) {
        kernels->names[id] = strdup(kernel->name);
        kernels->flags[id] = kernel->flags;
        if (kernels->names[id] == NULL)
            return false;
        kernels->count = id >= kernels->count ? (size_t)id + 1 : kernels->count;
    }
    kernels->local[id] = kernel->run;
    return true;
}

/* ---------------------------------------------------------------------------------------- names */

int nv_kernels_find(const struct nv_kernels *kernels, const char *name)
{
    for (size_t i = 0; i < kernels->count; i++)
        if (kernels->names[i] != NULL && strcmp(kernels->names[i], name) == 0)
            return (int)i;
    return -1;
}

const char *nv_kernels_near(const struct nv_kernels *kernels, const char *name)
{
    struct nv_nearest nearest;
    if (!nv_name_ok(name))
        return NULL;
    nearest = nv_nearest_to(name);
    for (size_t i = NV_KERNEL_OWN; i < kernels->count; i++)
        if (kernels->names[i] != NULL)
            nv_nearest_try(&nearest, kernels->names[i]);
    return nearest.best;
}
