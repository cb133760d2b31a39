/* -- windows of images, and sums over leading axes ------------------------------------------------------------------
 * Axes run over places, outermost first: how many, steps in the image and in the result, in entries; of the innermost
 * the result's step is 1. Offsets say where in the image the entries of a window lie, from the window's first. */
#define DEFINE_WINDOWS(T)                                                                                              \
    static void pool_row_##T(const T *x, T *y, i8 n, i8 step, const i8 *offsets, i8 count)                             \
    {                                                                                                                  \
        for (i8 j = 0; j < n; ++j)                                                                                     \
            y[j] = x[offsets[0] + j * step];                                                                           \
        for (i8 k = 1; k < count; ++k) {                                                                               \
            const T *v = x + offsets[k];                                                                               \
            if (step == 1)                                                                                             \
                for (i8 j = 0; j < n; ++j)                                                                             \
                    y[j] = y[j] > v[j] || y[j] != y[j] ? y[j] : v[j];                                                  \
            else                                                                                                       \
                for (i8 j = 0; j < n; ++j)                                                                             \
                    y[j] = y[j] > v[j * step] || y[j] != y[j] ? y[j] : v[j * step];                                    \
        }                                                                                                              \
    }                                                                                                                  \
    static void pool_##T(const T *x, T *y, const i8 *axes, i8 depth, const i8 *offsets, i8 count)                      \
    {                                                                                                                  \
        if (depth == 1)                                                                                                \
            pool_row_##T(x, y, axes[0], axes[1], offsets, count);                                                      \
        else                                                                                                           \
            for (i8 i = 0; i < axes[0]; ++i)                                                                           \
                pool_##T(x + i * axes[1], y + i * axes[2], axes + 3, depth - 1, offsets, count);                       \
    }                                                                                                                  \
    static void pool_part_##T(void *job, i8 part)                                                                      \
    {                                                                                                                  \
        const i8 *a = ((job_t *)job)->a, parts = ((job_t *)job)->parts;                                                \
        i8 axes[3 * MOST_AXES], first = a[4] * part / parts, last = a[4] * (part + 1) / parts;                         \
        memcpy(axes, a + 4, (size_t)(3 * a[2]) * sizeof(i8));                                                          \
        axes[0] = last - first;                                                                                        \
        pool_##T((const T *)a[0] + first * a[5], (T *)a[1] + first * a[6], axes, a[2], a + 4 + 3 * a[2], a[3]);        \
    }                                                                                                                  \
    /* a: image, result, number of axes, of offsets, axes, offsets */                                                  \
    int minigrad_max_pool_##T(const i8 *a, i8 parts)                                                                   \
    {                                                                                                                  \
        job_t job = {a, parts < 1 ? 1 : parts};                                                                        \
        minigrad_team(pool_part_##T, &job, job.parts);                                                                 \
        return 0;                                                                                                      \
    }                                                                                                                  \
    enum { BLOCK_##T = 256 };                                                                                          \
    static void unpool_row_##T(const T *g, const T *x, const T *y, T *out, i8 n, i8 step, const i8 *offsets, i8 count) \
    {                                                                                                                  \
        T share[BLOCK_##T];                                                                                            \
        for (i8 from = 0; from < n; from += BLOCK_##T) {                                                               \
            i8 m = n - from < BLOCK_##T ? n - from : BLOCK_##T;                                                        \
            for (i8 j = 0; j < m; ++j)                                                                                 \
                share[j] = 0;                                                                                          \
            for (i8 k = 0; k < count; ++k)                                                                             \
                for (i8 j = 0; j < m; ++j)                                                                             \
                    share[j] += (T)(x[offsets[k] + (from + j) * step] == y[from + j]);                                 \
            for (i8 j = 0; j < m; ++j)                                                                                 \
                share[j] = share[j] > 1 ? g[from + j] / share[j] : g[from + j];                                        \
            for (i8 k = 0; k < count; ++k)                                                                             \
                for (i8 j = 0; j < m; ++j) {                                                                           \
                    i8 at = offsets[k] + (from + j) * step;                                                            \
                    out[at] = share[j] * (T)(x[at] == y[from + j]);                                                    \
                }                                                                                                      \
        }                                                                                                              \
    }                                                                                                                  \
    static void unpool_##T(const T *g, const T *x, const T *y, T *out, const i8 *axes, i8 depth, const i8 *offsets,    \
                           i8 count)                                                                                   \
    {                                                                                                                  \
        if (depth == 1 && axes[1] == 1)                                                                                \
            unpool_row_##T(g, x, y, out, axes[0], 1, offsets, count);                                                  \
        else if (depth == 1)                                                                                           \
            unpool_row_##T(g, x, y, out, axes[0], axes[1], offsets, count);                                            \
        else                                                                                                           \
            for (i8 i = 0; i < axes[0]; ++i)                                                                           \
                unpool_##T(g + i * axes[2], x + i * axes[1], y + i * axes[2], out + i * axes[1], axes + 3, depth - 1,  \
                           offsets, count);                                                                            \
    }                                                                                                                  \
    static void unpool_part_##T(void *job, i8 part)                                                                    \
    {                                                                                                                  \
        const i8 *a = ((job_t *)job)->a, parts = ((job_t *)job)->parts;                                                \
        i8 axes[3 * MOST_AXES], first = a[6] * part / parts, last = a[6] * (part + 1) / parts;                         \
        i8 here = first * a[7], there = first * a[8];                                                                  \
        memcpy(axes, a + 6, (size_t)(3 * a[4]) * sizeof(i8));                                                          \
        axes[0] = last - first;                                                                                        \
        unpool_##T((const T *)a[0] + there, (const T *)a[1] + here, (const T *)a[2] + there, (T *)a[3] + here, axes,   \
                   a[4], a + 6 + 3 * a[4], a[5]);                                                                      \
    }                                                                                                                  \
    /* a: gradient, image, largest entries, result, number of axes, of offsets, axes, offsets */                       \
    int minigrad_max_pool_backward_##T(const i8 *a, i8 parts)                                                          \
    {                                                                                                                  \
        job_t job = {a, parts < 1 ? 1 : parts};                                                                        \
        minigrad_team(unpool_part_##T, &job, job.parts);                                                               \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static void add_windows_##T(const T *g, T *out, const i8 *axes, i8 depth, i8 apart)                                \
    {                                                                                                                  \
        i8 n = axes[0], there = axes[1], here = axes[2];                                                               \
        if (depth > 1)                                                                                                 \
            for (i8 i = 0; i < n; ++i)                                                                                 \
                add_windows_##T(g + i * here, out + i * there, axes + 3, depth - 1, apart);                            \
        else if (apart)                                                                                                \
            for (i8 j = 0; j < n; ++j)                                                                                 \
                out[j * there] = g[j * here];                                                                          \
        else if (there == 1 && here == 1)                                                                              \
            for (i8 j = 0; j < n; ++j)                                                                                 \
                out[j] += g[j];                                                                                        \
        else                                                                                                           \
            for (i8 j = 0; j < n; ++j)                                                                                 \
                out[j * there] += g[j * here];                                                                         \
    }                                                                                                                  \
    static void overlap_part_##T(void *job, i8 part)                                                                   \
    {                                                                                                                  \
        const i8 *a = ((job_t *)job)->a, parts = ((job_t *)job)->parts, *axes = a + 8, *offsets = axes + 3 * a[2];     \
        for (i8 i = a[4] * part / parts; i < a[4] * (part + 1) / parts; ++i) {                                         \
            const T *windows = (const T *)a[0] + i * a[6];                                                             \
            T *image = (T *)a[1] + i * a[5];                                                                           \
            memset(image, 0, (size_t)a[5] * sizeof(T));                                                                \
            for (i8 k = 0; k < a[3]; ++k)                                                                              \
                add_windows_##T(windows + offsets[2 * k + 1], image + offsets[2 * k], axes, a[2], a[7]);               \
        }                                                                                                              \
    }                                                                                                                  \
    /* a: windows, result, number of axes, of offsets, of images, from one image to the next in the result (all of it) \
     * and in the windows, whether windows are apart, so that -0 stays -0, axes, offsets in image and windows */       \
    int minigrad_overlap_add_##T(const i8 *a, i8 parts)                                                                \
    {                                                                                                                  \
        job_t job = {a, parts < 1 ? 1 : parts};                                                                        \
        minigrad_team(overlap_part_##T, &job, job.parts);                                                              \
        return 0;                                                                                                      \
    }                                                                                                                  \
    static void sum_rows_part_##T(void *job, i8 part)                                                                  \
    {                                                                                                                  \
        const i8 *a = ((job_t *)job)->a, parts = ((job_t *)job)->parts, rows = a[3], width = a[4];                     \
        for (i8 k = a[2] * part / parts; k < a[2] * (part + 1) / parts; ++k) {                                         \
            const T *x = (const T *)a[0] + k * rows * width;                                                           \
            T *y = (T *)a[1] + k * width;                                                                              \
            if (width == 1) {                                                                                          \
                *y = 0 + pairwise_##T(x, rows);                                                                        \
                continue;                                                                                              \
            }                                                                                                          \
            for (i8 j = 0; j < width; ++j) /* NumPy begins with 0: of -0 becomes 0 */                                  \
                y[j] = 0 + x[j];                                                                                       \
            for (i8 i = 1; i < rows; ++i)                                                                              \
                for (i8 j = 0; j < width; ++j)                                                                         \
                    y[j] += x[i * width + j];                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    /* a: x, result, length of the stack, rows, width: rows one after another, single numbers in pairs */              \
    int minigrad_sum_rows_##T(const i8 *a, i8 parts)                                                                   \
    {                                                                                                                  \
        job_t job = {a, parts < 1 ? 1 : parts};                                                                        \
        minigrad_team(sum_rows_part_##T, &job, job.parts);                                                             \
        return 0;                                                                                                      \
    }

DEFINE_WINDOWS(f4)
DEFINE_WINDOWS(f8)
