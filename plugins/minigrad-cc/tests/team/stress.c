/* Jobs for the team from several threads at once, in rows, with forks between; every part must be made exactly once. */
#include "../../minigrad_cc/team.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PARTS = 37 };
typedef struct {
    int64_t made[PARTS];
} job_t;

static void part(void *job, int64_t k) { ((job_t *)job)->made[k] += k + 1; }

static void inner(void *job, int64_t k)
{
    job_t own = {{0}};
    minigrad_team(part, &own, PARTS);
    ((job_t *)job)->made[k] += own.made[PARTS - 1] == PARTS ? k + 1 : -1000;
}

static int wrong(int rounds)
{
    int count = 0;
    for (int r = 0; r < rounds; ++r) {
        job_t job = {{0}};
        minigrad_team(r % 8 == 7 ? inner : part, &job, PARTS);
        for (int k = 0; k < PARTS; ++k)
            count += job.made[k] != k + 1;
    }
    return count;
}

static void *user(void *rounds) { return (void *)(intptr_t)wrong(*(int *)rounds); }

int main(int n, char **words)
{
    int rounds = n > 1 ? atoi(words[1]) : 1000, forks = n > 2 ? atoi(words[2]) : 10, failed = 0;
    minigrad_team_size(n > 3 ? atoi(words[3]) : 3, 2);
    for (int f = 0; f < forks; ++f) {
        pthread_t users[2];
        void *result;
        for (int k = 0; k < 2; ++k)
            pthread_create(&users[k], 0, user, &rounds);
        failed += wrong(rounds);
        pid_t child = fork(); /* while the users' threads are at work */
        if (!child)
            _exit(wrong(rounds) != 0);
        int status = 1;
        waitpid(child, &status, 0);
        failed += status != 0;
        for (int k = 0; k < 2; ++k) {
            pthread_join(users[k], &result);
            failed += result != 0;
        }
    }
    printf("%d wrong\n", failed);
    return failed != 0;
}
