/* One team of threads for the whole process. It is started at the first work that is shared and sleeps in between. A job
 * is a number of parts; whoever is free takes the next one, and who asked works along. So a job ends even if no other
 * thread ever comes, and which thread makes a part changes nothing: parts are cut beforehand. Somebody else's job (of a
 * thread of the user's, or a job within a job) is done by the one who asks, alone. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

typedef void (*task_t)(void *context, int64_t part);
enum { MOST_THREADS = 64, MOST_PARTS = 0xffff, PATIENCE = 4000 };

static struct {
    pthread_mutex_t owner;              /* held as long as a job is under way */
    pthread_mutex_t lock;               /* for the two below, and for sleepers to go to sleep */
    pthread_cond_t wake, done;
    _Atomic uint64_t ticket;            /* number of the job (32 bits), its parts (16), the next of them (16) */
    _Atomic int64_t left;               /* parts that are not finished */
    _Atomic int sleepers, waiting;
    task_t task;
    void *context;
    int threads, started, patience, watches_forks;
} team = {.owner = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER, .threads = 1};
static _Thread_local int alone; /* whether this thread shares nothing: it is one of the team, or has been told to */

static inline void breathe(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int has_part(uint64_t ticket) { return (ticket & 0xffff) < (ticket >> 16 & 0xffff); }

/* Takes parts of the present job until there are none. Task and context are read after a part has been taken: the job
 * cannot end before that part. */
static void work(void)
{
    uint64_t now = atomic_load(&team.ticket);
    while (has_part(now)) {
        if (!atomic_compare_exchange_weak(&team.ticket, &now, now + 1))
            continue;
        team.task(team.context, (int64_t)(now & 0xffff));
        if (atomic_fetch_sub(&team.left, 1) == 1 && atomic_load(&team.waiting)) {
            pthread_mutex_lock(&team.lock);
            pthread_cond_signal(&team.done);
            pthread_mutex_unlock(&team.lock);
        }
        now = atomic_load(&team.ticket);
    }
}

static void *member(void *nothing)
{
    alone = 1;
    for (;;) {
        for (int k = 0; k < team.patience && !has_part(atomic_load(&team.ticket)); ++k)
            breathe();
        if (!has_part(atomic_load(&team.ticket))) {
            pthread_mutex_lock(&team.lock);
            atomic_fetch_add(&team.sleepers, 1);
            while (!has_part(atomic_load(&team.ticket)))
                pthread_cond_wait(&team.wake, &team.lock);
            atomic_fetch_sub(&team.sleepers, 1);
            pthread_mutex_unlock(&team.lock);
        }
        work();
    }
    return nothing;
}

/* In a forked child there are no other threads, and whatever they held is free. */
static void after_fork(void)
{
    pthread_mutex_init(&team.owner, 0);
    pthread_mutex_init(&team.lock, 0);
    pthread_cond_init(&team.wake, 0);
    pthread_cond_init(&team.done, 0);
    atomic_store(&team.ticket, 0);
    atomic_store(&team.left, 0);
    atomic_store(&team.sleepers, 0);
    atomic_store(&team.waiting, 0);
    team.started = 0;
}

static void start(void)
{
    sigset_t all, before;
    pthread_attr_t detached;
    if (!team.watches_forks)
        team.watches_forks = !pthread_atfork(0, 0, after_fork);
    sigfillset(&all); /* signals are the user's threads' */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (team.started < team.threads - 1) {
        pthread_t thread;
        if (pthread_create(&thread, &detached, member, 0))
            break;
        ++team.started;
    }
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

/* How many threads work, the caller among them, and how many of them have a processor to themselves: where there are
 * fewer processors than threads nobody waits awake. Before the first job. */
void minigrad_team_size(int64_t threads, int64_t processors)
{
    team.threads = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : (int)threads;
    team.patience = threads <= processors ? PATIENCE : 0;
}

/* Whether this thread shares its work. */
void minigrad_team_alone(int64_t yes) { alone = yes != 0; }

/* Calls task(context, 0 .. parts - 1), and returns when all have been made. */
void minigrad_team(task_t task, void *context, int64_t parts)
{
    if (parts <= 1 || parts > MOST_PARTS || alone || team.threads <= 1 || pthread_mutex_trylock(&team.owner)) {
        for (int64_t k = 0; k < parts; ++k)
            task(context, k);
        return;
    }
    if (team.started < team.threads - 1)
        start();
    team.task = task;
    team.context = context;
    atomic_store(&team.left, parts);
    uint64_t number = (atomic_load(&team.ticket) >> 32) + 1;
    atomic_store(&team.ticket, number << 32 | (uint64_t)parts << 16);
    if (atomic_load(&team.sleepers)) {
        pthread_mutex_lock(&team.lock);
        pthread_cond_broadcast(&team.wake);
        pthread_mutex_unlock(&team.lock);
    }
    alone = 1; /* a job within a job is not shared */
    work();
    alone = 0;
    for (int k = 0; k < team.patience && atomic_load(&team.left); ++k)
        breathe();
    if (atomic_load(&team.left)) {
        pthread_mutex_lock(&team.lock);
        atomic_store(&team.waiting, 1);
        while (atomic_load(&team.left))
            pthread_cond_wait(&team.done, &team.lock);
        atomic_store(&team.waiting, 0);
        pthread_mutex_unlock(&team.lock);
    }
    pthread_mutex_unlock(&team.owner);
}
