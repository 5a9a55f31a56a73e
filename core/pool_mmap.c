// Pages for a pool from the kernel.
#include <sys/mman.h>

#include "core/assert.h"
#include "core/poison.h"
#include "core/pool.h"

void *pool_map_pages(void *ctx, size_t bytes)
{
    (void)ctx;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(p != MAP_FAILED); // no memory: see pool.h, the state would be wrong otherwise
    return p;
}

void pool_unmap_pages(void *ctx, void *p, size_t bytes)
{
    (void)ctx;
    unpoison(p, bytes); // what is mapped here next would inherit it
    int failed = munmap(p, bytes);
    ASSERT(failed == 0);
}

void pool_forget_pages(void *p, size_t bytes)
{
    enum { PAGE = 4096 };
    size_t before = -(uintptr_t)p & (PAGE - 1);
    if (bytes < before + PAGE) return;
    // Where that cannot be, the memory stays.
    (void)madvise((char *)p + before, (bytes - before) & ~(size_t)(PAGE - 1), MADV_DONTNEED);
}
