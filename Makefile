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

# What a request, an apply, the log, a reactor and a restart pass through, the paths of
# tests/bench/budgets.txt among it. The plain build gives these files -O2 and all else, which runs
# once, by hand, or beside a disk or a password's hash, -Og; that is what lets it end in 15 s. A
# release has -O3 for all.
hot := $(filter-out core/%_posix.c core/logger.c core/hist.c,$(wildcard core/*.c)) \
    $(addprefix net/,buffer.c conn.c epoll.c frame.c http.c http_%.c net.c uring.c ws.c) \
    $(addprefix persist/,batch.c recover.c scan.c segment.c wal.c) \
    $(addprefix store/,ahead.c along.c apply.c apply_comment.c apply_edge.c apply_post.c \
    apply_user.c card.c check.c digest.c edges.c fanout.c hang.c hot.c hunt.c idsort.c image.c \
    image_%.c index.c index_%.c keys.c listed.c lists.c names.c note%.c objects.c order.c \
    owed.c page.c popular.c post_lists.c post_record.c postings.c ranking.c read.c read_build.c \
    record.c search.c sees.c seq.c store.c store_route.c stream.c tally.c terms.c timeline.c \
    top.c trigrams.c user_record.c) \
    $(addprefix api/,answer.c arrive.c buckets.c changes.c cursor.c gate.c hot_keys.c http.c \
    ingest.c ingest_post.c limits.c lists.c push.c reactor.c reads.c repeats.c request.c router.c \
    token.c trace.c validate.c wire.c) \
    bench/generator.c bench/frames.c bench/frames_%.c bench/mix.c tools/kith_rows.c \
    tools/kith_source.c tests/%.c
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

# To a compiler a small file is mostly headers and its own start. So of what is cold the plain build
# takes files that belong together as one; their static names have to differ. A VARIANT and tidy's
# clang take each by itself, and so are kept what tests replace when they are linked: *_posix.c.
ifeq ($(VARIANT),plain)
units := bench report import cli data top load accounts second oauth admin server snapshotter \
    people media files sessions bonds docs asked verify gates
endif
unit_bench := $(addprefix tools/kith_bench,.c _graph.c _hdr.c _html.c _memory.c _restart.c)
unit_report := bench/community.c $(addprefix tools/kith_bench_,report.c server.c special.c svg.c)
unit_import := $(addprefix tools/kith_,import.c import_edges.c import_posts.c import_users.c \
    edge_file.c string.c)
unit_cli := $(addprefix tools/kith_,body.c call.c cli.c connect.c explain.c http.c importer.c \
    progress.c temp.c)
unit_data := $(addprefix tools/kith_,check.c data.c import_likes.c people.c serve.c snapshot.c \
    wal.c)
unit_top := $(addprefix tools/kith_,bench_run.c export.c sh.c top.c)
unit_load := $(addprefix bench/,echo.c limits.c machine.c model.c pipeline.c world.c zipf.c)
unit_accounts := $(addprefix api/,accounts.c audit.c contacts.c digests.c keys.c mail.c outbox.c)
unit_second := $(addprefix api/,jwt.c openapi.c provider_set.c second.c sessions.c)
unit_oauth := $(addprefix api/,oauth.c providers.c retention.c totp.c)
unit_admin := $(addprefix api/,control.c explain.c export.c helper.c limit_words.c live.c load.c \
    marks.c)
unit_server := $(addprefix api/,server.c stats.c tickets.c words.c zones.c)
unit_snapshotter := $(addprefix api/,notes.c snapshotter.c watch.c)
unit_people := $(addprefix api/,crowd.c engage.c finds.c finds_tops.c gather.c people.c text.c)
unit_media := $(addprefix api/,media.c media_file.c media_ticket.c sigv4.c captcha.c base64.c)
unit_files := $(addprefix persist/,snapshot.c part.c root.c)
unit_sessions := $(addprefix store/,apply_session.c apply_account.c apply_identity.c \
    secrets.c jobs.c)
unit_bonds := $(addprefix store/,apply_bond.c apply_react.c apply_moderate.c read_pinned.c)
unit_docs := $(addprefix store/,apply_doc.c doc.c read_doc.c read_report.c queues.c shares.c)
unit_asked := $(addprefix store/,people.c search_users.c stats.c sources.c audit.c trim.c \
    recount.c settle.c)
unit_verify := $(addprefix store/,store_verify.c verify_feeds.c bin.c)
unit_gates := $(addprefix api/,threads.c link.c reports.c) net/address.c net/detect.c
in_units := $(foreach u,$(units),$(unit_$(u)))
units_of = $(patsubst %,$(BUILD)/obj/units/%.o,$(foreach u,$(units),$(if \
    $(filter $(1),$(firstword $(unit_$(u)))),$(u))))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
# The same where the files may be in units.
compiled = $(call units_of,$(1)) $(call objects,$(filter-out $(in_units),$(1)))
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
first := $(fb_h) $(call objects,$(early_c)) $(llhttp_o)

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

$(patsubst %.c,$(BUILD)/obj/%.o,$(hot)): more := $(HOT_OPT)
# Objects know their headers by the .d files; the generated ones have to be there before the first.
$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(gen)/llhttp/llhttp.h
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(warnings) $(cflags) $(more) -MMD -MP -c -o $@ $<
later_c := $(filter-out $(early_c),$(lib_c)) $(tools_c) $(wildcard tests/*/*.c bench/*/*.c)
$(call objects,$(later_c)): | $(fb_h)
$(BUILD)/obj/units/%.o: $(gen)/units/%.c $(BUILD)/flags | $(fb_h)
	$(call say,CC,$(unit_$*))$(CC) $(CPPFLAGS) $(warnings) $(cflags) -MMD -MP -c -o $@ $<
$(patsubst %,$(gen)/units/%.c,$(units)): $(gen)/units/%.c: Makefile | $(BUILD)/deps.ok
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(unit_$*) >$@
$(fb_o): $(gen)/kith_fb.c $(BUILD)/flags
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(warnings) $(cflags) -MMD -MP -c -o $@ $<
$(llhttp_o): $(BUILD)/obj/gen/llhttp/%.o: $(gen)/llhttp/llhttp.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,llhttp/$*.c)$(CC) -I$(gen)/llhttp -w $(cflags) -O1 -g0 -c -o $@ $(llhttp_dir)/$*.c

# A change of compiler or flags makes everything anew. The folders of all objects are made here, at
# once.
object_dirs := $(addprefix $(BUILD)/obj/,$(sort $(dir $(wildcard */*.c */*/*.c))) gen/llhttp units)
flags_now := $(CC) $(CPPFLAGS) $(warnings) $(cflags) $(if $(HOT_OPT),$(HOT_OPT): $(hot))
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
	$$(call say,CC,$$<)$$(CC) $$(CPPFLAGS) $$(warnings) $$(cflags) -MMD -MP -c -o $$@ $$<
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
