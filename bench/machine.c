#include "bench/machine.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void first_line(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "re");
    snprintf(out, cap, "unknown");
    if (f == NULL)
        return;
    if (fgets(out, (int)cap, f) != NULL)
        out[strcspn(out, "\n")] = '\0';
    fclose(f);
}

// The value of the first line "name : value" of a file.
static void value_of(const char *path, const char *name, char *out, size_t cap)
{
    char line[256];
    FILE *f = fopen(path, "re");
    snprintf(out, cap, "unknown");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, name, strlen(name)) != 0)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(out, cap, "%s", colon);
        break;
    }
    if (f != NULL)
        fclose(f);
}

void machine_describe(struct machine *m)
{
    struct utsname u;
    memset(m, 0, sizeof *m);
    value_of("/proc/cpuinfo", "model name", m->cpu, sizeof m->cpu);
    if (uname(&u) == 0)
        snprintf(m->kernel, sizeof m->kernel, "%.40s %.40s", u.release, u.machine);
    first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", m->governor,
               sizeof m->governor);
    first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", m->clock,
               sizeof m->clock);
    m->cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    m->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    if (getloadavg(&m->load, 1) != 1)
        m->load = 0;
}

void machine_cores(struct machine_cores *out)
{
    char line[512] = "";
    FILE *f = fopen("/proc/stat", "re");
    uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
    out->n = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL && out->n < CORES_MAX) {
        unsigned long long t[8];
        // The first line is the sum of the others.
        if (line[3] < '0' || line[3] > '9' ||
            sscanf(line, "cpu%*u %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1],
                   &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8)
            continue;
        // user, nice, system, (idle, iowait,) irq, softirq; what another machine took is not ours
        out->busy_ns[out->n++] = (t[0] + t[1] + t[2] + t[5] + t[6]) * tick_ns;
    }
    if (f != NULL)
        fclose(f);
}

uint64_t process_cpu_ns(pid_t pid)
{
    char path[320];
    uint64_t all = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = pid > 0 ? opendir(path) : NULL;
    for (struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;) {
        unsigned long long ns;
        if (d->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int)pid, d->d_name);
        FILE *f = fopen(path, "re");
        if (f != NULL && fscanf(f, "%llu", &ns) == 1)
            all += ns;
        if (f != NULL)
            fclose(f);
    }
    if (dir != NULL)
        closedir(dir);
    return all;
}

uint64_t process_resident_bytes(pid_t pid)
{
    char path[64], value[64];
    if (pid <= 0)
        return 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    value_of(path, "VmRSS", value, sizeof value);
    return strtoull(value, NULL, 10) * 1024;
}

// ---- who listens -------------------------------------------------------------------------------

// The inode of the socket that listens on the port, 0 = none.
static unsigned long listening_inode(const char *table, unsigned port)
{
    enum { LISTEN = 10 };
    char line[512];
    unsigned long found = 0;
    FILE *f = fopen(table, "re");
    while (f != NULL && found == 0 && fgets(line, sizeof line, f) != NULL) {
        unsigned at, state;
        unsigned long inode;
        if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu", &at,
                   &state, &inode) == 3 && at == port && state == LISTEN)
            found = inode;
    }
    if (f != NULL)
        fclose(f);
    return found;
}

static bool has_socket(const char *pid, unsigned long inode)
{
    char path[600], link[64], want[64];
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    snprintf(want, sizeof want, "socket:[%lu]", inode);
    DIR *dir = opendir(path);
    bool found = false;
    for (struct dirent *d; dir != NULL && !found && (d = readdir(dir)) != NULL;) {
        snprintf(path, sizeof path, "/proc/%.20s/fd/%.255s", pid, d->d_name);
        ssize_t n = readlink(path, link, sizeof link - 1);
        link[n > 0 ? n : 0] = '\0';
        found = strcmp(link, want) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

pid_t process_listening(unsigned port)
{
    unsigned long inode = listening_inode("/proc/net/tcp", port);
    if (inode == 0)
        inode = listening_inode("/proc/net/tcp6", port);
    DIR *dir = inode != 0 ? opendir("/proc") : NULL;
    pid_t found = 0;
    for (struct dirent *d; dir != NULL && found == 0 && (d = readdir(dir)) != NULL;)
        if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && has_socket(d->d_name, inode))
            found = (pid_t)strtol(d->d_name, NULL, 10);
    if (dir != NULL)
        closedir(dir);
    return found;
}
