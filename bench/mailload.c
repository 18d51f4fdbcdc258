/* SPDX-License-Identifier: Apache-2.0 */
/* mailload: one-thread epoll load generator for SMTP, LMTP and IMAP servers.
 * See README for the workloads and what each printed field means. Loopback use only: it refuses any address but 127/8.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum kind { K_NONE, K_LISTEN, K_SINK, K_SMTP, K_IMAP, K_VIS };
enum work { W_NONE, W_DELIVER, W_SMTPIDLE, W_SMTPTLS, W_LOGIN, W_CMD, W_APPEND, W_IDLE, W_IMAPTLS, W_SINK };
enum st { S_BANNER, S_EHLO, S_STLS, S_AUTH, S_MAIL, S_RCPT, S_DATA, S_DOT, S_QUIT, S_HELD, /* IMAP */ S_LOGIN, S_SELECT, S_WORK, S_LOGOUT, S_STATUS, S_READY };

struct conn {
    int fd; enum kind kind; enum st st; int idx, user;
    SSL *ssl; int connecting, hs; uint32_t ev;
    char *line; size_t ll, lc; uint64_t lit; int cont;
    char *ob; size_t ol, oo, oc; const char *body; size_t bl; const char *tail;
    long msg, sent; int pipe, indata;
    double t_conn, t_txn, t_dot, t_cmd, retry_at;
    unsigned tag; long seq; int cmdi; long count; int want_rd_on_wr;
};

static struct {
    enum work w; const char *host, *user, *rcpt, *pass, *from, *name, *mbox, *visdir, *holdfile, *helo, *hdrfrom;
    int port, tls, starttls, pipeline, lmtp, auth, nusers, conc, vis_port, vis_tls, sink_port, mixed, nopwait;
    long n, size, perconn, seqmax, rare, firstmsg; int vary; double hold, limit; const char *cmd[8]; int ncmd; int litplus; const char *ciphers; int nousersel, skipquit; int sinkdelay;
} o = { .host = "127.0.0.1", .user = "u%03d", .rcpt = "u%03d@bench.test", .pass = "pw", .from = "sender@client.test", .name = "run", .mbox = "INBOX",
        .port = 25, .pipeline = 1, .nusers = 1, .conc = 1, .n = 1, .size = 4096, .limit = 120, .helo = "client.test", .firstmsg = 0 };

static int ep; static SSL_CTX *sctx; static struct conn *conns; static int nconns;
static struct conn *vis; static long *base_cnt, *want_cnt;
static long next_msg, done, errors, started_conns, held; static long *requeue; static long nrequeue;
static double *l_dot, *l_txn; static long n_dot, n_txn, cap_lat; static uint64_t rbytes, fetched;
static double t0, t_acc, t_vis, t_sink, t_held; static long sink_got; static long handshakes;
static int running, vis_phase; static int vis_cur; static double vis_next; static char *body; static size_t bodycap;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }
static void die(const char *m) { fprintf(stderr, "mailload: %s: %s\n", m, strerror(errno)); exit(1); }
static int cmpd(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x < y ? -1 : x > y; }
static double pct(double *a, long n, double p) { if (!n) return 0; long i = (long)(n * p); return a[i >= n ? n - 1 : i]; }
static double syscpu(void) { /* busy seconds of all CPUs */
    FILE *f = fopen("/proc/stat", "r"); unsigned long long u, ni, s, id, io, ir, so, stl; if (!f) return 0;
    if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &u, &ni, &s, &id, &io, &ir, &so, &stl) != 8) { fclose(f); return 0; }
    fclose(f); return (double)(u + ni + s + ir + so) / sysconf(_SC_CLK_TCK);
}
static const char *cgpath;
static double cgcpu(void) { /* CPU seconds of the server's cgroup: cpuacct.usage (v1, ns) or cpu.stat (v2, us) */
    char p[600]; double v = 0; unsigned long long x; if (!cgpath) return 0;
    snprintf(p, sizeof p, "%s/cpuacct.usage", cgpath); FILE *f = fopen(p, "r");
    if (f) { if (fscanf(f, "%llu", &x) == 1) v = x * 1e-9; fclose(f); return v; }
    snprintf(p, sizeof p, "%s/cpu.stat", cgpath); f = fopen(p, "r"); if (f) { if (fscanf(f, "usage_usec %llu", &x) == 1) v = x * 1e-6; fclose(f); }
    return v;
}
static double selfcpu(void) { struct rusage r; getrusage(RUSAGE_SELF, &r); return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6; }

static void conn_start(struct conn *c); static void flush_out(struct conn *c); static void tls_begin(struct conn *c);

static void ob_add(struct conn *c, const void *p, size_t n) {
    if (c->oo == c->ol) c->oo = c->ol = 0;
    if (c->ol + n > c->oc) { c->oc = (c->ol + n) * 2 + 256; c->ob = realloc(c->ob, c->oc); }
    memcpy(c->ob + c->ol, p, n); c->ol += n;
}
static void ob_f(struct conn *c, const char *f, ...) { char b[4096]; va_list a; va_start(a, f); int n = vsnprintf(b, sizeof b, f, a); va_end(a); ob_add(c, b, (size_t)n); }
static void set_ev(struct conn *c, uint32_t ev) {
    if (c->ev == ev) return;
    struct epoll_event e = { .events = ev, .data.ptr = c };
    if (epoll_ctl(ep, c->ev ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl");
    c->ev = ev;
}
static void conn_close(struct conn *c) {
    if (c->fd < 0) return;
    if (c->ssl) { SSL_free(c->ssl); c->ssl = 0; }
    close(c->fd); c->fd = -1; c->ev = 0; c->ll = c->ol = c->oo = 0; c->body = 0; c->bl = 0; c->tail = 0; c->lit = 0; c->cont = 0; c->hs = c->connecting = c->indata = 0;
}
static void err(struct conn *c, const char *what, const char *line) {
    errors++;
    if (errors <= 8) fprintf(stderr, "mailload: conn %d state %d: %s: %.200s\n", c->idx, c->st, what, line ? line : "");
    if (errors > 5000 || (!done && !held && errors > 40)) { fprintf(stderr, "mailload: too many errors\n"); exit(3); }
}

/* ---- messages ---- */
static uint32_t mix(uint32_t x) { x ^= x >> 16; x *= 0x7feb352dU; x ^= x >> 15; x *= 0x846ca68bU; return x ^ x >> 16; }
static void make_body(size_t n) { /* 78-byte lines of lower-case words, none begins with a dot */
    static const char *w[] = { "alpha", "meeting", "budget", "letter", "report", "harbour", "system", "window", "please", "monday", "figure", "review", "north", "garden", "paper", "signal", "quarter", "winter", "column", "answer" };
    bodycap = (n / 78 + 2) * 78; body = malloc(bodycap); uint32_t r = 1;
    for (size_t at = 0; at < bodycap; at += 78) {
        size_t k = 0; while (k < 76) { r = mix(r + 0x9e3779b9U); const char *s = w[r % 20]; size_t l = strlen(s); if (k + l + 1 > 76) l = 76 - k - (k < 76 ? 1 : 0); memcpy(body + at + k, s, l); k += l; if (k < 76) body[at + k++] = ' '; }
        body[at + 75] = 'x'; body[at + 76] = '\r'; body[at + 77] = '\n';
    }
}
static size_t make_head(char *h, size_t cap, long i, int user, int author, const char **tail, int dot) {
    char rc[256], own[200]; snprintf(rc, sizeof rc, o.rcpt, user); if (o.hdrfrom) snprintf(own, sizeof own, o.hdrfrom, author); time_t t = 1700000000 + i * 37; struct tm tm; gmtime_r(&t, &tm); char d[64]; strftime(d, sizeof d, "%a, %d %b %Y %H:%M:%S +0000", &tm);
    const char *rare = o.rare && i % o.rare == o.rare / 2 ? "zyxrareword " : ""; int n;
    char fr[256]; if (o.hdrfrom) snprintf(fr, sizeof fr, "Sender <%s>", own); else snprintf(fr, sizeof fr, "Sender %ld <sender%ld@client.test>", i % 97, i % 97);
    if (o.mixed && i % 3 == 0) {
        n = snprintf(h, cap, "From: %s\r\nTo: <%s>\r\nCc: Third Person <third@client.test>\r\nSubject: bench message number %ld with attachment\r\nDate: %s\r\nMessage-ID: <%ld.%d@client.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_bench_\"\r\n\r\n"
            "--=_bench_\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHello, %sthis is message %ld.\r\n\r\n--=_bench_\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hello, this is message %ld.</p>\r\n\r\n--=_bench_\r\nContent-Type: text/plain; name=\"a.txt\"\r\nContent-Disposition: attachment; filename=\"a.txt\"\r\n\r\n",
            fr, rc, i, d, i, (int)getpid(), rare, i, i);
        *tail = dot ? "\r\n--=_bench_--\r\n.\r\n" : "\r\n--=_bench_--\r\n";
    } else {
        n = snprintf(h, cap, "From: %s\r\nTo: <%s>\r\nSubject: bench message number %ld\r\nDate: %s\r\nMessage-ID: <%ld.%d@client.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello, %sthis is message %ld.\r\n",
            fr, rc, i, d, i, (int)getpid(), rare, i);
        *tail = dot ? "\r\n.\r\n" : "\r\n";
    }
    return (size_t)n;
}
static long msg_size(long i) { return o.vary ? o.size / 2 + mix((uint32_t)i) % o.size : o.size; }
static size_t body_len(long i, size_t head, const char *tail, int dot) {
    long want = msg_size(i), l = want - (long)head - (long)strlen(tail) + (dot ? 3 : 0); if (l < 1) l = 1; if (l % 78 == 77) l--; return (size_t)l;
}
static long claim(void) { if (nrequeue) return requeue[--nrequeue]; if (next_msg < o.n) return next_msg++; return -1; }
static int work_left(void) { return nrequeue > 0 || next_msg < o.n; }

/* ---- SMTP ---- */
static void smtp_begin(struct conn *c) { /* next message or QUIT */
    c->msg = (o.perconn && c->sent >= o.perconn) ? -1 : claim();
    if (c->msg < 0) { ob_f(c, "QUIT\r\n"); c->st = S_QUIT; return; }
    int u = (int)((c->msg + o.firstmsg) % o.nusers); char rc[256]; snprintf(rc, sizeof rc, o.rcpt, u);
    c->t_txn = now(); c->t_dot = 0; c->st = S_MAIL;
    char from[256]; snprintf(from, sizeof from, o.from, c->user); ob_f(c, "MAIL FROM:<%s>\r\n", from);
    if (c->pipe) ob_f(c, "RCPT TO:<%s>\r\nDATA\r\n", rc);
}
static void smtp_fail(struct conn *c, const char *line) {
    err(c, "smtp", line); if (c->msg >= 0) requeue[nrequeue++] = c->msg; c->msg = -1; conn_close(c); c->retry_at = now() + 0.05;
}
static void smtp_ready(struct conn *c) {
    if (o.w == W_SMTPIDLE) { c->st = S_HELD; held++; return; }
    smtp_begin(c);
}
static void recycle(struct conn *c) { /* connection finished its job */
    conn_close(c); if (work_left()) conn_start(c);
}
static void smtp_line(struct conn *c, char *l, size_t n) {
    int code = atoi(l);
    if (n >= 4 && l[3] == '-') { if (c->st == S_EHLO && o.pipeline && strcasestr(l, "PIPELINING")) c->pipe = 1; return; }
    if (c->st == S_EHLO && o.pipeline && strcasestr(l, "PIPELINING")) c->pipe = 1;
    switch (c->st) {
    case S_BANNER: if (code != 220) { smtp_fail(c, l); return; } ob_f(c, "%s %s\r\n", o.lmtp ? "LHLO" : "EHLO", o.helo); c->st = S_EHLO; break;
    case S_EHLO:
        if (code != 250) { smtp_fail(c, l); return; }
        if (o.starttls && !c->ssl) { ob_f(c, "STARTTLS\r\n"); c->st = S_STLS; break; }
        if (o.auth) { char us[128], b[300]; unsigned char e[512]; snprintf(us, sizeof us, o.user, c->user); int k = snprintf(b, sizeof b, "%c%s%c%s", 0, us, 0, o.pass); EVP_EncodeBlock(e, (unsigned char *)b, k); ob_f(c, "AUTH PLAIN %s\r\n", (char *)e); c->st = S_AUTH; break; }
        smtp_ready(c); break;
    case S_STLS: if (code != 220) { smtp_fail(c, l); return; } tls_begin(c); return;
    case S_AUTH: if (code != 235) { smtp_fail(c, l); return; } smtp_ready(c); break;
    case S_MAIL: if (code != 250) { smtp_fail(c, l); return; } c->st = S_RCPT; if (!c->pipe) { char rc[256]; snprintf(rc, sizeof rc, o.rcpt, (int)((c->msg + o.firstmsg) % o.nusers)); ob_f(c, "RCPT TO:<%s>\r\n", rc); } break;
    case S_RCPT: if (code != 250) { smtp_fail(c, l); return; } c->st = S_DATA; if (!c->pipe) ob_f(c, "DATA\r\n"); break;
    case S_DATA: {
        if (code != 354) { smtp_fail(c, l); return; }
        char h[4096]; size_t hl = make_head(h, sizeof h, c->msg + o.firstmsg, (int)((c->msg + o.firstmsg) % o.nusers), c->user, &c->tail, 1);
        ob_add(c, h, hl); c->body = body; c->bl = body_len(c->msg + o.firstmsg, hl, c->tail, 1); c->st = S_DOT; c->t_dot = 0; break; }
    case S_DOT: {
        if (code != 250) { smtp_fail(c, l); return; }
        double t = now(); if (n_dot < cap_lat) { l_dot[n_dot++] = t - (c->t_dot ? c->t_dot : t); l_txn[n_txn++] = t - c->t_txn; }
        done++; c->sent++; c->msg = -1; t_acc = t; smtp_begin(c); break; }
    case S_QUIT: recycle(c); return;
    default: break;
    }
    if (c->fd >= 0) flush_out(c);
    if (c->fd >= 0 && c->st == S_QUIT && o.skipquit && c->oo == c->ol) recycle(c); /* as Postfix's smtp client does by default */
}

/* ---- IMAP ---- */
static void imap_cmd(struct conn *c, const char *f, ...) {
    char b[2048]; va_list a; va_start(a, f); vsnprintf(b, sizeof b, f, a); va_end(a); c->tag++; ob_f(c, "a%u %s\r\n", c->tag, b); c->t_cmd = now();
}
static void imap_work(struct conn *c) {
    if (o.w == W_LOGIN) { imap_cmd(c, "LOGOUT"); c->st = S_LOGOUT; return; }
    if (o.w == W_IDLE) { imap_cmd(c, "IDLE"); c->st = S_HELD; return; }
    if (c->cmdi % (o.ncmd ? o.ncmd : 1) == 0) { c->msg = claim(); if (c->msg < 0) { imap_cmd(c, "LOGOUT"); c->st = S_LOGOUT; return; } c->seq++; }
    c->st = S_WORK;
    if (o.w == W_APPEND) {
        char h[4096]; const char *tail; size_t hl = make_head(h, sizeof h, c->msg + o.firstmsg, c->user, c->user, &tail, 0); size_t bl = body_len(c->msg + o.firstmsg, hl, tail, 0);
        imap_cmd(c, "APPEND %s {%zu%s}", o.mbox, hl + bl + strlen(tail), o.litplus ? "+" : "");
        if (o.litplus) { ob_add(c, h, hl); c->body = body; c->bl = bl; c->tail = tail[2] ? "\r\n--=_bench_--\r\n\r\n" : "\r\n\r\n"; }
        return;
    }
    char b[1024]; long s = o.seqmax ? 1 + (c->seq - 1) % o.seqmax : c->seq; const char *t = o.cmd[c->cmdi++ % o.ncmd];
    const char *p = strstr(t, "%d"); if (p) snprintf(b, sizeof b, "%.*s%ld%s", (int)(p - t), t, s, p + 2); else snprintf(b, sizeof b, "%s", t);
    imap_cmd(c, "%s", b);
}
/* The next account in turn, whichever connection is the first to be free: so n logins are those of n accounts. */
static void login_next(struct conn *c) { long n = claim(); if (n >= 0) { c->user = (int)(n % o.nusers); conn_start(c); } }
static void imap_login(struct conn *c) { char us[128]; snprintf(us, sizeof us, o.user, c->user); imap_cmd(c, "LOGIN %s %s", us, o.pass); c->st = S_LOGIN; }
static void vis_poll(void) { struct conn *v = &vis[vis_cur]; imap_cmd(v, "STATUS INBOX (MESSAGES)"); flush_out(v); }
static void vis_advance(long cnt) {
    if (cnt >= base_cnt[vis_cur] + want_cnt[vis_cur]) {
        vis_cur++; if (vis_cur == o.nusers) { t_vis = now(); running = 0; return; }
        vis_next = 0; if (!o.visdir) vis_poll();
    } else vis_next = now() + 0.003;
}
static void imap_fail(struct conn *c, const char *l) { err(c, "imap", l); if (c->kind == K_VIS) exit(4); if (c->msg >= 0 && c->st == S_WORK) requeue[nrequeue++] = c->msg; c->msg = -1; conn_close(c); c->retry_at = now() + 0.05; }
static void imap_line(struct conn *c, char *l, size_t n) {
    (void)n;
    if (l[0] == '*') {
        if (c->st == S_BANNER) {
            if (strncmp(l, "* OK", 4)) { imap_fail(c, l); return; }
            if (o.w == W_IMAPTLS && c->kind == K_IMAP) { handshakes++; done++; c->sent++; conn_close(c); if (claim() >= 0) conn_start(c); return; }
            imap_login(c); flush_out(c); return;
        }
        char *p; if (c->kind == K_VIS && (p = strstr(l, "MESSAGES "))) c->count = atol(p + 9);
        if (strstr(l, " FETCH ")) fetched++;
        if (!strncmp(l, "* BYE", 5) && c->st != S_LOGOUT) imap_fail(c, l);
        return;
    }
    if (l[0] == '+') {
        if (c->st == S_HELD) { held++; return; }
        if (c->st == S_WORK && o.w == W_APPEND) {
            char h[4096]; const char *tail; size_t hl = make_head(h, sizeof h, c->msg + o.firstmsg, c->user, c->user, &tail, 0); ob_add(c, h, hl);
            c->body = body; c->bl = body_len(c->msg + o.firstmsg, hl, tail, 0); c->tail = tail[2] ? "\r\n--=_bench_--\r\n\r\n" : "\r\n\r\n"; flush_out(c);
        }
        return;
    }
    if (l[0] != 'a') return;
    char *sp = strchr(l, ' '); int ok = sp && !strncmp(sp + 1, "OK", 2);
    if (!ok) { imap_fail(c, l); return; }
    switch (c->st) {
    case S_LOGIN:
        if (c->kind == K_VIS) { c->st = S_STATUS; imap_cmd(c, "STATUS INBOX (MESSAGES)"); break; }
        if (o.w == W_APPEND || o.nousersel) { c->seq = 0; imap_work(c); break; }
        imap_cmd(c, "SELECT %s", o.mbox); c->st = S_SELECT; break;
    case S_SELECT: c->seq = 0; c->cmdi = 0; imap_work(c); break;
    case S_WORK: {
        double t = now(); if (n_txn < cap_lat) l_txn[n_txn++] = t - c->t_cmd;
        if (!o.ncmd || c->cmdi % o.ncmd == 0) { done++; c->sent++; c->msg = -1; t_acc = t; }
        imap_work(c); break; }
    case S_LOGOUT:
        if (o.w == W_LOGIN) { double t = now(); done++; t_acc = t; if (n_txn < cap_lat) l_txn[n_txn++] = t - c->t_conn; conn_close(c); login_next(c); return; }
        conn_close(c); return;
    case S_STATUS: c->st = S_READY; base_cnt[c->idx] = c->count; held++; return;
    case S_READY: vis_advance(c->count); return;
    default: break;
    }
    if (c->fd >= 0) flush_out(c);
}

/* ---- sink: a minimal SMTP server which counts ---- */
static void sink_line(struct conn *c, char *l, size_t n) {
    if (c->indata) { if (n == 1 && l[0] == '.') { c->indata = 0; sink_got++; t_sink = now(); ob_f(c, "250 2.0.0 ok\r\n"); flush_out(c); } return; }
    if (!strncasecmp(l, "EHLO", 4)) ob_f(c, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 SIZE 0\r\n");
    else if (!strncasecmp(l, "BDAT ", 5)) { c->lit = strtoull(l + 5, 0, 10); return; }
    else if (!strncasecmp(l, "DATA", 4)) { c->indata = 1; ob_f(c, "354 go\r\n"); }
    else if (!strncasecmp(l, "QUIT", 4)) { ob_f(c, "221 bye\r\n"); flush_out(c); conn_close(c); c->kind = K_NONE; return; }
    else ob_f(c, "250 2.0.0 ok\r\n");
    flush_out(c);
}
static void on_line(struct conn *c, char *l, size_t n) {
    switch (c->kind) { case K_SMTP: smtp_line(c, l, n); break; case K_IMAP: case K_VIS: imap_line(c, l, n); break; case K_SINK: sink_line(c, l, n); break; default: break; }
}
static void line_add(struct conn *c, const char *p, size_t n) {
    if (c->ll + n + 1 > c->lc) { c->lc = (c->ll + n) * 2 + 128; c->line = realloc(c->line, c->lc); }
    memcpy(c->line + c->ll, p, n); c->ll += n;
}
static void feed(struct conn *c, const char *p, size_t n) {
    while (n && c->fd >= 0) {
        if (c->lit) {
            size_t k = n < c->lit ? n : c->lit; c->lit -= k; p += k; n -= k;
            if (!c->lit && c->kind == K_SINK) { c->indata = 0; sink_got++; t_sink = now(); ob_f(c, "250 2.0.0 ok\r\n"); flush_out(c); }
            continue;
        }
        const char *nl = memchr(p, '\n', n);
        if (!nl) { line_add(c, p, n); return; }
        size_t k = (size_t)(nl - p) + 1;
        if (c->kind == K_SINK && c->indata && !c->ll && !(k <= 3 && p[0] == '.')) { p += k; n -= k; continue; }
        line_add(c, p, k - 1); p += k; n -= k;
        if (c->ll && c->line[c->ll - 1] == '\r') c->ll--;
        c->line[c->ll] = 0;
        if ((c->kind == K_IMAP) && c->ll > 2 && c->line[c->ll - 1] == '}' && c->line[0] == '*') {
            char *b = memrchr(c->line, '{', c->ll); if (b) { c->lit = strtoull(b + 1, 0, 10); if (c->ll > 4096) c->ll = 64; continue; }
        }
        size_t ll = c->ll; c->ll = 0; on_line(c, c->line, ll);
    }
}
static void tls_hs(struct conn *c) {
    int r = SSL_do_handshake(c->ssl);
    if (r == 1) {
        c->hs = 0; set_ev(c, EPOLLIN);
        if (c->kind == K_SMTP) {
            handshakes++;
            if (o.w == W_SMTPTLS) { done++; c->sent++; conn_close(c); if (claim() >= 0) conn_start(c); return; }
            if (o.starttls) { ob_f(c, "EHLO %s\r\n", o.helo); c->st = S_EHLO; c->pipe = 0; flush_out(c); }
        }
        return;
    }
    int e = SSL_get_error(c->ssl, r);
    if (e == SSL_ERROR_WANT_READ) set_ev(c, EPOLLIN); else if (e == SSL_ERROR_WANT_WRITE) set_ev(c, EPOLLOUT);
    else { err(c, "tls handshake", ERR_reason_error_string(ERR_get_error())); conn_close(c); c->retry_at = now() + 0.05; }
}
static void tls_begin(struct conn *c) { c->ssl = SSL_new(sctx); SSL_set_fd(c->ssl, c->fd); SSL_set_connect_state(c->ssl); c->hs = 1; tls_hs(c); }

static ssize_t raw_write(struct conn *c, const char *p, size_t n) {
    if (!c->ssl) { ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL); return r < 0 && (errno == EAGAIN) ? 0 : r; }
    if (n > 65536) n = 65536;
    int r = SSL_write(c->ssl, p, (int)n); if (r > 0) return r; int e = SSL_get_error(c->ssl, r); return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}
static void flush_out(struct conn *c) {
    if (c->connecting || c->hs) return;
    for (;;) {
        ssize_t r;
        if (c->oo < c->ol) {
            if (c->body && !c->ssl && c->bl) { /* head and body in one segment stream */
                struct iovec v[3] = { { c->ob + c->oo, c->ol - c->oo }, { (void *)c->body, c->bl }, { (void *)c->tail, strlen(c->tail) } };
                struct msghdr m = { .msg_iov = v, .msg_iovlen = 3 }; r = sendmsg(c->fd, &m, MSG_NOSIGNAL); if (r < 0 && errno == EAGAIN) r = 0;
                if (r > 0) { size_t k = (size_t)r, a = v[0].iov_len; if (k <= a) { c->oo += k; } else { k -= a; c->oo = c->ol; if (k < c->bl) { c->body += k; c->bl -= k; } else { k -= c->bl; c->bl = 0; c->body = 0; c->tail += k; if (!*c->tail) c->tail = 0; } } continue; }
            } else { r = raw_write(c, c->ob + c->oo, c->ol - c->oo); if (r > 0) { c->oo += (size_t)r; continue; } }
        } else if (c->bl) { r = raw_write(c, c->body, c->bl); if (r > 0) { c->body += r; c->bl -= (size_t)r; continue; } }
        else if (c->tail) { r = raw_write(c, c->tail, strlen(c->tail)); if (r > 0) { c->tail += r; if (!*c->tail) { c->tail = 0; } continue; } }
        else { c->body = 0; if (c->st == S_DOT && c->kind == K_SMTP && !c->t_dot) c->t_dot = now(); set_ev(c, EPOLLIN); return; }
        if (r == 0) { set_ev(c, EPOLLIN | EPOLLOUT); return; }
        if (c->kind == K_SMTP) smtp_fail(c, strerror(errno)); else if (c->kind == K_SINK) { conn_close(c); c->kind = K_NONE; } else imap_fail(c, strerror(errno));
        return;
    }
}
static void conn_start(struct conn *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); if (c->fd < 0) die("socket");
    int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(c->kind == K_VIS ? o.vis_port : o.port)) }; inet_pton(AF_INET, o.host, &a.sin_addr);
    c->connecting = 1; c->st = S_BANNER; c->sent = 0; c->pipe = 0; c->t_conn = now(); c->msg = -1; c->cmdi = 0; started_conns++; c->retry_at = 0;
    if (connect(c->fd, (void *)&a, sizeof a) && errno != EINPROGRESS) { err(c, "connect", strerror(errno)); close(c->fd); c->fd = -1; c->retry_at = now() + 0.1; return; }
    c->ev = 0; set_ev(c, EPOLLOUT);
}
static void conn_io(struct conn *c, uint32_t ev) {
    if (c->fd < 0) return;
    if (c->connecting) {
        int e = 0; socklen_t l = sizeof e; getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
        if (e) { err(c, "connect", strerror(e)); conn_close(c); c->retry_at = now() + 0.1; return; }
        if (!(ev & EPOLLOUT)) return;
        c->connecting = 0; set_ev(c, EPOLLIN);
        if (c->kind == K_VIS ? o.vis_tls : o.tls) { tls_begin(c); return; }
        return;
    }
    if (c->hs) { tls_hs(c); if (c->fd < 0 || c->hs || c->connecting) return; }
    if (ev & EPOLLOUT) { flush_out(c); if (c->fd < 0) return; }
    static char buf[262144];
    for (;;) {
        ssize_t r;
        if (c->ssl) { r = SSL_read(c->ssl, buf, sizeof buf); if (r <= 0) { int e = SSL_get_error(c->ssl, (int)r); if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return; r = 0; } }
        else { r = recv(c->fd, buf, sizeof buf, 0); if (r < 0 && errno == EAGAIN) return; if (r < 0) r = 0; }
        if (r == 0) { /* closed by the peer */
            if (c->kind == K_SINK) { conn_close(c); c->kind = K_NONE; return; }
            if (c->kind == K_SMTP) { if (c->st == S_QUIT) recycle(c); else if (c->st == S_HELD) { held--; err(c, "idle closed", 0); conn_close(c); } else smtp_fail(c, "closed"); return; }
            if (c->st == S_LOGOUT) { if (o.w == W_LOGIN) { done++; t_acc = now(); conn_close(c); login_next(c); } else conn_close(c); return; }
            if (c->st == S_HELD) { err(c, "idle closed", 0); conn_close(c); return; }
            imap_fail(c, "closed"); return;
        }
        rbytes += (uint64_t)r; feed(c, buf, (size_t)r); if (c->fd < 0 || c->hs || c->connecting) return;
        if (!c->ssl && r < (ssize_t)sizeof buf) return;
    }
}
static struct conn *listener; static struct conn *sinks; static int nsinks;
static void do_accept(void) {
    for (;;) {
        int fd = accept4(listener->fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); if (fd < 0) return;
        struct conn *c = 0; for (int i = 0; i < nsinks; i++) if (sinks[i].kind == K_NONE) { c = &sinks[i]; break; }
        if (!c) { close(fd); continue; }
        int one = 1; setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        char *ln = c->line, *ob = c->ob; size_t lc = c->lc, oc = c->oc; memset(c, 0, sizeof *c); c->line = ln; c->ob = ob; c->lc = lc; c->oc = oc; c->fd = fd; c->kind = K_SINK;
        set_ev(c, EPOLLIN); ob_f(c, "220 sink ESMTP\r\n"); flush_out(c);
    }
}
static long dir_count(int u) {
    long n = 0; for (int k = 0; k < 2; k++) {
        char p[600], q[640]; snprintf(p, sizeof p, o.visdir, u); snprintf(q, sizeof q, "%s/%s", p, k ? "cur" : "new");
        DIR *d = opendir(q); if (!d) continue; struct dirent *e; while ((e = readdir(d))) if (e->d_name[0] != '.') n++; closedir(d);
    }
    return n;
}
static void pump(double to) {
    struct epoll_event ev[256]; int n = epoll_wait(ep, ev, 256, to < 0 ? -1 : (int)(to * 1000 + .999));
    for (int i = 0; i < n; i++) { struct conn *c = ev[i].data.ptr; if (c->kind == K_LISTEN) do_accept(); else conn_io(c, ev[i].events); }
}
static volatile sig_atomic_t stop; static void onsig(int s) { (void)s; stop = 1; }

static void usage(void) {
    fprintf(stderr, "usage: mailload WORKLOAD [options]   (see README)\n"
        "workloads: deliver smtpidle smtptls login cmd append idle imaptls sink\n"); exit(2);
}
int main(int argc, char **argv) {
    if (argc < 2) usage();
    static const struct { const char *n; enum work w; } ws[] = { { "deliver", W_DELIVER }, { "smtpidle", W_SMTPIDLE }, { "smtptls", W_SMTPTLS }, { "login", W_LOGIN }, { "cmd", W_CMD }, { "append", W_APPEND }, { "idle", W_IDLE }, { "imaptls", W_IMAPTLS }, { "sink", W_SINK } };
    for (size_t i = 0; i < sizeof ws / sizeof *ws; i++) if (!strcmp(argv[1], ws[i].n)) o.w = ws[i].w;
    if (!o.w) usage();
    for (int i = 2; i < argc; i++) {
        char *a = argv[i]; if (strncmp(a, "--", 2)) usage(); a += 2; char *v = strchr(a, '='); size_t kl = v ? (size_t)(v - a) : strlen(a); if (v) v++; else v = "1";
#define IS(s) (kl == strlen(s) && !strncmp(a, s, kl))
        if (IS("host")) o.host = v; else if (IS("port")) o.port = atoi(v); else if (IS("n")) o.n = atol(v); else if (IS("size")) o.size = atol(v); else if (IS("conc")) o.conc = atoi(v);
        else if (IS("users")) o.nusers = atoi(v); else if (IS("user")) o.user = v; else if (IS("rcpt")) o.rcpt = v; else if (IS("pass")) o.pass = v; else if (IS("from")) o.from = v; else if (IS("helo")) o.helo = v; else if (IS("hdrfrom")) o.hdrfrom = v;
        else if (IS("perconn")) o.perconn = atol(v); else if (IS("pipeline")) o.pipeline = atoi(v); else if (IS("tls")) o.tls = atoi(v); else if (IS("starttls")) o.starttls = atoi(v); else if (IS("auth")) o.auth = atoi(v); else if (IS("lmtp")) o.lmtp = atoi(v);
        else if (IS("vis-imap")) o.vis_port = atoi(v); else if (IS("vis-tls")) o.vis_tls = atoi(v); else if (IS("vis-dir")) o.visdir = v; else if (IS("sink")) o.sink_port = atoi(v); else if (IS("mbox")) o.mbox = v;
        else if (IS("cmd")) { if (o.ncmd < 8) o.cmd[o.ncmd++] = v; } else if (IS("seqmax")) o.seqmax = atol(v); else if (IS("rare")) o.rare = atol(v); else if (IS("vary")) o.vary = atoi(v); else if (IS("mixed")) o.mixed = atoi(v); else if (IS("first")) o.firstmsg = atol(v);
        else if (IS("hold")) o.hold = atof(v); else if (IS("holdfile")) o.holdfile = v; else if (IS("limit")) o.limit = atof(v); else if (IS("name")) o.name = v; else if (IS("cg")) cgpath = v; else if (IS("skipquit")) o.skipquit = atoi(v); else if (IS("litplus")) o.litplus = atoi(v); else if (IS("noselect")) o.nousersel = atoi(v);
        else { fprintf(stderr, "unknown option %s\n", a); usage(); }
    }
    struct in_addr ia; if (inet_pton(AF_INET, o.host, &ia) != 1 || (ntohl(ia.s_addr) >> 24) != 127) { fprintf(stderr, "only 127/8\n"); return 2; }
    signal(SIGPIPE, SIG_IGN); signal(SIGTERM, onsig); signal(SIGINT, onsig);
    struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
    ep = epoll_create1(EPOLL_CLOEXEC); sctx = SSL_CTX_new(TLS_client_method()); SSL_CTX_set_verify(sctx, SSL_VERIFY_NONE, 0); SSL_CTX_set_session_cache_mode(sctx, SSL_SESS_CACHE_OFF); SSL_CTX_set_mode(sctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS); SSL_CTX_set_security_level(sctx, 1);
    make_body((size_t)o.size * 2 + 4096); cap_lat = o.n * 8 + 64; if (cap_lat > 4000000) cap_lat = 4000000; l_dot = malloc(sizeof(double) * cap_lat); l_txn = malloc(sizeof(double) * cap_lat); requeue = malloc(sizeof(long) * (o.n + o.conc + 16));
    base_cnt = calloc((size_t)o.nusers, sizeof(long)); want_cnt = calloc((size_t)o.nusers, sizeof(long)); for (long i = 0; i < o.n; i++) want_cnt[(i + o.firstmsg) % o.nusers]++;
    double tend = now() + o.limit;
    if (o.sink_port || o.w == W_SINK) {
        nsinks = 2048; sinks = calloc((size_t)nsinks, sizeof *sinks); listener = calloc(1, sizeof *listener); listener->kind = K_LISTEN; listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); int one = 1; setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(o.w == W_SINK ? o.port : o.sink_port)) }; inet_pton(AF_INET, o.host, &a.sin_addr); if (bind(listener->fd, (void *)&a, sizeof a) || listen(listener->fd, 1024)) die("sink listen"); set_ev(listener, EPOLLIN);
        if (o.w == W_SINK) { while (!stop && now() < tend) pump(1); printf("%s sink_got=%ld\n", o.name, sink_got); return 0; }
    }
    if (o.vis_port) { /* log the watchers in before the clock starts */
        vis = calloc((size_t)o.nusers, sizeof *vis); int started = 0;
        for (int i = 0; i < o.nusers; i++) { vis[i].fd = -1; vis[i].kind = K_VIS; vis[i].idx = vis[i].user = i; }
        while (held < o.nusers && now() < tend) { while (started < o.nusers && started - held < 10) conn_start(&vis[started++]); pump(0.2); }
        if (held < o.nusers) { fprintf(stderr, "watchers: only %ld\n", held); return 3; } held = 0;
    } else if (o.visdir) for (int i = 0; i < o.nusers; i++) base_cnt[i] = dir_count(i);
    started_conns = 0; int idle = o.w == W_IDLE || o.w == W_SMTPIDLE; nconns = idle ? (int)o.n : o.conc; if (!idle && nconns > o.n) nconns = (int)o.n;
    conns = calloc((size_t)nconns, sizeof *conns); int smtp = o.w == W_DELIVER || o.w == W_SMTPIDLE || o.w == W_SMTPTLS;
    for (int i = 0; i < nconns; i++) { conns[i].fd = -1; conns[i].kind = smtp ? K_SMTP : K_IMAP; conns[i].idx = i; conns[i].user = i % o.nusers; conns[i].msg = -1; }
    double c0 = syscpu(), s0 = selfcpu(), g0 = cgcpu(); t0 = now(); running = 1; uint64_t rb0 = rbytes; int incomplete = 0;
    int startedc = 0; if (!idle) { for (int i = 0; i < nconns; i++) { if (o.w == W_LOGIN || o.w == W_IMAPTLS || o.w == W_SMTPTLS) { if (claim() < 0) break; } conn_start(&conns[i]); startedc++; } }
    while (running && !stop) {
        double t = now(); if (t > tend) { incomplete = 1; break; }
        if (idle) { while (startedc < nconns && startedc - held < o.conc) conn_start(&conns[startedc++]); if (held >= nconns) { t_held = now(); break; } }
        else if (done >= o.n && !vis_phase) {
            if (!t_acc) t_acc = now();
            if (o.vis_port) { vis_phase = 1; vis_cur = 0; vis_poll(); } else if (o.visdir) { vis_phase = 2; vis_cur = 0; vis_next = 0; }
            else if (o.sink_port && o.w == W_DELIVER) { if (sink_got >= o.n) break; }
            else { if (o.w == W_SMTPTLS || o.w == W_IMAPTLS) t_acc = now(); break; }
        }
        if (vis_phase == 1 && vis_next && t >= vis_next) { vis_next = 0; vis_poll(); }
        if (vis_phase == 2 && t >= vis_next) { while (running && vis_cur < o.nusers) { long k = dir_count(vis_cur); if (k < base_cnt[vis_cur] + want_cnt[vis_cur]) { vis_next = now() + 0.005; break; } vis_cur++; } if (vis_cur >= o.nusers) { t_vis = now(); break; } }
        for (int i = 0; i < nconns && errors; i++) if (conns[i].fd < 0 && conns[i].retry_at && t >= conns[i].retry_at) { conns[i].retry_at = 0; if (idle || work_left() || o.w == W_LOGIN || o.w == W_IMAPTLS || o.w == W_SMTPTLS) conn_start(&conns[i]); }
        pump(vis_phase ? 0.003 : errors ? 0.05 : 0.25);
    }
    double t1 = now(), c1 = syscpu(), s1 = selfcpu(); if (!t_acc) t_acc = t1; double wall = t1 - t0, srv = (c1 - c0) - (s1 - s0), oth = 0; if (cgpath) { oth = srv; srv = cgcpu() - g0; oth -= srv; } /* oth: CPU used by anything else on the machine */
    if (idle) {
        printf("%s conns=%ld held=%ld errors=%ld setup_s=%.2f rate=%.1f srv_cpu_s=%.2f cli_cpu_s=%.2f other_cores=%.2f\n", o.name, o.n, held, errors, wall, held / wall, srv, s1 - s0, oth / wall); fflush(stdout);
        if (o.holdfile) { FILE *f = fopen(o.holdfile, "w"); if (f) { fprintf(f, "%ld\n", held); fclose(f); } }
        double th = now() + (o.hold ? o.hold : 30); while (!stop && now() < th && (!o.holdfile || access(o.holdfile, F_OK) == 0)) pump(0.2);
        return 0;
    }
    qsort(l_dot, n_dot, sizeof *l_dot, cmpd); qsort(l_txn, n_txn, sizeof *l_txn, cmpd);
    printf("%s n=%ld size=%ld conc=%d done=%ld errors=%ld conns=%ld acc_s=%.3f rate=%.1f", o.name, o.n, o.size, o.conc, done, errors, started_conns, t_acc - t0, done / (t_acc - t0));
    if (t_vis) printf(" vis_s=%.3f vis_rate=%.1f", t_vis - t0, done / (t_vis - t0));
    if (o.sink_port) printf(" sink_s=%.3f sink_rate=%.1f sink_got=%ld", t_sink - t0, sink_got / (t_sink - t0), sink_got);
    if (n_dot) printf(" dot_p50=%.2f dot_p99=%.2f", pct(l_dot, n_dot, .5) * 1e3, pct(l_dot, n_dot, .99) * 1e3);
    if (n_txn) printf(" txn_p50=%.2f txn_p99=%.2f", pct(l_txn, n_txn, .5) * 1e3, pct(l_txn, n_txn, .99) * 1e3);
    if (o.w == W_CMD) printf(" MBps=%.1f fetched=%lu", (rbytes - rb0) / (t_acc - t0) / 1e6, (unsigned long)fetched);
    printf(" wall=%.3f srv_cpu_s=%.2f srv_ms_per_op=%.3f cli_cpu_s=%.2f other_cores=%.2f%s\n", wall, srv, done ? srv * 1e3 / done : 0, s1 - s0, oth / wall, incomplete ? " INCOMPLETE" : "");
    return incomplete ? 5 : 0;
}
