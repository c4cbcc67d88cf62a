/*
 * Design notes
 *
 * A block j of m vectors holds a polynomial in y = x^4 modulo y^m - e(2 phi_j), e(t) = exp(2 pi i
 * t) in the field's stead.  It splits into blocks 2j, modulo y^(m/2) - e(phi_j), and 2j + 1, modulo
 * y^(m/2) + e(phi_j).  So phi_0 = 0, phi_2j = phi_j / 2, phi_2j+1 = phi_j / 2 + 1/4, at every level
 * the same table w[j] = e(phi_j), and one constant serves a whole block.  phi is additive over the
 * bits of j, so the table doubles by one multiplication each; 1 / w[j] is -w[j'] where j' is j with
 * all bits below the leading one flipped.
 *
 * Passes join two levels (radix 4).  Blocks beyond a cache are split first and finished one after
 * the other, so that memory is swept once for every factor 4 above the cache's size only.
 */
#include "transform.h"

#ifdef NTT_HAVE_VECTORS
#include <stdlib.h>

enum { IN_CACHE = 256 }; /* vectors; 8 KiB */

typedef struct constants {
    vec s, sp, t, tp, u, up; /* the roots of a block and of its two halves, and these over p */
    vec p, pinv;
} constants;

int transform_roots(field *f, size_t n)
{
    size_t size = n < 4 ? 4 : n / 2 + 2;
    if (f->w_size >= size) {
        return 0;
    }
    double *w = realloc(f->w, size * sizeof *w);
    if (w == NULL) {
        return -1;
    }
    f->w = w;
    w[0] = 1;
    for (size_t k = 0; ((size_t)1 << k) < size; k++) {
        size_t base = (size_t)1 << k;
        uint64_t root = field_pow_int(f->generator, (f->n - 1) >> (k + 2), f->n);
        for (size_t j = 0; j < base && base + j < size; j++) {
            uint64_t low = w[j] < 0 ? f->n - (uint64_t)-w[j] : (uint64_t)w[j];
            w[base + j] = field_centred(field_mul_int(low, root, f->n), f->n);
        }
    }
    f->w_size = size;
    return 0;
}

static inline double inverse_root(const field *f, size_t j)
{
    if (j == 0) {
        return 1;
    }
    size_t top = (size_t)1 << (63 - __builtin_clzll((unsigned long long)j));
    return -f->w[3 * top - 1 - j];
}

static inline FAST constants constants_of(const field *f, double s, double t, double u)
{
    constants c;
    c.p = vec_set(f->p);
    c.pinv = vec_set(f->pinv);
    c.s = vec_set(s);
    c.t = vec_set(t);
    c.u = vec_set(u);
    c.sp = vec_set(s * f->pinv);
    c.tp = vec_set(t * f->pinv);
    c.up = vec_set(u * f->pinv);
    return c;
}

/* One block of 4 m vectors into four. */
static inline FAST void split4(const field *f, double *x, size_t m, size_t j)
{
    constants c = constants_of(f, f->w[j], f->w[2 * j], f->w[2 * j + 1]);
    for (double *end = x + 4 * m; x < end; x += 4) {
        vec a0 = field_reduce(_mm256_loadu_pd(x), c.p, c.pinv);
        vec a1 = _mm256_loadu_pd(x + 4 * m);
        vec a2 = field_mul(_mm256_loadu_pd(x + 8 * m), c.s, c.sp, c.p);
        vec a3 = field_mul(_mm256_loadu_pd(x + 12 * m), c.s, c.sp, c.p);
        vec b0 = vec_add(a0, a2);
        vec b2 = vec_sub(a0, a2);
        vec b1 = field_mul(vec_add(a1, a3), c.t, c.tp, c.p);
        vec b3 = field_mul(vec_sub(a1, a3), c.u, c.up, c.p);
        _mm256_storeu_pd(x, vec_add(b0, b1));
        _mm256_storeu_pd(x + 4 * m, vec_sub(b0, b1));
        _mm256_storeu_pd(x + 8 * m, vec_add(b2, b3));
        _mm256_storeu_pd(x + 12 * m, vec_sub(b2, b3));
    }
}

static inline FAST void split2(const field *f, double *x, size_t m, size_t j)
{
    vec p = vec_set(f->p), pinv = vec_set(f->pinv);
    vec s = vec_set(f->w[j]), sp = vec_set(f->w[j] * f->pinv);
    for (double *end = x + 4 * m; x < end; x += 4) {
        vec a0 = field_reduce(_mm256_loadu_pd(x), p, pinv);
        vec a1 = field_mul(_mm256_loadu_pd(x + 4 * m), s, sp, p);
        _mm256_storeu_pd(x, vec_add(a0, a1));
        _mm256_storeu_pd(x + 4 * m, vec_sub(a0, a1));
    }
}

/* The inverse of split4 but for a factor 4: sums grow fast here, hence three reductions. */
static inline FAST void join4(const field *f, double *x, size_t m, size_t j)
{
    constants c =
        constants_of(f, inverse_root(f, j), inverse_root(f, 2 * j), inverse_root(f, 2 * j + 1));
    for (double *end = x + 4 * m; x < end; x += 4) {
        vec y0 = _mm256_loadu_pd(x);
        vec y1 = _mm256_loadu_pd(x + 4 * m);
        vec y2 = _mm256_loadu_pd(x + 8 * m);
        vec y3 = _mm256_loadu_pd(x + 12 * m);
        vec b0 = field_reduce(vec_add(y0, y1), c.p, c.pinv);
        vec b2 = field_reduce(vec_add(y2, y3), c.p, c.pinv);
        vec b1 = field_mul(vec_sub(y0, y1), c.t, c.tp, c.p);
        vec b3 = field_mul(vec_sub(y2, y3), c.u, c.up, c.p);
        _mm256_storeu_pd(x, vec_add(b0, b2));
        _mm256_storeu_pd(x + 4 * m, field_reduce(vec_add(b1, b3), c.p, c.pinv));
        _mm256_storeu_pd(x + 8 * m, field_mul(vec_sub(b0, b2), c.s, c.sp, c.p));
        _mm256_storeu_pd(x + 12 * m, field_mul(vec_sub(b1, b3), c.s, c.sp, c.p));
    }
}

static inline FAST void join2(const field *f, double *x, size_t m, size_t j)
{
    double r = inverse_root(f, j);
    vec p = vec_set(f->p), pinv = vec_set(f->pinv);
    vec s = vec_set(r), sp = vec_set(r * f->pinv);
    for (double *end = x + 4 * m; x < end; x += 4) {
        vec y0 = _mm256_loadu_pd(x);
        vec y1 = _mm256_loadu_pd(x + 4 * m);
        _mm256_storeu_pd(x, field_reduce(vec_add(y0, y1), p, pinv));
        _mm256_storeu_pd(x + 4 * m, field_mul(vec_sub(y0, y1), s, sp, p));
    }
}

static FAST void forward(const field *f, double *x, size_t n, size_t j)
{
    if (n > IN_CACHE) {
        split4(f, x, n / 4, j);
        for (size_t i = 0; i < 4; i++) {
            forward(f, x + i * n, n / 4, 4 * j + i);
        }
        return;
    }
    size_t size = n;
    size_t blocks = 1;
    for (; size >= 4; size /= 4, blocks *= 4) {
        for (size_t i = 0; i < blocks; i++) {
            split4(f, x + 4 * i * size, size / 4, j * blocks + i);
        }
    }
    for (size_t i = 0; size == 2 && i < blocks; i++) {
        split2(f, x + 8 * i, 1, j * blocks + i);
    }
}

static FAST void back(const field *f, double *x, size_t n, size_t j)
{
    if (n > IN_CACHE) {
        for (size_t i = 0; i < 4; i++) {
            back(f, x + i * n, n / 4, 4 * j + i);
        }
        join4(f, x, n / 4, j);
        return;
    }
    size_t size = (__builtin_ctzll((unsigned long long)n) & 1) ? 2 : 1;
    for (size_t i = 0; size == 2 && i < n / 2; i++) {
        join2(f, x + 8 * i, 1, j * (n / 2) + i);
    }
    for (size *= 4; size <= n; size *= 4) {
        for (size_t i = 0; i < n / size; i++) {
            join4(f, x + 4 * i * size, size / 4, j * (n / size) + i);
        }
    }
}

FAST void transform_forward(const field *f, double *x, size_t n)
{
    forward(f, x, n, 0);
}

FAST void transform_back(const field *f, double *x, size_t n)
{
    back(f, x, n, 0);
}

/* Load four vectors as columns: v[i] holds coefficient i of four neighbouring residues. */
static inline FAST void load_columns(const double *x, vec v[4], vec p, vec pinv)
{
    vec r[4];
    for (int i = 0; i < 4; i++) {
        r[i] = field_reduce(_mm256_loadu_pd(x + 4 * i), p, pinv);
    }
    vec a = _mm256_unpacklo_pd(r[0], r[1]), b = _mm256_unpackhi_pd(r[0], r[1]);
    vec c = _mm256_unpacklo_pd(r[2], r[3]), d = _mm256_unpackhi_pd(r[2], r[3]);
    v[0] = _mm256_permute2f128_pd(a, c, 0x20);
    v[1] = _mm256_permute2f128_pd(b, d, 0x20);
    v[2] = _mm256_permute2f128_pd(a, c, 0x31);
    v[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

static inline FAST void store_columns(double *x, const vec v[4])
{
    vec a = _mm256_unpacklo_pd(v[0], v[1]), b = _mm256_unpackhi_pd(v[0], v[1]);
    vec c = _mm256_unpacklo_pd(v[2], v[3]), d = _mm256_unpackhi_pd(v[2], v[3]);
    _mm256_storeu_pd(x, _mm256_permute2f128_pd(a, c, 0x20));
    _mm256_storeu_pd(x + 4, _mm256_permute2f128_pd(b, d, 0x20));
    _mm256_storeu_pd(x + 8, _mm256_permute2f128_pd(a, c, 0x31));
    _mm256_storeu_pd(x + 12, _mm256_permute2f128_pd(b, d, 0x31));
}

/* Coefficient k of a * b modulo x^4 - c, each within a few p. */
static inline FAST vec coefficient(const vec a[4], const vec b[4], int k, vec c, vec p, vec pinv)
{
    vec low = vec_set(0), high = vec_set(0);
    for (int i = 0; i < 4; i++) {
        int rest = k - i;
        vec product = field_mul2(a[i], b[rest & 3], p, pinv);
        if (rest >= 0) {
            low = vec_add(low, product);
        } else {
            high = vec_add(high, product);
        }
    }
    return k == 3 ? low : vec_add(low, field_mul2(high, c, p, pinv));
}

FAST void transform_times(const field *f, double *x, const double *y, size_t n, uint64_t scale)
{
    vec p = vec_set(f->p), pinv = vec_set(f->pinv);
    double r = field_centred(scale, f->n);
    vec s = vec_set(r), sp = vec_set(r * f->pinv);
    for (size_t i = 0; i < n; i += 4) {
        vec a[4], b[4], z[4];
        double w0 = f->w[i / 2], w1 = f->w[i / 2 + 1];
        vec c = _mm256_setr_pd(w0, -w0, w1, -w1);
        load_columns(x + 4 * i, a, p, pinv);
        load_columns(y + 4 * i, b, p, pinv);
        for (int k = 0; k < 4; k++) {
            z[k] = field_mul(coefficient(a, b, k, c, p, pinv), s, sp, p);
        }
        store_columns(x + 4 * i, z);
    }
}
#endif
