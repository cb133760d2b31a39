/* Elementary functions without branches, so that a loop over them becomes vector instructions.
 *
 * exp: x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite's two-part ln 2), a polynomial for e^r, scaled by 2^n in
 * two steps so that results below the smallest normal number are right. tanh: from e^(-2 |x|) - 1.
 * log: x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), then a polynomial: in single precision that of Cephes' logf
 * (S. L. Moshier), in double s = f / (2 + f), log(1 + f) = 2 (s + s^3/3 + s^5/5 + ...) as in fdlibm's e_log.c.
 * log1p: the k of 1 + x, and f = (1 + x) 2^-k - 1 from x itself, so that what 1 + x has lost does not matter.
 * The polynomials for e^r interpolate at Chebyshev points; relative errors 1e-8 and 2e-17. NaN goes through.
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

INLINE f4 fabs_f4(f4 x) { return fabsf(x); }
INLINE f8 fabs_f8(f8 x) { return fabs(x); }
INLINE f4 signed_f4(f4 size, f4 sign) { return copysignf(size, sign); }
INLINE f8 signed_f8(f8 size, f8 sign) { return copysign(size, sign); }

/* Adding and taking away 1.5 * 2^(mantissa bits) rounds to the nearest whole number; its low bits are that number.
 * Those low bits as an exponent, and such an exponent with the bias: 2^n. */
#define MAGIC_f4 12582912.0f
#define MAGIC_f8 6755399441055744.0
#define EXPONENT_f4(m) ((uint32_t)bits_f4(m) << 23)
#define EXPONENT_f8(m) ((uint64_t)bits_f8(m) << 52)
#define TWO_TO_f4(e) float_f4((int32_t)((e) + 0x3f800000u))
#define TWO_TO_f8(e) float_f8((int64_t)((e) + 0x3ff0000000000000u))

/* e^r - 1 for |r| <= 0.347 */
INLINE f4 series_f4(f4 r)
{
    f4 p = 1.3926375995803529e-3f;
    p = MAD_f4(p, r, 8.3633330821829432e-3f);
    p = MAD_f4(p, r, 4.1666553458651747e-2f);
    p = MAD_f4(p, r, 1.6666576062275123e-1f);
    p = MAD_f4(p, r, 0.5f);
    return MAD_f4(r * r, p, r);
}

INLINE f8 series_f8(f8 r)
{
    f8 p = 2.5100411082014901068e-8;
    p = MAD_f8(p, r, 2.7620121717381935193e-7);
    p = MAD_f8(p, r, 2.7557268406190795031e-6);
    p = MAD_f8(p, r, 2.4801521225986432477e-5);
    p = MAD_f8(p, r, 1.9841269863088254438e-4);
    p = MAD_f8(p, r, 1.3888888917258758256e-3);
    p = MAD_f8(p, r, 8.3333333333300548955e-3);
    p = MAD_f8(p, r, 4.1666666666624037667e-2);
    p = MAD_f8(p, r, 1.6666666666666667455e-1);
    p = MAD_f8(p, r, 0.5);
    return MAD_f8(r * r, p, r);
}

/* The upper limits give infinity after scaling, the lower ones 0 (exp) and -1 (expm1, tanh). They are variables that
 * the compiler believes in, because of such it makes one instruction, but of constants a comparison and a choice. */
#define LIMIT(T, name) static T name __attribute__((used))
LIMIT(f4, lowest_f4) = -104.0f;
LIMIT(f4, flat_f4) = -20.0f;
LIMIT(f4, highest_f4) = 89.0f;
LIMIT(f8, lowest_f8) = -746.0;
LIMIT(f8, flat_f8) = -40.0;
LIMIT(f8, highest_f8) = 710.0;

#define DEFINE_CHOICES(T)                                                                                              \
    INLINE T larger_##T(T a, T b) { return b > a ? b : a; } /* a if one is NaN: right where b never is */              \
    INLINE T smaller_##T(T a, T b) { return b < a ? b : a; }                                                           \
    INLINE T maximum_##T(T a, T b) { return b != b ? b : larger_##T(a, b); }                                           \
    INLINE T minimum_##T(T a, T b) { return b != b ? b : smaller_##T(a, b); }

DEFINE_CHOICES(f4)
DEFINE_CHOICES(f8)

/* m: n = round(x / ln 2) in its low bits; r = x - n ln 2 */
#define REDUCED(T, x, LOG2E, LN2_HIGH, LN2_LOW)                                                                        \
    T m = MAD_##T(x, (T)LOG2E, MAGIC_##T), n = m - MAGIC_##T;                                                          \
    T r = MAD_##T(-n, (T)LN2_LOW, MAD_##T(-n, (T)LN2_HIGH, x));

#define DEFINE_EXPONENTIALS(T, U, LOG2E, LN2_HIGH, LN2_LOW)                                                            \
    INLINE T exp_##T(T given)                                                                                          \
    {                                                                                                                  \
        T x = smaller_##T(larger_##T(given, lowest_##T), highest_##T);                                                 \
        REDUCED(T, x, LOG2E, LN2_HIGH, LN2_LOW)                                                                        \
        U half = EXPONENT_##T(MAD_##T(n, (T)0.5, MAGIC_##T)), rest = EXPONENT_##T(m) - half;                           \
        return (series_##T(r) + 1) * TWO_TO_##T(half) * TWO_TO_##T(rest);                                              \
    }                                                                                                                  \
    INLINE T expm1_##T(T given)                                                                                        \
    {                                                                                                                  \
        T x = smaller_##T(larger_##T(given, flat_##T), highest_##T);                                                   \
        REDUCED(T, x, LOG2E, LN2_HIGH, LN2_LOW)                                                                        \
        T half = TWO_TO_##T(EXPONENT_##T(m - 1));                                                                      \
        T y = 2 * MAD_##T(half, series_##T(r), half - (T)0.5);                                                         \
        return given == 0 ? given : y;                                                                                 \
    }                                                                                                                  \
    INLINE T tanh_##T(T given)                                                                                         \
    {                                                                                                                  \
        T x = larger_##T(fabs_##T(given) * -2, flat_##T);                                                              \
        REDUCED(T, x, LOG2E, LN2_HIGH, LN2_LOW)                                                                        \
        T power = TWO_TO_##T(EXPONENT_##T(m)), e = MAD_##T(power, series_##T(r), power - 1);                           \
        return signed_##T(-e / (e + 2), given);                                                                        \
    }

DEFINE_EXPONENTIALS(f4, uint32_t, 1.44269504088896341, 0.693359375, -2.12194440054690583e-4)
DEFINE_EXPONENTIALS(f8, uint64_t, 1.4426950408889634074, 6.93147180369123816490e-01, 1.90821492927058770002e-10)

/* log(1 + f) + k ln 2 */
INLINE f4 joined_f4(f4 f, f4 k)
{
    f4 z = f * f, p = 7.0376836292e-2f;
    p = MAD_f4(p, f, -1.1514610310e-1f);
    p = MAD_f4(p, f, 1.1676998740e-1f);
    p = MAD_f4(p, f, -1.2420140846e-1f);
    p = MAD_f4(p, f, 1.4249322787e-1f);
    p = MAD_f4(p, f, -1.6668057665e-1f);
    p = MAD_f4(p, f, 2.0000714765e-1f);
    p = MAD_f4(p, f, -2.4999993993e-1f);
    p = MAD_f4(p, f, 3.3333331174e-1f);
    f4 y = MAD_f4(k, -2.12194440054690583e-4f, p * f * z);
    return MAD_f4(k, 0.693359375f, f + MAD_f4(-0.5f, z, y));
}

INLINE f8 joined_f8(f8 f, f8 k)
{
    f8 s = f / (2 + f), half = 0.5 * f * f, z = s * s, p = 2.0 / 21;
    p = MAD_f8(p, z, 2.0 / 19);
    p = MAD_f8(p, z, 2.0 / 17);
    p = MAD_f8(p, z, 2.0 / 15);
    p = MAD_f8(p, z, 2.0 / 13);
    p = MAD_f8(p, z, 2.0 / 11);
    p = MAD_f8(p, z, 2.0 / 9);
    p = MAD_f8(p, z, 2.0 / 7);
    p = MAD_f8(p, z, 2.0 / 5);
    p = MAD_f8(p, z, 2.0 / 3);
    return k * 6.93147180369123816490e-01 - ((half - (s * (half + p * z) + k * 1.90821492927058770002e-10)) - f);
}

/* For a normal positive x: bits that hold k + bias as an exponent, and 1 + f - sqrt(1/2) below it, where
 * x = 2^k (1 + f); then f, k as a number, and 2^-k. */
#define SPLIT_f4(x) ((uint32_t)bits_f4(x) + (0x3f800000u - 0x3f3504f3u))
#define SPLIT_f8(x) ((uint64_t)bits_f8(x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu))
INLINE f4 rest_f4(uint32_t b) { return float_f4((int32_t)((b & 0x007fffff) + 0x3f3504f3)) - 1; }
INLINE f8 rest_f8(uint64_t b) { return float_f8((int64_t)((b & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd)) - 1; }
INLINE f4 power_f4(uint32_t b) { return (f4)((int32_t)(b >> 23) - 127); }
/* the exponent put into the low bits of 2^52: there is no vector instruction from 64-bit integers everywhere */
INLINE f8 power_f8(uint64_t b) { return float_f8((int64_t)(b >> 52 | 0x4330000000000000)) - 4503599627371519.0; }
INLINE f4 shrink_f4(uint32_t b) { return float_f4((int32_t)(0x7f000000 - (b & 0xff800000))); }
INLINE f8 shrink_f8(uint64_t b) { return float_f8((int64_t)(0x7fe0000000000000 - (b & 0xfff0000000000000))); }

#define DEFINE_LOGARITHMS(T, U, SMALLEST, SCALE, PLACES, LARGE)                                                        \
    INLINE T log_##T(T x)                                                                                              \
    {                                                                                                                  \
        U b = SPLIT_##T(x < (T)SMALLEST ? x * (T)SCALE : x);                                                           \
        T y = joined_##T(rest_##T(b), power_##T(b) - (x < (T)SMALLEST ? (T)PLACES : 0));                               \
        return x > 0 && x < (T)INFINITY ? y : x < 0 ? (T)NAN : x == 0 ? -(T)INFINITY : x;                              \
    }                                                                                                                  \
    INLINE T log1p_##T(T given)                                                                                        \
    {                                                                                                                  \
        T x = given > (T)LARGE ? given * (T)0.25 : given;                                                              \
        U b = SPLIT_##T(1 + x);                                                                                        \
        T shrink = shrink_##T(b), f = MAD_##T(x, shrink, shrink - 1);                                                  \
        T y = joined_##T(f, power_##T(b) + (given > (T)LARGE ? 2 : 0));                                                \
        T right = given > -1 && given < (T)INFINITY ? y : given < -1 ? (T)NAN : given == -1 ? -(T)INFINITY : given;    \
        return given == 0 ? given : right;                                                                             \
    }

DEFINE_LOGARITHMS(f4, uint32_t, 1.17549435e-38, 33554432.0, 25, 1e30)
DEFINE_LOGARITHMS(f8, uint64_t, 2.2250738585072014e-308, 18014398509481984.0, 54, 1e300)

/* NumPy's rules: NaN wins, and a sign has the sign of NaN too. */
#define DEFINE_PLAIN(T, S)                                                                                             \
    INLINE T sign_##T(T a) { return a > 0 ? 1 : a < 0 ? -1 : a; }                                                      \
    INLINE T rint_##T(T a) { return rint##S(a); }                                                                      \
    INLINE T floor_##T(T a) { return floor##S(a); }                                                                    \
    INLINE T ceil_##T(T a) { return ceil##S(a); }                                                                      \
    INLINE T trunc_##T(T a) { return trunc##S(a); }                                                                    \
    INLINE T sqrt_##T(T a) { return sqrt##S(a); }

DEFINE_PLAIN(f4, f)
DEFINE_PLAIN(f8, )
