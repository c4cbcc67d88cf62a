/* piece - large objects and snapshots in pieces, for the door: the inputs and results of two of the
 * library's own kernels.
 *
 * Invariant: no more than a piece is on its way at a time, so neither the hub nor a client needs room
 * for the whole.
 */
#ifndef NV_PIECE_H
#define NV_PIECE_H

#include <stdint.h>

/* Input of nave.piece: so many bytes at most, from there on, of a snapshot (see snapshot.h), or, 0, of the
 * object that the run names. */
struct nv_piece_asked {
    uint64_t snapshot, offset, limit;
};

/* Result: this, and the bytes. */
struct nv_piece_found {
    uint64_t size;   /* of the whole */
    uint64_t serial; /* changes when the object is made anew */
};

/* Input of nave.lay: this, and the bytes.  The object that the run names is there when all `size` bytes
 * of the upload are.  Without bytes, at NV_LAID_IN_VAIN: the upload is given up. */
struct nv_piece_laid {
    uint64_t upload, offset, size;
};

#define NV_LAID_IN_VAIN UINT64_MAX

#endif
