/* The outermost axis cut in equal parts, one for each worker; totals are added up in the order of the parts. */
#include <pthread.h>

typedef struct {
    const int64_t *a;
    int64_t first, last;
    f8 totals[TOTALS + 1];
    int failed;
} share_t;

static void *one_share(void *given)
{
    share_t *s = (share_t *)given;
    s->failed = part(s->a, s->first, s->last, s->totals);
    return 0;
}

static int shared(const int64_t *a, int64_t workers)
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    share_t shares[MOST];
    int64_t n = a[0], count = workers > MOST ? MOST : workers, started = 1;
    int failed = 0;
    if (count > n)
        count = n;
    if (count < 1)
        count = 1;
    for (int64_t k = 0; k < count; ++k)
        shares[k] = (share_t){a, n * k / count, n * (k + 1) / count, {0}, 0};
    for (; started < count; ++started)
        if (pthread_create(&threads[started], 0, one_share, &shares[started]))
            break;
    one_share(&shares[0]);
    for (int64_t k = started; k < count; ++k) /* no more threads to be had: the rest is done here */
        one_share(&shares[k]);
    for (int64_t k = 1; k < started; ++k)
        pthread_join(threads[k], 0);
    for (int64_t k = 0; k < count; ++k)
        failed |= shares[k].failed;
    for (int64_t k = 1; k < count; ++k)
        for (int t = 0; t < TOTALS; ++t)
            shares[0].totals[t] += shares[k].totals[t];
    written(a, shares[0].totals);
    return failed;
}
