# Builds, runs and tests Kith. `make help` lists what can be asked for.
#
#   core/kith.fbs ─ flatc ─► kith.bfbs ─ fbgen ─► kith_fb.{h,c} ─┐
#   core net store persist api ──────────────────────────────────┴─► libkith.a  ─┐
#   *_posix.c, the backends of net ────────────────────────────────► libposix.a ─┼─► kith, tests
#   bench tools ───────────────────────────────────────────────────► libtools.a ─┘
#
# What touches the world is in an archive of its own, so that the simulator (tests/sim) can put its
# own clock, disk and network in that place. Everything made lies under $(BUILD).

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
CLANG ?= clang
export CC CXX CLANG
SEED ?= 1
SIM_SEEDS ?= 200
SOAK ?= 100000
ARGS ?=
FUZZ_SECONDS ?= 60

# The outermost make takes all cores unless told otherwise. Its own -j is not in MAKEFLAGS yet.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --no-print-directory
ifeq ($(filter -j% --jobs%,$(shell tr '\0' ' ' </proc/$$PPID/cmdline)),)
MAKEFLAGS += -j$(shell nproc)
endif
endif

# One short line per step, without a shell; V=1 shows the commands.
ifeq ($(V),)
say = @$(info $() $() $(1)	$(2))
endif

# ---- sources ------------------------------------------------------------------------------------

# The largest first, so that no long one is left at the end.
lib_c := $(shell ls -S core/*.c net/*.c store/*.c persist/*.c api/*.c)
fuzz_c := $(wildcard tests/*/fuzz_*.c)
# Fuzz targets stand on core and net, and on what else they include.
ifeq ($(VARIANT),fuzz)
lib_c := $(wildcard core/*.c net/*.c) $(wildcard $(sort $(shell \
    sed -n 's,^\#include "\(\(store\|persist\|api\)/.*\)\.h".*,\1.c,p' $(fuzz_c))))
endif
posix_c := $(filter %_posix.c net/uring.c net/epoll.c,$(lib_c))
kith_c := $(filter-out $(posix_c),$(lib_c))
tools_c := $(filter-out tools/fbgen%.c,$(wildcard tools/*.c)) $(wildcard bench/*.c)
sim_c := $(wildcard tests/sim/*.c)
test_c := $(filter-out tests/sim/%,$(wildcard tests/*/test_*.c))
rate_c := $(wildcard tests/*/*_rate.c tests/*/*_cost.c)
test_scripts := $(wildcard tests/*/test_*.sh tests/*/test_*.py)
test_fbs := $(wildcard tests/*/*.fbs)

# ---- flags --------------------------------------------------------------------------------------

# VARIANT: plain, release, asan, tsan or fuzz; each has its own $(BUILD).
VARIANT ?= plain
opt_plain := -Og -D_FORTIFY_SOURCE=2
opt_release := -O3 -flto=auto -D_FORTIFY_SOURCE=2
opt_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
opt_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer
opt_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
OPT := $(opt_$(VARIANT))

# In the plain build what is hot (tools/units.mk) has -O2, all else -Og; a release has -O3 for all.
# Passes of -O2 that are a fifth of its time and that these do not miss, as the budgets say.
spared := $(if $(findstring clang,$(CC)),,-fno-tree-pre -fno-gcse -fno-code-hoisting \
    -fno-tree-vectorize -fno-tree-tail-merge -fno-crossjumping -fno-rerun-cse-after-loop \
    -fno-cse-follow-jumps -fno-schedule-insns2)
hot_plain := -O2 $(spared)
HOT_OPT := $(hot_$(VARIANT))

warnings := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum
ifneq ($(CI),)
warnings += -Werror
endif
# Instruments make the compiler see ghosts; what it has to say it says to the plain build.
ifneq ($(filter asan tsan fuzz,$(VARIANT)),)
warnings := -w
endif

# gcc copies small blocks of unknown size inline with `rep movs` by default; a call is faster.
# So it clears larger ones by `rep stos`, whose start alone takes as long as the stores would.
memcpy_flag := -mmemcpy-strategy=libcall:-1:noalign \
    -mmemset-strategy=vector_loop:512:noalign,libcall:-1:noalign
memcpy_flag := $(shell $(CC) -Werror $(memcpy_flag) -E -x c /dev/null >/dev/null 2>&1 && \
    echo $(memcpy_flag))

CPPFLAGS += -D_GNU_SOURCE -I. -I$(BUILD)/gen
# A backtrace has names and lines. What only a debugger asks, types and where each variable lies, is
# a twentieth of a build: make CFLAGS=-g has it.
debug := -g$(if $(filter plain,$(VARIANT)),1)
debug += $(if $(findstring clang,$(CC)),,-fno-var-tracking-assignments)
cflags := -pipe -std=c17 $(debug) $(OPT) $(memcpy_flag) -pthread -fPIE -fno-plt
cflags += -fstack-protector-strong $(CFLAGS)
ldflags := -pthread -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(OPT) $(LDFLAGS)
libs := -luring -lzstd -lsodium -lcrypto -lstemmer -lutf8proc -lwslay -lm
# In the executable alone: a library that pulls jemalloc in cannot be loaded by a running process.
# The sanitizers bring their own.
ifneq ($(filter plain release,$(VARIANT)),)
jemalloc := -ljemalloc
endif
# gcc-ar makes an index of objects that hold link-time code; any other compiler has its own.
ar := $(if $(findstring -flto,$(OPT)),gcc-ar,ar)

# ---- what is built ------------------------------------------------------------------------------

# The plain build takes files that belong together as one: tools/units.mk has them, in lines like
# $(call hot,store,edges apply_edge). A VARIANT and tidy's clang take each file by itself.
define unit
units += $(1)
unit_$(1) := $(2)
$(BUILD)/obj/units/$(1).o: more := $(3)
endef
unit_of = $(eval $(call unit,$(1)/$(firstword $(2)),$(foreach f,$(2:%=$(1)/%.c),$(or \
    $(wildcard $(f)),$(error there is no $(f)))),$(3)))
hot = $(call unit_of,$(1),$(2),$(HOT_OPT))
cold = $(call unit_of,$(1),$(2))
ifeq ($(VARIANT),plain)
include tools/units.mk
endif
in_units := $(foreach u,$(units),$(unit_$(u)))
# gcc reads the headers of a unit's first line from what it made of them once for each level.
often_h := $(if $(units),$(if $(findstring clang,$(CC)),,$(BUILD)/gen/often.h))
often_gch := $(if $(often_h),$(addprefix $(often_h).gch/,hot cold))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
# The same where the files may be in units, which have the names of their first files.
compiled = $(patsubst %,$(BUILD)/obj/units/%.o,$(filter $(1:.c=),$(units))) \
    $(call objects,$(filter-out $(in_units),$(1)))
libkith := $(BUILD)/libkith.a
libposix := $(BUILD)/libposix.a
libtools := $(BUILD)/libtools.a
libtests := $(BUILD)/libtests.a
group := -Wl,--start-group $(libtests) $(libtools) $(libkith) $(libposix) -Wl,--end-group

gen := $(BUILD)/gen
ifneq ($(wildcard tools/fbgen.c),)
fb_h := $(gen)/kith_fb.h
fb_o := $(BUILD)/obj/gen/kith_fb.o
endif
llhttp_dir := $(patsubst %/llhttp.c,%,$(firstword $(wildcard \
    /usr/share/llhttp/llhttp.c /usr/share/nodejs/llhttp/src/llhttp.c)))
llhttp_h_at := $(firstword $(wildcard /usr/share/include/llhttp/llhttp.h $(llhttp_dir)/llhttp.h \
    /usr/include/llhttp.h))
llhttp_o := $(patsubst %,$(BUILD)/obj/gen/llhttp/%.o,llhttp api http)

kith := $(if $(wildcard tools/kith*.c),$(BUILD)/kith)
sim := $(if $(sim_c),$(BUILD)/sim)
tests := $(patsubst %.c,$(BUILD)/%,$(test_c) $(rate_c))
fuzzers := $(foreach f,$(fuzz_c),$(BUILD)/fuzz/$(basename $(notdir $(f))))

# What does not know the schema need not wait for its header.
early_c := $(filter-out core/graph.c core/ops.c,$(filter core/% net/% persist/%,$(lib_c)))
first := $(fb_h) $(call compiled,$(early_c)) $(llhttp_o)

.PHONY: all
all: $(first) $(kith) $(libkith) $(libposix) $(libtools) ## build $(BUILD)/kith (the default)

tools_o := $(call compiled,$(tools_c))
$(BUILD)/kith: $(tools_o) $(libkith) $(libposix)
	$(call say,LINK,$@)$(CC) $(ldflags) -o $@ $(tools_o) \
	    -Wl,--start-group $(libkith) $(libposix) -Wl,--end-group $(libs) \
	    $(if $(jemalloc),-Wl$(comma)--no-as-needed $(jemalloc))
	$(if $(filter plain,$(VARIANT)),@tools/install-deps took $(BUILD))
comma := ,

$(libkith): $(call compiled,$(kith_c)) $(fb_o) $(llhttp_o)
$(libposix): $(call compiled,$(posix_c))
$(libtools): $(tools_o)
$(libkith) $(libposix) $(libtools):
	@rm -f $@
	$(call say,AR,$@)$(ar) rcsD $@ $(filter %.o,$^)

compile = $(call say,CC,$(1))$(CC) $(CPPFLAGS) $(warnings) $(cflags) $(more) -MMD -MP -c -o $@ $<
# Objects know their headers by the .d files; the generated ones have to be there before the first.
$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(gen)/llhttp/llhttp.h
	$(call compile,$<)
$(BUILD)/obj/units/%.o: $(gen)/units/%.c $(BUILD)/flags | $(gen)/llhttp/llhttp.h
	$(call compile,$(unit_$*))
$(fb_o): $(gen)/kith_fb.c $(BUILD)/flags
	$(call compile,$<)
later_c := $(filter-out $(early_c),$(lib_c)) $(tools_c) $(wildcard tests/*/*.c bench/*/*.c)
$(call compiled,$(later_c)): | $(fb_h)
$(BUILD)/obj/tests/%.o: more := $(HOT_OPT)
with_often := $(if $(often_h),$(filter api/% store/%,$(units)))
$(units:%=$(gen)/units/%.c): $(gen)/units/%.c: tools/units.mk | $(BUILD)/flags
	@printf '#include "%s"\n' $(if $(filter $*,$(with_often)),often.h) $(unit_$*) >$@
$(with_often:%=$(BUILD)/obj/units/%.o): | $(often_gch)
$(often_h): tools/units.mk | $(BUILD)/flags
	@printf '#include "%s"\n' $(often) >$@
$(often_h).gch/hot: more := $(HOT_OPT)
$(often_gch): $(often_h) $(fb_h) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$(<F) $(@F))$(CC) $(CPPFLAGS) $(warnings) $(cflags) $(more) -MMD -MP \
	    -MF $(BUILD)/obj/gen/often_$(@F).d -MT $@ -x c-header -o $@ $<
$(llhttp_o): $(BUILD)/obj/gen/llhttp/%.o: $(gen)/llhttp/llhttp.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,llhttp/$*.c)$(CC) -I$(gen)/llhttp -w $(cflags) -O1 -g0 -c -o $@ $(llhttp_dir)/$*.c

# A change of compiler or flags makes everything anew. The folders of all objects are made here, at
# once.
unit_dirs := $(sort $(dir $(units:%=units/%)))
object_dirs := $(addprefix $(BUILD)/obj/,$(sort $(dir $(wildcard */*.c */*/*.c))) gen/llhttp \
    $(unit_dirs)) $(addprefix $(gen)/,$(unit_dirs))
flags_now := $(CC) $(CPPFLAGS) $(warnings) $(cflags) / $(HOT_OPT)
$(BUILD)/flags: FORCE | $(BUILD)/deps.ok
	@mkdir -p $(object_dirs)
	@echo '$(flags_now)' | cmp -s - $@ || echo '$(flags_now)' >$@
.PHONY: FORCE
FORCE:

# Made once, at the begin of a clean build: says what is missing, and when the build began.
$(BUILD)/deps.ok:
	@mkdir -p $(BUILD)
	@CC='$(CC)' tools/install-deps check && touch $@

$(gen)/llhttp/llhttp.h: | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	@cp $(llhttp_h_at) $@

flatc_bfbs := flatc --schema --binary --bfbs-comments --bfbs-builtins --require-explicit-ids
$(gen)/kith.bfbs: core/kith.fbs | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	$(call say,FLATC,$<)$(flatc_bfbs) -o $(@D) $<
# Runs while building, on any input of ours: neither optimised nor instrumented.
$(BUILD)/fbgen: $(wildcard tools/fbgen*.c tools/fbgen*.h core/fb.h) | $(BUILD)/deps.ok
	$(call say,CC,$<)$(CC) -std=c17 -D_GNU_SOURCE -I. $(warnings) -g -o $@ $(filter %.c,$^)
$(gen)/kith_fb.h $(gen)/kith_fb.c &: $(gen)/kith.bfbs $(BUILD)/fbgen
	$(call say,FBGEN,$<)$(BUILD)/fbgen $< $(gen)/kith_fb.h $(gen)/kith_fb.c

# ---- tests --------------------------------------------------------------------------------------

# A schema of the tests, tests/fb/torture.fbs: torture_fb.h, its names beginning with `to_`.
test_fb_h :=
define schema_rule
$(gen)/$(1).bfbs: $(2) | $(BUILD)/deps.ok
	@mkdir -p $$(@D)
	$$(call say,FLATC,$$<)$$(flatc_bfbs) -o $$(@D) $$<
$(gen)/$(1)_fb.h $(gen)/$(1)_fb.c &: $(gen)/$(1).bfbs $(BUILD)/fbgen
	$$(call say,FBGEN,$$<)$(BUILD)/fbgen --prefix=$(shell echo $(1) | cut -c1-2) $$< \
	    $(gen)/$(1)_fb.h $(gen)/$(1)_fb.c
$(BUILD)/obj/gen/$(1)_fb.o: $(gen)/$(1)_fb.c $(BUILD)/flags
	@mkdir -p $$(@D)
	$$(call compile,$$<)
$(libtests): $(BUILD)/obj/gen/$(1)_fb.o
test_fb_h += $(gen)/$(1)_fb.h
endef
$(foreach f,$(test_fbs),$(eval $(call schema_rule,$(basename $(notdir $(f))),$(f))))
$(libtests): $(BUILD)/flags
	@rm -f $@
	$(call say,AR,$@)ar rcsD $@ $(filter %.o,$^)
$(call objects,$(wildcard tests/*/*.c)): | $(test_fb_h)

# Each test_*.c is an executable of its own, with the support*.c of its folder. The *_rate.c measure
# something; they are built, so that they stay whole, and run by hand. What *_cost.c do has budgets
# of instructions: tests/bench/test_budgets.py runs them.
support = $(call objects,$(wildcard $(dir $(1))support*.c))
define test_rule
$(BUILD)/$(basename $(1)): $(BUILD)/obj/$(basename $(1)).o $(call support,$(1)) \
        $(libkith) $(libposix) $(libtools) $(libtests)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)$(CC) $(ldflags) -o $$@ $$(filter %.o,$$^) $(group) -lcmocka $(libs)
endef
$(foreach t,$(test_c) $(rate_c),$(eval $(call test_rule,$(t))))

$(BUILD)/sim: $(call objects,$(sim_c)) $(libkith)
	$(call say,LINK,$@)$(CC) $(ldflags) -o $@ $^ $(libs)

# Fuzz targets stand on archives of their own, built by clang with its instruments.
.PHONY: fuzz-libs
fuzz-libs:
	@$(MAKE) VARIANT=fuzz CC=$(CLANG) BUILD=$(BUILD)/fuzz/lib fuzz-variant
.PHONY: fuzz-variant
fuzz-variant: $(libkith) $(libposix) $(libtests) $(call objects,$(fuzz_c))
define fuzz_rule
$(BUILD)/fuzz/$(basename $(notdir $(1))): fuzz-libs
	$$(call say,LINK,$$@)$(CLANG) -g -fsanitize=fuzzer,address,undefined -pthread -o $$@ \
	    $(BUILD)/fuzz/lib/obj/$(basename $(1)).o -Wl,--start-group \
	    $(patsubst %,$(BUILD)/fuzz/lib/lib%.a,tests kith posix) -Wl,--end-group $(libs)
endef
$(foreach f,$(fuzz_c),$(eval $(call fuzz_rule,$(f))))
have_clang := $(shell command -v $(CLANG) 2>/dev/null)

.PHONY: test-programs
test-programs: all $(tests) $(sim) $(test_fb_h)

.PHONY: test
test: ## everything that CI runs: unit, script, simulator and short fuzz tests, and tidy
	@tools/install-deps test || CC='$(CC)' tools/install-deps check
	@$(MAKE) test-programs $(if $(have_clang),fuzzers)
	@tools/run-tests --build $(BUILD) $(if $(sim),--sim '$(SEED) $(SIM_SEEDS)' --soak $(SOAK)) --tidy \
	    $(if $(have_clang),--fuzz 10) \
	    $(test_c) $(test_scripts) $(if $(have_clang),$(fuzz_c))
.PHONY: fuzzers
fuzzers: $(fuzzers)

.PHONY: mission
mission: ## what Kith owes, row by row, and the test that proves it: make mission ARGS=GRAPH
	@tools/mission --build $(BUILD) $(ARGS)

.PHONY: asan tsan
asan tsan: ## the unit and script tests under the address or the thread sanitizer
	@$(MAKE) VARIANT=$@ BUILD=$(BUILD)/$@ variant-test
.PHONY: variant-test
variant-test: test-programs
	@KITH_READERS=50 tools/run-tests --build $(BUILD) --timeout 600 $(test_c) $(test_scripts)

.PHONY: matrix
matrix: all ## the tests of a running server on io_uring and epoll, with one core and two
	@tools/run-tests --build $(BUILD) --timeout 600 --matrix $(wildcard tests/e2e/test_*.py)

.PHONY: fuzz
fuzz: fuzzers ## each fuzz target for FUZZ_SECONDS (60)
	@tools/run-tests --build $(BUILD) --fuzz $(FUZZ_SECONDS) $(fuzz_c)

.PHONY: sim
sim: $(sim) ## one run of the simulator, told: make sim SEED=7; or many: ARGS=1000
	$(sim) $(SEED) $(or $(ARGS),--loud)

.PHONY: soak
soak: $(sim) ## a million operations by 200 users in one life, all of it held against the model
	$(sim) --soak $(or $(ARGS),1000000)

.PHONY: canary
canary: ## put the faults of tests/canary in, one at a time: each test must fail; ARGS=some
	@tests/canary/run --build $(BUILD)/canary $(if $(ARGS),'$(ARGS)')

.PHONY: tidy
tidy: all $(test_fb_h) ## check what STYLE says in numbers
	@CC='$(CC)' CLANG='$(CLANG)' tools/tidy $(BUILD)

.PHONY: ci
ci: ## make test with warnings as errors
	@$(MAKE) CI=1 test

# ---- use ----------------------------------------------------------------------------------------

.PHONY: deps
deps: ## install the packages that a build needs and that are missing
	@tools/install-deps

.PHONY: run
run: ## install what is missing, build, and start a server to try
	@tools/install-deps
	@$(MAKE) all
	@exec $(BUILD)/kith dev $(ARGS)

.PHONY: bench
bench: all ## measure: make bench ARGS='mixed --rate 50000'
	$(BUILD)/kith bench $(ARGS)

# Peers are other servers, asked by the same generator; built for this alone.
$(BUILD)/peers: $(call objects,$(wildcard bench/compare/*.c)) $(libtools) $(libkith) $(libposix)
	$(call say,LINK,$@)$(CC) $(ldflags) -o $@ $(filter %.o,$^) -Wl,--start-group $(libtools) \
	    $(libkith) $(libposix) -Wl,--end-group $(libs)
.PHONY: compare
compare: all $(BUILD)/peers $(BUILD)/tests/store/cores_rate ## measure beside Redis, PostgreSQL and memcached: ARGS=--quick
	@tools/install-deps bench
	@python3 bench/compare/compare.py --build $(BUILD) $(ARGS)

.PHONY: release
release: ## build/release/kith with -O3 and link-time optimisation
	@$(MAKE) VARIANT=release BUILD=$(BUILD)/release all

.PHONY: clean
clean: ## remove $(BUILD)
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z][a-z ]*\):.*## /\1\t/p' Makefile | expand -t 14

-include $(shell test -d $(BUILD)/obj && find $(BUILD)/obj -name '*.d')
