// `kith explain`: one operation is run, and what it touched is told in place of its answer.
#ifndef KITH_TOOLS_KITH_EXPLAIN_H
#define KITH_TOOLS_KITH_EXPLAIN_H

int kith_explain(int argc, char **argv);

#endif
