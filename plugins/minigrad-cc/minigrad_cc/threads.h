/* The outermost axis cut in equal parts, as many as the call says, whoever makes them; totals are added up in the order
 * of the parts. */
typedef struct {
    const int64_t *a;
    int64_t first, last;
    f8 totals[TOTALS + 1];
    int failed;
} share_t;

/* Shares parts among threads; set when the kernel is loaded. */
void (*minigrad_share)(void (*task)(void *, int64_t), void *context, int64_t parts) = 0;

static void one_share(void *shares, int64_t k)
{
    share_t *s = (share_t *)shares + k;
    s->failed = part(s->a, s->first, s->last, s->totals);
}

static int shared(const int64_t *a, int64_t parts)
{
    enum { MOST = 64 };
    share_t shares[MOST];
    int64_t n = a[0], count = parts > MOST ? MOST : parts;
    int failed = 0;
    if (count > n)
        count = n;
    if (count < 1)
        count = 1;
    for (int64_t k = 0; k < count; ++k)
        shares[k] = (share_t){a, n * k / count, n * (k + 1) / count, {0}, 0};
    if (count > 1 && minigrad_share)
        minigrad_share(one_share, shares, count);
    else
        for (int64_t k = 0; k < count; ++k)
            one_share(shares, k);
    for (int64_t k = 0; k < count; ++k)
        failed |= shares[k].failed;
    for (int64_t k = 1; k < count; ++k)
        for (int t = 0; t < TOTALS; ++t)
            shares[0].totals[t] += shares[k].totals[t];
    written(a, shares[0].totals);
    return failed;
}
