/* Elementary functions without branches, so that a loop over them becomes vector instructions.
 *
 * exp: x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite's two-part ln 2), Taylor's series for e^r, scaled by 2^n in
 * two steps so that results below the smallest normal number are right. log: x = 2^k (1 + f) with 1 + f in
 * [sqrt(1/2), sqrt(2)), s = f / (2 + f), log(1 + f) = 2 (s + s^3/3 + s^5/5 + ...), put together as in fdlibm's e_log.c.
 * NaN goes through; the numbers of terms leave an error below a tenth of the last place.
 *
 * Compiled without -ffast-math: infinities, NaN and the order of operations are those of the source.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef float f4;
typedef double f8;
typedef uint8_t b1;
typedef int32_t i4;
typedef int64_t i8;
typedef uint8_t u1;

#define INLINE static inline __attribute__((always_inline))

/* In a series a fused multiply-add is only faster; in a program's own arithmetic it would change the last bit. */
#ifdef __FMA__
#define MAD_f4(a, b, c) __builtin_fmaf(a, b, c)
#define MAD_f8(a, b, c) __builtin_fma(a, b, c)
#else
#define MAD_f4(a, b, c) ((a) * (b) + (c))
#define MAD_f8(a, b, c) ((a) * (b) + (c))
#endif

INLINE int32_t bits_f4(f4 x) { int32_t b; memcpy(&b, &x, 4); return b; }
INLINE f4 float_f4(int32_t b) { f4 x; memcpy(&x, &b, 4); return x; }
INLINE int64_t bits_f8(f8 x) { int64_t b; memcpy(&b, &x, 8); return b; }
INLINE f8 float_f8(int64_t b) { f8 x; memcpy(&x, &b, 8); return x; }

/* Adding and taking away 1.5 * 2^(mantissa bits) rounds to the nearest whole number; its low bits are that number. */
#define MAGIC_f4 12582912.0f
#define MAGIC_f8 6755399441055744.0
#define TWO_TO_f4(m) float_f4((bits_f4(m) - bits_f4(MAGIC_f4) + 127) << 23)
#define TWO_TO_f8(m) float_f8((int64_t)((uint64_t)(bits_f8(m) + 1023) << 52))

/* e^r - 1 for |r| <= 0.35 */
INLINE f4 series_f4(f4 r)
{
    f4 p = 1.0f / 5040;
    p = MAD_f4(p, r, 1.0f / 720);
    p = MAD_f4(p, r, 1.0f / 120);
    p = MAD_f4(p, r, 1.0f / 24);
    p = MAD_f4(p, r, 1.0f / 6);
    p = MAD_f4(p, r, 0.5f);
    return MAD_f4(r * r, p, r);
}

INLINE f8 series_f8(f8 r)
{
    f8 p = 1.0 / 6227020800.0;
    p = MAD_f8(p, r, 1.0 / 479001600);
    p = MAD_f8(p, r, 1.0 / 39916800);
    p = MAD_f8(p, r, 1.0 / 3628800);
    p = MAD_f8(p, r, 1.0 / 362880);
    p = MAD_f8(p, r, 1.0 / 40320);
    p = MAD_f8(p, r, 1.0 / 5040);
    p = MAD_f8(p, r, 1.0 / 720);
    p = MAD_f8(p, r, 1.0 / 120);
    p = MAD_f8(p, r, 1.0 / 24);
    p = MAD_f8(p, r, 1.0 / 6);
    p = MAD_f8(p, r, 0.5);
    return MAD_f8(r * r, p, r);
}

#define LIMITED(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))

#define DEFINE_EXPONENTIALS(T, LOG2E, LN2_HIGH, LN2_LOW, LOWEST, HIGHEST, FLAT)                                        \
    INLINE T exp_##T(T given)                                                                                          \
    {                                                                                                                  \
        T x = LIMITED(given, (T)(LOWEST), (T)(HIGHEST));                                                               \
        T m = MAD_##T(x, (T)LOG2E, MAGIC_##T), n = m - MAGIC_##T;                                                      \
        T r = MAD_##T(-n, (T)LN2_LOW, MAD_##T(-n, (T)LN2_HIGH, x));                                                    \
        T half = n * (T)0.5 + MAGIC_##T, rest = (n - (half - MAGIC_##T)) + MAGIC_##T;                                  \
        T y = (series_##T(r) + 1) * TWO_TO_##T(half) * TWO_TO_##T(rest);                                               \
        return given != given ? given : y;                                                                             \
    }                                                                                                                  \
    INLINE T expm1_##T(T given)                                                                                        \
    {                                                                                                                  \
        T x = LIMITED(given, (T)(FLAT), (T)(HIGHEST));                                                                 \
        T m = MAD_##T(x, (T)LOG2E, MAGIC_##T), n = m - MAGIC_##T;                                                      \
        T r = MAD_##T(-n, (T)LN2_LOW, MAD_##T(-n, (T)LN2_HIGH, x));                                                    \
        T half = TWO_TO_##T((n - 1) + MAGIC_##T);                                                                      \
        T y = 2 * (half * series_##T(r) + (half - (T)0.5));                                                            \
        return given != given || given == 0 ? given : y;                                                               \
    }                                                                                                                  \
    INLINE T tanh_##T(T x)                                                                                             \
    {                                                                                                                  \
        T e = expm1_##T((x < 0 ? x : -x) * 2), y = -e / (e + 2);                                                       \
        return x != x || x == 0 ? x : x < 0 ? -y : y;                                                                  \
    }

/* The upper limits give infinity after scaling, the lower ones 0 (exp) and -1 (expm1). */
DEFINE_EXPONENTIALS(f4, 1.44269504088896341, 0.693359375, -2.12194440054690583e-4, -104.0, 89.0, -20.0)
DEFINE_EXPONENTIALS(f8, 1.4426950408889634074, 6.93147180369123816490e-01, 1.90821492927058770002e-10, -746.0, 710.0,
                    -40.0)

/* 2 s^2 / 3 + 2 s^4 / 5 + ... for z = s^2 <= 0.0295 */
INLINE f4 tail_f4(f4 z)
{
    f4 p = 2.0f / 11;
    p = MAD_f4(p, z, 2.0f / 9);
    p = MAD_f4(p, z, 2.0f / 7);
    p = MAD_f4(p, z, 2.0f / 5);
    p = MAD_f4(p, z, 2.0f / 3);
    return p * z;
}

INLINE f8 tail_f8(f8 z)
{
    f8 p = 2.0 / 21;
    p = MAD_f8(p, z, 2.0 / 19);
    p = MAD_f8(p, z, 2.0 / 17);
    p = MAD_f8(p, z, 2.0 / 15);
    p = MAD_f8(p, z, 2.0 / 13);
    p = MAD_f8(p, z, 2.0 / 11);
    p = MAD_f8(p, z, 2.0 / 9);
    p = MAD_f8(p, z, 2.0 / 7);
    p = MAD_f8(p, z, 2.0 / 5);
    p = MAD_f8(p, z, 2.0 / 3);
    return p * z;
}

/* 2^k (1 + f) = x for a normal positive x */
INLINE f4 split_f4(f4 x, f4 *k)
{
    int32_t b = bits_f4(x) + (0x3f800000 - 0x3f3504f3);
    *k = (f4)((b >> 23) - 127);
    return float_f4((b & 0x007fffff) + 0x3f3504f3) - 1;
}

INLINE f8 split_f8(f8 x, f8 *k)
{
    int64_t b = bits_f8(x) + (0x3ff0000000000000 - 0x3fe6a09e667f3bcd);
    /* the exponent put into the low bits of 2^52: there is no vector instruction from 64-bit integers everywhere */
    *k = float_f8((int64_t)((uint64_t)b >> 52) | 0x4330000000000000) - (4503599627370496.0 + 1023);
    return float_f8((b & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd) - 1;
}

/* log(x) + c for tiny c */
#define DEFINE_LOGARITHMS(T, LN2_HIGH, LN2_LOW, SMALLEST, SCALE, PLACES)                                               \
    INLINE T log_plus_##T(T x, T c)                                                                                    \
    {                                                                                                                  \
        T k, below = x < (T)SMALLEST ? (T)PLACES : 0;                                                                  \
        T f = split_##T(x < (T)SMALLEST ? x * (T)SCALE : x, &k);                                                       \
        T s = f / (2 + f), hfsq = (T)0.5 * f * f;                                                                      \
        T r = tail_##T(s * s);                                                                                         \
        k -= below;                                                                                                    \
        T y = k * (T)LN2_HIGH - ((hfsq - (s * (hfsq + r) + (k * (T)LN2_LOW + c))) - f);                                \
        return x == (T)INFINITY || x != x ? x : x == 0 ? -(T)INFINITY : x < 0 ? (T)NAN : y;                            \
    }                                                                                                                  \
    INLINE T log_##T(T x) { return log_plus_##T(x, 0); }                                                               \
    INLINE T log1p_##T(T x)                                                                                            \
    {                                                                                                                  \
        T u = 1 + x, lost = x < 1 ? x - (u - 1) : 1 - (u - x);                                                         \
        T y = log_plus_##T(u, u > 0 && u < (T)INFINITY ? lost / u : 0);                                                \
        return u == 1 ? x : y;                                                                                         \
    }

DEFINE_LOGARITHMS(f4, 0.693359375, -2.12194440054690583e-4, 1.17549435e-38, 33554432.0, 25)
DEFINE_LOGARITHMS(f8, 6.93147180369123816490e-01, 1.90821492927058770002e-10, 2.2250738585072014e-308,
                  18014398509481984.0, 54)

/* NumPy's rules: NaN wins, and a sign has the sign of NaN too. */
#define DEFINE_PLAIN(T, S)                                                                                             \
    INLINE T maximum_##T(T a, T b) { return a > b || a != a ? a : b; }                                                 \
    INLINE T minimum_##T(T a, T b) { return a < b || a != a ? a : b; }                                                 \
    INLINE T sign_##T(T a) { return a > 0 ? 1 : a < 0 ? -1 : a; }                                                      \
    INLINE T rint_##T(T a) { return rint##S(a); }                                                                      \
    INLINE T floor_##T(T a) { return floor##S(a); }                                                                    \
    INLINE T ceil_##T(T a) { return ceil##S(a); }                                                                      \
    INLINE T trunc_##T(T a) { return trunc##S(a); }                                                                    \
    INLINE T sqrt_##T(T a) { return sqrt##S(a); }                                                                      \
    INLINE T fabs_##T(T a) { return fabs##S(a); }

DEFINE_PLAIN(f4, f)
DEFINE_PLAIN(f8, )
