/* vector - what a kind of vector provides to walk_body.h: LANES (1, 4 or 8), `vector`, as many doubles,
 * `bits`, as many 64-bit words, and these operations on them:
 *
 *   v_all v_load v_store v_add v_sub v_mul v_sqrt v_max  as they say
 *   v_fma(a, b, c)        a b + c, v_fnma: c - a b; in one rounding where the machine can
 *   v_flip(x, b, m)       the bits of x turned where b & m has a 1
 *   v_of(b)               the bits as they are, taken as doubles
 *   b_pairs(p)            LANES pairs of 32-bit words, the first of a pair in the lower half
 *   b_all b_right(b, n)   the same everywhere; shift;  b_double(b): b + b
 *   b_and_or(a, m, o)     (a & m) | o
 *   v_exponent(x)         of a positive x as a double;  v_mantissa(x), from 1 to below 2
 *   v_look(table, x)      table[the upper 4 bits of x's mantissa], of 16 doubles
 */
#ifndef MCPRICER_VECTOR_H
#define MCPRICER_VECTOR_H

#ifndef LANES
#include "vector_plain.h"
#endif

#endif
