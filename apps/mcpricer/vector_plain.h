/* vector_plain - a vector of one double, in plain C: see vector.h. */
#ifndef MCPRICER_VECTOR_PLAIN_H
#define MCPRICER_VECTOR_PLAIN_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 1
typedef double vector;
typedef uint64_t bits;

/* clang-format off */
static inline vector v_all(double x) { return x; }
static inline vector v_load(const double *p) { return *p; }
static inline void v_store(double *p, vector x) { *p = x; }
static inline vector v_add(vector a, vector b) { return a + b; }
static inline vector v_sub(vector a, vector b) { return a - b; }
static inline vector v_mul(vector a, vector b) { return a * b; }
static inline vector v_max(vector a, vector b) { return a > b ? a : b; }
static inline vector v_sqrt(vector x) { return sqrt(x); }
static inline vector v_fma(vector a, vector b, vector c) { return a * b + c; }
static inline vector v_fnma(vector a, vector b, vector c) { return c - a * b; }
static inline vector v_of(bits b) { double x; memcpy(&x, &b, sizeof x); return x; }
static inline bits b_of(vector x) { uint64_t b; memcpy(&b, &x, sizeof b); return b; }
static inline vector v_flip(vector x, bits b, bits m) { return v_of(b_of(x) ^ (b & m)); }
static inline bits b_pairs(const uint32_t *p) { return p[0] | (uint64_t)p[1] << 32; }
static inline bits b_all(uint64_t b) { return b; }
static inline bits b_right(bits b, int n) { return b >> n; }
static inline bits b_double(bits b) { return b + b; }
static inline bits b_and_or(bits a, bits m, bits o) { return (a & m) | o; }
static inline vector v_exponent(vector x) { return (double)((int)(b_of(x) >> 52) - 1023); }
static inline vector v_mantissa(vector x) { return v_of(b_and_or(b_of(x), 0x000fffffffffffff, 0x3ff0000000000000)); }
static inline vector v_look(const double table[16], vector x) { return table[b_of(x) >> 48 & 15]; }
/* clang-format on */

#endif
