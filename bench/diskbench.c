/* SPDX-License-Identifier: Apache-2.0 */
/* diskbench: the machine's storage limits that bound any mail server.
 *   diskbench append DIR SIZE COUNT [prealloc]      one writer, fdatasync per append
 *   diskbench create DIR SIZE COUNT THREADS MODE    MODE: none|fsync|fsync+dir (tmp file, rename, fsync of directory)
 *   diskbench group  DIR SIZE COUNT THREADS [prealloc]  one log, leader/follower group fdatasync
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static void die(const char *m) { perror(m); exit(1); }
static int cmp(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x < y ? -1 : x > y; }
static double *lat; static long nlat;
static void report(const char *name, double wall, long syncs) {
    qsort(lat, nlat, sizeof *lat, cmp);
    printf("%s n=%ld wall=%.3f rate=%.1f/s syncs=%ld p50=%.3fms p99=%.3fms max=%.3fms\n", name, nlat, wall, nlat / wall, syncs,
           lat[nlat / 2] * 1e3, lat[(long)(nlat * .99)] * 1e3, lat[nlat - 1] * 1e3);
}
static char *buf; static size_t size; static long count; static int threads; static const char *dir; static int mode;
static long next_i;

static void *creator(void *arg) {
    long id = (long)arg; char p[512], q[512];
    snprintf(p, sizeof p, "%s/d%ld", dir, id); mkdir(p, 0700);
    int dfd = open(p, O_RDONLY | O_DIRECTORY); if (dfd < 0) die("opendir");
    for (;;) {
        long i = __atomic_fetch_add(&next_i, 1, __ATOMIC_RELAXED);
        if (i >= count) break;
        double t = now();
        snprintf(p, sizeof p, "t%ld", i); snprintf(q, sizeof q, "m%ld", i);
        int fd = openat(dfd, mode == 2 ? p : q, O_CREAT | O_EXCL | O_WRONLY, 0600); if (fd < 0) die("create");
        if (write(fd, buf, size) != (ssize_t)size) die("write");
        if (mode >= 1 && fsync(fd)) die("fsync");
        close(fd);
        if (mode == 2) { if (renameat(dfd, p, dfd, q)) die("rename"); if (fsync(dfd)) die("fsync dir"); }
        lat[i] = now() - t;
    }
    close(dfd);
    return 0;
}
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER; static pthread_cond_t cv = PTHREAD_COND_INITIALIZER;
static uint64_t wrote_seq, synced_seq; static int syncing; static long nsync; static int logfd; static off_t logpos;
static void *grouper(void *arg) {
    (void)arg;
    for (;;) {
        long i = __atomic_fetch_add(&next_i, 1, __ATOMIC_RELAXED);
        if (i >= count) break;
        double t = now();
        pthread_mutex_lock(&mu);
        off_t at = logpos; logpos += size;
        if (pwrite(logfd, buf, size, at) != (ssize_t)size) die("pwrite");
        uint64_t mine = ++wrote_seq;
        while (synced_seq < mine) {
            if (syncing) { pthread_cond_wait(&cv, &mu); continue; }
            syncing = 1; uint64_t up_to = wrote_seq;
            pthread_mutex_unlock(&mu);
            if (fdatasync(logfd)) die("fdatasync");
            pthread_mutex_lock(&mu);
            nsync++; syncing = 0; synced_seq = up_to;
            pthread_cond_broadcast(&cv);
        }
        pthread_mutex_unlock(&mu);
        lat[i] = now() - t;
    }
    return 0;
}
int main(int argc, char **argv) {
    if (argc < 5) { fprintf(stderr, "usage: see source\n"); return 2; }
    dir = argv[2]; size = strtoul(argv[3], 0, 10); count = atol(argv[4]);
    mkdir(dir, 0700);
    buf = malloc(size); for (size_t i = 0; i < size; i++) buf[i] = (char)(rand() & 127);
    lat = calloc(count, sizeof *lat); nlat = count;
    char p[512]; snprintf(p, sizeof p, "%s/log", dir); unlink(p);
    if (!strcmp(argv[1], "append")) {
        int fd = open(p, O_CREAT | O_WRONLY | O_TRUNC, 0600); if (fd < 0) die(p);
        int pre = argc > 5 && !strcmp(argv[5], "prealloc");
        if (pre) { /* written zeroes, so that no extent conversion is left */
            for (long i = 0; i < count; i++) if (pwrite(fd, buf, size, i * size) < 0) die("pre");
            fsync(fd);
        }
        double t0 = now();
        for (long i = 0; i < count; i++) {
            double t = now();
            if (pwrite(fd, buf, size, i * size) != (ssize_t)size) die("pwrite");
            if (fdatasync(fd)) die("fdatasync");
            lat[i] = now() - t;
        }
        report(pre ? "append-prewritten" : "append-extend", now() - t0, count);
        return 0;
    }
    threads = argc > 5 ? atoi(argv[5]) : 1;
    if (threads > 512) return 2;
    pthread_t th[512];
    if (!strcmp(argv[1], "create")) {
        mode = argc > 6 ? (!strcmp(argv[6], "none") ? 0 : !strcmp(argv[6], "fsync") ? 1 : 2) : 1;
        double t0 = now();
        for (long i = 0; i < threads; i++) pthread_create(&th[i], 0, creator, (void *)i);
        for (int i = 0; i < threads; i++) pthread_join(th[i], 0);
        snprintf(p, sizeof p, "create-%s-T%d", argc > 6 ? argv[6] : "fsync", threads);
        report(p, now() - t0, mode * count);
        return 0;
    }
    if (!strcmp(argv[1], "group")) {
        logfd = open(p, O_CREAT | O_WRONLY | O_TRUNC, 0600); if (logfd < 0) die(p);
        int pre = argc > 6 && !strcmp(argv[6], "prealloc");
        if (pre) { for (long i = 0; i < count; i++) if (pwrite(logfd, buf, size, i * size) < 0) die("pre"); fsync(logfd); }
        double t0 = now();
        for (long i = 0; i < threads; i++) pthread_create(&th[i], 0, grouper, 0);
        for (int i = 0; i < threads; i++) pthread_join(th[i], 0);
        snprintf(p, sizeof p, "group%s-T%d-%zuB", pre ? "-prewritten" : "", threads, size);
        report(p, now() - t0, nsync);
        return 0;
    }
    return 2;
}
