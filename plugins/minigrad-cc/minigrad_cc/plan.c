/* A plan: a table of calls, made one after another until one refuses. Arguments are arrays of 64-bit integers; what
 * refuses (1) has left memory so that NumPy can make the same call, or has not been told how to make it at all. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/*team.h*/

typedef float f4;
typedef double f8;
typedef int64_t i8;
typedef int (*routine_t)(const i8 *a, i8 parts);
typedef struct {
    routine_t call;
    const i8 *a;
    i8 parts;
} entry_t;

/* Returns the number of the entry that refused, or n. */
i8 minigrad_plan(const entry_t *plan, i8 at, i8 n)
{
    for (; at < n; ++at)
        if (plan[at].call(plan[at].a, plan[at].parts))
            break;
    return at;
}

/* The matrix library's own threads rest while plans run: how many it has, before the first of them and after the last. */
static struct {
    int (*get)(void);
    void (*set)(int);
    int plans, threads;
    i8 generation; /* of processes: what began in the parent does not end in the child */
    pthread_mutex_t lock;
} blas = {0, 0, 0, 1, 1, PTHREAD_MUTEX_INITIALIZER};

static void blas_after_fork(void)
{
    pthread_mutex_init(&blas.lock, 0);
    if (blas.plans && blas.threads > 1)
        blas.set(blas.threads);
    blas.plans = 0;
    ++blas.generation;
}

void minigrad_blas_threads(int (*get)(void), void (*set)(int))
{
    blas.get = get;
    blas.set = set;
    pthread_atfork(0, 0, blas_after_fork);
}

/* *held: who wants it; 0 at first, and again after the end. What is said twice counts once. */
void minigrad_blas_hold(i8 *held, i8 begins)
{
    if (!blas.get)
        return;
    pthread_mutex_lock(&blas.lock);
    if (begins ? *held != blas.generation : *held == blas.generation) {
        if (begins && !blas.plans++) {
            blas.threads = blas.get();
            if (blas.threads > 1)
                blas.set(1);
        } else if (!begins && !--blas.plans && blas.threads > 1)
            blas.set(blas.threads);
        *held = begins ? blas.generation : 0;
    }
    pthread_mutex_unlock(&blas.lock);
}

/* A plan from outside. a: its address, the first entry, n, whether it may share its work: in memory, since each argument
 * of a call from Python costs a tenth of a microsecond. */
i8 minigrad_run(const i8 *a)
{
    int before = alone;
    i8 held = 0, at;
    alone = !a[3];
    minigrad_blas_hold(&held, 1);
    at = minigrad_plan((const entry_t *)a[0], a[1], a[2]);
    minigrad_blas_hold(&held, 0);
    alone = before;
    return at;
}

int minigrad_refuse(const i8 *a, i8 parts) { return 1; }

/* a: whether to run at all, address of a plan, its length, whether it has run: an interrupt may lose the answer */
int minigrad_nested(const i8 *a, i8 parts)
{
    if (!a[0] || minigrad_plan((const entry_t *)a[1], 0, a[2]) < a[2]) return 1;
    ((i8 *)a)[3] = 1;
    return 0;
}

/* -- products, by the matrix library that NumPy has loaded ---------------------------------------------------------- */
typedef void (*gemm_f4_t)(int, int, int, i8, i8, i8, f4, const f4 *, i8, const f4 *, i8, f4, f4 *, i8);
typedef void (*gemm_f8_t)(int, int, int, i8, i8, i8, f8, const f8 *, i8, const f8 *, i8, f8, f8 *, i8);
typedef void (*gemv_f4_t)(int, int, i8, i8, f4, const f4 *, i8, const f4 *, i8, f4, f4 *, i8);
typedef void (*gemv_f8_t)(int, int, i8, i8, f8, const f8 *, i8, const f8 *, i8, f8, f8 *, i8);
typedef f4 (*dot_f4_t)(i8, const f4 *, i8, const f4 *, i8);
typedef f8 (*dot_f8_t)(i8, const f8 *, i8, const f8 *, i8);
enum { ROWS = 101 };

enum { PLAIN = 111, TURNED = 112, CUT_ROWS = 0, CUT_COLUMNS = 1, CUT_STACK = 2 };
typedef struct {
    const i8 *a;
    i8 parts;
} job_t;

/* Where part k of a length begins, in whole tiles. */
static i8 cut(i8 n, i8 k, i8 parts, i8 tile) { return k == parts ? n : (n * k / parts + tile / 2) / tile * tile; }

/* a: function, A, B, C, op(A), op(B), m, n, k, lda, ldb, ldc, then twice: how many, bytes from one to the next in A, B
 * and C; what is cut in parts (rows of C, its columns, or the stack) plus 4 times the rows or columns of a tile */
#define DEFINE_PRODUCTS(T)                                                                                             \
    static void gemm_part_##T(void *job, i8 part)                                                                      \
    {                                                                                                                  \
        const i8 *a = ((job_t *)job)->a, parts = ((job_t *)job)->parts, count = a[12] * a[16];                         \
        i8 m0 = 0, m1 = a[6], n0 = 0, n1 = a[7], first = 0, last = count, tile = a[20] / 4;                            \
        if (a[20] % 4 == CUT_ROWS)                                                                                     \
            m0 = cut(m1, part, parts, tile), m1 = cut(m1, part + 1, parts, tile);                                      \
        else if (a[20] % 4 == CUT_COLUMNS)                                                                             \
            n0 = cut(n1, part, parts, tile), n1 = cut(n1, part + 1, parts, tile);                                      \
        else                                                                                                           \
            first = count * part / parts, last = count * (part + 1) / parts;                                           \
        if (m0 == m1 || n0 == n1)                                                                                      \
            return;                                                                                                    \
        for (i8 e = first; e < last; ++e) {                                                                            \
            i8 i = e / a[16], j = e % a[16];                                                                           \
            const T *x = (const T *)(a[1] + i * a[13] + j * a[17]) + m0 * (a[4] == PLAIN ? a[9] : 1);                  \
            const T *y = (const T *)(a[2] + i * a[14] + j * a[18]) + n0 * (a[5] == PLAIN ? 1 : a[10]);                 \
            T *z = (T *)(a[3] + i * a[15] + j * a[19]) + m0 * a[11] + n0;                                              \
            ((gemm_##T##_t)a[0])(ROWS, (int)a[4], (int)a[5], m1 - m0, n1 - n0, a[8], 1, x, a[9], y, a[10], 0, z,       \
                                 a[11]);                                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    int minigrad_gemm_##T(const i8 *a, i8 parts)                                                                       \
    {                                                                                                                  \
        job_t job = {a, parts < 1 ? 1 : parts};                                                                        \
        minigrad_team(gemm_part_##T, &job, job.parts);                                                                 \
        return 0;                                                                                                      \
    }                                                                                                                  \
    /* a: function, A, x, y, order, op(A), rows, columns, lda, step of x */                                            \
    int minigrad_gemv_##T(const i8 *a, i8 parts)                                                                     \
    {                                                                                                                  \
        ((gemv_##T##_t)a[0])((int)a[4], (int)a[5], a[6], a[7], 1, (const T *)a[1], a[8], (const T *)a[2], a[9], 0,     \
                             (T *)a[3], 1);                                                                            \
        return 0;                                                                                                      \
    }                                                                                                                  \
    /* a: function, x, y, result, how many, step of x, step of y */                                                    \
    int minigrad_dot_##T(const i8 *a, i8 parts)                                                                      \
    {                                                                                                                  \
        *(T *)a[3] = ((dot_##T##_t)a[0])(a[4], (const T *)a[1], a[5], (const T *)a[2], a[6]);                          \
        return 0;                                                                                                      \
    }                                                                                                                  \
    /* a: function, x, result, how many, least (a double); refuses where the sum of squares is beyond least or largest */\
    int minigrad_squared_norm_##T(const i8 *a, i8 parts)                                                             \
    {                                                                                                                  \
        const T *x = (const T *)a[1];                                                                                  \
        T square = ((dot_##T##_t)a[0])(a[3], x, 1, x, 1);                                                              \
        *(T *)a[2] = square;                                                                                           \
        return !((f8)square >= *(const f8 *)a[4] && square < (T)INFINITY);                                             \
    }                                                                                                                  \
    /* a: function, x, how many */                                                                                     \
    int minigrad_finite_##T(const i8 *a, i8 parts)                                                                   \
    {                                                                                                                  \
        const T *x = (const T *)a[1];                                                                                  \
        return !isfinite(((dot_##T##_t)a[0])(a[2], x, 1, x, 1));                                                       \
    }

DEFINE_PRODUCTS(f4)
DEFINE_PRODUCTS(f8)

/* -- single numbers, and sums of all entries as NumPy adds them up ----------------------------------------------------- */
#define DEFINE_SUMS(T)                                                                                                 \
    static T pairwise_##T(const T *x, i8 n)                                                                            \
    {                                                                                                                  \
        if (n < 8) {                                                                                                   \
            T sum = (T)-0.0;                                                                                           \
            for (i8 k = 0; k < n; ++k)                                                                                 \
                sum += x[k];                                                                                           \
            return sum;                                                                                                \
        }                                                                                                              \
        if (n > 128) {                                                                                                 \
            i8 half = n / 2;                                                                                           \
            half -= half % 8;                                                                                          \
            return pairwise_##T(x, half) + pairwise_##T(x + half, n - half);                                           \
        }                                                                                                              \
        T r[8];                                                                                                        \
        memcpy(r, x, sizeof r);                                                                                        \
        i8 k = 8;                                                                                                      \
        for (; k < n - n % 8; k += 8)                                                                                  \
            for (int j = 0; j < 8; ++j)                                                                                \
                r[j] += x[k + j];                                                                                      \
        T sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));                                     \
        for (; k < n; ++k)                                                                                             \
            sum += x[k];                                                                                               \
        return sum;                                                                                                    \
    }                                                                                                                  \
    /* a: x, result, how many */                                                                                       \
    int minigrad_sum_##T(const i8 *a, i8 parts)                                                                      \
    {                                                                                                                  \
        *(T *)a[1] = 0 + pairwise_##T((const T *)a[0], a[2]);                                                          \
        return 0;                                                                                                      \
    }                                                                                                                  \
    /* a: x, y, result, what */                                                                                        \
    int minigrad_number_##T(const i8 *a, i8 parts)                                                                   \
    {                                                                                                                  \
        T x = *(const T *)a[0], y = *(const T *)a[1];                                                                  \
        *(T *)a[2] = a[3] == 0 ? x + y : a[3] == 1 ? x - y : a[3] == 2 ? x * y : x / y;                                \
        return 0;                                                                                                      \
    }

DEFINE_SUMS(f4)
DEFINE_SUMS(f8)

/* -- moves ---------------------------------------------------------------------------------------------------------- */
#define MOVE_LINE(U)                                                                                                   \
    for (i8 j = 0; j < n; ++j)                                                                                         \
        *(U *)(to + j * to_step) = *(const U *)(from + j * from_step)

/* A transposed matrix, square by square: row by row each entry read would be in another line of the cache. */
enum { SQUARE = 16 };
#define DEFINE_TURN(U)                                                                                                 \
    static void turn_##U(const char *from, char *to, i8 rows, i8 columns, i8 down, i8 across)                          \
    {                                                                                                                  \
        for (i8 i = 0; i < rows; i += SQUARE)                                                                          \
            for (i8 j = 0; j < columns; j += SQUARE) {                                                                 \
                i8 m = rows - i < SQUARE ? rows - i : SQUARE, n = columns - j < SQUARE ? columns - j : SQUARE;         \
                const char *x = from + i * (i8)sizeof(U) + j * across;                                                 \
                for (i8 k = 0; k < m; ++k, x += sizeof(U)) {                                                           \
                    U *y = (U *)(to + (i + k) * down) + j;                                                             \
                    if (n == SQUARE)                                                                                   \
                        for (int l = 0; l < SQUARE; ++l)                                                               \
                            y[l] = *(const U *)(x + l * across);                                                       \
                    else                                                                                               \
                        for (int l = 0; l < n; ++l)                                                                    \
                            y[l] = *(const U *)(x + l * across);                                                       \
                }                                                                                                      \
            }                                                                                                          \
    }

DEFINE_TURN(uint32_t)
DEFINE_TURN(uint64_t)

enum { MOST_AXES = 32 };

static void copy_axes(const char *from, char *to, const i8 *axes, i8 count, i8 size)
{
    i8 n = axes[0], from_step = axes[1], to_step = axes[2];
    int turned = count == 2 && from_step == size && axes[5] == size && axes[4] != size;
    if (turned && size == 4)
        turn_uint32_t(from, to, n, axes[3], to_step, axes[4]);
    else if (turned && size == 8)
        turn_uint64_t(from, to, n, axes[3], to_step, axes[4]);
    else if (count > 1) {
        for (i8 i = 0; i < n; ++i)
            copy_axes(from + i * from_step, to + i * to_step, axes + 3, count - 1, size);
    } else if (from_step == size && to_step == size)
        memcpy(to, from, (size_t)(n * size));
    else if (size == 4)
        MOVE_LINE(uint32_t);
    else if (size == 8)
        MOVE_LINE(uint64_t);
    else
        for (i8 j = 0; j < n; ++j)
            memcpy(to + j * to_step, from + j * from_step, (size_t)size);
}

/* The outermost axis from `first` to `last`. */
static void copy_part(void *job, i8 part)
{
    const i8 *a = ((job_t *)job)->a, parts = ((job_t *)job)->parts, count = a[3];
    i8 axes[3 * MOST_AXES], first = a[4] * part / parts, last = a[4] * (part + 1) / parts;
    memcpy(axes, a + 4, (size_t)(3 * count) * sizeof(i8));
    axes[0] = last - first;
    copy_axes((const char *)a[0] + first * a[5], (char *)a[1] + first * a[6], axes, count, a[2]);
}

/* a: from, to, bytes of an entry, number of axes, then for each: length, bytes to the next entry in either */
int minigrad_copy(const i8 *a, i8 parts)
{
    job_t job = {a, parts};
    if (parts > 1 && a[3] <= MOST_AXES)
        minigrad_team(copy_part, &job, parts);
    else
        copy_axes((const char *)a[0], (char *)a[1], a + 4, a[3], a[2]);
    return 0;
}

/* a: to, bytes */
int minigrad_zero(const i8 *a, i8 parts)
{
    memset((void *)a[0], 0, (size_t)a[1]);
    return 0;
}

static int all_below(const i8 *x, i8 n, i8 high)
{
    uint64_t wrong = 0;
    for (i8 k = 0; k < n; ++k)
        wrong |= (uint64_t)x[k] >= (uint64_t)high;
    return !wrong;
}

/* a: integers, how many, high, whether one is ignored, which */
int minigrad_within(const i8 *a, i8 parts)
{
    const i8 *x = (const i8 *)a[0];
    if (all_below(x, a[1], a[2]))
        return 0;
    if (!a[3])
        return 1;
    for (i8 k = 0; k < a[1]; ++k)
        if ((uint64_t)x[k] >= (uint64_t)a[2] && x[k] != a[4])
            return 1;
    return 0;
}

/* a: places, matrix, how many, length, bytes of a number, its bits for 1. Of a matrix of zeros an entry for each place
 * becomes 1, `by_number` entries on from one to the next, and `by_place` for each that the place counts. */
static int set_ones(const i8 *a, i8 by_number, i8 by_place)
{
    const i8 *places = (const i8 *)a[0];
    i8 n = a[2];
    if (!all_below(places, n, a[3]))
        return 1;
    memset((void *)a[1], 0, (size_t)(n * a[3] * a[4]));
    if (a[4] == 4)
        for (i8 k = 0; k < n; ++k)
            ((uint32_t *)a[1])[k * by_number + places[k] * by_place] = (uint32_t)a[5];
    else
        for (i8 k = 0; k < n; ++k)
            ((uint64_t *)a[1])[k * by_number + places[k] * by_place] = (uint64_t)a[5];
    return 0;
}

/* a: see set_ones; a row for each label */
int minigrad_one_hot(const i8 *a, i8 parts) { return set_ones(a, a[3], 1); }

/* a: see set_ones; a row for each place, 1 where a column's place is that one */
int minigrad_place_matrix(const i8 *a, i8 parts) { return set_ones(a, 1, a[2]); }

/* a: x, places, result, rows, width, bytes of a number: the entry of each row that its place names */
int minigrad_take_of_rows(const i8 *a, i8 parts)
{
    const i8 *places = (const i8 *)a[1];
    i8 n = a[3], width = a[4];
    if (!all_below(places, n, width))
        return 1;
    if (a[5] == 4)
        for (i8 k = 0; k < n; ++k)
            ((uint32_t *)a[2])[k] = ((const uint32_t *)a[0])[k * width + places[k]];
    else
        for (i8 k = 0; k < n; ++k)
            ((uint64_t *)a[2])[k] = ((const uint64_t *)a[0])[k * width + places[k]];
    return 0;
}

/* a: x, places, result, blocks, length of the axis in a block, how many places, bytes of an entry of the axis */
int minigrad_take(const i8 *a, i8 parts)
{
    const i8 *places = (const i8 *)a[1];
    const char *from = (const char *)a[0];
    char *to = (char *)a[2];
    i8 count = a[5], size = a[6];
    if (!all_below(places, count, a[4]))
        return 1;
    for (i8 block = 0; block < a[3]; ++block, from += a[4] * size, to += count * size)
        switch (size) {
        case 4:
            for (i8 k = 0; k < count; ++k)
                ((uint32_t *)to)[k] = ((const uint32_t *)from)[places[k]];
            break;
        case 8:
            for (i8 k = 0; k < count; ++k)
                ((uint64_t *)to)[k] = ((const uint64_t *)from)[places[k]];
            break;
        default:
            for (i8 k = 0; k < count; ++k)
                memcpy(to + k * size, from + places[k] * size, (size_t)size);
        }
    return 0;
}

/* a: rows, places, sums, how many rows, how many sums, width, gemv, ones, memory for rows, for their numbers and for where
 * each place's begin: the rows of a place, in their order, are brought together and multiplied with ones, as NumPy does */
#define DEFINE_PUT_ALONG(T)                                                                                            \
    static void put_along_part_##T(void *job, i8 part)                                                                 \
    {                                                                                                                  \
        const i8 *a = ((job_t *)job)->a, parts = ((job_t *)job)->parts, width = a[5];                                  \
        const i8 *numbers = (const i8 *)a[9], *starts = (const i8 *)a[10];                                             \
        i8 first = a[4] * part / parts, last = a[4] * (part + 1) / parts;                                              \
        T *together = (T *)a[8] + starts[first] * width;                                                               \
        for (i8 place = first; place < last; ++place) {                                                                \
            i8 n = starts[place + 1] - starts[place];                                                                  \
            const i8 *row = numbers + starts[place];                                                                   \
            T *sum = (T *)a[2] + place * width;                                                                        \
            if (n < 2)                                                                                                 \
                for (i8 j = 0; j < width; ++j)                                                                         \
                    sum[j] = n ? 0 + ((const T *)a[0])[*row * width + j] : 0;                                          \
            else {                                                                                                     \
                for (i8 k = 0; k < n; ++k)                                                                             \
                    memcpy(together + k * width, (const T *)a[0] + row[k] * width, (size_t)width * sizeof(T));         \
                ((gemv_##T##_t)a[6])(ROWS, TURNED, n, width, 1, together, width, (const T *)a[7], 1, 0, sum, 1);       \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    int minigrad_put_along_##T(const i8 *a, i8 parts)                                                                  \
    {                                                                                                                  \
        const i8 *places = (const i8 *)a[1];                                                                           \
        i8 *numbers = (i8 *)a[9], *starts = (i8 *)a[10];                                                               \
        job_t job = {a, parts < 1 ? 1 : parts};                                                                        \
        if (!all_below(places, a[3], a[4]))                                                                            \
            return 1;                                                                                                  \
        memset(starts, 0, (size_t)(a[4] + 1) * sizeof(i8));                                                            \
        for (i8 k = 0; k < a[3]; ++k)                                                                                  \
            ++starts[places[k]];                                                                                       \
        for (i8 p = 0; p < a[4]; ++p) /* where each ends, and below, counted down, where it begins */                  \
            starts[p + 1] += starts[p];                                                                                \
        for (i8 k = a[3]; k-- > 0;)                                                                                    \
            numbers[--starts[places[k]]] = k;                                                                          \
        minigrad_team(put_along_part_##T, &job, job.parts);                                                            \
        return 0;                                                                                                      \
    }

DEFINE_PUT_ALONG(f4)
DEFINE_PUT_ALONG(f8)

/* -- numbers of an optimizer's step ----------------------------------------------------------------------------------- */
enum { ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, NEGATIVE, POSITIVE, ABSOLUTE,
       EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, TRUTH };

static int computed(i8 what, f8 x, f8 y, f8 *z)
{
    switch (what) {
    case ADD: *z = x + y; return 1;
    case SUBTRACT: *z = x - y; return 1;
    case MULTIPLY: *z = x * y; return 1;
    case DIVIDE: *z = x / y; return y != 0;
    case POWER: *z = pow(x, y); return x >= 0 && isfinite(*z);
    case NEGATIVE: *z = -x; return 1;
    case POSITIVE: *z = x; return 1;
    case ABSOLUTE: *z = fabs(x); return 1;
    case EQUAL: *z = x == y; return 1;
    case NOT_EQUAL: *z = x != y; return 1;
    case LESS: *z = x < y; return 1;
    case LESS_EQUAL: *z = x <= y; return 1;
    case GREATER: *z = x > y; return 1;
    case GREATER_EQUAL: *z = x >= y; return 1;
    case TRUTH: *z = x != 0; return 1;
    }
    return 0;
}

/* a: cells (doubles), how many steps, how many feeds; steps: what, x, y, place of the result or -1, then the truth that
 * it must have; feeds: address of a number, its bytes, cell */
int minigrad_scalars(const i8 *a, i8 parts)
{
    f8 *cells = (f8 *)a[0];
    const i8 *step = a + 3;
    for (i8 k = 0; k < a[1]; ++k, step += 5) {
        f8 z;
        if (!computed(step[0], cells[step[1]], cells[step[2]], &z))
            return 1;
        if (step[3] >= 0)
            cells[step[3]] = z;
        else if ((z != 0) != step[4])
            return 1;
    }
    for (i8 k = 0; k < a[2]; ++k, step += 3)
        if (step[1] == 4)
            *(f4 *)step[0] = (f4)cells[step[2]];
        else
            *(f8 *)step[0] = cells[step[2]];
    return 0;
}

/*windows.h*/
