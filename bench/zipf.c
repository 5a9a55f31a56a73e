#include "bench/zipf.h"

#include <math.h>
#include <stdlib.h>

#include "core/assert.h"

// Vose's way: cells with less than their share are filled up by those with more.
static void fill(struct zipf *z, double *share, uint32_t *stack)
{
    uint32_t poor = 0, rich = z->n; // two stacks in one array, grown towards each other
    for (uint32_t i = 0; i < z->n; i++)
        stack[share[i] < 1 ? poor++ : --rich] = i;
    while (poor > 0 && rich < z->n) {
        uint32_t p = stack[--poor], r = stack[rich];
        z->cell[p] = (struct zipf_cell){(uint32_t)(share[p] * 4294967295.0), r};
        share[r] -= 1 - share[p];
        if (share[r] < 1) {
            rich++;
            stack[poor++] = r;
        }
    }
    while (poor > 0)
        z->cell[stack[poor - 1]] = (struct zipf_cell){UINT32_MAX, stack[poor - 1]}, poor--;
    for (; rich < z->n; rich++)
        z->cell[stack[rich]] = (struct zipf_cell){UINT32_MAX, stack[rich]};
}

void zipf_init(struct zipf *z, uint32_t n, double exponent)
{
    ASSERT(n > 0);
    *z = (struct zipf){.n = n};
    if (exponent <= 0)
        return;
    z->cell = malloc(n * sizeof *z->cell);
    double *share = malloc(n * sizeof *share), all = 0;
    uint32_t *stack = malloc(n * sizeof *stack);
    ASSERT(z->cell != NULL && share != NULL && stack != NULL);
    for (uint32_t i = 0; i < n; i++)
        all += share[i] = pow((double)i + 1, -exponent);
    for (uint32_t i = 0; i < n; i++)
        share[i] *= (double)n / all;
    fill(z, share, stack);
    free(share);
    free(stack);
}

void zipf_free(struct zipf *z)
{
    free(z->cell);
    z->cell = NULL;
}
