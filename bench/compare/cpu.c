#include "bench/compare/cpu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/machine.h"

static pid_t parent_of(const char *process)
{
    char path[300], line[1024];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%s/stat", process);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return 0;
    const char *rest = fgets(line, sizeof line, f) != NULL ? strrchr(line, ')') : NULL;
    fclose(f);
    return rest != NULL && sscanf(rest, ") %*c %d", &parent) == 1 ? parent : 0;
}

double cpu_seconds(pid_t pid)
{
    DIR *proc = pid > 0 ? opendir("/proc") : NULL;
    if (proc == NULL)
        return 0;
    uint64_t ns = process_cpu_ns(pid);
    for (struct dirent *d; (d = readdir(proc)) != NULL;)
        if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && parent_of(d->d_name) == pid)
            ns += process_cpu_ns((pid_t)strtol(d->d_name, NULL, 10));
    closedir(proc);
    return (double)ns / 1e9;
}
